"""``dunwell insight card``: how good the forecasts are that are made anew each time and kept in no folder."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import known_on, open_book, read_calls
from dunwell.cli.progress import progress
from dunwell.insight.features.known import known_by
from dunwell.insight.problems import extra
from dunwell.insight.rolls import BOOK_REFINES, BOOK_STATES, book_panel, rolls_card
from dunwell.insight.rolls.book import DEFAULTED, month_end, month_number
from dunwell.insight.scoring.card import ModelCard
from dunwell.insight.training import groups_on

HISTORY_MONTHS = 40
"""So many month ends are looked at: a year ahead, a year to learn from, and a year of origins."""

_PAID_MONTHS = 9


def write_card(what: str, as_of: str | None, calls: Path | None, out: Path, as_json: bool) -> int:
    """Measure a forecast on the past and write its card."""
    extra("scipy")
    kinds: dict[str, Callable[[date | None], ModelCard]] = {
        "forecast": _of_forecast,
        "losses": _of_losses,
        "affordability": _of_affordability,
        "calls": lambda _: _of_calls(calls),
    }
    if what not in kinds:
        raise CommandError(f"card {what!r} is unknown. There are: {', '.join(kinds)}")
    card = kinds[what](parse_day(as_of, "--as-of"))
    out.mkdir(parents=True, exist_ok=True)
    told = json.dumps(card.to_dict(), ensure_ascii=False, indent=1)
    for name, text in (("card.md", card.markdown()), ("card.html", card.html()), ("card.json", told)):
        (out / name).write_text(text, encoding="utf-8")
    if as_json:
        print(json.dumps({"out": str(out), "card": card.to_dict()}, ensure_ascii=False, indent=2))
        return 0
    print(f"{card.kind}: measured on {card.row_count:,} rows: {card.measured_on}")
    for name, figure in card.figures.items():
        print(f"  {name.replace('_', ' '):<18} {figure}")
    for caution in (*card.cautions, *(f"groups: {block}" for block in card.promotion_blocks)):
        print(f"caution: {caution}")
    print(f"the card: {out}/card.html")
    return 0


def _of_forecast(as_of: date | None) -> ModelCard:
    panel, groups, _ = _followed(as_of)
    months = min(12, (panel["month"].n_unique() - 4) // 2)
    return rolls_card(
        panel,
        BOOK_STATES,
        months=max(1, months),
        refine=BOOK_REFINES,
        trend=True,
        groups=groups,
        window=_window(panel),
    )


def _of_losses(as_of: date | None) -> ModelCard:
    from dunwell.insight.losses import Defaults, book_defaults, exposures, losses_card

    panel, groups, day = _followed(as_of)
    book, terms = open_book()
    then, known_at = month_end(int(panel["month"].to_numpy().max()) - 12), known_on(book, day)
    owed, debts, payments = [], [], []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        owed.append(exposures(tables, terms, then, known_at))
        defaults = book_defaults(tables, terms, day, known_at)
        debts.append(defaults.debts)
        payments.append(defaults.payments)
    return losses_card(
        panel,
        BOOK_STATES,
        DEFAULTED,
        owed_then=pl.concat(owed),
        seen=Defaults(pl.concat(debts), pl.concat(payments)),
        origin_on=then,
        groups=groups,
        window=_window(panel),
    )


def _of_affordability(as_of: date | None) -> ModelCard:
    from dunwell.insight.settlement import affordability_card, paid_by_month

    book, _ = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    known_at, last = known_on(book, day), month_number(day)
    months = list(range(last - _PAID_MONTHS, last))
    month_of = 12 * pl.col("paid_on").dt.year().cast(pl.Int64) + pl.col("paid_on").dt.month() - 1
    paid, groups = [], []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        known = known_by(tables, day, known_at)
        always = _always_due(known, months)
        paid.append(
            paid_by_month(known, months, month_of)
            .join(always, on=["customer_id", "currency"], how="left", maintain_order="left")
            .with_columns(pl.col("is_always_due").fill_null(False))
        )
        groups.append(groups_on(tables, day).drop("account_id").unique("customer_id"))
    return affordability_card(
        pl.concat(paid), groups=pl.concat(groups), window=(month_end(months[0] - 1), month_end(months[-1]))
    )


def _always_due(known: Mapping[str, pl.DataFrame], months: list[int]) -> pl.DataFrame:
    """Whose instalments fell due in every one of the months: customer_id, currency, is_always_due."""
    accounts = known["accounts"].select(
        "customer_id", "currency", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    month = 12 * pl.col("due_on").dt.year().cast(pl.Int64) + pl.col("due_on").dt.month() - 1
    return (
        known["instalments"]
        .with_columns(_month=month)
        .filter(pl.col("_month").is_in(months))
        .join(accounts, on="account_row")
        .group_by("customer_id", "currency")
        .agg(is_always_due=pl.col("_month").n_unique() == len(months))
    )


def _of_calls(file: Path | None) -> ModelCard:
    from dunwell.insight.contacts import load_card

    if file is None:
        raise CommandError(
            "the card of a forecast of calls needs --calls, the file with the columns at and calls"
        )
    return load_card(read_calls(file))


def _followed(as_of: date | None) -> tuple[pl.DataFrame, pl.DataFrame, date]:
    """The book's month ends, its people's groups as of the day, and the day."""
    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    known_at = known_on(book, day)
    panels, groups = [], []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("reading the arrears", number, book.partition_count)
            tables = book.partition(number).tables
            panels.append(book_panel(tables, terms, day, HISTORY_MONTHS, known_at))
            groups.append(groups_on(tables, day).drop("customer_id"))
    panel = pl.concat(panels)
    if panel.is_empty():
        raise CommandError(
            "the book has no account that was open at a month's end. Run a day with a fuller tape"
        )
    return panel, pl.concat(groups), day


def _window(panel: pl.DataFrame) -> tuple[date, date]:
    first, last = panel.select(first=pl.col("month").min(), last=pl.col("month").max()).row(0)
    return month_end(first), month_end(last)
