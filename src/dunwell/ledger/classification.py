"""Classes from the history of arrears: China's five classes, US retail classes, IFRS 9 stages, EBA default,
and the deck's terms.

Which scheme holds for an account is text (``classification_texts``): those in force on the day decide, and a
text for the customer's own jurisdiction wins over the one for everybody (``*``). The walk over the arrears is
compiled (``classification_kernel``) and the same for every scheme, for a book and for one account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.calendars import day_number
from dunwell.ledger import classification_kernel as walk
from dunwell.ledger import default_kernel, kernel
from dunwell.ledger.arrays import Ints, Kind, Kinds, account_kinds
from dunwell.ledger.change_telling import ChangedAccounts, tell
from dunwell.ledger.change_texts import forbearance_rule_on
from dunwell.ledger.changed import changes_for, coded, figures_of, put
from dunwell.ledger.classification_texts import (
    EVERYBODY,
    DefaultRule,
    Level,
    Scheme,
    class_texts,
    default_rule_on,
    schemes_on,
)
from dunwell.ledger.modified import Arrears, Modified, arrears_of, no_changes, room_for
from dunwell.ledger.positions import Timeline
from dunwell.ledger.terms import Terms
from dunwell.policy import Dated, PolicyText

__all__ = ["ClassColumns", "Classifier", "Walked", "class_texts"]

LADDERS = ("asset_class", "ifrs_stage", "term")
"""The columns that are levels by days past due."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One column's outcome for a span of accounts: the level's rank (-1: no scheme), the day since when (-1:
    from the beginning), and why (a code of the kernel). Of a changed contract: ``until`` when it is observed, by which ``change``
    (its number, -1: none), and whether another was observed before (``again``).
    """

    rank: NDArray[np.int16]
    since: NDArray[np.int32]
    reason: NDArray[np.int16]
    until: NDArray[np.int32]
    change: NDArray[np.int32]
    again: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Defaults:
    """Of a span of accounts whether each is in default, since when it is or is not any more, and why (a code of the kernel)."""

    is_so: NDArray[np.bool_]
    since: NDArray[np.int32]
    reason: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class ClassColumns:
    """The classes of a span of accounts, by code; see Classifier.columns for what they mean. ``changed``: those of its
    accounts whose contracts were changed.
    """

    walked: Mapping[str, Walked]
    defaults: Defaults
    changed: ChangedAccounts | None = None

    @property
    def in_default(self) -> NDArray[np.bool_]:
        """Whether each is in default."""
        return self.defaults.is_so

    @property
    def default_since(self) -> NDArray[np.int32]:
        """Since when in_default holds; -1 from the beginning."""
        return self.defaults.since

    @property
    def rank(self) -> NDArray[np.int16]:
        """The rank of asset_class."""
        return self.walked["asset_class"].rank

    @property
    def class_since(self) -> NDArray[np.int32]:
        """The day since when asset_class holds; -1 from the beginning."""
        return self.walked["asset_class"].since

    @property
    def class_reason(self) -> NDArray[np.int16]:
        """Why asset_class holds."""
        return self.walked["asset_class"].reason


class Ladder:
    """The schemes of one column as arrays, and which of them holds for each account (-1: none)."""

    def __init__(self, schemes: Sequence[Scheme], kinds: Kinds, credits: Mapping[str, str]) -> None:
        """Choose each account's scheme: that of its jurisdiction, else the one for everybody. ``credits``: the kind of
        credit of each product.
        """
        self.schemes = schemes
        self.scheme_of = kinds.numbers(
            lambda kind: _choose(schemes, kind, credits.get(kind.product, "closed_end"))
        )
        self.coded = coded(schemes)

    def walk(
        self,
        arrears: Arrears,
        scheme_of: Ints,
        first: int,
        last: int,
        today: int,
        changes: walk.Changes,
        *,
        tells_since: bool,
    ) -> Walked:
        """The levels of accounts [first, last); without ``tells_since`` the days are left out where they cost."""
        count = last - first
        walked = Walked(
            np.zeros(count, np.int16),
            walk.empty_days(count),
            np.zeros(count, np.int16),
            walk.empty_days(count),
            walk.empty_days(count),
            np.zeros(count, np.bool_),
        )
        walk.classify_accounts(
            first,
            last,
            today,
            arrears.account,
            arrears.on,
            arrears.oldest_due_on,
            scheme_of,
            self.coded,
            arrears.due_offsets,
            arrears.due_days,
            changes,
            tells_since,
            walked.rank,
            walked.since,
            walked.reason,
            walked.until,
            walked.change,
            walked.again,
        )
        return walked

    def names(self, rank: NDArray[np.int16]) -> pl.Series:
        """The level's name of every account, null where no scheme holds."""
        names = [level.name for scheme in self.schemes for level in scheme.levels]
        starts = np.cumsum([0, *(len(s.levels) for s in self.schemes)])
        is_classed = rank >= 0
        codes = np.where(is_classed, starts[self.scheme_of] + rank, 0).astype(np.uint32)
        levels = pl.Series(names or [""], dtype=pl.String).gather(codes)
        return levels.zip_with(pl.Series(is_classed), pl.Series([None], dtype=pl.String))


class Classifier:
    """Classifies the accounts of one partition as of a day; built once, used span by span from any thread."""

    def __init__(
        self,
        tables: Mapping[str, pl.DataFrame],
        terms: Mapping[str, Terms],
        as_of: date,
        texts: Sequence[PolicyText] | None = None,
        *,
        ladders: Sequence[str] = LADDERS,
        kinds: Kinds | None = None,
        known_at: datetime | None = None,
    ) -> None:
        """Choose each account's schemes by its customer's jurisdiction and its product's kind of credit.

        ``texts``: those that come with dunwell, when None. ``ladders``: the columns wanted. ``kinds``: those of the
        accounts, where they are known already. ``known_at``: changes of contracts known then count (all, when None).
        Raises PolicyError.
        """
        self.as_of = as_of
        texts = class_texts() if texts is None else texts
        self.kinds = kinds or account_kinds(tables)
        credits = {product: its_terms.credit for product, its_terms in terms.items()}
        self.ladders = {
            column: Ladder(schemes_on(texts, column, as_of), self.kinds, credits) for column in ladders
        }
        self._own = {j for text in texts for j in text.values["applies_to"] if j != EVERYBODY}
        self.default_rule = default_rule_on(texts, as_of)
        self.forbearance = forbearance_rule_on(texts, as_of) if self.default_rule else None
        self._modified = Modified.among(tables, as_of, known_at)
        absolute = self.default_rule.absolute_minor if self.default_rule else {}
        self._absolute = self.kinds.numbers(lambda kind: absolute.get(kind.currency, 0))

    def classify(
        self, timeline: Timeline, events: kernel.Events, first: int, last: int, *, in_full: bool = False
    ) -> ClassColumns:
        """The classes of accounts [first, last) from their arrears; ``in_full`` tells also since when each holds."""
        arrears, none, today = arrears_of(timeline, events), no_changes(), day_number(self.as_of)
        columns = ClassColumns(
            {
                name: ladder.walk(arrears, ladder.scheme_of, first, last, today, none, tells_since=in_full)
                for name, ladder in self.ladders.items()
            },
            self._defaults(arrears, self._absolute, first, last, none, room_for(0, 0))[0],
        )
        modified = None if self._modified is None else self._modified.within(first, last)
        if modified is None:
            return columns
        return replace(columns, changed=self._rewalk(columns, modified, arrears, first))

    def _defaults(
        self,
        arrears: Arrears,
        absolute: Ints,
        first: int,
        last: int,
        changes: walk.Changes,
        told: default_kernel.Forborne,
    ) -> tuple[Defaults, int]:
        """Which accounts are in default, and how many states of forborne ones are ``told``."""
        count = last - first
        found = Defaults(np.zeros(count, np.bool_), walk.empty_days(count), np.zeros(count, np.int16))
        if self.default_rule is None:
            return found, 0
        told_count = default_kernel.find_defaults(
            first,
            last,
            day_number(self.as_of),
            arrears.account,
            arrears.on,
            arrears.oldest_due_on,
            arrears.overdue_minor,
            arrears.exposure_minor,
            absolute,
            figures_of(self.default_rule, self.forbearance),
            changes,
            found.is_so,
            found.since,
            found.reason,
            told,
        )
        return found, told_count

    def _rewalk(
        self, columns: ClassColumns, modified: Modified, arrears: Arrears, first: int
    ) -> ChangedAccounts:
        """Find the classes of the accounts whose contracts were changed anew, and put them in their places in the columns."""
        own = modified.arrears(arrears)
        modified, count, today = modified.with_due(own), len(own.accounts), day_number(self.as_of)
        places, rule = own.accounts - first, self.forbearance
        told, told_count = room_for(count, 4 * (len(own.on) + len(modified.on))), 0
        if rule is not None:
            changes = modified.ranked(modified.default_ranks(rule), own.accounts)
            absolute = self._absolute[own.accounts]
            found, told_count = self._defaults(own, absolute, 0, count, changes, told)
            put(columns.defaults, found, places)
        for name, ladder in self.ladders.items():
            scheme_of = ladder.scheme_of[own.accounts]
            changes, number = changes_for(ladder.schemes, scheme_of, modified, own, told, told_count)
            found_class = ladder.walk(own, scheme_of, 0, count, today, changes, tells_since=True)
            by_number = np.append(number, -1)[found_class.change].astype(np.int32)
            put(columns.walked[name], replace(found_class, change=by_number), places)
        return ChangedAccounts(own.accounts, modified, told)

    def columns(self, spans: Sequence[ClassColumns]) -> dict[str, pl.Series]:
        """The class columns for all accounts of the partition in order; null where no text is held for the account on
        the day.
        """
        names = {}
        for name, ladder in self.ladders.items():
            ranks = [span.walked[name].rank for span in spans]
            names[name] = ladder.names(np.concatenate(ranks) if ranks else np.empty(0, np.int16))
        defaults = [span.defaults.is_so for span in spans]
        in_default = pl.Series(np.concatenate(defaults) if defaults else np.empty(0, np.bool_))
        if self.default_rule is None:
            in_default = pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(in_default))
        if "ifrs_stage" in names:
            names["ifrs_stage"] = names["ifrs_stage"].cast(pl.Int8)
        return names | {"in_default": in_default}

    def reasons(
        self, columns: ClassColumns, index: int, account: int, past_due_days: int
    ) -> dict[str, dict[str, Any]]:
        """Why one account (``index`` in the span, ``account`` in the partition) has its classes: value,
        since, sentence, source.
        """
        told: dict[str, dict[str, Any]] = {}
        for name, ladder in self.ladders.items():
            number, walked = int(ladder.scheme_of[account]), columns.walked[name]
            if number < 0:
                told[name] = tell(None, -1, f"no text is held for it on {self.as_of}", None)
                continue
            scheme = ladder.schemes[number]
            level = scheme.levels[walked.rank[index]]
            sentence = _why(scheme, level, walked.reason[index], past_due_days)
            if name == "asset_class":
                sentence += self._why_not_its_own(scheme, account)
            is_kept = walked.reason[index] in (walk.BY_MEMORY, walk.UNDER_OBSERVATION)
            source: Dated = scheme.upgrade if is_kept and scheme.upgrade else level.entry
            told[name] = tell(level.name, walked.since[index], sentence, source)
            if columns.changed is not None:
                found = columns.changed.of(account)
                is_by_change = walked.reason[index] == walk.BY_CHANGE
                told[name] = found.tell(told[name], scheme, walked, index, is_by_change, self.as_of)
        rule = self.default_rule
        if rule is None:
            told["in_default"] = tell(None, -1, f"no text is held for it on {self.as_of}", None)
        else:
            since, reason = int(columns.defaults.since[index]), int(columns.defaults.reason[index])
            sentence = _why_default(rule, reason)
            told["in_default"] = tell(bool(columns.in_default[index]), since, sentence, rule.text)
        if columns.changed is not None and self.forbearance is not None:
            told |= columns.changed.of(account).tell_forbearance(
                told["in_default"], self.forbearance, self.as_of
            )
        return told

    def _why_not_its_own(self, scheme: Scheme, account: int) -> str:
        """A word where the general text stands in for one that is not in force on the day."""
        jurisdiction = self.kinds.of_account(account).jurisdiction
        if EVERYBODY not in scheme.text.values["applies_to"] or jurisdiction not in self._own:
            return ""
        return (
            f"; the text held for {jurisdiction} is not in force on {self.as_of}, so the general one is used"
        )


def _choose(schemes: Sequence[Scheme], kind: Kind, credit: str) -> int:
    """The scheme for accounts of a kind: that of its jurisdiction, else the one for everybody, else none (-1)."""
    for is_for_everybody in (False, True):
        for k, scheme in enumerate(schemes):
            applies_to = scheme.text.values["applies_to"]
            if (EVERYBODY in applies_to) is not is_for_everybody or scheme.credit not in (None, credit):
                continue
            if is_for_everybody or kind.jurisdiction in applies_to:
                return k
    return -1


def _why(scheme: Scheme, level: Level, reason: int, past_due_days: int) -> str:
    if reason == walk.BY_MEMORY:
        return "the worst class reached stays until all arrears are repaid"
    if reason == walk.UNDER_OBSERVATION:
        return (
            f"arrears are repaid and under observation: the longer of {scheme.observation_periods} payment periods "
            f"and {scheme.observation_months} months with nothing past due"
        )
    if level.from_days:
        return f"{past_due_days} days past due; this begins at {level.from_days}"
    return "not late enough for another class" if past_due_days else "nothing is past due"


def _why_default(rule: DefaultRule, reason: int) -> str:
    days, months = rule.consecutive_days, rule.probation_months
    return {
        default_kernel.NEVER_IN_DEFAULT: f"never materially past due on more than {days} consecutive days",
        default_kernel.IN_DEFAULT: f"materially past due on more than {days} consecutive days",
        default_kernel.ON_PROBATION: f"no longer materially past due, but not yet for {months} months",
        default_kernel.IN_CURE: "not materially past due, and forborne while in default",
        default_kernel.NO_LONGER: f"default ended {months} months after the last material arrears",
    }[reason]
