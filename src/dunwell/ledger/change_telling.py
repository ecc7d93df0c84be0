"""What is told of a changed contract beside a class: what was changed when, until when it is observed, and who says so."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from dunwell.calendars import day_number, day_of
from dunwell.ledger.arrays import Ints
from dunwell.ledger.change_texts import (
    NON_PERFORMING,
    PERFORMING,
    ForbearanceRule,
)
from dunwell.ledger.classification_kernel import NO_DAY
from dunwell.ledger.classification_texts import Scheme
from dunwell.ledger.default_kernel import NON_PERFORMING_FORBORNE, NOT_FORBORNE, Forborne
from dunwell.ledger.modified import Modified
from dunwell.policy import Dated

if TYPE_CHECKING:
    from dunwell.ledger.classification import Walked

_STATES = ("not_forborne", PERFORMING, NON_PERFORMING)


def tell(value: Any, since: int, sentence: str, source: Dated | None) -> dict[str, Any]:
    """A class as it is told: its value, since when, why, and the source."""
    return {
        "value": value,
        "since": None if since == NO_DAY else day_of(int(since)).isoformat(),
        "why": sentence,
        "source": source.source if source else None,
        "source_quality": source.source_quality if source else None,
    }


@dataclass(frozen=True, slots=True)
class ChangedAccounts:
    """The accounts of a span whose contracts were changed: their rows in the partition, the changes, and what is told of
    forbearance.
    """

    accounts: Ints
    modified: Modified
    forborne: Forborne

    def of(self, account: int) -> "ChangedAccount | _Unchanged":
        """What is told of one account."""
        place = int(np.searchsorted(self.accounts, account))
        if place == len(self.accounts) or self.accounts[place] != account:
            return _Unchanged()
        return ChangedAccount(self.modified, self.forborne, place, account)


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """An account of which nothing is told."""

    def tell(self, told: dict[str, Any], *_: Any) -> dict[str, Any]:
        """As it was."""
        return told

    def tell_forbearance(self, *_: Any) -> dict[str, Any]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class ChangedAccount:
    """What is told of an account whose contract was changed."""

    modified: Modified
    forborne: Forborne
    place: int
    account: int

    def tell(
        self,
        told: dict[str, Any],
        scheme: Scheme,
        walked: "Walked",
        index: int,
        is_by_change: bool,
        as_of: date,
    ) -> dict[str, Any]:
        """A class with what the change makes of it; the change alone where the class rests on it."""
        if scheme.watch is not None:
            return self._observed(told, scheme, walked, index, is_by_change, as_of)
        if scheme.follow is not None:
            state = int(self.forborne.state[self.place])
            if state == NOT_FORBORNE:
                return told
            words = f"{_STATES[state].replace('_', ' ')} since {day_of(int(self.forborne.since[self.place]))}"
            return _beside(told, words, is_by_change, scheme.follow.entry, self._until(as_of))
        if scheme.text.values["column"] != "asset_class":
            return told
        last = self.modified.told(int(np.flatnonzero(self.modified.of == self.account)[-1]))
        said = f"the {last} does not change it: the text counts days past due alone"
        return told | {"why": f"{told['why']}; {said}"}

    def tell_forbearance(self, default: dict[str, Any], rule: ForbearanceRule, as_of: date) -> dict[str, Any]:
        """Whether the account is forborne, since and until when, by what; and default with what that adds."""
        state, change = int(self.forborne.state[self.place]), int(self.forborne.change[self.place])
        since, source = int(self.forborne.since[self.place]), rule.text
        if state == NOT_FORBORNE:
            why = "no change of the contract counts" if since == NO_DAY else "the probation ended"
            return {"in_default": default, "forbearance": tell(_STATES[state], since, why, source)}
        until = self._until(as_of)
        if state == NON_PERFORMING_FORBORNE:
            period = f"a cure of {rule.cure_months} months, with nothing past due at its end"
            default = _beside(default, f"forborne by the {self.modified.told(change)}", False, source, until)
        else:
            period = f"a probation of {rule.probation_months} months, with nothing past due at its end"
        told = tell(_STATES[state], since, f"{self.modified.told(change)}; {period}{_ends(until)}", source)
        return {"in_default": default, "forbearance": told | {"until": until}}

    def _observed(
        self,
        told: dict[str, Any],
        scheme: Scheme,
        walked: "Walked",
        index: int,
        is_by_change: bool,
        as_of: date,
    ) -> dict[str, Any]:
        change, watch = int(walked.change[index]), scheme.watch
        assert watch is not None, "it is asked for of schemes that observe"
        if change < 0:
            return told
        number = int(walked.until[index])
        until = day_of(number).isoformat() if day_number(as_of) < number else None
        least = scheme.levels[watch.again if walked.again[index] else watch.least].name
        again = ", while another was observed" if walked.again[index] else ""
        words = (
            f"{self.modified.told(change)}{again}: at least {least}, "
            f"or what it was where that is worse, through the longer of {watch.periods} payment periods "
            f"and {watch.months} months without a missed payment{_ends(until)}"
        )
        return _beside(told, words, is_by_change, watch.entry, until)

    def _until(self, as_of: date) -> str | None:
        number = int(self.forborne.until[self.place])
        return day_of(number).isoformat() if day_number(as_of) < number else None


def _ends(until: str | None) -> str:
    """When a period ends, as things stand."""
    return f", until {until} as things stand" if until else "; it does not end while something is past due"


def _beside(
    told: dict[str, Any], words: str, is_by_change: bool, source: Dated, until: str | None
) -> dict[str, Any]:
    """What is told of a class, with the change beside it, or instead of the days past due where it rests on the change."""
    if not is_by_change:
        return told | {"why": f"{told['why']}; {words}", "until": until}
    return told | {
        "why": words,
        "source": source.source,
        "source_quality": source.source_quality,
        "until": until,
    }
