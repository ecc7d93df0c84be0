"""A promise told over the API: for one debt or several, by somebody who showed that they are the customer."""

from datetime import date, timedelta

from dunwell.journal.recording import NewEvent
from dunwell.money import format_minor, parse_minor
from dunwell.office.access.models import Staff
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import PartIn, PromiseIn
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk import working
from dunwell.office.desk.contact import Current
from dunwell.office.desk.forms import currency_of
from dunwell.policy import PolicyError


def promised(file: CaseFile, promise: PromiseIn) -> working.Promised:
    """The promise, checked against what is owed. Raises Problem."""
    accounts, currency = _accounts(file, promise)
    parts = [_part(file, number, part, currency) for number, part in enumerate(promise.parts)]
    _check_days(file, [part.due_on for part in parts])
    most = working.may_promise(file, accounts)
    if sum(part.amount_minor for part in parts) > most:
        is_beside = bool(working.open_promises(file, accounts))
        beside = ", beside what is promised already" if is_beside else ""
        shown = f"{format_minor(most, currency)} {currency}"
        raise Problem(422, f"the promise is for more than is owed: at most {shown} can be promised{beside}")
    return working.Promised(accounts, currency, tuple(parts))


def show_identity(file: CaseFile, promise: PromiseIn | None, contact: Current, staff: Staff) -> None:
    """See that whoever promised showed that they are the customer: by the check of this contact, or by one made elsewhere, which
    ``identity_verified_by`` names and which is recorded. Raises Problem. Call it within the transaction that records the promise.
    """
    if promise is None:
        return
    name = contact.message_id
    checks = [
        event.body["passed"]
        for event in file.events
        if event.kind == "identity.checked" and event.body.get("message_id") == name
    ]
    if any(checks):
        return
    if checks:
        raise Problem(422, "promise: the identity check of this contact did not pass, so nobody has promised")
    if promise.identity_verified_by is None:
        raise Problem(
            422,
            "promise: nobody has shown that they are the customer. Let them pass .../contacts/CONTACT/identity first, or name in "
            "promise.identity_verified_by who or what verified them",
        )
    body = {
        "passed": True,
        "facts": [],
        "by": staff.username,
        "message_id": name,
        "channel": contact.channel,
    }
    # Free text may name a person: it is kept where an erasure reaches it.
    verified = {"verified_by": promise.identity_verified_by}
    key = f"api:identity:{name}:told"
    file.place.journal.record(
        [
            NewEvent(
                "identity.checked",
                file.place.clock(),
                file.customer_id,
                body=body,
                personal=verified,
                key=key,
            )
        ]
    )


def _accounts(file: CaseFile, promise: PromiseIn) -> tuple[tuple[str, ...], str]:
    """The debts that it is for and their currency. Raises Problem."""
    alone = [promise.account_id] if promise.account_id is not None else []
    accounts = tuple(dict.fromkeys([*alone, *(promise.account_ids or alone)]))
    if not accounts:
        raise Problem(422, "promise names no debt. Send account_id, or account_ids for several")
    if alone and promise.account_ids is not None and alone[0] not in promise.account_ids:
        raise Problem(
            422, "promise.account_id is not among promise.account_ids. Name it there, or leave it out"
        )
    currencies = currency_of(file)
    for name in accounts:
        if name not in currencies:
            raise Problem(422, f"promise: {name} is none of this customer's accounts. Name one of theirs")
    found = {currencies[name] for name in accounts}
    if len(found) > 1:
        raise Problem(
            422, f"promise: its debts are in {' and '.join(sorted(found))}. Make one for each currency"
        )
    return accounts, found.pop()


def _part(file: CaseFile, number: int, part: PartIn, currency: str) -> working.PromisePart:
    try:
        amount = parse_minor(part.amount, currency)
    except ValueError as error:
        raise Problem(422, f"promise.parts[{number}].amount: {error}") from error
    if amount <= 0:
        raise Problem(422, f"promise.parts[{number}].amount is not above 0")
    if not file.day <= part.due_on <= date(file.day.year + 5, 12, 31):
        raise Problem(422, f"promise.parts[{number}].due_on is {part.due_on}. Name a day from {file.day} on")
    return working.PromisePart(amount, part.due_on)


def _check_days(file: CaseFile, days: list[date]) -> None:
    """A promise's days, as the desk takes them: each its own, in order, as far ahead as policy lets it reach. Raises Problem."""
    if days != sorted(set(days)):
        raise Problem(422, "promise.parts: give each part its own day, the earliest first")
    try:
        within = file.place.promise_policy.on(file.day).due_within_days
    except PolicyError as error:
        raise Problem(422, str(error)) from error
    if days[-1] > file.day + timedelta(days=within):
        raise Problem(
            422, f"promise.parts: a promise reaches at most {within} days ahead. Agree on a plan for longer"
        )
