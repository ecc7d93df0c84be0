"""``dunwell insight promote`` and ``monitor``: which model is in use, and whether it still holds."""

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import open_book, read_table
from dunwell.cli.progress import progress
from dunwell.insight.features import features
from dunwell.insight.problems import extra
from dunwell.insight.training import OUTCOMES, are_dated, known_at_end_of, outcome_rows
from dunwell.settings import read_settings

EXIT_ALERT = 2
_ROWS_MIN, _EVENTS_MIN = 30, 5
_USE = "use.json"


@dataclass(frozen=True, slots=True)
class _Looked:
    """The rows scored now, the rows whose outcome is known, and what came of these."""

    now: pl.DataFrame
    measured: pl.DataFrame | None
    target: pl.Series | None
    person: pl.Series | None


def promote_model(folder: Path, unmeasured_because: str, as_json: bool) -> int:
    """Put a model to use."""
    from dunwell.insight.scoring.promotion import promote
    from dunwell.insight.scoring.saving import load_folder
    from dunwell.insight.settlement.chances import PLANS, load_plan_chances

    settings = read_settings(Path.cwd())
    is_of_plans = json.loads(load_folder(folder)[2].get(_USE, "{}")).get("made_for") == PLANS
    if is_of_plans:
        load_plan_chances(folder)
    chosen = promote(settings.root / "models", folder, unmeasured_because.strip())
    if as_json:
        print(json.dumps({"model": str(chosen.folder), "sha256": chosen.sha256}, indent=2))
    else:
        since = "beside every plan from now on" if is_of_plans else "from the next run on"
        print(f"{chosen.folder} is in use {since}")
    return 0


def monitor_model(
    folder: Path | None,
    challenger: Path | None,
    table: Path | None,
    target: str | None,
    person: str | None,
    as_of: str | None,
    as_json: bool,
) -> int:
    """Look at a model, print what was seen, and tell by the exit code whether anything fired."""
    extra("scipy")
    from dunwell.insight.monitoring import watch
    from dunwell.insight.scoring import load_model
    from dunwell.insight.scoring.promotion import champion

    if folder is None:
        chosen = champion(read_settings(Path.cwd()).root / "models")
        if chosen is None:
            raise CommandError(
                "no model is in use. Name one with --model, or: dunwell insight promote models/NAME"
            )
        folder = chosen.folder
    model = load_model(folder)
    other = load_model(challenger) if challenger is not None else None
    day = parse_day(as_of, "--as-of")
    looked = _of_table(table, target, person) if table is not None else _of_book(folder, challenger, day)
    seen = watch(
        model,
        looked.now,
        looked.target,
        measured=looked.measured,
        challenger=other,
        groups=looked.person,
    )
    told: dict[str, Any] = {
        "model": str(folder),
        "rows": seen.row_count,
        "measured_rows": seen.calibration.row_count if seen.calibration else 0,
        "calibration": asdict(seen.calibration) if seen.calibration else None,
        "comparison": asdict(seen.comparison) | {"verdict": seen.comparison.verdict}
        if seen.comparison
        else None,
        "drift": seen.drift.to_dicts(),
        "alerts": seen.alerts.to_dicts(),
    }
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _tell(told, seen.drift)
    return 0 if seen.is_quiet else EXIT_ALERT


def _tell(told: dict[str, Any], drift: pl.DataFrame) -> None:
    print(f"{told['rows']:,} rows scored now; the inputs that moved most (population stability index):")
    for row in drift.head(5).iter_rows(named=True):
        print(f"  {row['psi']:.3f}  {row['input']}")
    if told["calibration"]:
        now = told["calibration"]
        print(
            f"of {told['measured_rows']:,} rows whose outcome is known {100 * now['actual']:.1f} % came, "
            f"{100 * now['expected']:.1f} % were foretold"
        )
    else:
        print("no outcomes are known yet, so calibration was not looked at")
    if told["comparison"]:
        both = told["comparison"]
        print(
            f"AUC {both['champion_auc']:.4f} against the challenger's {both['challenger_auc']:.4f}: {both['verdict']}"
        )
    for alert in told["alerts"]:
        print(f"alert: {alert['words']}")
    if not told["alerts"]:
        print("all quiet")


def _of_table(table: Path, target: str | None, person: str | None) -> _Looked:
    rows = read_table(table)
    for name in (target, person):
        if name is not None and name not in rows.columns:
            raise CommandError(f"{table} has no column {name!r}. It has: {', '.join(rows.columns[:20])}")
    return _Looked(
        rows, rows if target else None, rows[target] if target else None, rows[person] if person else None
    )


def _of_book(folder: Path, challenger: Path | None, as_of: date | None) -> _Looked:
    """The accounts asked of now, and those of a horizon ago with what came of them."""
    from dunwell.insight.scoring.saving import load_folder

    use = json.loads(load_folder(folder)[2].get(_USE, "{}"))
    if use.get("made_for") != "book":
        raise CommandError(f"{folder} was not made for a book. Give the rows to look at with --table")
    if challenger is not None:
        other = json.loads(load_folder(challenger)[2].get(_USE, "{}"))
        if (other.get("outcome"), other.get("horizon_days")) != (use["outcome"], use["horizon_days"]):
            raise CommandError(
                f"{challenger} foretells something else than {folder}. Compare models of one outcome and horizon"
            )
    outcome = OUTCOMES[use["outcome"]]
    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    origin = day - timedelta(days=use["horizon_days"])
    now, before = [], []
    with progress() as watched:
        for number in range(book.partition_count):
            watched("making features", number, book.partition_count)
            tables = book.partition(number).tables
            known_at = known_at_end_of(day) if are_dated(tables) else None
            now.append(features(tables, terms, day, known_at).filter(outcome.is_asked_of))
            rows = outcome_rows(tables, terms, [origin], use["horizon_days"], outcome)
            owners = tables["accounts"].select("account_id", "customer_id")
            before.append(rows.join(owners, on="account_id", how="left", maintain_order="left"))
    measured = pl.concat(before)
    came = measured["has_come"]
    enough = measured.height >= _ROWS_MIN and min(came.sum(), (~came).sum()) >= _EVENTS_MIN
    if not enough:
        return _Looked(pl.concat(now), None, None, None)
    return _Looked(pl.concat(now), measured, came, measured["customer_id"])
