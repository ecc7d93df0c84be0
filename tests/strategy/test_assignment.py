"""Assignment against HiGHS at small sizes: capacities kept to the unit, the bound never below the best, the gap honest."""

import dataframely as dy
import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given

from benchmarks.assignment_inputs import solve_with_highs
from dunwell.rehearsal.benchmark_choices import made_frames
from dunwell.strategy import Assignment, assign
from dunwell.strategy.assignment_frames import Assigned, CapacityPrices, Unassignable, treatments_of

USES = {"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64, "column": pl.String}
CAPACITIES = {"capacity": pl.String, "unit": pl.String, "available": pl.Int64, "at_least": pl.Int64}


def uses_of(*rows: tuple[str, str, int | str]) -> pl.DataFrame:
    """Uses from (treatment, capacity, amount or column)."""
    return pl.DataFrame(
        [(t, c, None if isinstance(a, str) else a, a if isinstance(a, str) else None) for t, c, a in rows],
        schema=USES,
        orient="row",
    )


def capacities_of(available: dict[str, int], at_least: dict[str, int] | None = None) -> pl.DataFrame:
    """Capacities, and floors, in units."""
    rows = [(name, "unit", most, None) for name, most in available.items()]
    floors = [(name, "unit", None, least) for name, least in (at_least or {}).items()]
    return pl.DataFrame([*rows, *floors], schema=CAPACITIES, orient="row")


def candidates_of(**columns: object) -> pl.DataFrame:
    """Candidates named by number."""
    frame = pl.DataFrame(columns)
    return frame.select(pl.int_range(pl.len()).cast(pl.String).alias("customer_id"), pl.all())


def used(assigned: pl.DataFrame, candidates: pl.DataFrame, uses: pl.DataFrame) -> dict[str, int]:
    """What an assignment uses of each capacity, added up in plain Python."""
    total: dict[str, int] = dict.fromkeys(uses["capacity"], 0)
    rules = list(uses.iter_rows(named=True))
    for treatment, row in zip(assigned["treatment"], candidates.iter_rows(named=True), strict=True):
        for rule in rules:
            if rule["treatment"] == treatment:
                total[rule["capacity"]] += rule["amount"] if rule["column"] is None else row[rule["column"]]
    return total


def checked(candidates: pl.DataFrame, uses: pl.DataFrame, capacities: pl.DataFrame) -> Assignment:
    """An assignment of which everything that must hold is checked, HiGHS's linear bound and best whole answer too."""
    done = assign(candidates, uses, capacities)
    CapacityPrices.validate(done.capacities)
    assert Assigned.column_names() == done.assigned.columns
    assert done.assigned["customer_id"].equals(candidates["customer_id"])
    total = used(done.assigned, candidates, uses)
    for row in done.capacities.iter_rows(named=True):
        assert row["used"] == total.get(row["capacity"], 0)
        assert row["available"] is None or row["used"] <= row["available"]
    value = 0.0
    for row, treatment in zip(candidates.iter_rows(named=True), done.assigned["treatment"], strict=True):
        if treatment is not None:
            assert row[treatment] is not None and np.isfinite(row[treatment]), "a treatment that is ruled out"
            value += row[treatment]
    assert done.value == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert done.value <= done.bound
    if done.missed.is_empty():
        best = solve_with_highs(candidates, uses, capacities, is_whole=True)
        assert best.status in ("Optimal", "Empty")
        slack = 1e-6 * max(1.0, abs(best.value))
        assert done.value <= best.value + slack, "better than the best: a limit must be broken"
        assert best.value <= done.bound + slack, "the bound is not one"
    return done


def random_frames(seed: int, count: int, shape: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A small portfolio of one of the hard shapes."""
    made = np.random.default_rng(seed)
    minutes = made.integers(1, 30, count)
    size = np.exp(made.normal(3, 1, count))
    if shape == "costs follow values":
        size = minutes * 2.0
    values = {
        name: size * made.uniform(0.2, 1.0, count) * worth for name, worth in (("call", 1.0), ("letter", 0.4))
    }
    values["visit"] = size * made.uniform(0.5, 2.0, count) - 5
    if shape == "ties":
        values = {name: np.round(v / 20) * 20 for name, v in values.items()}
    if shape == "all alike":
        minutes = np.full(count, 7)
        values = {"call": np.full(count, 9.0), "letter": np.full(count, 9.0), "visit": np.full(count, 9.0)}
    if shape == "all negative":
        values = {name: -np.abs(v) - 1 for name, v in values.items()}
    for name in values:
        share = 1.0 if shape == "no choice" else 0.0 if shape == "all alike" else 0.3
        values[name][made.random(count) < share] = np.nan
    available = {
        "minutes": int(minutes.sum() * made.uniform(0.05, 0.6)),
        "letters": int(count * made.uniform(0.0, 0.5)),
        "visits": int(made.integers(0, max(count // 8, 1) + 1)),
        "budget": int(count * made.uniform(0.5, 6)),
    }
    if shape == "one giant" and count:
        minutes[0], values["call"][0] = available["minutes"] * 3 // 4, 40 * size.max()
    if shape == "none available":
        available = dict.fromkeys(available, 0) | {"budget": available["budget"]}
    uses = uses_of(
        ("call", "minutes", "minutes"),
        ("call", "budget", 2),
        ("letter", "letters", 1),
        ("letter", "budget", 1),
        ("visit", "visits", 1),
        ("visit", "minutes", "minutes"),
        ("visit", "budget", 9),
    )
    return candidates_of(**values, minutes=minutes), uses, capacities_of(available)


SHAPES = [
    "plain",
    "ties",
    "all alike",
    "all negative",
    "no choice",
    "costs follow values",
    "one giant",
    "none available",
]


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 40))
def test_capacities_are_kept_and_the_bound_holds(shape: str, seed: int, count: int) -> None:
    checked(*random_frames(seed, count, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bound_is_the_linear_one_and_the_value_is_near(shape: str) -> None:
    frames = random_frames(7, 3000, shape)
    done = assign(*frames)
    relaxed = solve_with_highs(*frames, is_whole=False)
    assert done.bound >= relaxed.value * (1 - 1e-9)
    assert done.bound == pytest.approx(relaxed.value, rel=1e-4, abs=1e-9)
    assert done.gap <= (0.05 if shape == "one giant" else 5e-4)  # a giant is in or out: no price splits it


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40), share=st.floats(0, 1.2))
def test_a_floor_is_reached_where_it_can_be(seed: int, count: int, share: float) -> None:
    candidates, uses, capacities = random_frames(seed, count, "plain")
    cures = np.random.default_rng(seed).integers(0, 1000, count)
    candidates = candidates.with_columns(pl.Series("cures", cures))
    cured = [
        pl.when(pl.col(name).is_not_nan()).then(pl.col("cures").cast(pl.Float64)).alias(name)
        for name in treatments_of(candidates)
    ]
    most = assign(candidates.with_columns(cured), uses, capacities)
    floor = int(most.value * share)
    uses = pl.concat([uses, uses_of(*((t, "cures", "cures") for t in ("call", "letter", "visit")))])
    done = checked(candidates, uses, pl.concat([capacities, capacities_of({}, {"cures": floor})]))
    if share <= 0.8:
        assert done.missed.is_empty()
    elif floor > most.bound:
        assert done.missed["capacity"].to_list() == ["cures"]


def test_a_floor_costs_what_it_displaces() -> None:
    """The worthier customers never cure. A floor of one cure moves one of two calls, and has the price of that."""
    candidates = candidates_of(call=[10.0, 9.0, 4.0, 3.0], cures=[0, 0, 1, 1])
    uses = uses_of(("call", "calls", 1), ("call", "cures", "cures"))
    free = assign(candidates, uses, capacities_of({"calls": 2}, {"cures": 0}))
    bound = assign(candidates, uses, capacities_of({"calls": 2}, {"cures": 1}))
    assert (free.value, bound.value) == (19.0, 14.0)
    assert bound.assigned["treatment"].to_list() == ["call", None, "call", None]
    assert bound.capacities.row(by_predicate=pl.col("capacity") == "cures", named=True)["price"] >= 4.99


def test_doing_nothing_is_a_choice() -> None:
    done = assign(
        candidates_of(call=[5.0, -1.0, None, float("nan")], app=[4.0, -2.0, 3.0, float("-inf")]),
        uses_of(("call", "minutes", 1)),
        capacities_of({"minutes": 10}),
    )
    assert done.assigned["treatment"].to_list() == ["call", None, "app", None]
    assert done.value == 8.0
    assert done.gap == pytest.approx(0.0, abs=1e-9)


def test_of_a_capacity_of_zero_the_first_unit_has_a_price() -> None:
    done = assign(
        candidates_of(visit=[50.0, 80.0], letter=[5.0, 10.0]),
        uses_of(("visit", "visits", 1), ("letter", "letters", 1)),
        capacities_of({"visits": 0, "letters": 2}),
    )
    assert done.assigned["treatment"].to_list() == ["letter", "letter"]
    assert dict(zip(done.capacities["capacity"], done.capacities["price"], strict=True))[
        "visits"
    ] == pytest.approx(70.0)


def test_without_capacities_everybody_gets_the_best() -> None:
    done = assign(candidates_of(call=[1.0, 2.0], app=[2.0, 1.0]), uses_of(), capacities_of({}))
    assert done.assigned["treatment"].to_list() == ["app", "call"]
    assert done.gap == pytest.approx(0.0, abs=1e-11)


def test_single_and_double_values_agree() -> None:
    candidates, uses, capacities = made_frames(2000, seed=5)
    double = candidates.with_columns(pl.col(treatments_of(candidates)).cast(pl.Float64))
    single, other = assign(candidates, uses, capacities), assign(double, uses, capacities)
    assert single.value == pytest.approx(other.value, rel=1e-9)
    assert single.assigned["treatment"].equals(other.assigned["treatment"])


def test_the_same_frames_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = made_frames(150_000, seed=3)
    once = assign(*frames)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    again = assign(*frames)
    assert once.assigned.equals(again.assigned)
    assert once.capacities.equals(again.capacities)
    assert once.gap < 1e-5


def test_an_earlier_days_prices_are_a_start_and_no_more() -> None:
    frames = made_frames(20_000, seed=4)
    cold = assign(*frames)
    wrong = cold.capacities.with_columns(pl.col("price") * 3 + 1)
    for earlier in (cold.capacities, wrong, cold.capacities.head(3)):
        warm = assign(*frames, earlier=earlier)
        assert warm.bound == pytest.approx(cold.bound, rel=1e-6)
        assert warm.gap < 5e-5


@pytest.mark.parametrize(
    ("uses", "capacities", "message"),
    [
        (uses_of(("visit", "minutes", 1)), {"minutes": 1}, "treatment visit"),
        (uses_of(("call", "minutes", 1)), {"letters": 1}, "capacity minutes"),
        (uses_of(("call", "minutes", "seconds")), {"minutes": 1}, "column seconds"),
        (uses_of(("call", "minutes", "effort")), {"minutes": 1}, "column effort"),
    ],
)
def test_what_does_not_fit_together_is_named(
    uses: pl.DataFrame, capacities: dict[str, int], message: str
) -> None:
    with pytest.raises(Unassignable, match=message):
        assign(candidates_of(call=[1.0, 2.0], effort=[1, -1]), uses, capacities_of(capacities))


def test_a_use_is_either_an_amount_or_a_column() -> None:
    uses = uses_of(("call", "minutes", 1)).with_columns(column=pl.lit("effort"))
    with pytest.raises(dy.exc.ValidationError):
        assign(candidates_of(call=[1.0]), uses, capacities_of({"minutes": 1}))


@pytest.mark.parametrize(
    ("uses", "capacities"),
    [
        (uses_of(("call", "minutes", 1), ("call", "minutes", 2)), {"minutes": 1}),
        (uses_of(("call", "", 1)), {"": 1}),
        (uses_of(("call", "minutes", -1)), {"minutes": 1}),
        (uses_of(("call", "minutes", 1)), {"minutes": -1}),
        (uses_of(("call", "minutes", 1)).with_columns(amount=pl.lit(None, pl.Int64)), {"minutes": 1}),
    ],
)
def test_uses_and_capacities_keep_their_schemas(uses: pl.DataFrame, capacities: dict[str, int]) -> None:
    with pytest.raises(dy.exc.ValidationError):
        assign(candidates_of(call=[1.0]), uses, capacities_of(capacities))


def test_columns_in_another_order_or_kind_mean_the_same() -> None:
    candidates = candidates_of(call=[1.0, 2.0])
    uses, capacities = uses_of(("call", "minutes", 1)), capacities_of({"minutes": 1})
    plain = assign(candidates, uses, capacities)
    other = assign(
        candidates,
        uses.select(reversed(uses.columns)).with_columns(pl.col("amount").cast(pl.Int32)),
        capacities.select(reversed(capacities.columns)),
    )
    assert plain.assigned.equals(other.assigned)
    assert plain.assigned["treatment"].to_list() == [None, "call"]


def test_an_infinite_value_is_refused() -> None:
    with pytest.raises(Unassignable, match="infinite"):
        assign(candidates_of(call=[float("inf")]), uses_of(), capacities_of({}))
