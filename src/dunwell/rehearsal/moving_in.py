"""From a tape to debtors: who stands behind the records, each with a nature that fits how they have paid so far."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.book import Tape
from dunwell.calendars import day_number
from dunwell.ledger import positions
from dunwell.ledger.terms import Terms
from dunwell.money import CURRENCIES, minor_exponent
from dunwell.rehearsal.debtor_kernel import NEVER, remember
from dunwell.rehearsal.debtors import (
    NATURE_EASE,
    NATURE_REACH,
    NATURE_RESPONSE,
    NATURE_RISK,
    Debts,
    Habits,
    Persons,
    Schedule,
    normals,
    risks,
    seeded,
)
from dunwell.rehearsal.draws import Floats, Ints
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.world import read_world

_HASH_SEED = 20_261_130
STATEMENTS_AHEAD = 24
_TABLES = ("customers", "accounts", "instalments", "payments", "charges", "holds", "contact_points")


class Census(NamedTuple):
    """What the world knows of a tape: customers (customer_id, timezone, seen), accounts (account_id, customer_id, currency,
    status and what is owed), both in order of their ids, and the schedule of every account.
    """

    customers: pl.DataFrame
    accounts: pl.DataFrame
    schedule: pl.DataFrame


def read_census(tape_folder: Path, terms: Mapping[str, Terms], as_of: date) -> Census:
    """Read a tape as of a day through the book and the ledger, as the product does; rows in quarantine have nobody behind them.

    Raises TapeUnusable.
    """
    tape = Tape(
        tape_folder,
        products={product: text.currency for product, text in terms.items()},
        products_needing_rate=[product for product, text in terms.items() if text.needs_contract_rate],
        imported_at=datetime.combine(as_of, datetime.min.time(), UTC),
        tables=_TABLES,
    )
    with tape:
        return census_of((partition.tables for partition in tape.partitions()), terms, as_of)


def census_of(
    partitions: Iterable[Mapping[str, pl.DataFrame]], terms: Mapping[str, Terms], as_of: date
) -> Census:
    """The people behind the tables of some partitions of a book, as of a day."""
    customers, accounts, schedules = [], [], []
    for tables in partitions:
        customers.append(_customers(tables))
        accounts.append(_accounts(tables, terms, as_of))
        ids = tables["accounts"]["account_id"]
        schedules.append(
            tables["instalments"].select(
                ids.gather(tables["instalments"]["account_row"]).alias("account_id"),
                pl.col("account_row")
                .replace_strict(
                    pl.int_range(ids.len(), eager=True),
                    tables["accounts"]["product"],
                    return_dtype=pl.String,
                )
                .alias("product"),
                "due_on",
                "number",
                "principal_minor",
                "interest_minor",
                "fees_minor",
            )
        )
    has_schedule = pl.concat(schedules)
    people = pl.concat(customers).sort("customer_id")
    debts = pl.concat(accounts).join(has_schedule.select("account_id").unique(), on="account_id", how="semi")
    debts = debts.sort("customer_id", "account_id")
    rows = debts.select("account_id", "credit").with_row_index("debt")
    schedule = has_schedule.join(rows, on="account_id").with_columns(pl.lit(True).alias("is_known"))
    schedule = pl.concat([schedule, _statements_to_come(schedule)], how="diagonal").sort(
        "debt", "due_on", "number"
    )
    compounds = [
        name
        for name, text in terms.items()
        if text.penalty and "interest" in text.penalty.accruing_components
    ]
    basis = pl.col("principal_minor") + pl.when(pl.col("product").is_in(compounds)).then(
        "interest_minor"
    ).otherwise(0)
    whole = pl.col("principal_minor") + pl.col("interest_minor") + pl.col("fees_minor")
    columns = (
        *("debt", "due_on", "number", "is_known"),
        whole.cum_sum().over("debt").alias("sum_minor"),
        basis.cum_sum().over("debt").alias("basis_sum_minor"),
    )
    return Census(people, debts, schedule.select(*columns))


def _statements_to_come(schedule: pl.DataFrame) -> pl.DataFrame:
    """Cards' statements of the months ahead, of about the last one's size."""
    last = schedule.filter(pl.col("credit") == "open_end").group_by("debt", maintain_order=True).last()
    months = last.with_columns(pl.lit(list(range(1, STATEMENTS_AHEAD + 1))).alias("month")).explode("month")
    luck = pl.concat_str("account_id", "month", separator=" ").hash(_HASH_SEED) % 1_000_000 / 1e6
    return months.select(
        "debt",
        "product",
        pl.col("due_on").dt.offset_by(pl.concat_str("month", pl.lit("mo"))).alias("due_on"),
        (pl.col("number") + pl.col("month")).alias("number"),
        (pl.col("principal_minor") * (0.6 + 0.8 * luck))
        .round()
        .cast(pl.Int64)
        .clip(1)
        .alias("principal_minor"),
        pl.lit(0, pl.Int64).alias("interest_minor"),
        pl.lit(0, pl.Int64).alias("fees_minor"),
        pl.lit(False).alias("is_known"),
    )


def _customers(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Each customer with the clock they live by, and what their credit score shows of their risk (0: nothing, in deviations)."""
    zones = (
        tables["contact_points"]
        .filter(pl.col("timezone").is_not_null() & (pl.col("party") == "self"))
        .group_by("customer_id")
        .agg(pl.col("timezone").first().alias("point_zone"))
    )
    found = tables["customers"].join(zones, on="customer_id", how="left", maintain_order="left")
    has_score = "credit_score" in found.columns
    seen = (650 - pl.col("credit_score").cast(pl.Float64, strict=False)) / 85 if has_score else pl.lit(0.0)
    return found.select(
        "customer_id",
        "jurisdiction",
        pl.coalesce("timezone", "point_zone").fill_null("UTC").alias("timezone"),
        seen.fill_null(0.0).alias("seen"),
        pl.col("deceased_on").is_not_null().alias("is_deceased"),
    )


def _accounts(tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], as_of: date) -> pl.DataFrame:
    """Each account with what the ledger says is unpaid, in minor units, and what lateness costs by its product's terms."""
    owed = positions(tables, terms, as_of).frame
    unit = pl.col("currency").replace_strict(
        list(CURRENCIES), [10 ** minor_exponent(name) for name in CURRENCIES], return_dtype=pl.Float64
    )
    unpaid = pl.sum_horizontal(
        pl.col("due_principal", "due_interest", "due_fees", "due_costs").cast(pl.Float64)
    )
    products = pl.DataFrame(
        [_costs_of(name, text) for name, text in terms.items()],
        schema={
            "product": pl.String,
            "credit": pl.String,
            "penalty_annual": pl.Float64,
            "penalty_multiple": pl.Float64,
            "year_days": pl.Float64,
            "late_fee_minor": pl.Int64,
            "late_fee_days": pl.Int64,
        },
        orient="row",
    )
    rate = pl.col("annual_rate_ppb").fill_null(0) / 1e9
    a_day = (pl.col("penalty_annual") + pl.col("penalty_multiple") * rate) / pl.col("year_days")
    return (
        tables["accounts"]
        .select("account_id", "product", "annual_rate_ppb")
        .join(owed, on="account_id", maintain_order="left")
        .join(products, on="product", how="left", maintain_order="left")
        .select(
            "account_id",
            "customer_id",
            "product",
            "currency",
            "status",
            "credit",
            "oldest_due_on",
            "past_due_days",
            (unpaid * unit).round().cast(pl.Int64).alias("unpaid_minor"),
            (pl.col("penalty").cast(pl.Float64) * unit).alias("penalty_minor"),
            (pl.col("unallocated_credit").cast(pl.Float64) * unit)
            .round()
            .cast(pl.Int64)
            .alias("credit_minor"),
            a_day.alias("penalty_a_day"),
            "late_fee_minor",
            "late_fee_days",
        )
    )


def _costs_of(name: str, text: Terms) -> tuple[str, str, float, float, float, int, int]:
    """What lateness costs by a product's terms, and the late fee that its lender takes where the rehearsal knows the product."""
    fee = next(
        ((p.late_fee_minor, p.late_fee_after_days) for p in read_world().products if p.terms.product == name),
        (0, 0),
    )
    annual = float(text.penalty.annual or 0) if text.penalty else 0.0
    multiple = float(text.penalty.multiple or 0) if text.penalty else 0.0
    return (name, text.credit, annual, multiple, 365.0 if "365" in str(text.day_count.value) else 360.0, *fee)


def settle_in(
    census: Census, effects: Effects, habits: Habits, seed: int, as_of: date
) -> tuple[Persons, Debts, Schedule]:
    """The people and debts of a census as they stand at the end of a day."""
    today = day_number(as_of)
    persons = _persons(census, effects, seed)
    schedule = Schedule(
        census.schedule["due_on"].to_physical().to_numpy().astype(np.int32),
        census.schedule["sum_minor"].to_numpy().copy(),
        census.schedule["basis_sum_minor"].to_numpy().copy(),
    )
    debts = _debts(census, persons, schedule, effects, seed, today)
    remember(today, persons, debts, schedule, effects, habits)
    return persons, debts, schedule


def _persons(census: Census, effects: Effects, seed: int) -> Persons:
    customers = census.customers
    keys = seeded(customers["customer_id"].hash(_HASH_SEED).to_numpy(), seed)
    owners = customers.select("customer_id").join(
        census.accounts.group_by("customer_id").len(), on="customer_id", how="left", maintain_order="left"
    )
    firsts = np.concatenate([[0], np.cumsum(owners["len"].fill_null(0).to_numpy())]).astype(np.int64)
    count = len(keys)

    def spread(size: float, purpose: int) -> Floats:
        return np.asarray(np.exp(size * normals(keys, 0, purpose) - size**2 / 2), dtype=np.float64)

    return Persons(
        keys=keys,
        first_debts=firsts,
        reach=spread(effects.reach_spread, NATURE_REACH),
        response=spread(effects.response_spread, NATURE_RESPONSE),
        fatigue=np.zeros(count),
        hardship_until=np.zeros(count, dtype=np.int32),
        is_stopped=customers["is_deceased"].to_numpy().copy(),
        has_told_hardship=np.zeros(count, dtype=np.bool_),
    )


def _debts(
    census: Census, persons: Persons, schedule: Schedule, effects: Effects, seed: int, today: int
) -> Debts:
    accounts, count = census.accounts, census.accounts.height
    keys = seeded(accounts["account_id"].hash(_HASH_SEED).to_numpy(), seed)
    owners = np.repeat(np.arange(len(persons.keys)), np.diff(persons.first_debts))
    lengths = np.bincount(census.schedule["debt"].to_numpy(), minlength=count)
    firsts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    is_known = census.schedule["is_known"].to_numpy()
    known_rows = firsts[:-1] + np.bincount(
        census.schedule["debt"].to_numpy(), weights=is_known, minlength=count
    ).astype(np.int64)
    due_rows = firsts[:-1] + np.bincount(
        census.schedule["debt"].to_numpy(), weights=is_known & (schedule.due_on <= today), minlength=count
    ).astype(np.int64)
    paid, extra = _paid(accounts, schedule, firsts, due_rows)
    seen = effects.risk_seen * census.customers["seen"].to_numpy()[owners]
    unseen = effects.risk_unseen * normals(keys, 0, NATURE_RISK)
    mean = (effects.risk_seen**2 + effects.risk_unseen**2) / 2
    statuses = accounts["status"].replace_strict(
        ["active", "closed", "charged_off", "sold", "incomplete"], [0, 1, 2, 3, 0], return_dtype=pl.Int8
    )
    limits = {country.jurisdiction: country.charge_off_days for country in read_world().countries}
    kinds = accounts.select("credit", census.customers["jurisdiction"].gather(owners).alias("home"))
    told = kinds.unique(maintain_order=True)
    told = told.with_columns(
        limit=pl.Series(
            [limits.get(home, {}).get(credit, 360) for credit, home in told.iter_rows()], dtype=pl.Int64
        )
    )
    limit = kinds.join(told, on=["credit", "home"], how="left", nulls_equal=True, maintain_order="left")
    ease = np.exp(
        effects.ease_spread * normals(keys, 0, NATURE_EASE) - effects.risk_in_ease * (seen + unseen)
    )
    nothing = np.zeros(count, dtype=np.int64)
    return Debts(
        keys=keys,
        owners=owners.astype(np.int64),
        statuses=statuses.to_numpy().copy(),
        first_rows=firsts,
        known_rows=known_rows,
        revolves=((accounts["credit"] == "open_end") & (accounts["status"] == "active"))
        .fill_null(False)
        .to_numpy()
        .copy(),
        due_rows=due_rows,
        oldest_rows=firsts[:-1].copy(),
        paid_minor=paid,
        extra_minor=extra,
        penalty_a_day=accounts["penalty_a_day"].fill_null(0.0).to_numpy().copy(),
        late_fee_minor=accounts["late_fee_minor"].fill_null(0).to_numpy().copy(),
        late_fee_days=accounts["late_fee_days"].fill_null(0).to_numpy().copy(),
        charge_off_days=limit["limit"].to_numpy().copy(),
        risk=risks(seen, unseen, mean),
        ease=np.asarray(ease, dtype=np.float64),
        intensity=np.zeros(count),
        late_since=np.zeros(count, dtype=np.int32),
        planned_on=np.zeros(count, dtype=np.int32),
        rests_until=np.zeros(count, dtype=np.int32),
        promise_on=np.zeros(count, dtype=np.int32),
        promise_minor=nothing.copy(),
        parts_left=nothing.copy(),
        parts_kept=nothing.copy(),
    )


def _paid(accounts: pl.DataFrame, schedule: Schedule, firsts: Ints, due_rows: Ints) -> tuple[Ints, Floats]:
    """What went toward instalments so far, and what is owed beside them.

    The unpaid sum is of instalments as far as those from the oldest unpaid on reach; the rest is fees, costs or a debt anew.
    """
    due_sums = np.where(due_rows > firsts[:-1], schedule.sums_minor[np.maximum(due_rows - 1, 0)], 0)
    unpaid = accounts["unpaid_minor"].to_numpy()
    oldest_on = accounts["oldest_due_on"].to_physical().fill_null(NEVER).to_numpy()
    debt_of_row = np.repeat(np.arange(len(firsts) - 1), np.diff(firsts))
    is_older = schedule.due_on < oldest_on[debt_of_row]
    older = np.bincount(debt_of_row, weights=is_older, minlength=len(firsts) - 1).astype(np.int64)
    rows = np.minimum(firsts[:-1] + older, due_rows)
    before = np.where(rows > firsts[:-1], schedule.sums_minor[np.maximum(rows - 1, 0)], 0)
    of_instalments = np.minimum(unpaid, due_sums - before)
    beside = unpaid - of_instalments + accounts["penalty_minor"].to_numpy()
    paid = due_sums - of_instalments + accounts["credit_minor"].to_numpy()
    return paid.astype(np.int64), np.maximum(beside, 0.0)
