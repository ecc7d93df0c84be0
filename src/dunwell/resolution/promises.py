"""Promises to pay: what was promised, and how each stands as of a day, a pure function of events and policy.

A promise is never changed and never deleted: it is made, and may be withdrawn or superseded, by events. It covers one debt of
a customer or several in one currency. ``promises_as_of`` judges a whole partition of the book, ``judge_promises`` any frames of
promises and payments, ``judge_customer`` one customer's events; all three are the same walk. Money counts once, and only from the
moment of the promise on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from dunwell.book.promised import ACCOUNT_IDS, with_account_ids
from dunwell.calendars import day_number
from dunwell.law.civil_days import home_zones, local_day
from dunwell.ledger.arrays import known, standing_payments, worked_out
from dunwell.money import CURRENCIES
from dunwell.resolution.promise_kernel import (
    LAST_DAY,
    NEVER,
    NO_DAY,
    Money,
    Outcome,
    Parts,
    Promises,
    walk_promises,
)
from dunwell.resolution.promise_policy import SHARE_UNITS, PromisePolicy, read_promise_policy
from dunwell.resolution.promise_telling import MONEY, PROMISE_COLUMNS, told

__all__ = [
    "MONEY",
    "PROMISE_COLUMNS",
    "Cancelled",
    "Part",
    "Promise",
    "PromiseState",
    "Received",
    "judge_customer",
    "judge_promises",
    "promises_as_of",
]

_INSTANT = pl.Datetime("us", "UTC")
_PROMISES: Mapping[str, Any] = {
    "promise_id": pl.String,
    "account_id": pl.String,
    "customer_id": pl.String,
    "currency": pl.String,
    "timezone": pl.String,
    "made_at": _INSTANT,
    "due_on": pl.Date,
    "amount_minor": pl.Int64,
    "account_ids": ACCOUNT_IDS,
    "contact_id": pl.String,
    "made_by": pl.String,
    "recorded_at": _INSTANT,
}
_CANCELLATIONS: Mapping[str, Any] = {
    "promise_id": pl.String,
    "account_id": pl.String,
    "at": _INSTANT,
    "reason": pl.String,
    "superseded_by": pl.String,
    "recorded_at": _INSTANT,
}
_PAYMENTS: Mapping[str, Any] = {
    "account_id": pl.String,
    "payment_id": pl.String,
    "paid_on": pl.Date,
    "amount_minor": pl.Int64,
    "recorded_at": _INSTANT,
}
_PAID = ("payment_id", "paid_on", "amount_minor", "recorded_at")
_MADE = ("account_row", "promise_id", "made_at", "due_on", "amount_minor", "recorded_at")
_MAY_BE_SAID: Mapping[str, Any] = {
    "account_ids": ACCOUNT_IDS,
    **dict.fromkeys(("part_of", "contact_id", "made_by", "cancel_reason", "superseded_by"), pl.String),
    "cancelled_at": _INSTANT,
}


class PromiseState(StrEnum):
    """How a promise stands. Partly kept is broken with something paid: it counts as not kept."""

    OPEN = "open"
    KEPT = "kept"
    PARTLY_KEPT = "partly_kept"
    BROKEN = "broken"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be paid by when."""

    amount_minor: int
    due_on: date

    def __post_init__(self) -> None:
        if self.amount_minor < 1:
            raise ValueError(f"a part of {self.amount_minor} minor units is no promise. Write 1 or more")


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise as it was made: by whom (``made_by``), in which contact, when, in one part or several.

    ``recorded_at``: when we learned of it; the moment it was made when None. ``account_ids``: the debts it covers; where somebody
    has but one, its name does not matter.
    """

    promise_id: str
    made_at: datetime
    parts: tuple[Part, ...]
    contact_id: str | None = None
    made_by: str | None = None
    recorded_at: datetime | None = None
    account_ids: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if self.made_at.tzinfo is None:
            raise ValueError(
                f"promise {self.promise_id}: made_at has no offset. Write an instant with its zone"
            )
        if not self.parts:
            raise ValueError(f"promise {self.promise_id}: nothing is promised. Write one part or more")
        if not self.account_ids:
            raise ValueError(f"promise {self.promise_id}: it covers no debt. Name one account or more")


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A promise withdrawn, for a reason, or superseded by a later one. It does not undo what was kept or broken before."""

    promise_id: str
    at: datetime
    reason: str
    superseded_by: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Money received on a day, or (``reverses``) that of an earlier payment taken back: a reversal. ``kind`` as in a tape.

    ``account_id``: the debt it was paid on; where somebody has but one, its name does not matter.
    """

    payment_id: str
    paid_on: date
    amount_minor: int
    recorded_at: datetime
    kind: str = "payment"
    reverses: str | None = None
    account_id: str = ""


def promises_as_of(
    tables: Mapping[str, pl.DataFrame],
    as_of: date,
    known_at: datetime | None = None,
    policy: PromisePolicy | None = None,
) -> pl.DataFrame:
    """Every promise of a partition that had been made by the end of a day, as known at an instant (None: all that is recorded).

    ``tables``: the book's. Returns the columns of PROMISE_COLUMNS, one row a promise, by account and promise_id. The policy is
    the house's when None.
    """
    customers = home_zones(tables).lazy()
    accounts = worked_out(
        tables["accounts"]
        .lazy()
        .select("account_id", "customer_id", "currency")
        .with_row_index("account_row")
        .join(customers, on="customer_id", how="left", maintain_order="left")
    )
    rows = worked_out(
        _as_made(tables["promises"])
        .join(accounts.lazy(), on="account_row", how="left", maintain_order="left")
        .with_columns(pl.coalesce("part_of", "promise_id").alias("promise_id"))
    )
    owners = accounts.lazy().join(rows.lazy().select("customer_id").unique(), on="customer_id", how="semi")
    payments = tables["payments"].lazy().select("account_row", *_PAID, "kind", "reverses")
    payments = payments.join(
        owners.select("account_row"), on="account_row", how="semi", maintain_order="left"
    )
    paid = standing_payments(worked_out(known(payments, known_at))).join(
        accounts.select("account_row", "account_id"), on="account_row", how="left", maintain_order="left"
    )
    cancelled = rows.filter(rows["cancelled_at"].is_not_null())
    cancellations = cancelled.select(
        "promise_id",
        "account_id",
        pl.col("cancelled_at").alias("at"),
        pl.coalesce("cancel_reason", pl.lit("withdrawn")).alias("reason"),
        "superseded_by",
        pl.max_horizontal("recorded_at", "cancelled_at").alias("recorded_at"),
    )
    judged = judge_promises(rows, paid, cancellations, as_of, known_at, policy)
    spoilt = tables["accounts"]["account_id"].filter(tables["accounts"]["is_incomplete"])
    if not len(spoilt):
        return judged
    return judged.with_columns(
        pl.when(pl.col("account_ids").list.eval(pl.element().is_in(spoilt.implode())).list.any())
        .then(pl.format("{}; payments of the account are in quarantine, so this may be wrong", "reason"))
        .otherwise("reason")
        .alias("reason")
    )


def judge_promises(
    promises: pl.DataFrame,
    payments: pl.DataFrame,
    cancellations: pl.DataFrame | None,
    as_of: date,
    known_at: datetime | None = None,
    policy: PromisePolicy | None = None,
) -> pl.DataFrame:
    """How promises stand; columns as in promises_as_of.

    ``promises``: promise_id, account_id, customer_id, currency, timezone, made_at, due_on, amount_minor, contact_id, made_by,
    recorded_at, a row a part, and account_ids where they cover more debts than account_id. ``payments``: account_id, payment_id,
    paid_on, amount_minor, recorded_at and kind; reversed ones left out already. ``cancellations``: promise_id, account_id, at,
    reason, superseded_by, recorded_at.
    """
    policy = policy or read_promise_policy()
    made = known(with_account_ids(promises).select(*_PROMISES), known_at)
    ruled = _with_rules(_with_made_on(made, as_of), policy)
    order = ("customer_id", "due_on", "made_at", "promise_id", "amount_minor", "account_id")
    parts = worked_out(ruled.sort(*order, maintain_order=True))
    money = known(payments, known_at).filter(pl.col("kind").cast(pl.String) == "payment").select(*_PAYMENTS)
    ended = pl.DataFrame(schema=_CANCELLATIONS) if cancellations is None else cancellations
    whole = _promises_of(parts, known(ended.select(*_CANCELLATIONS), known_at), as_of)
    parts = parts.join(
        whole.select("account_id", "promise_id", "row"),
        on=["account_id", "promise_id"],
        how="left",
        maintain_order="left",
    )
    outcome = _walk(parts, money, whole, as_of)
    return told(parts, whole, outcome.credited, outcome.kept_on, outcome.broken_on, as_of)


def judge_customer(
    promises: Sequence[Promise],
    payments: Sequence[Received],
    cancellations: Sequence[Cancelled],
    as_of: date,
    *,
    currency: str,
    timezone: str | None = None,
    known_at: datetime | None = None,
    policy: PromisePolicy | None = None,
) -> pl.DataFrame:
    """How one customer's promises stand, from their events: the walk of the nightly run over a frame of one customer.

    ``currency``: that of their debts; promises in several are judged apart.
    """
    rows = [
        {"customer_id": "", "currency": currency, "timezone": timezone}
        | {"account_id": promise.account_ids[0], "account_ids": list(promise.account_ids)}
        | {"promise_id": promise.promise_id, "made_at": promise.made_at}
        | {"due_on": part.due_on, "amount_minor": part.amount_minor}
        | {"contact_id": promise.contact_id, "made_by": promise.made_by}
        | {"recorded_at": promise.recorded_at or promise.made_at}
        for promise in promises
        for part in promise.parts
    ]
    about = {promise.promise_id: promise.account_ids[0] for promise in promises}
    ended = [
        (c.promise_id, about.get(c.promise_id, ""), c.at, c.reason, c.superseded_by, c.recorded_at or c.at)
        for c in cancellations
    ]
    places = {name: place for place, name in enumerate(sorted({p.account_id for p in payments}))}
    money = [
        (
            places[p.account_id],
            p.account_id,
            p.payment_id,
            p.paid_on,
            p.amount_minor,
            p.recorded_at,
            p.kind,
            p.reverses,
        )
        for p in payments
    ]
    schema = {"account_row": pl.UInt32} | dict(_PAYMENTS) | {"kind": pl.String, "reverses": pl.String}
    received = pl.DataFrame(money, schema=schema, orient="row")
    return judge_promises(
        pl.DataFrame(rows, schema=dict(_PROMISES)),
        standing_payments(known(received, known_at)),
        pl.DataFrame(ended, schema=dict(_CANCELLATIONS), orient="row"),
        as_of,
        known_at,
        policy,
    )


def _as_made(promises: pl.DataFrame) -> pl.LazyFrame:
    """The book's promises without the lender's own columns; those that an older book does not have yet are null."""
    return (
        promises.lazy()
        .select(
            *_MADE,
            *(
                pl.col(name) if name in promises.columns else pl.lit(None, kind).alias(name)
                for name, kind in _MAY_BE_SAID.items()
            ),
        )
        .with_columns(pl.col("account_row").cast(pl.UInt32))
    )


def _with_made_on(promises: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The day on the customer's clock on which each was made; those of later days are not made yet."""
    return promises.with_columns(local_day("made_at", promises["timezone"]).alias("made_on")).filter(
        pl.col("made_on") <= as_of
    )


def _with_rules(parts: pl.DataFrame, policy: PromisePolicy) -> pl.LazyFrame:
    """Each part with its deadline and the least that keeps it, by the rule of the day on which it was made."""
    found = [
        (day, currency, rule.tolerance_ppm, rule.tolerances_minor.get(currency, 0), rule.grace_days)
        for day, currency in parts.select("made_on", "currency").unique().iter_rows()
        for rule in (policy.on(day),)
    ]
    schema = {"made_on": pl.Date, "currency": pl.String}
    schema |= dict.fromkeys(("ppm", "tolerance_minor", "grace_days"), pl.Int64)
    rules = pl.DataFrame(found, schema=schema, orient="row")
    amount, units = pl.col("amount_minor"), SHARE_UNITS
    # floor(amount * ppm / units) without leaving 64 bits.
    by_share = amount // units * pl.col("ppm") + amount % units * pl.col("ppm") // units
    missing = pl.min_horizontal(pl.max_horizontal(by_share, "tolerance_minor"), amount // 5)
    exponents = pl.col("currency").replace_strict(dict(CURRENCIES), default=0, return_dtype=pl.Int64)
    return (
        parts.lazy()
        .join(rules.lazy(), on=["made_on", "currency"], how="left")
        .with_columns(
            pl.max_horizontal(amount - missing, pl.lit(1)).alias("required_minor"),
            (pl.col("due_on") + pl.duration(days="grace_days")).alias("deadline"),
            exponents.alias("exponent"),
        )
    )


def _promises_of(parts: pl.DataFrame, cancellations: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row a promise, by account and id, with the first event that withdrew it by the day."""
    first = cancellations.lazy().sort("at", "reason").unique(["account_id", "promise_id"], keep="first")
    are_several = _are_several(parts)
    whole = (
        parts.lazy()
        .group_by("account_id", "promise_id")
        .agg(
            pl.col("customer_id", "currency", "timezone", "exponent", "contact_id", "made_by").first(),
            *([pl.col("account_ids").explode().unique().sort()] if are_several else []),
            pl.col("made_at").min(),
        )
    )
    if not are_several:
        whole = whole.with_columns(pl.concat_list("account_id").alias("account_ids"))
    whole = whole.join(
        first.drop("recorded_at"), on=["account_id", "promise_id"], how="left", maintain_order="left"
    ).rename({"at": "cancelled_at", "reason": "cancel_reason"})
    return worked_out(
        whole.with_columns(local_day("cancelled_at", parts["timezone"]).alias("cancelled_on"))
        .with_columns(
            pl.when(pl.col("cancelled_on") <= as_of).then(pl.col(name)).alias(name)
            for name in ("cancelled_on", "cancelled_at", "cancel_reason", "superseded_by")
        )
        .sort("account_id", "promise_id")
        .with_row_index("row")
    )


def _are_several(parts: pl.DataFrame) -> bool:
    """Whether a promise covers more debts than the one that it names; lists cost more than columns."""
    return bool((parts["account_ids"].list.len() > 1).any())


def _walk(parts: pl.DataFrame, money: pl.DataFrame, whole: pl.DataFrame, as_of: date) -> Outcome:
    """The compiled walk over the frames' arrays."""
    theirs = parts.lazy().select("customer_id", "account_id", "account_ids").with_row_index("part")
    covered = worked_out(
        theirs.drop("account_id").explode("account_ids")
        if _are_several(parts)
        else theirs.select("part", "customer_id", account_ids="account_id")
    )
    customers = worked_out(
        parts.lazy().select("customer_id").unique().sort("customer_id").with_row_index("customer")
    )
    on_customer: Any = {"on": "customer_id", "how": "left", "maintain_order": "left", "nulls_equal": True}
    each = covered.lazy().select("customer_id", account_id="account_ids").unique().sort("account_id")
    accounts = worked_out(each.with_row_index("account").join(customers.lazy(), **on_customer))
    owners = parts.select("customer_id").join(customers, **on_customer)
    named = covered.join(accounts, left_on="account_ids", right_on="account_id", maintain_order="left")
    paid = worked_out(
        money.lazy()
        .join(accounts.lazy(), on="account_id")
        .sort("customer", "paid_on", "payment_id", "account")
    )
    outcome = Outcome(
        np.zeros(parts.height, np.int64),
        np.full(parts.height, NO_DAY, np.int64),
        np.full(whole.height, NO_DAY, np.int64),
    )
    walk_promises(
        Parts(
            _offsets(owners["customer"], customers.height),
            _ints(parts["row"]),
            _ints(parts["made_on"]),
            _ints(parts["made_at"]),
            _ints(parts["deadline"]),
            _ints(parts["amount_minor"]),
            _ints(parts["required_minor"]),
            _offsets(named["part"], parts.height),
            _ints(named["account"]),
        ),
        Money(
            _offsets(paid["customer"], customers.height),
            _ints(paid["account"]),
            _ints(paid["paid_on"]),
            _ints(paid["recorded_at"]),
            _ints(paid["amount_minor"]),
        ),
        Promises(_ints(whole["cancelled_on"], LAST_DAY), _ints(whole["cancelled_at"], NEVER)),
        day_number(as_of),
        outcome,
    )
    return outcome


def _ints(column: pl.Series, missing: int = 0) -> Any:
    """Days as day numbers, instants as microseconds, counts as they are; read-only, as ``_offsets``, so that the compiled walk
    meets one type whatever frame they came from and is never compiled while somebody waits.
    """
    numbers = column.to_physical()
    if numbers.null_count():
        numbers = numbers.fill_null(missing)
    return _read_only(numbers.to_numpy().astype(np.int64, copy=False))


def _offsets(accounts: pl.Series, count: int) -> Any:
    first = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(accounts.to_numpy(), minlength=count), out=first[1:])
    return _read_only(first)


def _read_only(array: Any) -> Any:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
