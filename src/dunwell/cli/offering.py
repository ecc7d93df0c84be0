"""``dunwell plans ACCOUNT --offer N``: a plan goes to the customer in an approved text."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dunwell.cli.errors import CommandError
from dunwell.cli.granting import Asks
from dunwell.law.civil_days import civil_day
from dunwell.resolution.plans import Debt, Plan


@dataclass(frozen=True, slots=True)
class OfferAsked:
    """Which of the plans is to be offered (from 1), by which channel (None: the first that reaches them), for how many days."""

    number: int
    channel: str | None
    days: int


@dataclass(frozen=True, slots=True)
class OfferPlanned:
    """An offer that waits to be sent."""

    message_id: str
    channel: str
    kind: str
    until: date
    text_id: str
    text: str

    def record(self) -> dict[str, Any]:
        """For programs."""
        names = ("message_id", "channel", "kind", "text_id", "text")
        return {"until": str(self.until), **{name: getattr(self, name) for name in names}}

    def in_words(self) -> str:
        """For people."""
        return (
            f"\noffered by {self.channel} until {self.until} (text {self.text_id}); `dunwell outreach send` sends it when the"
            f" gate allows:\n\n{self.text}"
        )


def offer_plan(
    root: Path,
    customer_id: str,
    plans: Sequence[Plan],
    debts: Sequence[Debt],
    asks: Asks,
    asked: OfferAsked,
) -> OfferPlanned:
    """Record that the plan is offered and make due work of the message. Raises CommandError for one that may not be offered."""
    plan = _chosen(plans, asks, asked.number)
    from dunwell.cli.outreach import Workshop, new_id

    shop = Workshop(root)
    from dunwell.cli.preview import own_points, seen_now
    from dunwell.law import Reason
    from dunwell.outreach.models import Work
    from dunwell.outreach.offering import Way, offer, offer_event
    from dunwell.outreach.permitting import Asked

    person = shop.records.people([customer_id]).get(customer_id)
    if person is None:
        raise CommandError(f"the last run does not know {customer_id!r}. Run `dunwell run` first")
    person, _ = seen_now(shop.journal, person, shop.records)
    channels = shop.set_up if asked.channel is None else (shop.opened(asked.channel).name,)
    reached = [(name, points[0]) for name in channels if (points := own_points(person, name))]
    if not reached:
        raise CommandError(
            f"{customer_id} cannot be reached by {' or '.join(channels)}: give another --channel"
        )
    channel, point = reached[0]
    opened = shop.opened(channel)
    now = shop.clock()
    today = civil_day(now, person.timezones)
    until = today + timedelta(days=asked.days)
    covered = dict(plan.debts)
    worst_first = sorted(debts, key=lambda debt: (-debt.past_due_days, debt.account_id))
    accounts = tuple(debt.account_id for debt in worst_first if debt.account_id in covered)
    event = offer_event(customer_id, accounts, plan, until, now, getpass.getuser())
    way = Way(channel, point, new_id())
    about = Asked(Work(), customer_id, person, point, accounts, now)
    composed = offer(shop.journal, about, event, way, shop.composer(opened))
    if isinstance(composed, Reason):
        raise CommandError(f"plan {asked.number} cannot be told in writing: {composed.detail}")
    return OfferPlanned(way.message_id, channel, plan.kind, until, composed.text_id, composed.message.text)


def _chosen(plans: Sequence[Plan], asks: Asks, number: int) -> Plan:
    """The plan of that number, which this role may offer alone."""
    if number > len(plans):
        raise CommandError(f"there is no plan {number}: there are {len(plans)}")
    plan = plans[number - 1]
    if not plan.parts:
        raise CommandError(
            f"plan {number} ({plan.kind}) has no payments, so there is nothing to offer in writing"
        )
    if plan.grant_kind:
        decision = asks.may(plan)
        if not decision.allowed:
            raise CommandError(f"a {asks.role} may not offer plan {number}: {decision.why}")
        if decision.needs_second:
            raise CommandError(f"plan {number} needs a second person: {decision.why}. Make it at the desk")
    return plan
