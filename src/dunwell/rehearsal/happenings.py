"""What happened in the world on a day, as rows of the tape's tables, and a tape with a day added."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.money import CURRENCIES, minor_exponent
from dunwell.rehearsal.collecting import OUTCOMES
from dunwell.rehearsal.contact_kernel import WRONG_PARTY
from dunwell.rehearsal.debtors import Codes
from dunwell.rehearsal.draws import Flags, Ints
from dunwell.rehearsal.effects import Effects

_MONEY = pl.Decimal(18, 3)
_SCALE = 3


class Reactions(NamedTuple):
    """What came of each contact, as the kernel fills it in; ``promise_debts`` is -1 where nothing was promised."""

    outcomes: Codes
    promise_debts: Ints
    promise_minor: Ints
    promise_days: Ints
    promise_parts: Ints
    complains: Flags
    stops: Flags
    tells_hardship: Flags

    @classmethod
    def empty(cls, count: int) -> "Reactions":
        """Room for so many contacts."""
        outcomes = np.zeros(count, dtype=np.int8)
        debts, amounts, days, parts = (np.zeros(count, dtype=np.int64) for _ in range(4))
        complains, stops, tells = (np.zeros(count, dtype=np.bool_) for _ in range(3))
        return cls(outcomes, debts, amounts, days, parts, complains, stops, tells)


def tables_of(
    day: date,
    effects: Effects,
    accounts: pl.DataFrame,
    contacts: pl.DataFrame,
    reactions: Reactions,
    fees_minor: Ints,
    paid_minor: Ints,
) -> dict[str, pl.DataFrame]:
    """The day's rows by table. Ids are made of whose they are and the day, so they are the same in any company.

    ``contacts``: a row each with person, place, customer_id, channel and the rest; ``accounts``: debt, account_id, currency.
    """
    made = _with_reactions(day, contacts, reactions)
    return {
        "payments": _payments(day, accounts, paid_minor),
        "charges": _charges(day, accounts, fees_minor),
        "contacts": made.select(*_CONTACT_COLUMNS),
        "promises": _promises(day, accounts, made),
        "holds": _holds(day, effects, made),
        "preferences": made.filter(pl.col("stops") & (pl.col("channel") != "call")).select(
            "customer_id",
            pl.lit("not_channel").alias("kind"),
            pl.concat_str(pl.lit('{"channel": "'), "channel", pl.lit('"}')).alias("detail"),
            "recorded_at",
        ),
    }


_CONTACT_COLUMNS = (
    *("contact_id", "customer_id", "account_ids", "at", "channel", "direction"),
    *("contact_point_id", "party", "outcome", "recorded_at"),
)


def _with_reactions(day: date, contacts: pl.DataFrame, reactions: Reactions) -> pl.DataFrame:
    """The contacts with their outcomes as the tape tells them, and what followed from each."""
    outcomes = pl.Series(list(OUTCOMES)).gather(pl.Series(reactions.outcomes, dtype=pl.UInt32))
    is_inbound = pl.col("is_inbound")
    return contacts.with_columns(
        pl.concat_str("customer_id", pl.lit(f"-{day:%Y%m%d}-"), "place").alias("contact_id"),
        pl.when(is_inbound).then(pl.lit("in")).otherwise(pl.lit("out")).alias("direction"),
        pl.when(outcomes == OUTCOMES[WRONG_PARTY]).then(pl.lit("other")).otherwise("party").alias("party"),
        outcomes.alias("outcome"),
        (pl.col("at") + pl.duration(seconds=1 + pl.col("customer_id").hash(3) % 600)).alias("recorded_at"),
        pl.Series("promise_debt", reactions.promise_debts),
        pl.Series("promise_minor", reactions.promise_minor),
        pl.Series("promise_days", reactions.promise_days),
        pl.Series("promise_parts", reactions.promise_parts),
        pl.Series("complains", reactions.complains),
        pl.Series("stops", reactions.stops),
        pl.Series("tells_hardship", reactions.tells_hardship),
    )


def _money(minor: pl.Expr, name: str) -> pl.Expr:
    """Amounts in minor units of ``currency`` as exact decimals of three places."""
    factors = [10 ** (_SCALE - min(minor_exponent(code), _SCALE)) for code in CURRENCIES]
    scaled = minor * pl.col("currency").replace_strict(list(CURRENCIES), factors, return_dtype=pl.Int64)
    return (scaled.cast(pl.Decimal(18, 0)) * pl.lit("0.001").cast(_MONEY)).cast(_MONEY).alias(name)


def _recorded(day: date) -> pl.Expr:
    """Some time between eight and ten at night UTC, the same for an account whenever it is asked."""
    first = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=8)
    return (
        pl.lit(first).cast(pl.Datetime("us", "UTC"))
        + pl.duration(seconds=pl.col("account_id").hash(5) % 50_400)
    ).alias("recorded_at")


def _payments(day: date, accounts: pl.DataFrame, paid_minor: Ints) -> pl.DataFrame:
    rows = np.flatnonzero(paid_minor)
    return accounts[rows].select(
        pl.concat_str(pl.lit("P-"), "account_id", pl.lit(f"-{day:%Y%m%d}")).alias("payment_id"),
        "account_id",
        pl.lit(day).alias("paid_on"),
        _money(pl.lit(pl.Series(paid_minor[rows])), "amount"),
        pl.lit("payment").alias("kind"),
        pl.lit(None, pl.String).alias("reverses"),
        pl.lit("bank_transfer").alias("method"),
        _recorded(day),
    )


def _charges(day: date, accounts: pl.DataFrame, fees_minor: Ints) -> pl.DataFrame:
    rows = np.flatnonzero(fees_minor)
    return accounts[rows].select(
        pl.concat_str(pl.lit("F-"), "account_id", pl.lit(f"-{day:%Y%m%d}")).alias("charge_id"),
        "account_id",
        pl.lit(day).alias("charged_on"),
        pl.lit("late_fee").alias("kind"),
        _money(pl.lit(pl.Series(fees_minor[rows])), "amount"),
        _recorded(day),
    )


def statement_rows(
    day: date, accounts: pl.DataFrame, numbers: Ints, due_on: pl.Series, amounts_minor: Ints
) -> pl.DataFrame:
    """Cards' statements as instalments of these accounts."""
    nothing = _money(pl.lit(0, pl.Int64), "none")
    return accounts.select(
        "account_id",
        pl.Series("number", numbers),
        due_on.alias("due_on"),
        _money(pl.lit(pl.Series(amounts_minor)), "principal"),
        nothing.alias("interest"),
        nothing.alias("fees"),
        _recorded(day),
    )


def _promises(day: date, accounts: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Promises, and plans as promises of several parts a month apart."""
    given = made.filter(pl.col("promise_debt") >= 0).join(
        accounts.select(pl.col("debt").cast(pl.Int64).alias("promise_debt"), "account_id", "currency"),
        on="promise_debt",
    )
    whole = pl.concat_str(pl.lit("W-"), "account_id", pl.lit(f"-{day:%Y%m%d}"))
    parts = given.with_columns(pl.int_ranges(pl.col("promise_parts")).alias("part")).explode("part")
    is_plan = pl.col("promise_parts") > 1
    return parts.select(
        pl.when(is_plan)
        .then(pl.concat_str(whole, pl.lit("-"), pl.col("part") + 1))
        .otherwise(whole)
        .alias("promise_id"),
        "account_id",
        pl.col("at").alias("made_at"),
        (pl.lit(day) + pl.duration(days=pl.col("promise_days") + 30 * pl.col("part")))
        .cast(pl.Date)
        .alias("due_on"),
        _money(pl.col("promise_minor"), "amount"),
        pl.when(is_plan).then(whole).alias("part_of"),
        "contact_id",
        "recorded_at",
    )


def _holds(day: date, effects: Effects, made: pl.DataFrame) -> pl.DataFrame:
    """Hardship that was told, complaints, and wishes not to be called or visited again (those of a channel are preferences)."""
    rests = int(effects.hardship_hold_days)
    kinds = (
        ("hardship", pl.col("tells_hardship"), day + timedelta(days=rests)),
        ("complaint", pl.col("complains"), day + timedelta(days=30)),
        ("cease", pl.col("stops") & pl.col("channel").is_in(["call", "visit"]), None),
    )
    return pl.concat(
        made.filter(happened)
        .unique("customer_id", keep="first", maintain_order=True)
        .select(
            pl.concat_str(pl.lit("H-"), "customer_id", pl.lit(f"-{day:%Y%m%d}-{kind}")).alias("hold_id"),
            pl.lit(None, pl.String).alias("account_id"),
            "customer_id",
            pl.lit(kind).alias("kind"),
            pl.lit(day).alias("from_on"),
            pl.lit(to_on, pl.Date).alias("to_on"),
            "recorded_at",
        )
        for kind, happened, to_on in kinds
    )


def add_to_tape(folder: Path, tables: Mapping[str, pl.DataFrame], statuses: pl.DataFrame) -> None:
    """Append a day's rows to a tape of Parquet files, and set the statuses of accounts that changed (account_id, status).

    Each file is written anew beside the old one, which it then replaces. Raises FileNotFoundError for a tape in another format.
    """
    for name, rows in tables.items():
        if rows.height:
            file = _file_of(folder, name)
            parts = [pl.scan_parquet(file), rows.lazy()] if file.exists() else [rows.lazy()]
            _replace(file, pl.concat(parts, how="diagonal_relaxed"))
    if statuses.height:
        file = _file_of(folder, "accounts")
        changed = pl.scan_parquet(file).join(
            statuses.lazy(), on="account_id", how="left", suffix="_now", maintain_order="left"
        )
        status = pl.coalesce("status_now", pl.col("status").cast(pl.String)).alias("status")
        _replace(file, changed.with_columns(status).drop("status_now"))


def _file_of(folder: Path, name: str) -> Path:
    if (folder / f"{name}.csv").exists():
        raise FileNotFoundError(
            f"{folder}: {name} is a CSV file; a day can be added to a tape of Parquet files only. Write the tape as Parquet"
        )
    return folder / f"{name}.parquet"


def _replace(file: Path, rows: pl.LazyFrame) -> None:
    staging = file.with_name(f".{file.name}.new")
    rows.sink_parquet(staging, compression="zstd", compression_level=1)
    staging.rename(file)
