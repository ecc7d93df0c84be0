"""``dunwell train``, ``dunwell score`` and ``dunwell forecast``: from a table, or from the workspace's book."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import known_on, open_book, read_table, split, whole_numbers
from dunwell.cli.progress import progress
from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.problems import extra
from dunwell.insight.training import (
    GROUPS,
    OUTCOMES,
    RISK,
    are_dated,
    known_at_end_of,
    origins_before,
    outcome_rows,
    with_groups,
)

if TYPE_CHECKING:
    from dunwell.insight.scoring import Model
    from dunwell.nightly.late_stock import LateStock

OTHER_OUTCOMES = ("pays", "reached")
BEHAVIOUR = "behaviour.json"
"""What ``dunwell train`` can foretell from a book beside the scores' outcomes, and the mark of such a model."""

_HELD_OUT = 0.25
_USE = "use.json"
_BREAKAGE = "breakage"
_LOSS = "loss"
_MODELS = ("scorecard", "additive", "boosted", _BREAKAGE, _LOSS)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a model learns from and what it is measured on."""

    learned: pl.DataFrame
    measured: pl.DataFrame
    target: str
    meaning: str
    window: tuple[date, date] | None
    measured_on: str
    use: dict[str, Any]


def train(
    table: Path | None,
    target: str | None,
    outcome: str | None,
    horizon_days: int,
    origin_count: int,
    as_of: str | None,
    kind: str,
    out: Path,
    groups: str | None,
    ignore: str,
    special: Sequence[str],
    seed: int,
    as_json: bool,
) -> int:
    """Train a model, measure it on what it did not learn from, and save it with its card."""
    if kind not in _MODELS:
        raise CommandError(f"--model {kind!r} is unknown. There are: {', '.join(_MODELS)}")
    extra("sklearn")
    if table is None and outcome in OTHER_OUTCOMES:
        from dunwell.cli.insight_repayment import train_repayment

        return train_repayment(outcome, origin_count, parse_day(as_of, "--as-of"), out, seed, as_json)
    from dunwell.insight.scoring import MODELS
    from dunwell.insight.scoring.card import model_card

    if kind == _BREAKAGE and table is None:
        raise CommandError("--model breakage needs --table, the plans that ended and whether each was broken")
    if kind == _LOSS:
        from dunwell.cli.insight_losses import train_loss

        if table is None:
            raise CommandError(
                "--model loss needs --table, the debts charged off and what share of each came back"
            )
        left_out = [*split(ignore), *([groups] if groups else [])]
        return train_loss(table, target, left_out, groups, out, seed, as_json)
    if table is not None:
        day = parse_day(as_of, "--as-of")
        left_out = [*split(ignore), *([groups] if groups else [])]
        lesson = _lesson_of_table(table, target, left_out, seed, kind, day)
    else:
        if target is not None:
            raise CommandError(
                "--target needs --table, the file that has the column. For the book give --outcome"
            )
        lesson = _lesson_of_book(outcome, horizon_days, origin_count, parse_day(as_of, "--as-of"))
    inputs = list(lesson.use["inputs"])
    risk = {name: way for name, way in RISK.items() if name in inputs} if table is None else {}
    if kind == _BREAKAGE:
        from dunwell.insight.settlement import breakage_model

        model: Model = breakage_model(seed=seed, special_values=_specials(special))
    else:
        model = MODELS[kind](seed=seed, risk=risk, special_values=_specials(special))
    model.fit(lesson.learned.select(inputs), lesson.learned[lesson.target])
    card = model_card(
        model,
        lesson.measured.select(inputs),
        lesson.measured[lesson.target],
        purpose=f"Foretells whether {lesson.meaning}.",
        target_meaning=lesson.meaning,
        window=lesson.window,
        measured_on=lesson.measured_on,
        groups=_groups(lesson.measured, groups) if table is not None else _groups_of_book(lesson, groups),
        seed=seed,
    )
    told = card.to_dict()
    texts = {
        "card.md": card.markdown(),
        "card.html": card.html(),
        "card.json": json.dumps(told, ensure_ascii=False, indent=1),
        _USE: json.dumps(lesson.use, ensure_ascii=False, indent=1),
    }
    model.save(out, texts)
    if as_json:
        print(json.dumps({"model": str(out), "card": told}, ensure_ascii=False, indent=2))
        return 0
    print(
        f"learned from {lesson.learned.height:,} rows, measured on {lesson.measured.height:,}: {lesson.measured_on}"
    )
    for name in ("auc", "gini", "ks", "brier", "calibration_error"):
        print(f"  {name.replace('_', ' '):<18} {card.figures[name]}")
    if kind == _BREAKAGE:
        from dunwell.cli.insight_plans import tell_terms

        tell_terms(model, lesson.measured, lesson.target)
    for caution in card.cautions:
        print(f"caution: {caution}")
    for block in card.promotion_blocks:
        print(f"may not be promoted: {block}")
    print(f"the model and its card: {out}/card.html")
    return 0


def score(
    model_folder: Path,
    table: Path | None,
    as_of: str | None,
    out: Path,
    reasons: int,
    language: str,
    keys: str,
    psi_max: float | None,
    as_json: bool,
) -> int:
    """Score a table's rows or the book's accounts with a saved model, and write the scores."""
    from dunwell.insight.scoring import load_model
    from dunwell.insight.scoring.saving import content_hash, load_folder

    if table is None and load_folder(model_folder)[2].get(BEHAVIOUR) is not None:
        from dunwell.cli.insight_repayment import score_repayment

        return score_repayment(model_folder, parse_day(as_of, "--as-of"), out, psi_max, as_json)
    use = json.loads(load_folder(model_folder)[2].get(_USE, "{}"))
    if use.get("made_for") == "losses":
        from dunwell.cli.insight_losses import score_losses

        return score_losses(model_folder, table, out, split(keys), psi_max, as_json)
    model = load_model(model_folder)
    if psi_max is not None:
        model.psi_max = psi_max
    if table is not None:
        rows, named = read_table(table), split(keys)
        if use.get("made_for") == "plans":
            from dunwell.insight.settlement import plan_inputs

            rows = plan_inputs(rows)
    else:
        if use.get("made_for") != "book":
            raise CommandError(
                f"{model_folder} was not made for a book. Give the table to score with --table"
            )
        rows, named = (
            _accounts_to_score(parse_day(as_of, "--as-of"), use),
            ["account_id", "customer_id", "as_of"],
        )
    told = (
        model.explain(rows, language=language, most=reasons, keys=named)
        if reasons
        else model.predict_frame(rows, named)
    )
    write_table(told, out)
    mean = told["probability"].mean() if told.height else None
    if as_json:
        summary = {
            "model": str(model_folder),
            "model_sha256": content_hash(model_folder),
            "rows": told.height,
            "mean_probability": mean,
            "out": str(out),
        }
        print(json.dumps(summary, ensure_ascii=False, indent=2))
    else:
        shown = f", mean probability {mean:.4f}" if isinstance(mean, float) else ""
        print(f"{told.height:,} rows scored{shown}: {out}")
    return 0


def write_table(told: pl.DataFrame, out: Path) -> None:
    """Write a table whole or not at all, as CSV by its ending, else Parquet; lists become text in CSV."""
    staging = out.with_name(f".{out.name}.new")
    try:
        if out.suffix == ".csv":
            told.with_columns(pl.col(pl.List(pl.String)).list.join("; ")).write_csv(staging)
        else:
            told.write_parquet(staging)
        staging.replace(out)
    finally:
        staging.unlink(missing_ok=True)


def forecast(
    panel_file: Path | None,
    states: str | None,
    late: str | None,
    as_of: str | None,
    history_months: int,
    horizons: str,
    scenarios: Sequence[str],
    as_json: bool,
) -> int:
    """Print how many accounts will be late in the months to come, and the roll rates of a month."""
    extra("scipy")
    from dunwell.cli.insight_losses import read_scenarios
    from dunwell.insight.rolls import (
        BOOK_STATES,
        INFLOW,
        NEW,
        RollRates,
        States,
        forecast_late,
        forecast_states,
        with_history,
    )
    from dunwell.insight.rolls.book import month_end

    months = whole_numbers(horizons, "--horizons")
    views = read_scenarios(scenarios) if scenarios else []
    odds = [one.odds for one in views]
    if panel_file is not None:
        if states is None or late is None:
            raise CommandError(
                "--panel needs --states, from best to worst, and --late, those that count: --states C,1,2 --late 1,2"
            )
        kinds = States(tuple(split(states)), frozenset(split(late)))
        panel = read_table(panel_file)
        if "state" in panel.columns:
            panel = panel.with_columns(pl.col("state").cast(pl.String))
        ahead = forecast_late(panel, kinds, horizons=months, odds=odds)
        by_state = forecast_states(panel, kinds, horizons=months)
        now = panel.filter(pl.col("month") == pl.col("month").max(), kinds.is_late).height
    else:
        kinds = BOOK_STATES
        stock = late_stock(parse_day(as_of, "--as-of"), history_months)
        ahead, panel, now = stock.ahead(months, odds), stock.panel, stock.late_now
        by_state = stock.states_ahead(months)
    rates = RollRates(kinds).fit(with_history(panel, kinds))
    last = int(panel["month"].to_numpy().max())
    at = (lambda number: month_end(number).isoformat()) if panel_file is None else str
    rows = [row | {"month": at(row["month"])} for row in ahead.iter_rows(named=True)]
    if as_json:
        told = {"last_month": at(last), "late_now": now, "forecast": rows, "roll_rates": rates.to_dict()}
        told["by_state"] = by_state.to_dicts()
        told["scenarios"] = [[one.name, one.weight, one.odds] for one in views]
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    print(
        f"late at {at(last)}: {now:,} accounts ({', '.join(name for name in kinds.names if name in kinds.late)})"
    )
    for row in rows:
        print(
            f"  {row['months']:>3} months on, {row['month']}: {row['expected']:,.0f} "
            f"(95 %: {row['low']:,.0f} to {row['high']:,.0f}) of the accounts in the book now"
        )
        for one, expected in zip(views, row.get("expected_if", []), strict=True):
            print(f"      {one.name}: {expected:,.0f}")
        for state in by_state.filter(pl.col("months") == row["months"]).iter_rows(named=True):
            what = {INFLOW: "of them not late now", NEW: "late, of accounts yet to be opened"}.get(
                state["state"], state["state"]
            )
            print(f"      {what}: {state['expected']:,.0f} ({state['low']:,.0f} to {state['high']:,.0f})")
    print("roll rates of one month, per cent:")
    _print_matrix(rates.matrix(), kinds.all)
    return 0


def _lesson_of_table(
    file: Path, target: str | None, left_out: Sequence[str], seed: int, kind: str, as_of: date | None
) -> _Lesson:
    if target is None:
        raise CommandError("--table needs --target, the column with 0 and 1 to foresee")
    rows = read_table(file)
    for name in (target, *left_out):
        if name not in rows.columns:
            raise CommandError(f"{file} has no column {name!r}. It has: {', '.join(rows.columns[:20])}")
    if kind == _BREAKAGE:
        from dunwell.cli.insight_plans import plan_rows

        rows = plan_rows(rows, as_of)
    selection = extra("sklearn.model_selection")
    from dunwell.insight.scoring.base import read_target

    values = read_target(rows[target], rows.height)
    learned, measured = selection.train_test_split(
        list(range(rows.height)), test_size=_HELD_OUT, stratify=values, random_state=seed
    )
    inputs = [name for name in rows.columns if name != target and name not in left_out]
    use: dict[str, Any] = {"made_for": "table", "inputs": inputs}
    if kind == _BREAKAGE:
        from dunwell.cli.insight_plans import plan_use

        use = plan_use(rows[sorted(learned)], inputs)
    return _Lesson(
        rows[sorted(learned)],
        rows[sorted(measured)],
        target,
        f"{target} is 1",
        None,
        "a random quarter of the rows, not learned from",
        use,
    )


def _lesson_of_book(
    outcome_name: str | None, horizon_days: int, origin_count: int, as_of: date | None
) -> _Lesson:
    if outcome_name is None or outcome_name not in OUTCOMES:
        raise CommandError(
            f"--outcome {outcome_name!r} is unknown. There are: {', '.join([*OUTCOMES, *OTHER_OUTCOMES])}; or give --table"
        )
    outcome = OUTCOMES[outcome_name]
    book, terms = open_book()
    origins = origins_before(as_of or date.fromisoformat(book.as_of), horizon_days, origin_count)
    parts = []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("making features", number, book.partition_count)
            tables = book.partition(number).tables
            parts.append(with_groups(outcome_rows(tables, terms, origins, horizon_days, outcome), tables))
    rows = pl.concat(parts)
    # What every row says alike tells nothing, and a column without a value cannot be learned from.
    inputs = [name for name in CATALOGUE if rows[name].drop_nulls().n_unique() > 1]
    meaning = outcome.meaning.format(days=horizon_days)
    return _Lesson(
        rows.filter(pl.col("origin") < origins[-1]),
        rows.filter(pl.col("origin") == origins[-1]),
        "has_come",
        meaning,
        (origins[0], origins[-1] + timedelta(days=horizon_days)),
        f"the accounts as of {origins[-1]}, later than all it learned from",
        {"made_for": "book", "inputs": inputs, "outcome": outcome.name, "horizon_days": horizon_days},
    )


def _accounts_to_score(as_of: date | None, use: dict[str, Any]) -> pl.DataFrame:
    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    parts = []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("making features", number, book.partition_count)
            tables = book.partition(number).tables
            known_at = known_at_end_of(day) if are_dated(tables) else None
            parts.append(features(tables, terms, day, known_at))
    rows = pl.concat(parts).filter(OUTCOMES[use["outcome"]].is_asked_of)
    return rows.with_columns(as_of=pl.lit(day))


def late_stock(as_of: date | None, months: int) -> "LateStock":
    """The month ends of the book, gathered as the daily run gathers them."""
    from dunwell.nightly.late_stock import LateStock

    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    stock = LateStock(terms, day, known_on(book, day), history_months=months)
    with progress() as watch:
        for number in range(book.partition_count):
            watch("reading the arrears", number, book.partition_count)
            stock.add(book.partition(number).tables)
    if stock.panel.is_empty():
        raise CommandError(
            "the book has no account that was open at a month's end. Run a day with a fuller tape"
        )
    return stock


def _groups(rows: pl.DataFrame, column: str | None) -> pl.Series | None:
    if column is None:
        return None
    if column not in rows.columns:
        raise CommandError(f"--groups {column!r} is no column of the table")
    return rows[column]


def _groups_of_book(lesson: _Lesson, column: str | None) -> pl.DataFrame:
    """Age and language, as far as the book tells them."""
    if column is not None:
        raise CommandError(
            f"--groups {column!r} needs --table. For the book fairness is measured by {' and '.join(GROUPS)}"
        )
    return lesson.measured.select(GROUPS)


def _specials(words: Sequence[str]) -> dict[str, list[float]]:
    """``util=96,98`` as {"util": [96.0, 98.0]}."""
    found: dict[str, list[float]] = {}
    for word in words:
        name, sign, values = word.partition("=")
        try:
            found[name] = [float(value) for value in values.split(",")]
        except ValueError:
            sign = ""
        if not sign or not name:
            raise CommandError(f"--special {word!r} is not understood. Write it like --special bureau=96,98")
    return found


def _print_matrix(matrix: pl.DataFrame, names: Sequence[str]) -> None:
    width = max(8, *(len(name) + 1 for name in names))
    print(" " * width + "".join(f"{name:>{width}}" for name in names))
    for (state,), rows in matrix.group_by("state", maintain_order=True):
        chances = {row["next_state"]: row["chance"] for row in rows.iter_rows(named=True)}
        print(f"{state:<{width}}" + "".join(f"{100 * chances[name]:>{width}.1f}" for name in names))
