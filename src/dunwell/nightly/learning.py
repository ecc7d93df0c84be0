"""What the workspace's own log teaches: kept decisions with the chance of every treatment, and what was paid since.

Of each customer the first decision of every window counts, so that no payment is credited twice and what is learned is what a
decision brought over the whole window. Windows that are still open are left out: who pays at once is known sooner than who
never will.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import polars as pl

from dunwell.book import Book
from dunwell.money import CURRENCIES
from dunwell.nightly.keeping import decisions_of, kept_runs, market_of
from dunwell.nightly.learning_days import learn_over_waiting
from dunwell.nightly.learning_rates import cure_rates, harm_rates
from dunwell.settings import Settings
from dunwell.strategy.evaluation import Log
from dunwell.strategy.experiments import outcomes_by_window
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.inputs import Columns
from dunwell.strategy.learned import CONTEXT, LearnedValues, of_fit
from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.rates import worth_of
from dunwell.strategy.text import Strategy
from dunwell.strategy.value import ActionValues, costs_of, priors_of

_CERTAIN = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class KeptDay:
    """A run whose decisions a strategy made, the newest of its day."""

    run_id: str
    as_of: date
    treatments: tuple[str, ...]
    currency: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned, and from what: a row a treatment in ``average`` (treatment, value, value_sd, decisions: net of cost,
    over the log's customers). ``decision_count``: decisions that teach; ``open_count``: left out since their window is open;
    ``unrated_count``: left out since no rate is held for their currency.
    """

    learned: LearnedValues
    average: pl.DataFrame
    decision_count: int
    open_count: int
    unrated_count: int
    first_on: date
    last_on: date


def learn_values(
    settings: Settings, strategy: Strategy, rates: Mapping[str, float], window_days: int | None = None
) -> Lessons:
    """Learn the value of each treatment of the text from the workspace's log. Raises CannotEvaluate where it cannot teach,
    with what is missing; NoBook.

    ``rates``: what a unit of each currency is worth in the strategy's; decisions about other currencies teach nothing.
    ``window_days``: how long after a decision payments count; the objective's where None.
    """
    window = window_days or strategy.objective.window_days
    book = Book(settings.book_folder)
    until = date.fromisoformat(book.as_of)
    days = [day for day in kept_days(settings) if day.currency == strategy.currency]
    if not days:
        raise CannotEvaluate(
            "no run has decided with the strategy in its currency yet, so there is no log. Run some days with `dunwell run`"
        )
    rows, open_count = _decisions(settings, days, strategy, window, until)
    if all(day.as_of + timedelta(days=window) > until for day in days):
        first = min(day.as_of for day in days) + timedelta(days=window)
        raise CannotEvaluate(
            f"no decision's window of {window} days had closed by {until}, the day of the book; the first closes on {first}. "
            "Wait, or give a shorter --window"
        )
    rated = rows.filter(pl.col("currency").is_in(list(rates)))
    paid = _paid(book, rates)
    log, columns, used = _log(rated, strategy, paid, window, until)
    kept = [(day.run_id, day.as_of, day.treatments) for day in days]
    over_waiting = learn_over_waiting(settings, strategy, kept, paid, until)
    by_day = [(day.run_id, day.as_of) for day in days]
    taught = (
        *harm_rates(settings, strategy, book, by_day, until),
        *cure_rates(settings, strategy, book, by_day, window, log, used),
    )
    owed = float(used["past_due_total"].cast(pl.Float64).fill_null(0.0).to_numpy().mean())
    fit = ActionValues(priors_of(strategy, max(owed, 1.0)), costs_of(strategy), trees=False).fit(log)
    average = fit.average()
    if not average["decisions"].sum():
        raise CannotEvaluate(
            f"of {len(log):,} decisions too few had both a treatment and leaving the person in peace as a real chance. "
            "Let [exploring] or [hold_out] of policy/strategy.toml run longer, or widen them"
        )
    first_on, last_on = used["as_of"].min(), used["as_of"].max()
    assert isinstance(first_on, date) and isinstance(last_on, date)
    card = {
        "what": "what each treatment recovers over doing nothing, within the window, by the workspace's own log",
        "currency": strategy.currency,
        "window_days": window,
        "decisions": len(log),
        "left_out_open": open_count,
        "left_out_no_rate": rows.height - rated.height,
        "first_on": first_on.isoformat(),
        "last_on": last_on.isoformat(),
        "strategy_hash": strategy.hash,
        "inputs": list(CONTEXT),
        "treatments": average.to_dicts(),
        "over_waiting": {} if over_waiting is None else dict(over_waiting.given),
        "turned": [] if over_waiting is None else [one.as_dict() for one in over_waiting.turned],
        "rates": [asdict(one) for one in taught],
        "given": {name: int((log.given == place).sum()) for place, name in enumerate(log.treatments)},
    }
    learned = of_fit(fit, columns, strategy.currency, card, over_waiting, taught)
    return Lessons(learned, average, len(log), open_count, rows.height - rated.height, first_on, last_on)


def kept_days(settings: Settings) -> list[KeptDay]:
    """The days that a strategy decided, by day; of a day that was run again the newest run."""
    found: dict[date, KeptDay] = {}
    for about in kept_runs(settings):
        if (kept := about.get("strategy")) is not None:
            day = date.fromisoformat(about["as_of"])
            found[day] = KeptDay(about["run_id"], day, tuple(kept["treatments"]), kept["currency"])
    return [found[day] for day in sorted(found)]


def _decisions(
    settings: Settings, days: list[KeptDay], strategy: Strategy, window: int, until: date
) -> tuple[pl.DataFrame, int]:
    """The decisions that may teach, with CONTEXT, currency and the chance of each of the text's treatments; and how many are
    left out since their window is open. Of a customer none within a window of the one before.
    """
    last: dict[str, date] = {}
    parts, open_count = [], 0
    for day in days:
        if set(day.treatments) - set(strategy.treatment_names):
            continue  # what the text no longer has cannot be valued
        rows = _of_day(settings, day, strategy)
        if rows is None:
            continue
        if day.as_of + timedelta(days=window) > until:
            open_count += rows.height
            continue
        is_new = [
            last.get(customer, date.min) + timedelta(days=window) <= day.as_of
            for customer in rows["customer_id"]
        ]
        fresh = rows.filter(pl.Series(is_new, dtype=pl.Boolean))
        last |= dict.fromkeys(fresh["customer_id"].to_list(), day.as_of)
        parts.append(fresh)
    return (
        pl.concat(parts) if parts else pl.DataFrame({"currency": []}, schema={"currency": pl.String})
    ), open_count


def _of_day(settings: Settings, day: KeptDay, strategy: Strategy) -> pl.DataFrame | None:
    """A day's decisions in which a lot had a say."""
    market_file = market_of(settings, day.run_id)
    decided_file = decisions_of(settings, day.run_id)
    if not market_file.is_file():
        return None
    chances = {name: pl.col("chances").list.get(place) for place, name in enumerate(day.treatments)}
    market = pl.read_parquet(market_file).select(
        "customer_id",
        "currency",
        *CONTEXT,
        *(chances.get(name, pl.lit(0.0)).alias(f"chance of {name}") for name in strategy.treatment_names),
    )
    decided = pl.read_parquet(decided_file, columns=["customer_id", "as_of", "treatment", "probability"])
    return decided.filter(pl.col("probability") < _CERTAIN).join(
        market, on="customer_id", maintain_order="left"
    )


def _paid(book: Book, rates: Mapping[str, float]) -> pl.DataFrame:
    """customer_id, on, amount: what was paid, reversed payments left out, in the strategy's currency."""
    return pl.concat(list(_payments(book, rates)))


def _payments(book: Book, rates: Mapping[str, float]) -> Iterator[pl.DataFrame]:
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        accounts = tables["accounts"].with_row_index("account_row")
        reversed_ones = tables["payments"].filter(pl.col("kind") == "reversal")["reverses"]
        paid = tables["payments"].filter(
            (pl.col("kind") == "payment") & ~pl.col("payment_id").is_in(reversed_ones.implode())
        )
        yield (
            paid.with_columns(pl.col("account_row").cast(pl.UInt32))
            .join(accounts.select("account_row", "customer_id", "currency"), on="account_row")
            .select(
                "customer_id",
                pl.col("paid_on").alias("on"),
                worth_of(pl.col("amount_minor") / _minor_units(), pl.col("currency"), rates).alias("amount"),
            )
            .filter(pl.col("amount").is_not_null())
        )


def _minor_units() -> pl.Expr:
    """How many minor units one of the row's currency has."""
    units = {code: 10.0**exponent for code, exponent in CURRENCIES.items()}
    return pl.col("currency").cast(pl.String).replace_strict(units, return_dtype=pl.Float64)


def _log(
    rows: pl.DataFrame, strategy: Strategy, paid: pl.DataFrame, window: int, until: date
) -> tuple[Log, Columns, pl.DataFrame]:
    """The log to learn from: a treatment that had no chance counts as ruled out. Raises CannotEvaluate for want of overlap."""
    names = strategy.treatment_names
    if not rows.height:
        raise CannotEvaluate(
            "every decision was certain, or about a currency without a rate, so nothing can be learned of what else would "
            "have come. Write a [hold_out] share and an [exploring] rate into policy/strategy.toml, rates into "
            "policy/rates.toml, and run on"
        )
    log_of = rows.select("customer_id", pl.col("as_of").alias("assigned_on"))
    outcomes = outcomes_by_window(log_of, paid, [window], until)
    columns = Columns.of(rows, CONTEXT)
    chances = rows.select(f"chance of {name}" for name in names).to_numpy()
    place = {name: number for number, name in enumerate(names)}
    given = rows["treatment"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    if not (given == place[NOTHING]).any():
        raise CannotEvaluate(
            "nobody was left in peace by lot, so there is nothing to hold contacts against. Write a [hold_out] share or an "
            "[exploring] rate into policy/strategy.toml"
        )
    log = Log(
        treatments=names,
        given=given,
        probability=rows["probability"].to_numpy(),
        rewards=outcomes["outcome"].to_numpy(),
        context=columns.matrix(rows),
        allowed=chances > 0,
        chances=chances,
    )
    return log, columns, rows
