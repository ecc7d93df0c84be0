"""``dunwell evaluate``: what other strategies would have brought, from the log of the one that ran."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.cli.errors import CommandError
from dunwell.cli.experiments import money_in, read_frame
from dunwell.cli.inputs import parse_day
from dunwell.strategy.evaluation import ESTIMATORS, Log, Ranking, compare, lawful, read_log
from dunwell.strategy.experiments import outcomes_by_window
from dunwell.strategy.experiments.design import NOTHING

Floats = NDArray[np.float64]

_PIECES_MAX = 5
_NEEDED = ["decision_id", "customer_id", "as_of", "treatment", "probability"]


def evaluate_strategies(
    decisions_file: Path,
    until: str,
    policies: Sequence[str],
    payments: Path | None,
    window_days: int,
    inputs: str,
    method: str,
    with_open: bool,
    as_json: bool,
) -> int:
    """Print each strategy's value and the ranking of those that the log carries; 1 when it carries none of them."""
    estimator = ESTIMATORS.get(method.replace("-", " "))
    if estimator is None:
        known = ", ".join(name.replace(" ", "-") for name in ESTIMATORS)
        raise CommandError(f"--method {method!r} is unknown. There are: {known}")
    day = parse_day(until, "--until")
    assert day is not None
    decisions = read_frame(decisions_file, _NEEDED)
    if decisions.select("customer_id", "as_of").is_duplicated().any():
        raise CommandError(f"{decisions_file}: a customer has two decisions on one day. Keep one")
    pieces, seen = _earned(decisions, money_in(payments), window_days, day)
    is_used = seen > 0 if with_open else seen == pieces.shape[1]
    if not is_used.any():
        raise CommandError(
            f"no decision's window of {window_days} days had closed by {day}. Wait, or shorten --window"
        )
    decisions, pieces, seen = decisions.filter(pl.Series(is_used)), pieces[is_used], seen[is_used]
    rows = decisions.with_columns(reward=pl.Series(pieces.sum(axis=1)))
    log = read_log(
        rows, _treatments(rows, policies), [word.strip() for word in inputs.split(",") if word.strip()]
    )
    ranking = compare(
        log,
        dict(_chances(text, rows, log) for text in policies),
        estimator=estimator,
        persons=(rows["customer_id"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        late=(pieces, seen) if with_open else None,
    )
    _tell(ranking, rows.height, as_json)
    return 0 if len(ranking.order) > 1 else 1


def _earned(
    decisions: pl.DataFrame, money: pl.DataFrame, window_days: int, until: date
) -> tuple[Floats, NDArray[np.int64]]:
    """What each decision (row) earned in each piece of the window (column), and how many pieces have passed."""
    count = min(_PIECES_MAX, window_days)
    ends = [window_days * (number + 1) // count for number in range(count)]
    log = decisions.select("customer_id", pl.col("as_of").alias("assigned_on"))
    outcomes = outcomes_by_window(log, money, ends, until)
    so_far = outcomes["outcome"].fill_null(np.nan).to_numpy().reshape(count, len(log)).T
    seen = (~np.isnan(so_far)).sum(axis=1)
    return np.nan_to_num(np.diff(so_far, axis=1, prepend=0.0)), seen


def _treatments(decisions: pl.DataFrame, policies: Sequence[str]) -> list[str]:
    """Doing nothing first, then all that was given, ruled out or is asked for."""
    names = set(decisions["treatment"].drop_nulls().cast(pl.String))
    names |= {text.removeprefix("always:") for text in policies if text.startswith("always:")}
    return [NOTHING, *sorted(names - {NOTHING})]


def _chances(text: str, decisions: pl.DataFrame, log: Log) -> tuple[str, Floats]:
    """A strategy's name and its lawful chances, from the way it is asked for."""
    if text == "even":
        return text, lawful(np.ones(len(log.treatments)), log.allowed)
    if text.startswith("always:"):
        wanted = np.array([float(name == text.removeprefix("always:")) for name in log.treatments])
        return text, lawful(wanted, log.allowed)
    name, _, file = text.partition("=")
    if not file:
        raise CommandError(f"--policy {text!r} is unknown. Write even, always:TREATMENT, or NAME=FILE")
    return name, lawful(_from_file(Path(file), decisions, log), log.allowed)


def _from_file(file: Path, decisions: pl.DataFrame, log: Log) -> Floats:
    told = read_frame(file, ["decision_id", "treatment"])
    if "probability" not in told.columns:
        told = told.with_columns(probability=pl.lit(1.0))
    place = {name: number for number, name in enumerate(log.treatments)}
    strangers = set(told["treatment"]) - set(place)
    if strangers:
        raise CommandError(
            f"{file}: {min(strangers)!r} is no treatment of the log. It has: {', '.join(place)}"
        )
    rows = decisions.select("decision_id").with_row_index("row").join(told, on="decision_id")
    chances = np.zeros(log.allowed.shape)
    columns = rows["treatment"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    np.add.at(chances, (rows["row"].to_numpy(), columns), rows["probability"].cast(pl.Float64).to_numpy())
    silent = np.flatnonzero(np.abs(chances.sum(axis=1) - 1) > 1e-6)
    if len(silent):
        which = decisions["decision_id"][int(silent[0])]
        raise CommandError(
            f"{file}: the chances for decision {which!r} add up to {chances[silent[0]].sum():g}, not 1"
        )
    return chances


def _tell(ranking: Ranking, count: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_record(ranking, count), ensure_ascii=False, indent=2))
        return
    print(f"{count:,} decisions")
    for place, name in enumerate(ranking.order, start=1):
        estimate, interval = ranking.estimates[name], ranking.estimates[name].interval()
        print(
            f"{place}. {name:<28} {estimate.value:.4f} a decision ({interval.low:.4f} to {interval.high:.4f})"
        )
    for name, lead in ranking.leads.items():
        verdict = "" if lead.low > 0 else ", which may be chance"
        print(f"   {ranking.order[0]} is ahead of {name} by {lead.low:+.4f} to {lead.high:+.4f}{verdict}")
    for name, problems in ranking.refused.items():
        for problem in problems:
            print(f"not ranked: {name}: {problem}")


def _record(ranking: Ranking, count: int) -> dict[str, object]:
    estimates = []
    for name in ranking.order:
        estimate, interval = ranking.estimates[name], ranking.estimates[name].interval()
        found = {"strategy": name, "value": estimate.value, "low": interval.low, "high": interval.high}
        if name in ranking.overlaps:
            found["effective_decisions"] = ranking.overlaps[name].effective_count
        estimates.append(found)
    return {
        "decisions": count,
        "is_settled": ranking.is_settled,
        "estimates": estimates,
        "leads": {name: [lead.low, lead.high] for name, lead in ranking.leads.items()},
        "refused": {name: list(problems) for name, problems in ranking.refused.items()},
    }
