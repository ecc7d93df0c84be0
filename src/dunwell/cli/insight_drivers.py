"""``dunwell insight drivers``: what goes with an outcome, as a page, as frames and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import polars as pl

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import open_book, read_table, split
from dunwell.cli.progress import progress
from dunwell.insight.problems import extra
from dunwell.insight.training import OUTCOMES, RISK
from dunwell.ledger import Terms
from dunwell.settings import FILE_NAME, read_settings

_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked, as typed."""

    out: Path
    outcome: str
    horizon_days: int
    origin_count: int
    as_of: str | None
    table: Path | None
    target: str | None
    person: str | None
    period: str | None
    ignore: str
    depth: int
    level: float
    adjust: str
    chance_rounds: int
    risk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Subject:
    """The rows to look in, and the events of the book's cases."""

    frame: pl.DataFrame
    columns: list[str]
    person: str | None
    period: str | None
    as_of: date
    outcome: str
    left_out: dict[str, str]
    events: pl.DataFrame | None
    risk: dict[str, int]


def find_drivers(asked: Asked, language: str | None, seed: int, as_json: bool) -> int:
    """Find, test and write: ``drivers.html`` and a Parquet file a frame in the out folder."""
    extra("scipy")
    from dunwell.insight.drivers import Search, chance_findings, compare_cohorts, paths, subgroups
    from dunwell.nightly.report.drivers import Findings, render_drivers

    if asked.adjust not in ("bh", "by"):
        raise CommandError(f"--adjust {asked.adjust!r} is unknown. There are: bh, by")
    settings = read_settings(Path.cwd()) if (Path.cwd() / FILE_NAME).is_file() else None
    locale = language or (settings.locale if settings else "en")
    if locale not in ("en", "zh"):
        raise CommandError(f"--language {locale!r} is unknown. There are: en, zh")
    subject = _of_table(asked) if asked.table is not None else _of_book(asked)
    how = Search(
        depth=asked.depth,
        level=asked.level,
        adjust=cast("Literal['bh', 'by']", asked.adjust),
        seed=seed,
    )
    rows = subject.frame
    groups = rows[subject.person] if subject.person else None
    period = rows[subject.period] if subject.period else None
    found = subgroups(
        rows, rows["outcome"], subject.columns, search=how, groups=groups, period=period, language=locale
    )
    leaves = subgroups(
        rows,
        rows["outcome"],
        subject.columns,
        search=replace(how, way="tree", risk=subject.risk),
        groups=groups,
        period=period,
        language=locale,
    )
    chance = None
    if asked.chance_rounds:
        chance = chance_findings(
            rows, rows["outcome"], subject.columns, rounds=asked.chance_rounds, search=how, groups=groups
        )
    cohorts, periods = None, None
    if period is not None and period.n_unique() >= _FEWEST:
        before, now = sorted(period.unique())[-2:]
        earlier, later = rows.filter(period == before), rows.filter(period == now)
        cohorts = compare_cohorts(earlier, later, subject.columns, level=how.level, adjust=how.adjust)
        periods = (str(before), str(now), _mean(later) - _mean(earlier))
    cases = paths(subject.events, subject.as_of) if subject.events is not None else None
    page = render_drivers(
        Findings(
            subject.as_of,
            subject.outcome,
            asked.horizon_days,
            rows.height,
            found,
            cases,
            cohorts,
            periods,
            chance,
            asked.chance_rounds,
            subject.left_out,
            settings.acts_for if settings else "",
            leaves,
        ),
        locale,
    )
    frames = {"subgroups": found.frame, "tree": leaves.frame}
    if cases is not None:
        frames |= {name: getattr(cases, name) for name in ("follows", "variants", "stalls", "repeats")}
    if cohorts is not None:
        frames["cohorts"] = cohorts
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(asked.out / f"{name}.parquet")
    (asked.out / "drivers.html").write_text(page, encoding="utf-8")
    summary = {
        "as_of": subject.as_of.isoformat(),
        "outcome": subject.outcome,
        "rows": rows.height,
        "mean": found.mean,
        "explored_rows": found.explored_count,
        "held_out_rows": found.held_out_count,
        "tested": found.frame.height,
        "found": found.found.height,
        "level": how.level,
        "adjust": how.adjust,
        "chance": None if chance is None else {"share": chance.value, "low": chance.low, "high": chance.high},
        "left_out": subject.left_out,
        "out": str(asked.out),
    }
    _tell(summary, frames, as_json)
    return 0


def _tell(summary: dict[str, Any], frames: dict[str, pl.DataFrame], as_json: bool) -> None:
    if as_json:
        rows = {name: json.loads(frame.write_json()) for name, frame in frames.items()}
        print(json.dumps(summary | rows, ensure_ascii=False, indent=2, default=str))
        return
    print(
        f"{summary['found']} of {summary['tested']} subgroups hold on {summary['held_out_rows']:,} rows that the search "
        f"did not see (it saw {summary['explored_rows']:,}); over all: {100 * summary['mean']:.1f} %"
    )
    for row in frames["subgroups"].filter("is_found").head(10).iter_rows(named=True):
        print(
            f"  {100 * row['inside']:5.1f} % against {100 * row['outside']:5.1f} %, {row['row_count']:,} rows: {row['subgroup']}"
        )
    leaves = frames["tree"].filter("is_found")
    print(f"as one tree: {leaves.height} of {frames['tree'].height} leaves hold")
    for row in leaves.sort("inside", descending=True).iter_rows(named=True):
        print(f"  {100 * row['inside']:5.1f} %, {row['row_count']:,} rows: {row['subgroup']}")
    if summary["chance"] is not None:
        chance = summary["chance"]
        print(
            f"with shuffled labels {100 * chance['share']:.0f} % of the runs found anything "
            f"(95 %: {100 * chance['low']:.0f} to {100 * chance['high']:.0f} %)"
        )
    if summary["left_out"]:
        print(f"not looked in: {', '.join(f'{name} ({kind})' for name, kind in summary['left_out'].items())}")
    print(f"the page and its frames: {summary['out']}/drivers.html")


def _of_table(asked: Asked) -> _Subject:
    if asked.table is None or asked.target is None:
        raise CommandError("--table needs --target, the column with the outcome")
    rows = read_table(asked.table)
    ignored = split(asked.ignore)
    named = [asked.target, *ignored, *(one for one in (asked.person, asked.period) if one)]
    for name in named:
        if name not in rows.columns:
            raise CommandError(
                f"{asked.table} has no column {name!r}. It has: {', '.join(rows.columns[:20])}"
            )
    columns = [name for name in rows.columns if name not in named]
    day = parse_day(asked.as_of, "--as-of") or _written_on(asked.table)
    frame = rows.with_columns(outcome=pl.col(asked.target))
    return _Subject(
        frame, columns, asked.person, asked.period, day, asked.target, {}, None, _risk_of(asked, columns)
    )


def _of_book(asked: Asked) -> _Subject:
    from dunwell.insight.drivers import UNRECOVERED, telling

    if asked.target is not None:
        raise CommandError(
            "--target needs --table, the file that has the column. For the book give --outcome"
        )
    if asked.outcome not in (*OUTCOMES, UNRECOVERED):
        raise CommandError(
            f"--outcome {asked.outcome!r} is unknown. There are: {', '.join((*OUTCOMES, UNRECOVERED))}"
        )
    book, terms = open_book()
    day = parse_day(asked.as_of, "--as-of") or date.fromisoformat(book.as_of)
    rows, columns, left_out, events = _read_book(asked, book, terms, day)
    ignored = split(asked.ignore)
    columns = [name for name in telling(rows, columns) if name not in ignored]
    risk = {name: way for name, way in RISK.items() if name in columns} | _risk_of(asked, columns)
    return _Subject(rows, columns, "customer_id", "origin", day, asked.outcome, left_out, events, risk)


def _read_book(
    asked: Asked, book: Book, terms: dict[str, Terms], day: date
) -> tuple[pl.DataFrame, list[str], dict[str, str], pl.DataFrame]:
    from dunwell.insight.drivers import case_events, driver_rows

    origins = [
        day - timedelta(days=asked.horizon_days + 30 * k) for k in range(asked.origin_count - 1, -1, -1)
    ]
    frames, events = [], []
    columns: list[str] = []
    left_out: dict[str, str] = {}
    with progress() as watch:
        for number in range(book.partition_count):
            watch("looking back", number, book.partition_count)
            tables = book.partition(number).tables
            part = driver_rows(tables, terms, origins, asked.horizon_days, asked.outcome)
            frames.append(part.frame)
            columns += [name for name in part.columns if name not in columns]
            left_out |= part.left_out
            events.append(case_events(tables, terms, day))
    return pl.concat(frames, how="diagonal_relaxed"), columns, left_out, pl.concat(events)


def _risk_of(asked: Asked, columns: Sequence[str]) -> dict[str, int]:
    """``days=1`` as {"days": 1}."""
    found: dict[str, int] = {}
    for word in asked.risk:
        name, _, way = word.partition("=")
        if way not in ("1", "-1") or name not in columns:
            raise CommandError(
                f"--risk {word!r} is not understood. Write a column that is looked in, and 1 or -1: --risk days=1"
            )
        found[name] = int(way)
    return found


def _written_on(file: Path) -> date:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date()


def _mean(rows: pl.DataFrame) -> float:
    return float(rows["outcome"].cast(pl.Float64).to_numpy().mean())
