"""Why an account's figures differ between two days: what fell due, what was paid, what was corrected, what
accrued.

Three settlements tell the causes apart: as believed on the first day; as of the first day by what was known
on the second (the difference is correction, back-dated payments and reversals); as of the second day. What
lies between the last two are the events of the days themselves, the passing of time, and penalty. Of accounts whose
contracts were changed the changes and their classes are told as well (``class_changes``).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl

from dunwell.ledger import kernel
from dunwell.ledger.arrays import Ints, standing_payments
from dunwell.ledger.class_changes import class_reasons
from dunwell.ledger.positions import Settled, money_column, positions_frame, scale_factors, settle_partition
from dunwell.ledger.terms import Terms

_COMPARED = (
    "past_due_days",
    "delinquent_days",
    "due_principal",
    "due_interest",
    "due_fees",
    "due_costs",
    "penalty",
    "past_due_total",
    "outstanding_principal",
    "payoff_total",
    "unallocated_credit",
    "waived_by_cap",
)
_SHOWN = ("past_due_days", "delinquent_days", "past_due_total", "payoff_total")

REASONS = (
    "new account",
    "correction",
    "new instalment",
    "charge",
    "chargeback",
    "payment",
    "pause",
    "accrual",
    "cap",
    "ageing",
    "modification",
    "class",
)
"""The causes told apart, in the order in which they are listed."""


def explain_changes(
    tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], first_day: date, second_day: date
) -> pl.DataFrame:
    """A row for each account of the partition whose figures differ between the two days, with the reasons.

    ``tables`` as for ``settle_partition``; give rows of unknown recording time a ``recorded_at`` in the
    distant past, so that they count as known when they happened. Columns: account_id, currency, for each of
    past_due_days, delinquent_days, past_due_total and payoff_total ``*_before`` (null for a new account) and
    ``*_after``, and ``reasons``: a list of {reason, on, amount, detail}, reason one of REASONS, amount what it
    adds to the debt (below 0: takes off; for cap: what more is waived), null where no money moved.
    """
    believed_at, known_at = _end_of(first_day), _end_of(second_day)
    believed: Settled[None] = settle_partition(tables, terms, first_day, believed_at)
    corrected: Settled[None] = settle_partition(tables, terms, first_day, known_at)
    after: Settled[None] = settle_partition(tables, terms, second_day, known_at)
    before_frame = positions_frame(believed, tables, terms, first_day)
    after_frame = positions_frame(after, tables, terms, second_day)
    joined = after_frame.join(
        before_frame, on="account_id", how="left", suffix="_before", maintain_order="left"
    )
    is_different = pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_before")) for c in _COMPARED)
    rows = tables["accounts"].select("account_id").with_row_index("account_row")
    classes = class_reasons(tables, terms, (first_day, believed_at), (second_day, known_at))
    is_reclassed = pl.col("account_row").is_in(classes["account_row"].implode())
    changed = joined.join(rows, on="account_id", maintain_order="left").filter(is_different | is_reclassed)
    found = [*_reasons(tables, corrected, after, believed, first_day, second_day), classes]
    reasons = _in_order(found).join(changed.select("account_row"), on="account_row", how="semi")
    listed = (
        _in_major_units(reasons, tables["accounts"])
        .group_by("account_row", maintain_order=True)
        .agg(pl.struct("reason", "on", "amount", "detail").alias("reasons"))
    )
    return changed.join(listed, on="account_row", how="left", maintain_order="left").select(
        "account_id",
        "currency",
        *[column for name in _SHOWN for column in (f"{name}_before", pl.col(name).alias(f"{name}_after"))],
        "reasons",
    )


def _reasons(
    tables: Mapping[str, pl.DataFrame],
    corrected: Settled[None],
    after: Settled[None],
    believed: Settled[None],
    first_day: date,
    second_day: date,
) -> list[pl.DataFrame]:
    """Every cause of a difference: account_row, reason, on, amount_minor, detail.

    The amount is what the cause adds to the debt, below 0 for what it takes off; null where no money moved.
    """
    return [
        _opened(believed, after),
        *_corrections(tables, first_day, second_day),
        *_events(tables, first_day, second_day),
        _differences(
            "accrual",
            _accrued(after) - _accrued(corrected),
            pl.format("penalty interest of the days up to {}", pl.lit(str(second_day))),
        ),
        _differences(
            "cap",
            after.figures[:, kernel.OUT_WAIVED] - corrected.figures[:, kernel.OUT_WAIVED],
            pl.lit("more (or less) is waived by the cap"),
        ),
        _ageing(after, (second_day - first_day).days),
    ]


def _in_order(found: list[pl.DataFrame]) -> pl.DataFrame:
    """Causes by account, in the order of REASONS."""
    order = pl.Enum(REASONS)
    return pl.concat([f.select(_cast()) for f in found]).sort(
        "account_row", pl.col("reason").cast(order), "on", "detail", maintain_order=True
    )


def _cast() -> list[pl.Expr]:
    return [
        pl.col("account_row").cast(pl.UInt32),
        pl.col("reason").cast(pl.String),
        pl.col("on").cast(pl.Date),
        pl.col("amount_minor").cast(pl.Int64),
        pl.col("detail").cast(pl.String),
    ]


def _accrued(settled: Settled[None]) -> Ints:
    """Penalty accrued over the life so far: what is owed, what was paid of it."""
    return settled.figures[:, kernel.OUT_PENALTY] + settled.figures[:, kernel.OUT_PENALTY_PAID]


def _differences(reason: str, amounts: Ints, detail: pl.Expr) -> pl.DataFrame:
    rows = np.flatnonzero(amounts)
    return pl.DataFrame({"account_row": rows, "amount_minor": amounts[rows]}).select(
        "account_row",
        pl.lit(reason).alias("reason"),
        pl.lit(None).alias("on"),
        "amount_minor",
        detail.alias("detail"),
    )


def _opened(believed: Settled[None], after: Settled[None]) -> pl.DataFrame:
    is_new = (believed.figures[:, kernel.OUT_STATE] == kernel.NOT_OPENED) & (
        after.figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED
    )
    return _differences(
        "new account", is_new.astype(np.int64), pl.lit("opened, or first known of, between the days")
    ).with_columns(amount_minor=pl.lit(None))


def _ageing(after: Settled[None], days: int) -> pl.DataFrame:
    is_past_due = after.figures[:, kernel.OUT_PAST_DUE_DAYS] > 0
    went_by = "1 day went by" if days == 1 else f"{days} days went by"
    return _differences("ageing", is_past_due.astype(np.int64), pl.lit(went_by)).with_columns(
        amount_minor=pl.lit(None)
    )


def _corrections(tables: Mapping[str, pl.DataFrame], first_day: date, second_day: date) -> list[pl.DataFrame]:
    """Rows that took effect by the first day but were learned of after it, and reversals learned of after it."""
    is_late = pl.col("recorded_at").is_between(_end_of(first_day), _end_of(second_day), closed="right")
    recorded = pl.col("recorded_at").dt.date().cast(pl.String)
    found = []
    for table, on, name, amount in (
        (
            "instalments",
            "due_on",
            pl.format("instalment {}", "number"),
            pl.sum_horizontal("principal_minor", "interest_minor", "fees_minor"),
        ),
        ("charges", "charged_on", pl.format("{} {}", "kind", "charge_id"), pl.col("amount_minor")),
        ("holds", "from_on", pl.format("{} {}", "kind", "hold_id"), pl.lit(None, dtype=pl.Int64)),
        ("payments", "paid_on", pl.format("{} {}", "kind", "payment_id"), _added_to_debt(pl.col("kind"))),
    ):
        rows = tables[table].filter(is_late)
        if table == "payments":
            reversals = rows.filter(pl.col("kind") == "reversal").join(
                tables["payments"].select(
                    "account_row", reverses="payment_id", undone_on="paid_on", undone="kind"
                ),
                on=["account_row", "reverses"],
            )
            found.append(
                reversals.filter(pl.col("undone_on") <= first_day).select(
                    "account_row",
                    pl.lit("correction").alias("reason"),
                    pl.col("undone_on").alias("on"),
                    -_added_to_debt(pl.col("undone")),
                    pl.format(
                        "{} {} reversed by {}, recorded {}", "undone", "reverses", "payment_id", recorded
                    ).alias("detail"),
                )
            )
            rows = rows.filter(pl.col("kind") != "reversal")
        found.append(
            rows.filter(pl.col(on) <= first_day).select(
                "account_row",
                pl.lit("correction").alias("reason"),
                pl.col(on).alias("on"),
                amount.alias("amount_minor"),
                pl.format("{}, recorded {}", name, recorded).alias("detail"),
            )
        )
    return found


def _added_to_debt(kind: pl.Expr) -> pl.Expr:
    """A row of payments as what it adds to the debt: a chargeback adds its amount, a payment takes it off."""
    return pl.when(kind == "chargeback").then("amount_minor").otherwise(-pl.col("amount_minor"))


def _events(tables: Mapping[str, pl.DataFrame], first_day: date, second_day: date) -> list[pl.DataFrame]:
    """What fell due, was paid, charged or paused between the days, by what was known at the end."""
    is_known = pl.col("recorded_at") <= _end_of(second_day)
    payments = standing_payments(tables["payments"].filter(is_known))

    def happens(column: str) -> pl.Expr:
        return pl.col(column).is_between(first_day, second_day, closed="right")

    def falls_due(column: str) -> pl.Expr:
        # What fell due on the first day is past due only after it; learned of later, it is a correction.
        was_known = pl.col("recorded_at") <= _end_of(first_day)
        return happens(column) | ((pl.col(column) == first_day) & was_known)

    found = []
    for rows, reason, on, name, amount in (
        (
            tables["instalments"].filter(is_known, falls_due("due_on")),
            "new instalment",
            "due_on",
            pl.format("instalment {}", "number"),
            pl.sum_horizontal("principal_minor", "interest_minor", "fees_minor"),
        ),
        (
            tables["charges"].filter(is_known, falls_due("charged_on")),
            "charge",
            "charged_on",
            pl.format("{} {}", "kind", "charge_id"),
            pl.col("amount_minor"),
        ),
        (
            payments.filter(falls_due("paid_on"), pl.col("kind") == "chargeback"),
            "chargeback",
            "paid_on",
            pl.format("chargeback {}", "payment_id"),
            pl.col("amount_minor"),
        ),
        (
            payments.filter(happens("paid_on"), pl.col("kind") == "payment"),
            "payment",
            "paid_on",
            pl.format("payment {}", "payment_id"),
            -pl.col("amount_minor"),
        ),
        (
            tables["holds"].filter(
                is_known,
                pl.col("kind") == "pause",
                pl.col("from_on") < second_day,
                pl.col("to_on").is_null() | (pl.col("to_on") > first_day),
            ),
            "pause",
            "from_on",
            pl.format("pause {} stops the clock", "hold_id"),
            pl.lit(None, dtype=pl.Int64),
        ),
    ):
        found.append(
            rows.select(
                "account_row",
                pl.lit(reason).alias("reason"),
                pl.col(on).alias("on"),
                amount.alias("amount_minor"),
                name.alias("detail"),
            )
        )
    return found


def _in_major_units(reasons: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    scale = scale_factors(accounts["currency"])[reasons["account_row"].to_numpy()]
    amounts = money_column(reasons["amount_minor"].fill_null(0).to_numpy() * scale)
    return reasons.with_columns(amount=pl.when(pl.col("amount_minor").is_not_null()).then(amounts))


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)
