"""Ids as numbers and rows put together by owner: what the fast parts give is what the plain way gives."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law.grouping import grouped
from dunwell.law.ids import UNKNOWN, Ids

texts = st.one_of(
    st.text(max_size=3),
    st.text("ab", min_size=11, max_size=14),  # about the length from which an id's bytes lie elsewhere
    st.builds("0f8fad5b-d9cb-469f-a165-{}".format, st.text("01", max_size=12)),
)
columns = st.lists(st.none() | texts, max_size=40)


def _plain(known: list[str | None], asked: list[str | None]) -> list[int]:
    return [-1 if one is None else known.index(one) if one in known else UNKNOWN for one in asked]


@given(columns, columns, columns)
def test_an_id_has_the_number_of_its_first_place(
    known: list[str | None], asked: list[str | None], more: list[str | None]
) -> None:
    """Also when the column asked about is in pieces, or part of a longer one."""
    ids = Ids(pl.Series(known, dtype=pl.String))
    pieces = pl.concat([pl.Series(asked, dtype=pl.String), pl.Series(more, dtype=pl.String)], rechunk=False)
    assert ids.numbers(pieces).tolist() == _plain(known, asked + more)
    assert ids.numbers(pieces[1:]).tolist() == _plain(known, (asked + more)[1:])


@given(columns, columns)
def test_ids_not_known_yet_are_added_after_the_others(
    known: list[str | None], more: list[str | None]
) -> None:
    ids = Ids(pl.Series(known, dtype=pl.String))
    grown = ids.with_more(pl.Series(more, dtype=pl.String))
    assert grown.ids[: len(known)].to_list() == known
    assert grown.ids[len(known) :].sort().to_list() == sorted(
        {one for one in more if one is not None} - {*known}
    )
    assert UNKNOWN not in grown.numbers(pl.Series(more, dtype=pl.String))


def test_many_ids_in_threads_are_numbered_as_a_join_does() -> None:
    generator = np.random.default_rng(3)
    known = pl.Series("id", [f"customer {number}" for number in range(50_000)])
    asked = known.gather(generator.integers(0, 50_000, 200_000))
    numbers = Ids(known).numbers(pl.concat([asked, "no " + asked[:1_000]]))
    assert known.gather(numbers[:200_000]).equals(asked)
    assert (numbers[200_000:] == UNKNOWN).all()


@pytest.mark.parametrize(("rows", "owners"), [(0, 3), (500, 40), (3_000, 2), (200_000, 9_000)])
def test_rows_lie_by_owner_and_instant_and_equal_instants_as_they_came(rows: int, owners: int) -> None:
    """Few rows an owner, more than are sorted by insertion, and enough for several threads; strangers' are left out."""
    generator = np.random.default_rng(rows)
    owner = generator.integers(-1, owners, rows).astype(np.int32)
    at = generator.integers(0, 60, rows)
    found = grouped(owner, at, owners)
    order = np.lexsort((at, owner))
    order = order[owner[order] >= 0]
    assert found.order.tolist() == order.tolist()
    assert found.at.tolist() == at[order].tolist()
    assert np.diff(found.first).tolist() == np.bincount(owner[owner >= 0], minlength=owners).tolist()
