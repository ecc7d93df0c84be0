"""``dunwell insight turning``: segments that turn before they are late, in a panel or in the book."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import open_book, read_table, split
from dunwell.cli.progress import progress
from dunwell.insight.problems import extra

EXIT_TURNING = 2
_OF_BOOK = ("product", "jurisdiction")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked, as typed."""

    by: str
    panel: Path | None
    states: str | None
    early: str | None
    late: str | None
    as_of: str | None
    recent: int
    past: int
    level: float
    chance_rounds: int


def tell_turning(asked: Asked, as_json: bool) -> int:
    """Print the segments that turn, and tell by the exit code whether any does."""
    extra("scipy")
    from dunwell.insight.rolls import BOOK_STATES, States, false_alarms, turning_segments

    segment = split(asked.by)
    if not segment:
        raise CommandError("--by names no column. Write it like --by product,jurisdiction")
    if asked.panel is not None:
        if not (asked.states and asked.early and asked.late):
            raise CommandError(
                "--panel needs --states, --early and --late: --states ok,1-29,30+ --early 1-29 --late 30+"
            )
        kinds, early = (
            States(tuple(split(asked.states)), frozenset(split(asked.late))),
            frozenset(split(asked.early)),
        )
        panel = read_table(asked.panel)
    else:
        kinds, early = BOOK_STATES, frozenset({"1-29"})
        panel = _book_panel(segment, parse_day(asked.as_of, "--as-of"), asked.recent + asked.past + 1)
    person = "customer_id" if "customer_id" in panel.columns else "account_id"
    told = turning_segments(
        panel, kinds, segment, early, recent=asked.recent, past=asked.past, level=asked.level
    )
    chance = None
    if asked.chance_rounds:
        chance = false_alarms(
            panel,
            kinds,
            segment,
            early,
            rounds=asked.chance_rounds,
            person=person,
            recent=asked.recent,
            past=asked.past,
            level=asked.level,
        )
    turning = told.filter("is_turning")
    if as_json:
        share = None if chance is None else {"share": chance.value, "low": chance.low, "high": chance.high}
        print(json.dumps({"segments": told.to_dicts(), "false_alarms": share}, ensure_ascii=False, indent=2))
    else:
        print(f"{turning.height} of {told.height} segments are turning")
        for row in turning.iter_rows(named=True):
            name = ", ".join(str(row[one]) for one in segment)
            print(
                f"  {name}: {100 * row['rate']:.1f} % a month leave good standing, {100 * row['rate_before']:.1f} % before; "
                f"{row['ratio']:.2f} times what the rest did (95 %: {row['low']:.2f} to {row['high']:.2f})"
            )
        seen = told.sort("detectable")
        if seen.height:
            names = [", ".join(str(seen[one][place]) for one in segment) for place in (0, -1)]
            print(
                f"a turn by so many times would be seen eight times in ten: {seen['detectable'][0]:.1f} in {names[0]}, "
                f"{seen['detectable'][-1]:.1f} in {names[1]}"
            )
        if chance is not None:
            print(
                f"shuffled, {100 * chance.value:.0f} % of {asked.chance_rounds} books raised an alarm "
                f"(95 %: {100 * chance.low:.0f} to {100 * chance.high:.0f} %)"
            )
    return EXIT_TURNING if turning.height else 0


def _book_panel(segment: list[str], as_of: date | None, months: int) -> pl.DataFrame:
    from dunwell.insight.rolls import book_panel

    unknown = [name for name in segment if name not in _OF_BOOK]
    if unknown:
        raise CommandError(f"--by {unknown[0]!r} is not known of the book. There are: {', '.join(_OF_BOOK)}")
    book, terms = open_book()
    day = as_of or date.fromisoformat(book.as_of)
    parts = []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("reading the arrears", number, book.partition_count)
            tables = book.partition(number).tables
            owners = tables["customers"].select("customer_id", "jurisdiction")
            parts.append(book_panel(tables, terms, day, months).join(owners, on="customer_id", how="left"))
    return pl.concat(parts)
