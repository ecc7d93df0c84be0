"""From typed frames to the sorted integer arrays that the kernels walk, and what is known of each account at
a time.

One place decides which rows count: those known at ``known_at``, without the payments that a known reversal
undoes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import Index, hashes
from dunwell.book.tables import HOLD_KINDS
from dunwell.calendars import FIRST_DAY_NUMBER, DayCount, day_units_table, units_per_year
from dunwell.compiling import compiled
from dunwell.ledger import kernel
from dunwell.ledger.queue import COMPONENT_CODES
from dunwell.ledger.terms import Allocation, Terms

Ints = NDArray[np.int64]
Array = NDArray[Any]

UNKNOWN_ACCOUNT_OPENS_ON = kernel.OPEN_END
"""Where an account is not known yet: it opens on no day that anybody asks for."""

_CHARGE_COMPONENTS = {
    "late_fee": COMPONENT_CODES["fees"],
    "other": COMPONENT_CODES["fees"],
    "legal_cost": COMPONENT_CODES["costs"],
}
_DAY_COUNTS = list(DayCount)
_WIDE = 2**62

Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)
_AS_WRITTEN = pl.QueryOptFlags._eager()


@dataclass(frozen=True, slots=True)
class ProductArrays:
    """The terms of all products in key order, and the same coded for the kernel."""

    terms: tuple[Terms, ...]
    coded: kernel.Products


def product_arrays(terms: Mapping[str, Terms]) -> ProductArrays:
    """Every product's terms, coded for the kernel."""
    ordered = tuple(terms[product] for product in sorted(terms))
    count, switches = len(ordered), max([len(t.waterfall_after) for t in ordered] + [1])
    basis = np.zeros(count, np.int64)
    stops = np.zeros((count, len(HOLD_KINDS)), np.bool_)
    switch_days = np.full((count, switches), kernel.OPEN_END, np.int64)
    switch_is_legal = np.zeros((count, switches), np.bool_)
    waterfalls = np.zeros((count, switches + 1, 5), np.int64)
    for k, product in enumerate(ordered):
        if product.penalty is not None:
            basis[k] = sum(
                1 << COMPONENT_CODES[component] for component in product.penalty.accruing_components
            )
            stops[k, [HOLD_KINDS.index(kind) for kind in product.penalty.stop_accrual]] = True
        for s, order in enumerate(
            (product.waterfall, *(switch.waterfall for switch in product.waterfall_after))
        ):
            waterfalls[k, s] = [COMPONENT_CODES[component] for component in order]
        for s, switch in enumerate(product.waterfall_after):
            switch_is_legal[k, s] = switch.in_legal_stage
            switch_days[k, s] = kernel.OPEN_END if switch.past_due_days is None else switch.past_due_days
    coded = kernel.Products(
        day_count=np.array([_DAY_COUNTS.index(t.day_count) for t in ordered], np.int64),
        is_component_first=np.array([t.allocation is Allocation.COMPONENT_FIRST for t in ordered], np.bool_),
        grace=np.array([t.grace_days for t in ordered], np.int64),
        materiality=np.array([t.materiality_minor for t in ordered], np.int64),
        basis=basis,
        stops=stops,
        has_stops=stops.any(axis=1),
        switch_days=switch_days,
        switch_is_legal=switch_is_legal,
        switch_count=np.array([len(t.waterfall_after) for t in ordered], np.int64),
        waterfalls=waterfalls,
    )
    return ProductArrays(ordered, coded)


@cache
def unit_tables() -> Ints:
    """The running day-count totals of every convention, a row a convention in DayCount's order."""
    return read_only(np.stack([day_units_table(day_count) for day_count in _DAY_COUNTS]))


def account_arrays(
    accounts: pl.DataFrame, products: ProductArrays, known_at: datetime | None
) -> kernel.Accounts:
    """Codes and rates of the accounts frame. Accounts recorded after ``known_at`` open on no day."""
    index = pl.DataFrame(
        {"product": [t.product for t in products.terms], "index": np.arange(len(products.terms))},
        schema={"product": pl.String, "index": pl.Int64},
    )
    product = (
        accounts.select("product")
        .join(index, on="product", how="left", maintain_order="left")["index"]
        .to_numpy()
    )
    opened = day_numbers(accounts["opened_on"])
    if known_at is not None:
        opened = np.where(
            accounts.select(pl.col("recorded_at") <= known_at).to_series().to_numpy(),
            opened,
            UNKNOWN_ACCOUNT_OPENS_ON,
        )
    rates = accounts["annual_rate_ppb"].fill_null(0).to_numpy()
    rate_num, rate_den = _penalty_rates(products.terms, product, rates)
    cap_num, cap_den = _cap_rates(products.terms, product)
    unit_den = _unit_denominators(rate_num, rate_den, cap_num, cap_den)
    columns = (
        product,
        opened,
        accounts["principal_minor"].to_numpy(),
        rate_num,
        rate_den,
        cap_num,
        cap_den,
        unit_den,
    )
    return kernel.Accounts(*(read_only(column) for column in columns))


def _penalty_rates(terms: Sequence[Terms], product: Ints, rate_ppb: Ints) -> tuple[Ints, Ints]:
    """Penalty per unit of balance and day-count unit, reduced. Where 64 bits could overflow the denominator
    is 0 for the moment.
    """
    numerators, denominators = np.zeros(len(product), np.int64), np.ones(len(product), np.int64)
    for k, product_terms in enumerate(terms):
        penalty = product_terms.penalty
        mine = product == k
        if penalty is None or not mine.any():
            continue
        per_year = units_per_year(product_terms.day_count)
        if penalty.annual is not None:
            fraction = penalty.annual / per_year
            numerators[mine], denominators[mine] = _fits(fraction)
            continue
        factor = (penalty.multiple or Fraction(0)) / (10**9 * per_year)
        mine_rates = rate_ppb[mine]
        if int(mine_rates.max()) * factor.numerator >= _WIDE or factor.denominator >= _WIDE:
            pairs = [_fits(int(rate) * factor) for rate in mine_rates]
            numerators[mine], denominators[mine] = (
                np.array([p[0] for p in pairs]),
                np.array([p[1] for p in pairs]),
            )
            continue
        raw = mine_rates * factor.numerator
        common = np.gcd(raw, factor.denominator)
        numerators[mine], denominators[mine] = raw // common, factor.denominator // common
    return numerators, denominators


def _fits(fraction: Fraction) -> tuple[int, int]:
    return (
        (fraction.numerator, fraction.denominator)
        if fraction.numerator < _WIDE and fraction.denominator < _WIDE
        else (0, 0)
    )


def _cap_rates(terms: Sequence[Terms], product: Ints) -> tuple[Ints, Ints]:
    numerators, denominators = np.full(len(terms), -1, np.int64), np.ones(len(terms), np.int64)
    for k, product_terms in enumerate(terms):
        if product_terms.annual_cap is not None:
            numerators[k], denominators[k] = _fits(
                product_terms.annual_cap / units_per_year(product_terms.day_count)
            )
    return numerators[product], denominators[product]


def _unit_denominators(rate_num: Ints, rate_den: Ints, cap_num: Ints, cap_den: Ints) -> Ints:
    """The least common denominator of both rates an account, 0 where a product of the kernel could leave 64
    bits. Mends zero denominators.
    """
    too_wide = (rate_den == 0) | (cap_den == 0)
    rate_den[too_wide] = 1
    cap_den[too_wide] = 1
    shared = np.gcd(rate_den, cap_den)
    wide = rate_den.astype(np.float64) / shared * cap_den >= _WIDE / 4
    wide |= rate_den.astype(np.float64) * rate_num >= _WIDE
    wide |= cap_den.astype(np.float64) * cap_num >= _WIDE
    too_wide |= wide
    return np.where(too_wide, 0, np.where(wide, 1, rate_den // shared) * np.where(wide, 1, cap_den))


def event_arrays(
    tables: Mapping[str, pl.DataFrame], account_count: int, known_at: datetime | None
) -> kernel.Events:
    """The rows known at ``known_at`` (all of them when None), payments undone by a known reversal left out."""
    instalments = known(tables["instalments"], known_at)
    charges = known(tables["charges"], known_at)
    payments = standing_payments(known(tables["payments"], known_at))
    holds = known(tables["holds"], known_at)
    component = charges["kind"].replace_strict(_CHARGE_COMPONENTS, return_dtype=pl.Int64)
    hold_kind = holds["kind"].replace_strict(
        {kind: code for code, kind in enumerate(HOLD_KINDS)}, return_dtype=pl.Int64
    )
    events = kernel.Events(
        instalment_offsets=offsets(instalments, account_count),
        instalment_due=day_numbers(instalments["due_on"]),
        instalment_principal=instalments["principal_minor"].to_numpy(),
        instalment_interest=instalments["interest_minor"].to_numpy(),
        instalment_fees=instalments["fees_minor"].to_numpy(),
        charge_offsets=offsets(charges, account_count),
        charge_on=day_numbers(charges["charged_on"]),
        charge_component=component.to_numpy(),
        charge_amount=charges["amount_minor"].to_numpy(),
        payment_offsets=offsets(payments, account_count),
        payment_on=day_numbers(payments["paid_on"]),
        payment_amount=payments["amount_minor"].to_numpy(),
        payment_is_chargeback=(payments["kind"] == "chargeback").to_numpy(),
        hold_offsets=offsets(holds, account_count),
        hold_kind=hold_kind.to_numpy(),
        hold_from=day_numbers(holds["from_on"]),
        hold_to=day_numbers(holds["to_on"], missing=kernel.OPEN_END),
    )
    return kernel.Events(*(read_only(column) for column in events))


def debts_most(events: kernel.Events) -> int:
    """The most rows of events that one account has, at least 1."""
    counts = (
        np.diff(events.instalment_offsets) + np.diff(events.charge_offsets) + np.diff(events.payment_offsets)
    )
    return max(1, int(counts.max(initial=0)))


class Kind(NamedTuple):
    """What policy texts go by: the customer's jurisdiction and region (None: not told), the product, the currency."""

    jurisdiction: str | None
    region: str | None
    product: str
    currency: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """The different kinds of account in a partition, few beside its accounts, and the kind of each account."""

    different: Sequence[Kind]
    of: Array

    def numbers(self, decide: Callable[[Kind], int]) -> Ints:
        """What is decided for the kind of each account."""
        decided = np.array([decide(kind) for kind in self.different], np.int64)
        return np.full(len(self.of), decided[0]) if len(decided) == 1 else decided[self.of]

    def of_account(self, account: int) -> Kind:
        """The kind of one account."""
        return self.different[int(self.of[account])]

    def of_rows(self, are_kept: NDArray[np.bool_]) -> "Kinds":
        """The same of some accounts."""
        return Kinds(self.different, self.of[are_kept])


_NO_CUSTOMERS = pl.DataFrame(schema={"customer_id": pl.String})


def account_kinds(tables: Mapping[str, pl.DataFrame]) -> Kinds:
    """The kinds of a partition's accounts, of no place where there are no customers beside them."""
    accounts = tables["accounts"]
    customers = tables.get("customers", _NO_CUSTOMERS)
    row = Index(hashes(customers["customer_id"])).find(hashes(accounts["customer_id"]))
    places = customers.select(_told(customers, name) for name in ("jurisdiction", "region"))
    are_there = bool((row >= 0).all())
    found = (
        pl.Series(row) if are_there else pl.select(pl.when(pl.Series(row >= 0)).then(pl.Series(row)))[:, 0]
    )
    rows = places.select(pl.all().gather(found)).with_columns(
        _told(accounts, name) for name in ("product", "currency")
    )
    different = rows.unique(maintain_order=True)
    kinds = [Kind(*kind) for kind in different.rows()]
    if len(kinds) < 2:
        return Kinds(kinds, np.zeros(rows.height, np.int8))
    numbered = different.with_row_index("kind")
    of = rows.join(numbered, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")["kind"]
    return Kinds(kinds, of.to_numpy())


def _told(rows: pl.DataFrame, name: str) -> pl.Series:
    return (
        rows[name]
        if name in rows.columns
        else pl.Series(name, [None], pl.String).new_from_index(0, rows.height)
    )


def known(rows: Rows, known_at: datetime | None) -> Rows:
    """The rows recorded at or before ``known_at``; every row when it is None."""
    return rows if known_at is None else rows.filter(pl.col("recorded_at") <= known_at)


def worked_out(query: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a query, its steps done as they are written, as Polars does those of frames: where the rows are one person's,
    planning costs more than the work.
    """
    return query.collect(optimizations=_AS_WRITTEN)


def standing_payments(payments: pl.DataFrame) -> pl.DataFrame:
    """Payments and chargebacks that stand: a reversed payment never happened, whatever the reversal's own
    date.
    """
    is_reversal = payments["kind"] == "reversal"
    if not is_reversal.any():
        return payments
    key, target = (
        ("payment_id", "reverses") if "payment_id" in payments.columns else ("payment_key", "reverses_key")
    )
    undone = payments.filter(is_reversal).select("account_row", pl.col(target).alias(key))
    return payments.filter(~is_reversal).join(
        undone, on=["account_row", key], how="anti", maintain_order="left"
    )


def offsets(rows: pl.DataFrame, account_count: int) -> Ints:
    """Where each account's rows begin in a frame sorted by account_row; one more entry for the end."""
    result = np.zeros(account_count + 1, np.int64)
    _count(rows["account_row"].to_numpy(), result)
    return result


@compiled()
def _count(owners: Any, ends: Any) -> None:
    """Raise ``ends``, one more than there are owners, to where the rows of each owner end."""
    for owner in owners:
        ends[owner + 1] += 1
    for k in range(1, len(ends)):
        ends[k] += ends[k - 1]


def day_numbers(days: pl.Series, missing: int | None = None) -> NDArray[np.int32]:
    """Days since 1970-01-01; null days become ``missing``."""
    numbers = days.to_physical().cast(pl.Int32)
    return (numbers if missing is None else numbers.fill_null(missing)).to_numpy()


def read_only(array: Array) -> Array:
    """The same array read-only and contiguous, so that the compiled kernel meets one type whatever frame it
    came from.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


BASE_DAY = FIRST_DAY_NUMBER
"""The day number of the first row of every unit table."""
