"""Accounts by month: the state each was in at each month's end, and what its own history up to then tells.

A panel has account_id, month (whole numbers that count up by one), state, and any columns to segment by.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dunwell.insight.problems import TrainingUnusable

GONE = "gone"
"""The state of an account that is no longer in the book."""

HISTORY_MONTHS = 12


@dataclass(frozen=True, slots=True)
class States:
    """The states of a panel, from best to worst, and which of them count as late (30 days and more, say)."""

    names: tuple[str, ...]
    late: frozenset[str]

    @property
    def all(self) -> tuple[str, ...]:
        """The states and ``gone``."""
        return (*self.names, GONE)

    @property
    def is_late(self) -> pl.Expr:
        """Whether a panel's row is late."""
        return pl.col("state").is_in(sorted(self.late))


def checked(panel: pl.DataFrame, states: States) -> pl.DataFrame:
    """The panel by account and month. Raises TrainingUnusable for missing columns, unknown states, and months
    given twice or left out.
    """
    absent = [name for name in ("account_id", "month", "state") if name not in panel.columns]
    if absent:
        raise TrainingUnusable(f"the panel has no column {absent[0]!r}. It needs account_id, month and state")
    if not panel["month"].dtype.is_integer():
        raise TrainingUnusable(
            "the panel's months must be whole numbers that count up by one, like 24311 or -12"
        )
    panel = panel.with_columns(pl.col("state").cast(pl.String)).sort("account_id", "month")
    unknown = panel.filter(~pl.col("state").is_in(states.names) | pl.col("state").is_null())
    if unknown.height:
        raise TrainingUnusable(
            f"state {unknown['state'][0]!r} of account {unknown['account_id'][0]!r} is none of {', '.join(states.names)}"
        )
    step = pl.col("month") - pl.col("month").shift(1).over("account_id")
    gaps = panel.filter(step != 1)
    if gaps.height:
        raise TrainingUnusable(
            f"account {gaps['account_id'][0]!r}: month {gaps['month'][0]} does not follow the one before. "
            "Give each account one row a month, without gaps"
        )
    return panel


def with_months_on_book(panel: pl.DataFrame, states: States) -> pl.DataFrame:
    """The panel, checked and by account and month, with months_on_book alone of what ``with_history`` adds."""
    return checked(panel, states).with_columns(months_on_book=_months_on_book(panel))


def _months_on_book(panel: pl.DataFrame) -> pl.Expr:
    if OPENED in panel.columns:
        return pl.col("month") - pl.col(OPENED)
    return pl.int_range(pl.len()).over("account_id")


OPENED = "opened_month"
"""The first month at whose end an account was in the book, which may lie before the panel; optional."""


def with_history(panel: pl.DataFrame, states: States, *, person: str | None = None) -> pl.DataFrame:
    """The panel with what each account's states up to and including the month tell.

    Adds: severity (the state's place), months_on_book (since ``opened_month`` where the panel has it: in a panel that
    begins later than the book old accounts would else pass for new), duration (months in the state without a break),
    previous_severity (one and two months ago), late_months_3/6/12, late_months, late_spells, late_share,
    cures, cure_share, months_since_late, worst_severity. Of the spell of late months it is in, null when it is
    not late: spell_months, and the severity before it, at its first month and at its worst. With ``person``, a
    column that names who owes, also what that person's other accounts tell: their number, and of them late now,
    late_months and cures.
    """
    over = "account_id"
    places = {name: float(place) for place, name in enumerate(states.names)}
    is_late = states.is_late.cast(pl.Int32)
    known = checked(panel, states).with_columns(
        severity=pl.col("state").replace_strict(places, return_dtype=pl.Float64),
        _late=is_late,
        months_on_book=_months_on_book(panel),
    )
    was_late = pl.col("_late").shift(1).over(over).fill_null(0)
    is_new = (pl.col("state") != pl.col("state").shift(1).over(over)).fill_null(True)
    known = known.with_columns(
        _run=is_new.cum_sum(),
        _starts=((pl.col("_late") == 1) & (was_late == 0)).cast(pl.Int32),
        _cured=((pl.col("_late") == 0) & (was_late == 1)).cast(pl.Int32),
        _late_on=pl.when(pl.col("_late") == 1).then("month").forward_fill().over(over),
        previous_severity_1=pl.col("severity").shift(1).over(over),
        previous_severity_2=pl.col("severity").shift(2).over(over),
        worst_severity=(pl.col("severity") * pl.col("_late")).cum_max().over(over),
        late_months=pl.col("_late").cum_sum().over(over),
        **{
            f"late_months_{window}": pl.col("_late").rolling_sum(window, min_samples=1).over(over)
            for window in (3, 6, HISTORY_MONTHS)
        },
    ).with_columns(
        duration=pl.int_range(1, pl.len() + 1).over("_run"),
        late_spells=pl.col("_starts").cum_sum().over(over),
        cures=pl.col("_cured").cum_sum().over(over),
        months_since_late=pl.col("month") - pl.col("_late_on"),
    )
    known = known.with_columns(
        late_share=pl.col("late_months") / (pl.col("months_on_book") + 1),
        cure_share=pl.col("cures") / pl.col("late_months").replace(0, None),
        severity_change_3=pl.col("severity") - pl.col("severity").shift(3).over(over),
        severity_sum=(pl.col("severity") * pl.col("_late")).cum_sum().over(over),
        opening_severity=pl.col("severity").first().over(over),
        late_months_a_spell=pl.col("late_months") / pl.col("late_spells").replace(0, None),
    )
    known = _with_spell(known)
    if person is not None:
        known = _with_others(known, person)
    return known.drop("_late", "_run", "_starts", "_cured", "_late_on")


def _with_spell(known: pl.DataFrame) -> pl.DataFrame:
    """What the spell of late months tells that each late row is in."""
    spell = ["account_id", "late_spells"]
    in_spell = known.filter(pl.col("_late") == 1).select(
        "account_id",
        "month",
        spell_months=pl.int_range(1, pl.len() + 1).over(spell),
        spell_severity_before=pl.col("previous_severity_1").first().over(spell),
        spell_severity_first=pl.col("severity").first().over(spell),
        spell_severity_worst=pl.col("severity").cum_max().over(spell),
    )
    return known.join(in_spell, on=["account_id", "month"], how="left", maintain_order="left")


def _with_others(known: pl.DataFrame, person: str) -> pl.DataFrame:
    """What the same person's other accounts are like in the same month."""
    sums = {
        "other_accounts": pl.len().cast(pl.Int64),
        "others_late_now": pl.col("_late").sum(),
        "others_late_months_12": pl.col(f"late_months_{HISTORY_MONTHS}").sum(),
        "others_late_months": pl.col("late_months").sum(),
        "others_cures": pl.col("cures").sum(),
    }
    own = {
        "other_accounts": pl.lit(1),
        "others_late_now": pl.col("_late"),
        "others_late_months_12": pl.col(f"late_months_{HISTORY_MONTHS}"),
        "others_late_months": pl.col("late_months"),
        "others_cures": pl.col("cures"),
    }
    whole = known.group_by(person, "month").agg(**sums)
    return (
        known.join(whole, on=[person, "month"], how="left", maintain_order="left")
        .with_columns((pl.col(name) - mine).alias(name) for name, mine in own.items())
        .with_columns(
            others_cure_share=pl.col("others_cures") / pl.col("others_late_months").replace(0, None)
        )
    )


HISTORY_INPUTS = (
    "severity",
    "months_on_book",
    "duration",
    "previous_severity_1",
    "previous_severity_2",
    "late_months_3",
    "late_months_6",
    "late_months_12",
    "late_months",
    "late_spells",
    "late_share",
    "cures",
    "cure_share",
    "months_since_late",
    "worst_severity",
)
"""The columns that ``with_history`` adds, as inputs of a score."""

SPELL_INPUTS = (
    "spell_months",
    "spell_severity_before",
    "spell_severity_first",
    "spell_severity_worst",
    "severity_change_3",
    "severity_sum",
    "opening_severity",
    "late_months_a_spell",
)
"""More of what it adds: of the late spell an account is in, and of all its late months."""

OTHERS_INPUTS = (
    "other_accounts",
    "others_late_now",
    "others_late_months_12",
    "others_late_months",
    "others_cures",
    "others_cure_share",
)
"""What it adds with a person."""


def next_states(panel: pl.DataFrame, months: int, *, keys: Sequence[str] = ()) -> pl.DataFrame:
    """The panel's rows with ``next_state``, the state so many months later, as far as the panel reaches;
    ``gone`` where the account is in the book no longer.
    """
    last = panel["month"].max()
    later = panel.select("account_id", pl.col("month") - months, next_state=pl.col("state").cast(pl.String))
    rows = panel.filter(pl.col("month") + months <= pl.lit(last))
    return rows.join(later, on=["account_id", "month"], how="left", maintain_order="left").with_columns(
        pl.col("next_state").fill_null(GONE)
    )
