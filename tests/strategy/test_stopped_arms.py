"""An arm that harms is stopped: by the text, from a day on, until a day; who draws it gets the control, and the log says so."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.policy import PolicyError
from dunwell.strategy.deciding import decide, draw
from dunwell.strategy.experiments import (
    Arm,
    Experiment,
    GuardRail,
    Stop,
    guard_alarms,
    randomise,
    read_experiment,
)
from dunwell.strategy.experiments.stopping import Stopped, by_text, still
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import Strategy, read_strategy
from tests.strategy.test_deciding import DAY, day_of
from tests.strategy.test_strategy_text import EXPERIMENT, SHIPPED

TRIAL, CALL, SMS = "a text first, or a call", "negotiation by call", "negotiation by sms"
STOP = f'stopped = [{{ arm = "{CALL}", since = 2027-01-20, why = "complaints" }}]\n'
UNTIL = STOP.replace("why", "until = 2027-02-01, why")


def written(text: str, folder: Path) -> Strategy:
    file = folder / "strategy.toml"
    file.write_text(text, encoding="utf-8")
    return read_strategy(file)


@pytest.fixture(scope="module")
def plain(project: Path) -> str:
    text = (project / SHIPPED).read_text(encoding="utf-8")
    return (
        text.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"').replace(
            'rate = "0"', 'rate = "0.2"'
        )
        + EXPERIMENT
    )


def test_who_drew_a_stopped_arm_gets_the_control_and_nobody_else_moves(plain: str, tmp_path: Path) -> None:
    strategy = written(plain, tmp_path)
    ids, allowed, best = day_of(strategy)
    before = decide(strategy, ids, allowed, best, DAY)
    after = decide(written(plain + STOP, tmp_path), ids, allowed, best, DAY)
    drew = (before["arm"] == f"{TRIAL}: {CALL}").fill_null(False)
    assert drew.sum() > 1_000
    moved = after.filter(drew)
    assert set(moved["arm"]) == {f"{TRIAL}: {CALL} (stopped)"}
    assert set(moved["treatment"]) == {"none"}
    assert (
        after.filter(~drew).select("treatment", "arm").equals(before.filter(~drew).select("treatment", "arm"))
    )


def test_the_logged_chances_are_true_and_of_a_stopped_arm_nothing_is_left_to_the_lot(
    plain: str, tmp_path: Path
) -> None:
    strategy = written(plain + STOP, tmp_path)
    ids, allowed, best = day_of(strategy)
    lots = draw(strategy, ids, allowed, DAY)
    chances = lots.chances(best)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    in_trial = lots.arms.str.starts_with(TRIAL).fill_null(False).to_numpy()
    called = strategy.treatment_names.index(CALL)
    assert chances[in_trial, called].max() == 0
    decided = lots.decided(best).filter(pl.Series(in_trial & allowed[:, called]))
    for treatment, chance in (("none", 0.1 + 0.9 * 0.6), (SMS, 0.9 * 0.4)):
        mine = decided.filter(pl.col("treatment") == treatment)
        assert mine["probability"].to_numpy() == pytest.approx(chance)
    share = (decided["treatment"] == "none").mean()
    assert share == pytest.approx(0.6, abs=0.02)  # of who is not held out


def test_a_stop_holds_from_its_day_until_the_arm_is_taken_up_again(plain: str, tmp_path: Path) -> None:
    strategy = written(plain + UNTIL, tmp_path)
    ids, allowed, best = day_of(strategy)

    def is_called(day: date) -> bool:
        return f"{TRIAL}: {CALL}" in set(decide(strategy, ids, allowed, best, day)["arm"])

    days = [date(2027, 1, 19), date(2027, 1, 20), date(2027, 1, 31), date(2027, 2, 1)]
    assert [is_called(day) for day in days] == [True, False, False, True]


def test_a_stop_that_a_guard_rail_made_is_drawn_no_more_either(plain: str, tmp_path: Path) -> None:
    strategy = written(plain, tmp_path)
    ids, allowed, _ = day_of(strategy)
    by_run = draw(strategy, ids, allowed, DAY, stopped={TRIAL: {CALL}})
    by_text = draw(written(plain + STOP, tmp_path), ids, allowed, DAY)
    assert (by_run.arms.fill_null("") == by_text.arms.fill_null("")).all()
    assert (by_run.given == by_text.given).all()
    assert (by_run.fixed_chances == by_text.fixed_chances).all()


@pytest.mark.parametrize(
    ("stop", "problem"),
    [
        (
            STOP.replace(CALL, "none"),
            r"experiment\[1\].stopped: cannot be.*stops 'none', which is none of its arms",
        ),
        (STOP.replace(CALL, "early reminder by sms"), "which is none of its arms"),
        (STOP.replace(CALL, "singing"), r"experiment\[1\].stopped\[1\].arm: 'singing' is not known"),
        (STOP.replace("since = 2027-01-20, ", ""), r"stopped\[1\].since: is missing"),
        (STOP.replace(', why = "complaints"', ""), r"stopped\[1\].why: is missing"),
        (UNTIL.replace("2027-02-01", "2027-01-20"), "Write an until that is later than since"),
        (STOP.replace("since", "untill = 2027-02-01, since"), "Did you mean until"),
    ],
)
def test_a_stop_that_cannot_be_is_refused_with_the_place(
    plain: str, tmp_path: Path, stop: str, problem: str
) -> None:
    with pytest.raises(PolicyError, match=problem):
        written(plain + stop, tmp_path)


def test_lint_says_when_a_stop_stops_nothing_or_everything(plain: str, tmp_path: Path) -> None:
    def told(stop: str) -> str:
        return "\n".join(one for one in cautions(written(plain + stop, tmp_path)) if TRIAL in one)

    assert told(STOP) == ""
    assert "the stop of 'negotiation by call' since 2028-01-20 stops nothing" in told(
        STOP.replace("2027", "2028")
    )
    both = STOP.replace("[{", f'[{{ arm = "{SMS}", since = 2027-01-20, why = "too" }}, {{')
    assert "every arm is stopped" in told(both)


START = date(2026, 1, 1)
THREE = Experiment(
    "three",
    "s",
    (Arm("none", 0.25), Arm("sms", 0.5), Arm("call", 0.25)),
    START,
    enrol_days=60,
    first_look=200,
    guard_rails=(GuardRail("complaint"),),
    stops=(Stop("call", START + timedelta(days=20), "complaints"),),
)


def stopped_log(count: int = 6_000) -> pl.DataFrame:
    """A hundred customers a day, of whom the calls are stopped on the twentieth."""
    parts = []
    for day in range(60):
        on, each = START + timedelta(days=day), count // 60
        people = pl.DataFrame({"customer_id": [f"C{day:02}-{number:03}" for number in range(each)]})
        parts.append(randomise(THREE, people, THREE.stopped_on(on)).with_columns(assigned_on=pl.lit(on)))
    return pl.concat(parts)


@pytest.mark.parametrize("by_text", [True, False])
def test_an_experiment_is_read_on_when_an_arm_was_stopped(by_text: bool) -> None:
    """Money rises over time, so an arm of the early days alone would look bad beside a control of all days."""
    log = stopped_log()
    experiment = THREE if by_text else replace(THREE, stops=())
    day = (log["assigned_on"] - START).dt.total_days()
    extra = (log["arm"] == "sms").cast(pl.Float64) * 6
    noise = np.random.default_rng(3).normal(size=log.height)
    payments = pl.DataFrame(
        {
            "customer_id": log["customer_id"],
            "on": log["assigned_on"] + timedelta(days=3),
            "amount": day + extra + noise,
        }
    )
    reading = read_experiment(experiment, log, payments, START + timedelta(days=120))
    assert not reading.imbalance
    primary = {one.arm: one for one in reading.comparisons if one.is_primary}
    assert primary["sms"].interval.covers(6.0)
    assert reading.verdict("sms") == "better"
    assert primary["call"].count == pytest.approx(20 * 100 * 0.5, rel=0.1)
    assert primary["call"].interval.covers(0.0)


def test_who_got_the_control_for_a_stopped_arm_does_not_count_for_the_guard_rails() -> None:
    log = stopped_log()
    redirected = log.filter(pl.col("arm") == "call (stopped)")
    assert redirected.height > 800
    harms = redirected.select(
        "customer_id", pl.col("assigned_on") + timedelta(days=1), event=pl.lit("complaint")
    )
    harms = harms.rename({"assigned_on": "on"})
    assert guard_alarms(THREE, log, harms, START + timedelta(days=90)) == ()


def test_an_arm_that_a_guard_rail_stopped_stays_so_until_the_text_takes_it_up_again() -> None:
    free = replace(THREE, stops=())
    struck = Stopped("three", "call", "none", START + timedelta(days=20), "", "complaint", 12, 1000, 2, 1000)
    again = replace(struck, since=START + timedelta(days=25))
    late = START + timedelta(days=50)
    assert still(free, [again, struck], late) == [struck]
    assert still(free, [struck], START + timedelta(days=19)) == []
    assert still(free, [replace(struck, experiment="another")], late) == []
    taken_up = replace(free, stops=(Stop("call", struck.since, "looked into", START + timedelta(days=40)),))
    assert still(taken_up, [struck], START + timedelta(days=39)) == [struck]
    assert still(taken_up, [struck], late) == []
    assert by_text(taken_up, START + timedelta(days=39))[0].why == "looked into"
    once_more = replace(struck, since=START + timedelta(days=45))
    assert still(taken_up, [struck, once_more], late) == [once_more]
    assert Stopped.of(struck.as_dict()) == struck


def test_once_an_arm_is_taken_up_again_its_guard_rail_counts_anew() -> None:
    ended = replace(
        THREE, stops=(Stop("call", START + timedelta(days=20), "why", START + timedelta(days=40)),)
    )
    log = stopped_log().filter(~pl.col("arm").str.ends_with("(stopped)"))
    called = log.filter(pl.col("arm") == "call")

    def crossed(experiment: Experiment, struck: pl.DataFrame) -> list[str]:
        harms = struck.select(
            "customer_id", on=pl.col("assigned_on") + timedelta(days=1), event=pl.lit("complaint")
        )
        return [one.arm for one in guard_alarms(experiment, log, harms, START + timedelta(days=90))]

    assert crossed(THREE, called.head(30)) == ["call"]
    assert crossed(ended, called.head(30)) == []
    people = pl.DataFrame({"customer_id": [f"D{number}" for number in range(400)]})
    later = randomise(ended, people).with_columns(assigned_on=pl.lit(START + timedelta(days=45)))
    log = pl.concat([log, later])
    assert crossed(ended, later.filter(pl.col("arm") == "call").head(30)) == ["call"]


def nights(rates: dict[str, float], trials: int, seed: int) -> float:
    """The share of experiments, 25 customers a day for 60 days, of which some arm was stopped on some of 90 nights."""
    generator = np.random.default_rng(seed)
    experiment = replace(THREE, stops=())
    stopped = 0
    for trial in range(trials):
        salted = replace(experiment, salt=str(trial))
        people = pl.DataFrame({"customer_id": [f"C{number}" for number in range(1500)]})
        assigned = [START + timedelta(days=number // 25) for number in range(1500)]
        log = randomise(salted, people).with_columns(assigned_on=pl.Series(assigned))
        rate = log["arm"].replace_strict(rates, return_dtype=pl.Float64).to_numpy()
        falls_after = generator.integers(1, 30, log.height)
        harms = log.select(
            "customer_id",
            on=pl.col("assigned_on") + pl.duration(days=pl.lit(pl.Series(falls_after))),
            event=pl.lit("complaint"),
        ).filter(pl.Series(generator.random(log.height) < rate))
        for night in range(5, 90, 3):
            day = START + timedelta(days=night)
            if guard_alarms(salted, log.filter(pl.col("assigned_on") < day), harms, day):
                stopped += 1
                break
    return stopped / trials


def test_arms_that_do_not_harm_are_stopped_no_more_often_than_promised() -> None:
    same = {"none": 0.03, "sms": 0.03, "call": 0.03}
    promised = 2 * 0.05  # two arms, one guard-rail of 5 % each
    assert nights(same, 40, 8) <= promised


def test_an_arm_that_harms_is_stopped_while_it_is_drawn() -> None:
    assert nights({"none": 0.03, "sms": 0.03, "call": 0.15}, 20, 9) > 0.8
