"""``dunwell insight behaviour``: the patterns of the book's customers, and what each asks of us."""

import json
from datetime import date
from pathlib import Path

import polars as pl

from dunwell.cli.inputs import parse_day
from dunwell.cli.insight_inputs import open_book
from dunwell.cli.progress import progress
from dunwell.insight.behaviour import behaviour, care_needed, patterns


def tell_behaviour(as_of: str | None, out: Path | None, as_json: bool) -> int:
    """Print how many customers show each pattern, and write who and why where asked."""
    book, terms = open_book()
    day = parse_day(as_of, "--as-of") or date.fromisoformat(book.as_of)
    with progress() as watch:
        parts = []
        for number in range(book.partition_count):
            watch("reading what people did", number, book.partition_count)
            parts.append(behaviour(book.partition(number).tables, terms, day))
    told = pl.concat(parts)
    if out is not None:
        told.write_parquet(out)
    counts = dict(told.group_by("pattern").len().iter_rows())
    care = dict(care_needed(told).group_by(pl.col("asks").cast(pl.String)).len().iter_rows())
    if as_json:
        rows = [
            {
                "pattern": one.name,
                "customers": counts.get(one.name, 0),
                "asks": one.asks.value,
                "meaning": one.meaning,
                "definition": one.definition,
                "words": one.words,
            }
            for one in patterns().values()
        ]
        summary = {"as_of": day.isoformat(), "patterns": rows, "care": care, "out": str(out) if out else None}
        print(json.dumps(summary, ensure_ascii=False, indent=2))
        return 0
    print(f"as of {day}, customers by pattern:")
    for one in patterns().values():
        print(f"  {counts.get(one.name, 0):>8,}  {one.name}: {one.meaning}. {one.words}")
    print(f"to people first: {care.get('people', 0):,}; relief first: {care.get('forbearance', 0):,}")
    if out is not None:
        print(f"who, since when and why: {out}")
    return 0
