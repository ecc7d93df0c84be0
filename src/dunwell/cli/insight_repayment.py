"""``dunwell train`` and ``score`` for when people pay and when they can be reached, and the forecast of calls."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.cli.insight import BEHAVIOUR, write_table
from dunwell.cli.insight_inputs import open_book, read_calls
from dunwell.cli.progress import progress
from dunwell.insight.contacts import CallLoad, ContactModel, asks_of, attempts, load_contact_model
from dunwell.insight.features import CATALOGUE
from dunwell.insight.hazards import Periods, RepaymentHazards, load_hazards, overdue_accounts, repayment_rows
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring.card import ModelCard
from dunwell.insight.scoring.inputs import PSI_UNLIMITED
from dunwell.insight.scoring.saving import content_hash, load_folder
from dunwell.insight.training import (
    GROUPS,
    are_dated,
    groups_on,
    known_at_end_of,
    origins_before,
    with_groups,
)

_DAYS = (7, 30, 90)
_HELD_OUT_DAYS = 90
_CHANNELS = ("call", "sms", "email", "app")
_HOURS = range(8, 21)
_BEST = 3
_TRIES = 3


def train_repayment(
    outcome: str | None, origin_count: int, as_of: date | None, out: Path, seed: int, as_json: bool
) -> int:
    """Learn when accounts pay, or whether tries reach people, from the book's past; save it with its cards."""
    book, _ = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    cards = _learn_pays(day, origin_count, out, seed) if outcome == "pays" else _learn_reached(day, out, seed)
    if as_json:
        told = {name: card.to_dict() for name, card in cards.items()}
        print(json.dumps({"model": str(out), "cards": told}, ensure_ascii=False, indent=2))
        return 0
    for name, card in cards.items():
        print(f"{name}: measured on {card.row_count:,} rows, {card.event_count:,} events: {card.measured_on}")
        for figure in ("auc", "brier", "calibration_error"):
            print(f"  {figure.replace('_', ' '):<18} {card.figures[figure]}")
    print(f"the model and its cards: {out}")
    return 0


def score_repayment(folder: Path, as_of: date | None, out: Path, psi_max: float | None, as_json: bool) -> int:
    """Foretell each overdue account's payments, or each overdue person's best hours, and write the table."""
    kind = json.loads(load_folder(folder)[2][BEHAVIOUR])["outcome"]
    book, _ = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    told, cash = (
        _score_pays(folder, day, psi_max) if kind == "pays" else (_score_reached(folder, day, psi_max), {})
    )
    write_table(told, out)
    if as_json:
        summary = {
            "model": str(folder),
            "model_sha256": content_hash(folder),
            "rows": told.height,
            "cash": cash,
        }
        print(json.dumps({**summary, "out": str(out)}, ensure_ascii=False, indent=2))
        return 0
    print(f"{told.height:,} rows foretold: {out}")
    for currency, rows in cash.items():
        for row in rows:
            print(
                f"  {currency} within {row['day']:>2} days: {row['by_then_minor']:,.0f} "
                f"(95 %: {row['low_minor']:,.0f} to {row['high_minor']:,.0f}) in minor units"
            )
    return 0


def forecast_calls(file: Path, day_count: int, as_json: bool) -> int:
    """Print the calls of a contact centre's coming open days: weekdays of which it has been open before."""
    calls = read_calls(file)
    load = CallLoad().fit(calls)
    usual = {day.weekday() for day in load.days_}
    ahead = (load.days_[-1] + timedelta(days=k) for k in range(1, 7 * day_count + 8))
    days = [day for day in ahead if day.weekday() in usual][:day_count]
    told = load.forecast(days)
    if as_json:
        rows = [{**row, "at": row["at"].isoformat()} for row in told.iter_rows(named=True)]
        print(json.dumps({"learned_until": load.days_[-1].isoformat(), "forecast": rows}, indent=2))
        return 0
    for (day,), part in told.group_by(pl.col("at").dt.date(), maintain_order=True):
        busiest = part.row(int(part["expected"].arg_max() or 0), named=True)
        print(
            f"{day}: {part['expected'].sum():,.0f} calls; most at {busiest['at']:%H:%M}: {busiest['expected']:,.0f} "
            f"(95 %: {busiest['low']:,.0f} to {busiest['high']:,.0f})"
        )
    return 0


def _learn_pays(day: date, origin_count: int, out: Path, seed: int) -> dict[str, ModelCard]:
    book, terms = open_book()
    periods = Periods()
    origins = origins_before(day, periods.last_day, origin_count)
    parts = []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("following accounts", number, book.partition_count)
            tables = book.partition(number).tables
            made = repayment_rows(tables, terms, origins, day, periods)
            parts.append(with_groups(made, tables))
    rows = pl.concat(parts)
    groups = rows.filter(pl.col("origin") == origins[-1]).select(GROUPS)
    rows = rows.drop(GROUPS)
    # What every row says alike tells nothing, and a column without a value cannot be learned from.
    silent = [name for name in CATALOGUE if rows[name].drop_nulls().n_unique() < 2]
    rows = rows.drop(silent)
    model = RepaymentHazards(periods, seed=seed).fit(rows.filter(pl.col("origin") < origins[-1]))
    cards = model.cards(
        rows.filter(pl.col("origin") == origins[-1]),
        "Foretells what comes of overdue accounts, when, and how much money with it.",
        window=(origins[0], day),
        measured_on=f"the accounts as of {origins[-1]}, later than all it learned from",
        groups=groups,
    )
    model.save(out, _beside("pays", cards))
    return cards


def _learn_reached(day: date, out: Path, seed: int) -> dict[str, ModelCard]:
    book, _ = open_book()
    parts, people = [], []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        parts.append(attempts(tables, day, known_at_end_of(day) if are_dated(tables) else None))
        people.append(groups_on(tables, day).drop("account_id").unique("customer_id"))
    tries = pl.concat(parts)
    since = day - timedelta(days=_HELD_OUT_DAYS)
    learned, held = (
        tries.filter(pl.col("at").dt.date() <= since),
        tries.filter(pl.col("at").dt.date() > since),
    )
    if learned.is_empty():
        raise TrainingUnusable(
            f"the book has no contacts of ours up to {since}. Run a day with a tape that has them"
        )
    model = ContactModel(seed=seed).fit(learned)
    window = (learned["at"].dt.date().to_list()[0], day)
    card = model.card(
        held,
        window=window,
        measured_on=f"the tries after {since}, later than all it learned from",
        groups=held.join(pl.concat(people), on="customer_id", how="left", maintain_order="left").select(
            GROUPS
        ),
    )
    model.save(out, _beside("reached", {"reached": card}))
    return {"reached": card}


def _score_pays(
    folder: Path, day: date, psi_max: float | None
) -> tuple[pl.DataFrame, dict[str, list[dict[str, Any]]]]:
    book, terms = open_book()
    model = load_hazards(folder)
    model.psi_max = model.psi_max if psi_max is None else psi_max
    tables = (book.partition(number).tables for number in range(book.partition_count))
    late = pl.concat([overdue_accounts(each, terms, day) for each in tables])
    told = model.predict_frame(late, ["account_id", "customer_id", "currency", "overdue_minor"], _DAYS)
    cash = {
        str(currency): model.expected_cash(part).filter(pl.col("day").is_in(list(_DAYS))).to_dicts()
        for (currency,), part in late.sort("currency").group_by("currency", maintain_order=True)
    }
    return told.with_columns(as_of=pl.lit(day)), cash


def _score_reached(folder: Path, day: date, psi_max: float | None) -> pl.DataFrame:
    """Each overdue person's best channels and hours, with the chance of a try and within ``_TRIES`` of them a day apart;
    whether one may use them is for the gate to say.
    """
    book, terms = open_book()
    model = load_contact_model(folder)
    model.psi_max = model.psi_max if psi_max is None else psi_max
    knowing = load_contact_model(folder)
    knowing.psi_max = PSI_UNLIMITED  # the people were looked at already, with all their channels and hours
    parts = []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        people = overdue_accounts(tables, terms, day)["customer_id"].unique().sort().to_list()
        asks = asks_of(tables, people, known_at_end_of(day), _CHANNELS, _HOURS)
        best = model.best(asks, _BEST)
        asked = best.join(asks, on=["customer_id", "channel", "hour"], how="left", maintain_order="left")
        within = pl.Series(knowing.within(asked, _TRIES)[:, -1])
        parts.append(best.with_columns(within.alias(f"chance_within_{_TRIES}")))
    return pl.concat(parts).with_columns(as_of=pl.lit(day))


def _beside(outcome: str, cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """The texts saved with a model: its cards, and what it is of."""
    texts = {BEHAVIOUR: json.dumps({"outcome": outcome})}
    for name, card in cards.items():
        texts |= {f"card-{name}.md": card.markdown(), f"card-{name}.html": card.html()}
        texts[f"card-{name}.json"] = json.dumps(card.to_dict(), ensure_ascii=False, indent=1)
    return texts
