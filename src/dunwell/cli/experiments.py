"""``dunwell experiment``: its size, its lots, and what it says today."""

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.strategy import strategy_file
from dunwell.money import minor_exponent
from dunwell.settings import Settings, read_settings
from dunwell.strategy.experiments import (
    Comparison,
    Experiment,
    Reading,
    Size,
    randomise,
    read_experiment,
    size_for_means,
    size_for_shares,
)
from dunwell.strategy.experiments.design import STOPPED
from dunwell.strategy.rates import FILE_NAME as RATES_FILE
from dunwell.strategy.rates import read_rates, worth_of
from dunwell.strategy.text import read_strategy

STRATEGY_FILE = "strategy.toml"


def size(
    effect: float,
    base: float | None,
    sd: float | None,
    power: float,
    alpha: float,
    correlation: float,
    arms: int,
    a_day: float | None,
    outcome_days: int,
    one_look: bool,
    as_json: bool,
) -> int:
    """Print how many customers are needed and for how long."""
    how: dict[str, Any] = {
        "power": power,
        "alpha": alpha / arms,
        "correlation": correlation,
        "always_valid": not one_look,
    }
    if (base is None) == (sd is None):
        raise CommandError("give either --base, a share, or --sd, the spread of an amount")
    found: Size = (
        size_for_shares(base, effect, **how) if base is not None else size_for_means(sd or 0.0, effect, **how)
    )
    days = None if a_day is None else found.days(a_day, outcome_days, arms)
    if as_json:
        told = {
            "control": found.control_count,
            "arm": found.arm_count,
            "total": found.total(arms),
            "first_look": found.first_look,
            "days": days,
        }
        print(json.dumps(told, indent=2))
        return 0
    looks = (
        "one reading at the end" if one_look else f"read at any time from {found.first_look:,} customers on"
    )
    print(
        f"{found.control_count:,} in the control, {found.arm_count:,} in each arm: {found.total(arms):,} in all; {looks}"
    )
    if days is not None:
        print(f"{days:,} days, the last outcome's {outcome_days} included")
    return 0


def assign(name: str, customers: Path, out: Path, on: str, file: Path | None, as_json: bool) -> int:
    """Draw the lots and write the log."""
    experiment = _experiment(name, file)
    day = parse_day(on, "--on")
    rows = read_frame(customers, ["customer_id"])
    if "blocked" in rows.columns and rows.schema["blocked"] == pl.String:
        rows = rows.with_columns(pl.col("blocked").str.split(";"))
    if rows["customer_id"].is_duplicated().any():
        twice = rows.filter(pl.col("customer_id").is_duplicated())["customer_id"][0]
        raise CommandError(f"{customers}: customer {twice!r} is there twice. Keep one row")
    assert day is not None
    if not experiment.is_running(day):
        last = experiment.starts_on + timedelta(days=experiment.enrol_days - 1)
        raise CommandError(
            f"--on {day}: {name!r} takes customers in from {experiment.starts_on} to {last}. Name a day of these, or give "
            "starts_on and enrol_days in the strategy's text other ones"
        )
    drawn = randomise(experiment, rows, experiment.stopped_on(day))
    log = rows.with_columns(drawn["arm"], drawn["probability"], drawn["eligible"], assigned_on=pl.lit(day))
    if out.suffix == ".csv":
        lists = [column for column, kind in log.schema.items() if isinstance(kind, pl.List)]
        log.with_columns(pl.col(lists).list.join(";")).write_csv(out)
    else:
        log.write_parquet(out)
    counts = dict(drawn["arm"].drop_nulls().value_counts(sort=True).iter_rows())
    outside = drawn["arm"].null_count()
    if as_json:
        print(json.dumps({"arms": counts, "outside": outside, "out": str(out)}, ensure_ascii=False, indent=2))
        return 0
    for arm in experiment.treatments:
        print(f"{arm:<32} {counts.get(arm, 0):>9,}")
        if late := counts.get(f"{arm}{STOPPED}"):
            print(f"{arm + STOPPED:<32} {late:>9,}, who get {experiment.control!r}")
    print(f"{outside:,} outside the experiment: fewer than two arms are open to them, or not the control")
    return 0


def read(
    name: str,
    log: Path,
    until: str,
    payments: Path | None,
    harms: Path | None,
    before: str,
    file: Path | None,
    as_json: bool,
) -> int:
    """Print what an experiment says; 1 when an arm must be stopped."""
    experiment = _experiment(name, file)
    day = parse_day(until, "--until")
    assert day is not None
    known = [word.strip() for word in before.split(",") if word.strip()]
    rows = read_frame(log, ["customer_id", "assigned_on", "arm", "probability", *known])
    if "blocked" in rows.columns and rows.schema["blocked"] == pl.String:
        rows = rows.with_columns(pl.col("blocked").str.split(";"))
    struck = None if harms is None else read_frame(harms, ["customer_id", "on", "event"])
    reading = read_experiment(experiment, rows, money_in(payments), day, struck, known)
    if as_json:
        print(json.dumps(_record(experiment, reading), ensure_ascii=False, indent=2))
    else:
        _tell(experiment, reading, experiment.stopped_on(day))
    return 1 if any(alarm.arm not in experiment.stopped_on(day) for alarm in reading.alarms) else 0


def money_in(payments: Path | None) -> pl.DataFrame:
    """customer_id, on, amount from a file, or from the workspace's book: money of several currencies in the strategy's, by
    ``policy/rates.toml``.
    """
    if payments is not None:
        return read_frame(payments, ["customer_id", "on", "amount"])
    settings = read_settings(Path.cwd())
    book = Book(settings.book_folder)
    parts = []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        accounts = tables["accounts"].select("customer_id", "currency").with_row_index("account_row")
        reversed_ids = tables["payments"].filter(pl.col("kind") == "reversal")["reverses"].drop_nulls()
        paid = tables["payments"].filter(
            (pl.col("kind") == "payment") & ~pl.col("payment_id").is_in(reversed_ids.implode())
        )
        parts.append(
            paid.with_columns(pl.col("account_row").cast(pl.UInt32))
            .join(accounts, on="account_row")
            .with_columns(
                scale=pl.lit(10.0)
                ** pl.col("currency").cast(pl.String).map_elements(minor_exponent, pl.Int64)
            )
            .select("customer_id", "currency", on="paid_on", amount=pl.col("amount_minor") / pl.col("scale"))
        )
    found = pl.concat(parts)
    if found["currency"].n_unique() > 1:
        return _in_one_currency(found, settings, date.fromisoformat(book.as_of))
    return found.drop("currency")


def _in_one_currency(paid: pl.DataFrame, settings: Settings, day: date) -> pl.DataFrame:
    """Payments in the currency of the strategy. Raises CommandError where there is no strategy, or no rate of a currency."""
    places = settings.root / "policy"
    if not (places / STRATEGY_FILE).is_file():
        raise CommandError(
            f"the book has payments in several currencies, and no {places / STRATEGY_FILE} says into which they are counted. "
            "Write one, or give --payments, in one currency"
        )
    currency = read_strategy(places / STRATEGY_FILE).currency
    rates = read_rates(places / RATES_FILE, currency, day)
    unrated = sorted(set(paid["currency"].cast(pl.String)) - set(rates))
    if unrated:
        raise CommandError(
            f"the book has payments in {', '.join(unrated)} too, and {places / RATES_FILE} holds no rate into {currency}. "
            "Write one there, or give --payments, in one currency"
        )
    return paid.select(
        "customer_id", "on", worth_of(pl.col("amount"), pl.col("currency"), rates).alias("amount")
    )


def read_frame(file: Path, columns: list[str]) -> pl.DataFrame:
    """A Parquet or CSV file that has these columns. Raises CommandError."""
    if not file.is_file():
        raise CommandError(f"{file} does not exist. Name a Parquet or CSV file")
    try:
        rows = (
            pl.read_parquet(file)
            if file.suffix == ".parquet"
            else pl.read_csv(file, infer_schema_length=None, try_parse_dates=True)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CommandError(
            f"{file} cannot be read ({str(error).splitlines()[0]}). Give Parquet or CSV"
        ) from error
    for name in columns:
        if name not in rows.columns:
            raise CommandError(f"{file} has no column {name!r}. It has: {', '.join(rows.columns[:20])}")
        if name in ("on", "assigned_on", "as_of") and rows.schema[name] != pl.Date:
            raise CommandError(f"{file}: the column {name!r} holds no days. Write them like 2026-11-23")
    return rows.with_columns(pl.col("customer_id").cast(pl.String)) if "customer_id" in columns else rows


def _experiment(name: str, file: Path | None) -> Experiment:
    strategy = read_strategy(strategy_file(file))
    for experiment in strategy.experiments:
        if experiment.name == name:
            return experiment
    known = ", ".join(repr(each.name) for each in strategy.experiments) or "none yet"
    raise CommandError(f"{strategy.policy.file} has no experiment {name!r}. It has: {known}")


def _tell(experiment: Experiment, reading: Reading, shut: frozenset[str]) -> None:
    for sentence in reading.imbalance:
        print(f"unsound: {sentence}")
    for one in reading.comparisons:
        mark = "*" if one.is_primary else " "
        where = f"{mark} {one.arm} against {experiment.control}, {one.window_days} days"
        if not math.isfinite(one.interval.low):
            print(f"{where}: {one.count:,} windows closed, {one.open_count:,} open; nothing can be said yet")
            continue
        print(
            f"{where}: {one.arm_mean:.4g} against {one.control_mean:.4g}, difference {one.difference:+.4g} "
            f"({one.interval.low:+.4g} to {one.interval.high:+.4g}); {one.count:,} closed, {one.open_count:,} open"
        )
    for alarm in reading.alarms:
        if alarm.arm in shut:
            print(f"stopped by the text: {alarm.sentence.removesuffix(f'. Stop {alarm.arm!r}')}")
            continue
        print(f"STOP: {alarm.sentence}")
        print(
            f'  write below the experiment: stopped = [{{ arm = "{alarm.arm}", since = DAY, why = "{alarm.event}" }}]'
        )
    for arm in experiment.treatments[1:]:
        print(f"{arm}: {reading.verdict(arm)}")


def _record(experiment: Experiment, reading: Reading) -> dict[str, object]:
    return {
        "experiment": experiment.name,
        "control": experiment.control,
        "verdicts": {arm: reading.verdict(arm) for arm in experiment.treatments[1:]},
        "comparisons": [_comparison(one) for one in reading.comparisons],
        "alarms": [alarm.sentence for alarm in reading.alarms],
        "imbalance": list(reading.imbalance),
    }


def _comparison(one: Comparison) -> dict[str, object]:
    told = {
        "arm_mean": one.arm_mean,
        "control_mean": one.control_mean,
        "difference": one.difference,
        "low": one.interval.low,
        "high": one.interval.high,
    }
    return {
        "arm": one.arm,
        "window_days": one.window_days,
        "decides": one.is_primary,
        "closed": one.count,
        "open": one.open_count,
        **{name: value if math.isfinite(value) else None for name, value in told.items()},
    }
