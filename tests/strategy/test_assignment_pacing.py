"""The day after the morning's decision: what is left, deciding again, who is called next, and the prices in words."""

import polars as pl
import pytest

from dunwell.rehearsal.benchmark_choices import made_frames
from dunwell.strategy import assign
from dunwell.strategy.assignment_frames import Unassignable
from dunwell.strategy.assignment_pacing import Queue, left_of, queue_for
from dunwell.strategy.assignment_telling import ToldPrices, tell_prices
from tests.strategy.test_assignment import candidates_of, capacities_of, uses_of


def spent_of(**used: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"capacity": list(used), "used": list(used.values())},
        schema={"capacity": pl.String, "used": pl.Int64},
    )


def test_what_was_spent_is_no_longer_there() -> None:
    capacities = capacities_of({"minutes": 100, "letters": 5}, {"cures": 10})
    left = left_of(
        capacities, pl.concat([spent_of(minutes=30), spent_of(minutes=50, cures=4), spent_of(letters=9)])
    )
    assert left["available"].to_list() == [20, 0, None]
    assert left["at_least"].to_list() == [None, None, 6]


def test_spending_of_an_unknown_capacity_is_named() -> None:
    with pytest.raises(Unassignable, match="visits"):
        left_of(capacities_of({"minutes": 1}), spent_of(visits=1))


def test_at_noon_the_rest_of_the_day_is_decided_again() -> None:
    """Half of the agents' time is gone on the first half of the queue; two customers paid, one asked not to be called."""
    candidates, uses, capacities = made_frames(20_000, seed=8)
    morning = assign(candidates, uses, capacities)
    queue = queue_for("agents", morning.assigned, candidates, uses, morning.capacities)
    done = queue.head(queue.height // 2)
    spent = done.select(pl.lit("agents").alias("capacity"), pl.col("use").alias("used"))
    waiting = candidates.filter(~pl.col("customer_id").is_in(done["customer_id"].to_list()))
    noon = assign(waiting, uses, left_of(capacities, spent), earlier=morning.capacities)
    cold = assign(waiting, uses, left_of(capacities, spent))
    assert noon.bound == pytest.approx(cold.bound, rel=1e-6)
    assert noon.gap < 5e-5
    left = dict(noon.capacities.select("capacity", "used").iter_rows())["agents"]
    assert left <= 20_000 * 40 - done["use"].sum()


def test_the_queue_goes_by_what_a_minute_is_worth_and_not_by_what_a_call_is() -> None:
    candidates = candidates_of(call=[60.0, 50.0, 8.0, 20.0, 9.0], minutes=[30, 10, 1, 10, 9])
    uses = uses_of(("call", "agents", "minutes"), ("call", "lines", 1))
    morning = assign(candidates, uses, capacities_of({"agents": 50, "lines": 5}))
    queue = Queue.validate(queue_for("agents", morning.assigned, candidates, uses, morning.capacities))
    assert queue["customer_id"].to_list() == ["2", "1", "0"] or queue["customer_id"].to_list()[:2] == [
        "2",
        "1",
    ]
    assert queue["worth"].to_list()[:2] == pytest.approx([8.0, 5.0])
    assert queue["worth"].is_sorted(descending=True)


def test_the_queue_holds_who_uses_the_capacity_and_counts_other_capacities_prices() -> None:
    candidates, uses, capacities = made_frames(5000, seed=9)
    morning = assign(candidates, uses, capacities)
    queue = queue_for("agents", morning.assigned, candidates, uses, morning.capacities)
    used = dict(morning.capacities.select("capacity", "used").iter_rows())
    price = dict(morning.capacities.select("capacity", "price").iter_rows())
    assert queue["use"].sum() == used["agents"]
    assert set(queue["treatment"].cast(pl.String)) == {"call", "skilled_call", "settlement"}
    row = queue.row(queue.height // 2, named=True)
    chosen = morning.assigned.row(by_predicate=pl.col("customer_id") == row["customer_id"], named=True)
    others = chosen["price"] - row["use"] * price["agents"]
    assert row["worth"] == pytest.approx((chosen["value"] - others) / row["use"])
    assert queue["place"].to_list() == list(range(1, queue.height + 1))


def test_a_queue_for_an_unknown_capacity_is_refused() -> None:
    candidates, uses = candidates_of(call=[1.0]), uses_of(("call", "agents", 1))
    morning = assign(candidates, uses, capacities_of({"agents": 1}))
    with pytest.raises(Unassignable, match="There is no capacity visits; there are agents"):
        queue_for("visits", morning.assigned, candidates, uses, morning.capacities)


def test_one_more_agent_hour_is_worth_what_it_adds() -> None:
    """The told price against the assignment made again with an hour more."""
    candidates, uses, capacities = made_frames(20_000, seed=10)
    today = assign(candidates, uses, capacities)
    told = ToldPrices.validate(tell_prices(today.capacities, "CNY"))
    hour = told.row(by_predicate=pl.col("capacity") == "agents", named=True)
    assert hour["unit"] == "hour"
    more = capacities.with_columns(
        pl.when(pl.col("capacity") == "agents")
        .then(pl.col("available") + 3600)
        .otherwise(pl.col("available"))
        .alias("available")
    )
    added = assign(candidates, uses, more).bound - today.bound
    assert added == pytest.approx(hour["price"], rel=0.02)
    assert hour["sentence"].startswith(
        f"agents: one more hour today would add about CNY {hour['price']:,.2f}; "
    )


def test_what_is_not_scarce_is_told_as_worth_nothing_and_a_missed_floor_as_missed() -> None:
    candidates = candidates_of(call=[5.0, 4.0], cures=[1, 0])
    uses = uses_of(("call", "calls", 1), ("call", "cures", "cures"))
    today = assign(candidates, uses, capacities_of({"calls": 9}, {"cures": 3}))
    told = dict(tell_prices(today.capacities).select("capacity", "sentence").iter_rows())
    assert told["calls"] == "calls: more would add nothing today; 2 of 9 units are used."
    assert told["cures"] == "cures: the floor is not reached: 1 of 3 units, and no assignment found has more."
