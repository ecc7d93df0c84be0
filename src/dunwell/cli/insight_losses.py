"""``dunwell forecast --losses``, ``dunwell train --model loss`` and ``dunwell insight affordability``."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.insight import write_table
from dunwell.cli.insight_inputs import known_on, open_book, read_table
from dunwell.cli.progress import progress
from dunwell.insight.features.known import known_by
from dunwell.insight.losses import Defaults, Scenario
from dunwell.insight.problems import extra
from dunwell.insight.rolls.book import month_number
from dunwell.insight.scoring.saving import content_hash
from dunwell.insight.settlement import (
    LossModel,
    affordability,
    load_loss_model,
    paid_by_month,
    recovery_curve,
)
from dunwell.insight.training import are_dated, known_at_end_of

_PAID_MONTHS = 6
_HELD_OUT = 0.25
_COVERAGE = pl.col("allowance_minor") / pl.col("exposure_minor")


def read_scenarios(words: Sequence[str]) -> list[Scenario]:
    """``adverse=0.3:1.5`` as a scenario of weight 0.3 in which the odds of default are half as high again."""
    found = []
    for word in words:
        name, _, told = word.partition("=")
        weight, _, odds = told.partition(":")
        try:
            found.append(Scenario(name, float(weight), float(odds)))
        except ValueError as error:
            raise CommandError(
                f"--scenario {word!r} is not understood. Write its weight and what it multiplies the odds of lateness by, "
                "like --scenario adverse=0.3:1.5"
            ) from error
        if not (name and found[-1].weight > 0 and found[-1].odds > 0):
            raise CommandError(f"--scenario {word!r} needs a name, and a weight and odds above 0")
    return found or [Scenario("as now")]


_NOT_TOLD = {
    "young": "the book's month ends do not reach over a year. Run a day with a fuller tape, or look further back with --history",
    "few": "too few defaults of the book were followed to know what comes back after one. Say what share is lost with "
    "--lost-share, like 0.6",
}
"""Why the losses of a book cannot be told (``nightly.losses.PROBLEMS``), and what to do."""


def forecast_losses(
    as_of: date | None,
    history_months: int,
    lost_share: float | None,
    scenarios: Sequence[str],
    out: Path | None,
    as_json: bool,
) -> int:
    """Print the losses to expect of the book by stage, within twelve months and over the accounts' life: told by what the
    daily run tells them with.
    """
    extra("scipy")
    from dunwell.nightly.late_stock import LateStock
    from dunwell.nightly.losses import DayLosses

    views = read_scenarios(scenarios)
    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    known_at = known_on(book, day)
    with TemporaryDirectory() as name:
        folder = Path(name)
        stock = LateStock(terms, day, known_at, history_months=history_months)
        losses = DayLosses(terms, day, known_at, folder / "aside", views=views, lost_share=lost_share)
        with progress() as watch:
            for number in range(book.partition_count):
                watch("following accounts", number, book.partition_count)
                tables = book.partition(number).tables
                stock.add(tables)
                losses.add(tables)
        seen = losses.defaults
        told = losses.finish(folder, stock.panel)
        if told.problem:
            raise CommandError(_NOT_TOLD[told.problem])
        if out is not None:
            write_table(pl.read_parquet(folder / "losses.parquet"), out)
    if as_json:
        said = {
            "as_of": day.isoformat(),
            "stages": told.stages.with_columns(coverage=_COVERAGE).to_dicts(),
            "lost_shares": told.shares.to_dicts(),
            "recovery": _curves(seen, day),
            "scenarios": [[one.name, one.weight, one.odds] for one in views],
            "out": None if out is None else str(out),
        }
        print(json.dumps(said, ensure_ascii=False, indent=2))
        return 0
    print("losses to expect, in minor units (stage 1 in good standing, 2 late, 3 in default):")
    for row in told.stages.with_columns(coverage=_COVERAGE).iter_rows(named=True):
        print(
            f"  {row['currency']} stage {row['stage']}: {row['accounts']:,} accounts owe {row['exposure_minor']:,}; within 12 "
            f"months {row['loss_12m_minor']:,}, life {row['loss_life_minor']:,}; allowance "
            f"{row['allowance_minor']:,} ({100 * row['coverage']:.1f} %)"
        )
    if lost_share is not None:
        print(f"lost at default: {100 * lost_share:.1f} %, as given")
    for row in told.shares.iter_rows(named=True) if lost_share is None else ():
        print(
            f"lost at default, {row['currency']}: {100 * row['lost_share']:.1f} % (95 %: {100 * row['low']:.1f} to "
            f"{100 * row['high']:.1f}) by {row['months']} months after it, of {row['debts']:,} debts ({row['rests_on']})"
        )
    return 0


def train_loss(
    table: Path,
    target: str | None,
    left_out: Sequence[str],
    groups: str | None,
    out: Path,
    seed: int,
    as_json: bool,
) -> int:
    """Learn from a table of debts what comes back after charge-off; measure it on a quarter held back; save it with its card."""
    if target is None:
        raise CommandError(
            "--table needs --target, the column with the share of each debt that came back (0 where none)"
        )
    rows = read_table(table)
    for name in (target, *left_out):
        if name not in rows.columns:
            raise CommandError(f"{table} has no column {name!r}. It has: {', '.join(rows.columns[:20])}")
    inputs = [name for name in rows.columns if name != target and name not in left_out]
    if not rows[target].dtype.is_numeric():
        raise CommandError(
            f"{target} is {rows[target].dtype}. It must be a share: 0.25 where a quarter came back"
        )
    selection = extra("sklearn.model_selection")
    learned, measured = selection.train_test_split(
        list(range(rows.height)), test_size=_HELD_OUT, random_state=seed
    )
    kept, held = rows[sorted(learned)], rows[sorted(measured)]
    model = LossModel(seed=seed).fit(kept.select(inputs), kept[target])
    card = model.card(
        held.select(inputs),
        held[target],
        measured_on="a random quarter of the rows, not learned from",
        groups=None if groups is None else held[groups],
    )
    came = float((1 - held[target].cast(pl.Float64)).to_numpy().mean())
    foretold = float(model.predict_frame(held.select(inputs))["loss_share"].to_numpy().mean())
    use = {"made_for": "losses", "inputs": inputs, "told": model.told()}
    model.save(
        out,
        {
            "card.md": card.markdown(),
            "card.html": card.html(),
            "card.json": json.dumps(card.to_dict(), ensure_ascii=False, indent=1),
            "use.json": json.dumps(use, ensure_ascii=False, indent=1),
        },
    )
    if as_json:
        told = {"loss_foretold": foretold, "loss_came": came, "told": model.told(), "card": card.to_dict()}
        print(json.dumps({"model": str(out), **told}, ensure_ascii=False, indent=2))
        return 0
    print(f"learned from {kept.height:,} debts, measured on {held.height:,} not learned from")
    print(f"  any recovery, auc   {card.figures['auc']}")
    print(f"  mean loss           {100 * foretold:.1f} % foretold, {100 * came:.1f} % came")
    print(model.told())
    for block in card.promotion_blocks:
        print(f"may not be promoted: {block}")
    print(f"the model and its card: {out}/card.html")
    return 0


def score_losses(
    folder: Path, table: Path | None, out: Path, keys: Sequence[str], psi_max: float | None, as_json: bool
) -> int:
    """Foretell the loss of each debt of a table, with its interval, and write it."""
    if table is None:
        raise CommandError(f"{folder} foretells the losses of debts in a table. Give it with --table")
    model = load_loss_model(folder)
    if psi_max is not None:
        model.any_.psi_max = psi_max
    told = model.predict_frame(read_table(table), tuple(keys))
    write_table(told, out)
    mean = told["loss_share"].mean() if told.height else None
    if as_json:
        summary = {"model": str(folder), "model_sha256": content_hash(folder), "rows": told.height}
        print(
            json.dumps({**summary, "mean_loss_share": mean, "told": model.told(), "out": str(out)}, indent=2)
        )
    else:
        shown = f", mean loss {100 * mean:.1f} %" if isinstance(mean, float) else ""
        print(f"{told.height:,} debts foretold{shown}: {out}\n{model.told()}")
    return 0


def tell_affordability(table: Path | None, as_of: date | None, out: Path, as_json: bool) -> int:
    """Write what each person can probably pay a month: of a table, or of the book's people by what they have paid."""
    people = _of_table(table) if table is not None else _of_book(as_of)
    told = affordability(people).drop("paid_by_month_minor")
    write_table(told, out)
    known = told["likely_minor"].is_not_null().sum()
    if as_json:
        print(json.dumps({"people": told.height, "known": int(known), "out": str(out)}, indent=2))
    else:
        print(f"{told.height:,} people, of {known:,} something is known to go by: {out}")
        print("the low end is for planning; a budget gone through with the person comes before any estimate")
    return 0


def _of_table(file: Path) -> pl.DataFrame:
    rows = read_table(file)
    paid = "paid_by_month_minor"
    if paid in rows.columns and rows[paid].dtype == pl.String:
        rows = rows.with_columns(pl.col(paid).str.split(" ").list.eval(pl.element().cast(pl.Int64)))
    if paid not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.List(pl.Int64)).alias(paid))
    return rows


def _of_book(as_of: date | None) -> pl.DataFrame:
    """Each person and currency with what they paid in the last whole months; income and spending are not in a book."""
    book, _ = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    last = month_number(day)
    months = list(range(last - _PAID_MONTHS, last))
    month_of = 12 * pl.col("paid_on").dt.year().cast(pl.Int64) + pl.col("paid_on").dt.month() - 1
    parts = []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        known = known_by(tables, day, known_at_end_of(day) if are_dated(tables) else None)
        parts.append(paid_by_month(known, months, month_of))
    nothing: Mapping[str, Any] = {
        f"{name}_{what}": pl.lit(None, dtype)
        for name in ("income", "spending")
        for what, dtype in (("minor", pl.Int64), ("known", pl.String))
    }
    return pl.concat(parts).with_columns(**nothing)


def _curves(seen: Defaults, day: date) -> dict[str, list[dict[str, Any]]]:
    """The recovery curve by currency, where a debt was followed for a month."""
    told = {}
    for (currency,), debts in seen.debts.sort("currency").group_by("currency", maintain_order=True):
        if debts.filter(pl.col("charged_off_on") <= day - timedelta(days=30)).height:
            told[str(currency)] = recovery_curve(debts, seen.payments, day).to_dicts()
    return told
