"""How many cases are at each stage: counted a partition at a time, told by the summary."""

from collections.abc import Sequence

import polars as pl

_COUNT = pl.col("cases")


def case_counts(cases: pl.DataFrame) -> pl.DataFrame:
    """A partition's open cases (``resolution.cases_as_of``) by stage: stage, cases; the largest first."""
    is_open = pl.col("closed_on").is_null()
    return _sorted(cases.filter(is_open).group_by("stage").agg(pl.len().cast(pl.Int64).alias("cases")))


def merge_cases(counted: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several partitions together. Raises ValueError when there are none."""
    return _sorted(pl.concat(counted).group_by("stage").agg(_COUNT.sum()))


def _sorted(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.sort("cases", "stage", descending=[True, False])
