"""What a text may say to one person, stage by stage: their debt, promise, payment, plan, pause, dispute, or its itemisation.

Every fact is read from the records at the moment of writing: the book's rows and positions, how promises stand, the ledger's
walk, the states that the journal has seen. What the records do not hold is not said: a fact that is missing names itself and
why, and the text that needs it is held back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dunwell.law.civil_days import home_zone
from dunwell.law.person import Person, State
from dunwell.ledger import Terms
from dunwell.ledger.statement import AccountEvents
from dunwell.money import minor_exponent
from dunwell.outreach.itemising import Itemised, NotItemised, itemise
from dunwell.outreach.records import Customer
from dunwell.outreach.texts import Money

PAYMENT_DAYS = 14
"""A payment is thanked for while it is news."""
VALIDATION_DAYS = 30 + 12
"""Thirty days from receipt, which may be taken to be any day at least five workdays after the sending (12 CFR 1006.34(b)(5));
twelve calendar days hold five workdays of the United States whatever weekends and holidays fall among them.
"""


class NoFact(LookupError):
    """The records do not hold what a text needs; says what, in words without personal data."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, as the texts say it. ``advice``: where free advice is found, by jurisdiction; ``mail_to``: the postal address
    for disputes, in one line. ``reply_days``: how long an answer of theirs is waited for; ``answer_days``: within how many days
    a dispute is answered; ``pause_days``: how long nothing is asked for after somebody told of hardship.
    """

    name: str
    phone: str
    url: str
    lender: str
    creditor: str
    advice: Mapping[str, str]
    reply_days: int = 14
    answer_days: int = 30
    pause_days: int = 30
    mail_to: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan that was offered to the person: its payments in their order, and the last day on which it may be taken."""

    account_id: str
    currency: str
    payments: tuple[tuple[date, int], ...]
    until: date


@dataclass(frozen=True, slots=True)
class Proposed:
    """What the person wrote that they will pay, one amount on one day, about these accounts."""

    account_ids: tuple[str, ...]
    amount_minor: int
    currency: str
    pay_on: date


@dataclass(frozen=True, slots=True)
class About:
    """Everything that is known when a text is filled in.

    ``account_of``: an account's own events and its product's terms, None where they are not known. ``withdrawn``: the promises
    that no longer hold, of which the run may not have known.
    """

    customer: Customer
    person: Person
    account_ids: tuple[str, ...]
    at: datetime
    sender: Sender
    account_of: Callable[[str], tuple[AccountEvents, Terms] | None]
    offered: Offered | None = None
    proposed: Proposed | None = None
    withdrawn: frozenset[str] = frozenset()

    @property
    def zone(self) -> ZoneInfo:
        """The person's clock."""
        return ZoneInfo(home_zone(self.person.timezones))

    @property
    def today(self) -> date:
        """The day on their clock."""
        return self.at.astimezone(self.zone).date()

    def position(self, account_id: str | None = None) -> Mapping[str, Any]:
        """The position of that account; of the one longest overdue among those that the contact is about, when None."""
        wanted = self.account_ids if account_id is None else (account_id,)
        named = [row for row in self.customer.positions if not wanted or row["account_id"] in wanted]
        if not named:
            raise NoFact("the last run has no figures of the account")
        return max(named, key=lambda row: (row["past_due_days"], row["account_id"]))


def facts(about: About, stage: str) -> dict[str, object]:
    """What the slots of a stage's texts hold. Raises NoFact where the records do not hold what the stage is about."""
    sender = about.sender
    common: dict[str, object] = {
        "name": about.customer.row.get("name"),
        "sender": sender.name,
        "lender": sender.lender,
        "creditor": sender.creditor,
        "phone": sender.phone,
        "url": sender.url,
        "advice": sender.advice.get(about.customer.row["jurisdiction"]) or sender.advice.get("any"),
        "mail_to": sender.mail_to or None,
        "reply_by": about.today + timedelta(days=sender.reply_days),
    }
    tell = _STAGES.get(stage, _overdue)
    return common | dict(tell(about))


MISSING: Mapping[str, str] = {
    "name": "the records have no name of theirs",
    "advice": "dunwell.toml names no free advice for where they live. Write it under [outreach.advice]",
    "mail_to": "dunwell.toml names no address for disputes. Write mail_to under [outreach]",
}
"""Why a slot of no stage's own may be empty, and the mend."""


def _overdue(about: About) -> Mapping[str, object]:
    """What is past due, and since when."""
    row = about.position()
    if row["oldest_due_on"] is None or row["past_due_total"] <= 0:
        raise NoFact("nothing is past due on the account")
    return {
        "account": _ending(row["account_id"]),
        "amount": _money(row["past_due_total"], row["currency"]),
        "due_date": row["oldest_due_on"],
    }


def _rights(about: About) -> Mapping[str, object]:
    """What has fallen due; nothing may have."""
    row = about.position()
    amount = _money(row["past_due_total"], row["currency"])
    return {"account": _ending(row["account_id"]), "amount": amount}


def _open_promise(about: About) -> Mapping[str, object]:
    """The next payment of the promise that is waited for."""
    found = [row for row in _promises(about) if row["state"] == "open"]
    if not found:
        raise NoFact("no promise of theirs is open")
    return _part(min(found, key=lambda row: (row["due_on"], row["promise_id"])))


def _broken_promise(about: About) -> Mapping[str, object]:
    """The payment of the last broken promise that did not come."""
    rows = _promises(about)
    if any(row["state"] == "open" for row in rows):
        raise NoFact("a newer promise of theirs is open")
    found = [row for row in rows if row["state"] in ("broken", "partly_kept")]
    if not found:
        raise NoFact("no promise of theirs was broken")
    return _part(max(found, key=lambda row: (row["broken_on"] or date.min, row["promise_id"])))


def _promises(about: About) -> Sequence[Mapping[str, Any]]:
    rows = [row for row in about.customer.promises if row["promise_id"] not in about.withdrawn]
    asked = set(about.account_ids)
    return [row for row in rows if not asked or asked & set(_covered(row))]


def _covered(promise: Mapping[str, Any]) -> Sequence[str]:
    """The debts of a promise; a book of before promises could be for several names one."""
    return promise.get("account_ids") or [promise["account_id"]]


def _part(promise: Mapping[str, Any]) -> Mapping[str, object]:
    """The first part of a promise that is not kept: what of it has not come, and its day."""
    waiting = [part for part in promise["parts"] if part["kept_on"] is None]
    part = min(waiting, key=lambda part: part["due_on"])
    return {
        "account": _endings(_covered(promise)),
        "amount": _money(part["amount"] - part["credited"], promise["currency"]),
        "due_date": part["due_on"],
    }


def _proposed(about: About) -> Mapping[str, object]:
    """What they wrote that they will pay."""
    said = about.proposed
    if said is None:
        raise NoFact("no proposal of theirs waits to be confirmed")
    if said.pay_on < about.today:
        raise NoFact("the day that they named is over")
    return {
        "account": _endings(said.account_ids),
        "amount": Money(said.amount_minor, said.currency),
        "due_date": said.pay_on,
    }


def _payment(about: About) -> Mapping[str, object]:
    """The last payment, and what is left to pay of the account it was made on."""
    found = []
    for account_id in about.account_ids or tuple(about.person.accounts or ()):
        known = about.account_of(account_id)
        if known is not None:
            found += [
                (paid.paid_on, paid.payment_id, account_id, paid) for paid in known[0].standing("payment")
            ]
    found = [one for one in found if one[0] <= about.today]
    if not found:
        raise NoFact("the records have no payment of theirs")
    paid_on, _, account_id, paid = max(found, key=lambda one: one[:3])
    if (about.today - paid_on).days > PAYMENT_DAYS:
        raise NoFact(f"their last payment came more than {PAYMENT_DAYS} days ago")
    row = about.position(account_id)
    if row["as_of"] < paid_on:
        raise NoFact("the last run's figures are older than the payment")
    if row["payoff_total"] < 0:
        raise NoFact("more was paid than is owed: somebody has to tell them, and pay it back")
    return {
        "account": _ending(account_id),
        "amount": Money(paid.amount_minor, row["currency"]),
        "paid_on": paid_on,
        "balance": _money(row["payoff_total"], row["currency"]),
    }


def _offer(about: About) -> Mapping[str, object]:
    """The plan that was offered, where its payments are of one amount but for the last."""
    offer = about.offered
    if offer is None:
        raise NoFact("no plan was offered to them")
    if offer.until < about.today:
        raise NoFact("the plan that was offered is no longer open")
    amounts = [amount for _, amount in offer.payments]
    if len({*amounts[:-1]}) > 1 or amounts[-1] > amounts[0]:
        raise NoFact("the plan's payments are of several amounts, which no text lists")
    return {
        "account": _ending(offer.account_id),
        "total": Money(sum(amounts), offer.currency),
        "instalment": Money(amounts[0], offer.currency),
        "count": str(len(amounts)),
        "first_on": offer.payments[0][0],
        "last_on": offer.payments[-1][0],
        "until": offer.until,
    }


def _hardship(about: About) -> Mapping[str, object]:
    """Until when nothing is asked for: to the end of the hold, or so many days from when they told us."""
    state = _state(about, "hardship", "they did not tell of hardship, or it is over")
    usual = _day(state.since, about.zone) + timedelta(days=about.sender.pause_days)
    until = usual if state.until is None else _day(state.until, about.zone)
    if until <= about.today:
        raise NoFact("the usual pause after what they told us is over: somebody has to look at it")
    return {"account": _ending(_account_of(about, state)), "pause_until": until}


def _dispute(about: About) -> Mapping[str, object]:
    """When the dispute came, and by when it is answered."""
    state = _state(about, "dispute", "they dispute nothing, or it is settled")
    received_on = _day(state.since, about.zone)
    answer_by = received_on + timedelta(days=about.sender.answer_days)
    if answer_by < about.today:
        raise NoFact("the dispute should have been answered by now: somebody has to look at it")
    account = _ending(_account_of(about, state))
    return {"account": account, "received_on": received_on, "answer_by": answer_by}


def _stopped(about: About) -> Mapping[str, object]:
    """Since when they are left alone on every channel."""
    state = _state(about, "cease", "they did not ask to be left alone on every channel")
    return {"account": _ending(_account_of(about, state)), "stopped_on": _day(state.since, about.zone)}


def _validation(about: About) -> Mapping[str, object]:
    """The debt itemised from one day on."""
    row = about.position()
    known = about.account_of(row["account_id"])
    if known is None:
        raise NoFact("the account's payments or its product's terms are not known")
    try:
        sums: Itemised = itemise(*known, row["as_of"])
    except NotItemised as error:
        raise NoFact(str(error)) from error
    currency = row["currency"]
    return {
        "account": _ending(row["account_id"]),
        "itemised_on": sums.itemised_on,
        "then": Money(sums.then_minor, currency),
        "interest": Money(sums.interest_minor, currency),
        "fees": Money(sums.fees_minor, currency),
        "paid": Money(sums.paid_minor, currency),
        "total": Money(sums.total_minor, currency),
        "dispute_by": about.today + timedelta(days=VALIDATION_DAYS),
    }


def _state(about: About, kind: str, why_not: str) -> State:
    """The latest state of that kind which holds now."""
    found = [state for state in about.person.states if state.kind == kind and _holds(state, about)]
    if about.account_ids:
        found = [one for one in found if not one.debts or set(one.debts) & set(about.account_ids)]
    if not found:
        raise NoFact(why_not)
    return max(found, key=lambda state: (_day(state.since, about.zone), state.debts))


def _holds(state: State, about: About) -> bool:
    if _day(state.since, about.zone) > about.today:
        return False
    if isinstance(state.until, datetime):
        return about.at < state.until
    return state.until is None or about.today <= state.until


def _account_of(about: About, state: State) -> str:
    """The account that a state is told about: the longest overdue of those it binds."""
    bound = [row for row in about.customer.positions if not state.debts or row["account_id"] in state.debts]
    named = [row["account_id"] for row in bound if row["account_id"] in about.account_ids]
    return str(about.position(named[0] if len(named) == 1 else None)["account_id"])


def _nothing(about: About) -> Mapping[str, object]:
    """Whoever is not the person is told nothing about anybody, and a stop is confirmed without a word more."""
    return {}


_STAGES: Mapping[str, Callable[[About], Mapping[str, object]]] = {
    "promise_reminder": _open_promise,
    "promise_broken": _broken_promise,
    "promise_check": _proposed,
    "payment_received": _payment,
    "plan_offer": _offer,
    "hardship_answer": _hardship,
    "dispute_answer": _dispute,
    "stop_confirmed": _stopped,
    "validation_notice": _validation,
    "rights_notice": _rights,
    "wrong_person_answer": _nothing,
    "channel_stopped": _nothing,
}
"""What each stage's texts tell of; any other stage is about what is past due."""


def _day(value: date | datetime, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def _ending(account_id: object) -> str:
    return str(account_id)[-4:]


def _endings(account_ids: Sequence[str]) -> str:
    """Those of several debts, told in one place of a text."""
    return ", ".join(dict.fromkeys(_ending(name) for name in account_ids))


def _money(amount: Decimal, currency: str) -> Money:
    return Money(int(Decimal(amount).scaleb(minor_exponent(currency))), currency)
