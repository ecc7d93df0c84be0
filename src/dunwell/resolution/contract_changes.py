"""Which of the plans that were agreed changed a contract: concessions to somebody in difficulty, from which the classes of
debts follow.

They are the journal's events, made into rows of the tape's table ``modifications``. A change holds from when its promise was
made, so one that waits for a second person does not yet; a plan that was recorded wrongly never did; one that was broken or
taken back did.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Protocol

import polars as pl

from dunwell.law.civil_days import civil_day
from dunwell.resolution.authority import GIVES_UP
from dunwell.resolution.given_up import A_MISTAKE, Told, plan_of

PLAN_AGREED = "plan.agreed"
TOLD_OF = (PLAN_AGREED, "promise.made", "promise.withdrawn")
"""The journal's events from which it follows."""
MARK = "journal-"
"""How the id of a row begins that stands in the book because the journal told of it."""
_SAME_WITHIN = timedelta(days=7)
_DECIMALS = 9


class ToldOfDebts(Told, Protocol):
    """An event of the journal about debts of the customer."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The debts, by the lender's ids."""
        ...


def contract_changes(
    events: Sequence[ToldOfDebts], zones: Sequence[str]
) -> Iterator[tuple[Mapping[str, str | None], datetime]]:
    """Rows of ``modifications``, one a debt, and when each was learned of. ``events``: all of a person's of TOLD_OF;
    ``zones``: on whose clocks their day is.
    """
    plans = {str(one.body.get("promise")): one.body for one in events if one.kind == PLAN_AGREED}
    mistakes = {
        one.body["promise"]
        for one in events
        if one.kind == "promise.withdrawn" and one.body.get("reason") == A_MISTAKE
    }
    for event in events:
        plan = plans.get(plan_of(event)) if event.kind == "promise.made" else None
        if plan is None or event.body["promise"] in mistakes or not _changes_contract(plan):
            continue
        day = civil_day(event.at, zones)
        first = min(date.fromisoformat(part["due_on"]) for part in event.body["parts"])
        gives_up = (plan.get("grant") or {}).get("kind") in GIVES_UP
        for account in event.accounts:
            row = {
                "modification_id": f"{MARK}{event.body['promise']}",
                "account_id": account,
                "kind": "restructuring" if gives_up else "forbearance",
                "agreed_on": day.isoformat(),
                "first_due_on": max(first, day).isoformat(),
                "value_lost": _value_lost(plan) if gives_up else None,
            }
            yield {name: value for name, value in row.items() if value is not None}, event.at


def without_the_tapes(modifications: pl.DataFrame) -> pl.DataFrame:
    """The changes, less those of the journal that the lender's records tell as well: of the same debt, agreed within a week of
    it.
    """
    is_ours = pl.col("modification_id").str.starts_with(MARK)
    ours, theirs = modifications.filter(is_ours), modifications.filter(~is_ours)
    if not ours.height or not theirs.height:
        return modifications
    near = ours.join(
        theirs.select("account_row", pl.col("agreed_on").alias("§theirs")), on="account_row", how="inner"
    ).filter((pl.col("agreed_on") - pl.col("§theirs")).abs() <= _SAME_WITHIN)
    return modifications.filter(~pl.col("modification_id").is_in(near["modification_id"].implode()))


def _changes_contract(plan: Mapping[str, object]) -> bool:
    """Whether a plan that was agreed changed the contract. Those of before this was recorded did where they gave something up,
    or spread the debt itself over several parts.
    """
    told = plan.get("changes_contract")
    if isinstance(told, bool):
        return told
    grant, parts = plan.get("grant"), plan.get("parts")
    gives_up = isinstance(grant, Mapping) and grant.get("kind") in GIVES_UP
    return gives_up or (plan.get("plan") != "arrears" and isinstance(parts, list) and len(parts) > 1)


def _value_lost(plan: Mapping[str, object]) -> str:
    """What was given up, as a part of what would have been paid without it."""
    grant, parts = plan["grant"], plan["parts"]
    assert isinstance(grant, Mapping) and isinstance(parts, list), "as the desk records it"
    given_up = int(grant["amount_minor"])
    whole = given_up + sum(int(part["amount_minor"]) for part in parts)
    share = Fraction(given_up, whole) if whole else Fraction(0)
    return f"{round(share * 10**_DECIMALS) / 10**_DECIMALS:.{_DECIMALS}f}"
