"""Classes as dated, cited text: China's five classes, US retail classes, IFRS 9 stages, EBA default, and the
deck's terms.

Each file in ``classes/`` is one scheme: for whom, since when, on whose word, and which days past due reach
which class. The schemes in force on the day decide; a customer's own jurisdiction's text wins over the one
for everybody (``*``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.calendars import day_number, day_of
from dunwell.ledger import classification_kernel as walk
from dunwell.ledger import kernel
from dunwell.ledger.positions import Timeline
from dunwell.ledger.terms import Terms
from dunwell.money import CURRENCIES
from dunwell.policy import PolicyText, in_force, read_policies

CLASSES_FOLDER = Path(__file__).parent / "classes"
EVERYBODY = "*"
_NEVER_STICKY = 99


@dataclass(frozen=True, slots=True)
class Level:
    """A class and the days past due from which it is reached."""

    name: str
    from_days: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """A text's levels for one kind of credit, least late first, and what it asks before an upgrade from
    ``sticky_rank`` on.
    """

    text: PolicyText
    credit: str
    levels: tuple[Level, ...]
    sticky_rank: int
    observation_months: int
    observation_periods: int


def schemes_of(texts: Sequence[PolicyText], column: str, credit: str) -> list[Scheme]:
    """The schemes that fill a column, for open-end or closed-end credit."""
    return [_scheme(text, credit) for text in texts if text.values.get("column") == column]


def _scheme(text: PolicyText, credit: str) -> Scheme:
    levels = tuple(
        Level(str(level["name"]), int(level["from_days"]))
        for level in text.values["level"]
        if level.get("credit", credit) == credit
    )
    upgrade = text.values.get("upgrade")
    if upgrade is None:
        return Scheme(text, credit, levels, _NEVER_STICKY, 0, 0)
    rank = [level.name for level in levels].index(upgrade["from_level"])
    return Scheme(text, credit, levels, rank, upgrade["observation_months"], upgrade["observation_periods"])


@cache
def class_texts() -> tuple[PolicyText, ...]:
    """The texts that come with dunwell."""
    return read_policies(CLASSES_FOLDER)


@dataclass(frozen=True, slots=True)
class ClassColumns:
    """The classes of a span of accounts, by code; see Classifier.frame for what they mean."""

    rank: NDArray[np.int16]
    class_since: NDArray[np.int32]
    class_reason: NDArray[np.int16]
    in_default: NDArray[np.bool_]
    default_since: NDArray[np.int32]


class Classifier:
    """Classifies the accounts of one partition as of a day; built once, used span by span from any thread."""

    def __init__(
        self,
        tables: Mapping[str, pl.DataFrame],
        terms: Mapping[str, Terms],
        as_of: date,
        texts: Sequence[PolicyText] | None = None,
    ) -> None:
        """Choose each account's schemes by its customer's jurisdiction and its product's kind of credit."""
        self.as_of = as_of
        self.texts = in_force(class_texts() if texts is None else texts, as_of)
        accounts = tables["accounts"]
        placed = accounts.select("customer_id", "product", "currency").join(
            tables["customers"].select("customer_id", "jurisdiction"),
            on="customer_id",
            how="left",
            maintain_order="left",
        )
        credit = placed["product"].replace_strict(
            {p: t.credit for p, t in terms.items()}, default="closed_end"
        )
        self.schemes = [
            s for kind in ("closed_end", "open_end") for s in schemes_of(self.texts, "asset_class", kind)
        ]
        self.scheme_of = _choose(self.schemes, placed["jurisdiction"], credit)
        self._set_levels()
        self._set_default(placed["currency"])
        self._stages = next(iter(schemes_of(self.texts, "ifrs_stage", "closed_end")), None)
        self._terms = next(iter(schemes_of(self.texts, "term", "closed_end")), None)

    def _set_levels(self) -> None:
        schemes = self.schemes or [
            Scheme(class_texts()[0], "closed_end", (Level("", 0),), _NEVER_STICKY, 0, 0)
        ]
        width = max(len(s.levels) for s in schemes)
        self._levels = np.full((len(schemes), width), 2**30, np.int64)
        for k, scheme in enumerate(schemes):
            self._levels[k, : len(scheme.levels)] = [level.from_days for level in scheme.levels]
        self._level_counts = np.array([len(s.levels) for s in schemes], np.int64)
        self._sticky = np.array([s.sticky_rank for s in schemes], np.int64)
        self._months = np.array([s.observation_months for s in schemes], np.int64)
        self._periods = np.array([s.observation_periods for s in schemes], np.int64)

    def _set_default(self, currencies: pl.Series) -> None:
        text = next((t for t in self.texts if t.values.get("column") == "in_default"), None)
        self.default_text = text
        self._default: Mapping[str, Any] = text.values["default"] if text else {}
        absolute = {
            currency: int(Decimal(amount) * 10 ** CURRENCIES[currency])
            for currency, amount in self._default.get("absolute_threshold", {}).items()
        }
        self._absolute = currencies.replace_strict(absolute, default=0, return_dtype=pl.Int64).to_numpy()
        self._relative = Fraction(self._default.get("relative_threshold", "0"))

    def classify(self, timeline: Timeline, events: kernel.Events, first: int, last: int) -> ClassColumns:
        """The classes of accounts [first, last) from their arrears."""
        count = last - first
        rank, reason = np.zeros(count, np.int16), np.zeros(count, np.int16)
        since, default_since = walk.empty_days(count), walk.empty_days(count)
        in_default = np.zeros(count, np.bool_)
        today = day_number(self.as_of)
        walk.classify_accounts(
            first,
            last,
            today,
            timeline.account,
            timeline.on,
            timeline.oldest_due_on,
            self.scheme_of,
            self._levels,
            self._level_counts,
            self._sticky,
            self._months,
            self._periods,
            events.instalment_offsets,
            events.instalment_due,
            rank,
            since,
            reason,
        )
        if self._default:
            walk.find_defaults(
                first,
                last,
                today,
                timeline.account,
                timeline.on,
                timeline.oldest_due_on,
                timeline.overdue_minor,
                timeline.exposure_minor,
                self._absolute,
                self._relative.numerator,
                self._relative.denominator,
                int(self._default["consecutive_days"]),
                int(self._default["probation_months"]),
                in_default,
                default_since,
            )
        return ClassColumns(rank, since, reason, in_default, default_since)

    def columns(
        self, spans: Sequence[ClassColumns], past_due_days: NDArray[np.int64]
    ) -> dict[str, pl.Series]:
        """The class columns of positions, and ``term``, for all accounts of the partition in order."""
        rank = np.concatenate([s.rank for s in spans]) if spans else np.empty(0, np.int16)
        names = [level.name for scheme in self.schemes for level in scheme.levels]
        starts = np.cumsum([0, *(len(s.levels) for s in self.schemes)])
        is_classed = rank >= 0
        codes = np.where(is_classed, starts[self.scheme_of] + rank, 0).astype(np.uint32)
        classes = pl.Series(names or [""], dtype=pl.String).gather(codes)
        in_default = np.concatenate([s.in_default for s in spans]) if spans else np.empty(0, np.bool_)
        return {
            "asset_class": pl.select(pl.when(pl.Series(is_classed)).then(classes)).to_series(),
            "ifrs_stage": _by_days(self._stages, past_due_days).cast(pl.Int8),
            "in_default": pl.Series(in_default),
            "term": _by_days(self._terms, past_due_days),
        }

    def reasons(
        self, columns: ClassColumns, index: int, account: int, past_due_days: int
    ) -> dict[str, dict[str, Any]]:
        """Why one account (``index`` in the span, ``account`` in the partition) has its classes: value,
        since, sentence, source.
        """
        told: dict[str, dict[str, Any]] = {}
        number = int(self.scheme_of[account])
        if number >= 0:
            scheme = self.schemes[number]
            level = scheme.levels[columns.rank[index]]
            told["asset_class"] = _told(
                level.name,
                columns.class_since[index],
                _why(scheme, level, columns.class_reason[index]),
                scheme.text,
            )
        for column, of_days in (("ifrs_stage", self._stages), ("term", self._terms)):
            if of_days is not None:
                level = max(
                    (lv for lv in of_days.levels if lv.from_days <= past_due_days),
                    key=lambda lv: lv.from_days,
                )
                sentence = f"{past_due_days} days past due; this begins at {level.from_days}"
                told[column] = _told(level.name, -1, sentence, of_days.text)
        if self.default_text is not None:
            days, months = self._default["consecutive_days"], self._default["probation_months"]
            is_default = bool(columns.in_default[index])
            sentence = (
                f"materially past due on more than {days} consecutive days, or less than {months} months after"
                if is_default
                else f"not materially past due on more than {days} consecutive days in the last {months} months"
            )
            since = columns.default_since[index] if is_default else -1
            told["in_default"] = _told(is_default, since, sentence, self.default_text)
        return told


def _choose(schemes: Sequence[Scheme], jurisdiction: pl.Series, credit: pl.Series) -> NDArray[np.int64]:
    """Each account's scheme: that of its jurisdiction, else the one for everybody, else none (-1)."""
    chosen = np.full(len(jurisdiction), -1, np.int64)
    is_settled = np.zeros(len(jurisdiction), np.bool_)
    for wanted in (False, True):
        for k, scheme in enumerate(schemes):
            applies_to = scheme.text.values["applies_to"]
            if (EVERYBODY in applies_to) is not wanted:
                continue
            mine = (credit == scheme.credit).to_numpy() & ~is_settled
            if not wanted:
                mine &= jurisdiction.is_in(applies_to).fill_null(False).to_numpy()
            chosen[mine] = k
            is_settled |= mine
    return chosen


def _by_days(scheme: Scheme | None, past_due_days: NDArray[np.int64]) -> pl.Series:
    """The level of each account by its days past due alone."""
    if scheme is None:
        return pl.Series([None] * len(past_due_days), dtype=pl.String)
    begins = np.array([level.from_days for level in scheme.levels])
    codes = (np.searchsorted(begins, past_due_days, side="right") - 1).astype(np.uint32)
    return pl.Series([level.name for level in scheme.levels], dtype=pl.String).gather(codes)


def _why(scheme: Scheme, level: Level, reason: int) -> str:
    if reason == walk.BY_MEMORY:
        return "the worst class reached stays until all arrears are repaid"
    if reason == walk.UNDER_OBSERVATION:
        return (
            f"arrears are repaid and under observation: the longer of {scheme.observation_periods} payment periods and "
            f"{scheme.observation_months} months without arrears"
        )
    return (
        f"from {level.from_days} days past due"
        if level.from_days
        else "nothing past due, or not late enough for another class"
    )


def _told(value: Any, since: int, sentence: str, text: PolicyText) -> dict[str, Any]:
    return {
        "value": value,
        "since": day_of(int(since)).isoformat() if since >= 0 else None,
        "why": sentence,
        "source": text.source,
        "source_quality": text.source_quality,
    }
