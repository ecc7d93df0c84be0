"""The repayment process against its exact values, an independent value iteration, and its own simulated lives."""

import math

import numpy as np
import pytest

from dunwell.rehearsal.repayment import (
    Control,
    RepaymentProcess,
    best_control,
    simulate,
    untreated_value,
)

PROCESS = RepaymentProcess()


@pytest.fixture(scope="module")
def control() -> Control:
    return best_control(PROCESS, 100.0, intensity_steps=300, steps_a_share=12)


@pytest.mark.parametrize(
    ("intensity", "balance", "value"),
    [
        *((0.11, 25, 12.764), (0.11, 50, 25.527), (0.11, 75, 38.291), (0.11, 100, 51.054)),
        *((1.0, 25, 18.577), (1.0, 50, 37.154), (1.0, 75, 55.731), (1.0, 100, 74.308)),
    ],
)
def test_untreated_values_are_those_of_the_reference(intensity: float, balance: float, value: float) -> None:
    assert untreated_value(PROCESS, intensity, balance) == pytest.approx(value, abs=6e-4)


def test_without_jumps_the_untreated_value_has_a_closed_form() -> None:
    """Constant intensity and repayments of all that is owed: the value is w lambda / (rho + lambda)."""
    plain = RepaymentProcess(
        resting_intensity=0.3, return_rate=0.5, jump=0.0, jump_per_share=0.0, least_share=1 - 1e-9
    )
    assert untreated_value(plain, 0.3, 100) == pytest.approx(100 * 0.3 / 0.36, rel=1e-6)


def test_the_least_balances_worth_any_effort() -> None:
    assert PROCESS.least_balance == pytest.approx(14.95, abs=0.005)
    assert PROCESS.effort_cost / PROCESS.marginal_share(0.1) == pytest.approx(16.22, abs=0.005)


@pytest.mark.parametrize(
    ("intensity", "balance", "value"),
    [
        *((0.11, 25, 14.03), (0.11, 50, 34.04), (0.11, 75, 55.69), (0.11, 100, 78.05)),
        *((1.0, 25, 18.80), (1.0, 50, 39.35), (1.0, 75, 61.03), (1.0, 100, 83.39)),
    ],
)
def test_best_values_are_near_those_of_a_value_iteration(
    control: Control, intensity: float, balance: float, value: float
) -> None:
    """The reference iterates on 121 by 161 states in steps of 0.05; both have a discretisation error."""
    assert control.value(intensity, balance) == pytest.approx(value, rel=0.002)


def test_the_frontier_is_that_of_the_reference_and_rises_with_the_balance(control: Control) -> None:
    found = [control.frontier_at(balance) for balance in (25, 50, 75, 100)]
    assert found == pytest.approx([0.34, 0.78, 1.09, 1.33], abs=0.015)
    assert (np.diff(control.frontier) >= -1e-9).all()
    assert control.frontier_at(14.0) == 0


def test_values_solve_the_equation_of_optimality(control: Control) -> None:
    """Effort is never worth more than it costs, and where it is not made the value changes as repayments and time say."""
    gradient = np.diff(control.values, axis=1) / (control.intensities[1] - control.intensities[0])
    most = PROCESS.effort_cost / PROCESS.effort_gain
    assert gradient.max() <= most * 1.01
    intensity, balance = 2.0, 75.0
    shares = np.linspace(PROCESS.least_share, 1 - 1e-9, 2001)
    after = [
        s * balance + control.value(intensity + 0.02 + 0.5 * s, (1 - s) * balance)
        if (1 - s) * balance > control.balances[0]
        else s * balance + untreated_value(PROCESS, intensity + 0.02 + 0.5 * s, (1 - s) * balance)
        for s in shares[::20]
    ]
    expected = np.trapezoid(after, shares[::20]) / (1 - PROCESS.least_share)
    slope = (control.value(2.05, balance) - control.value(1.95, balance)) / 0.1
    now = control.value(intensity, balance)
    pull = PROCESS.return_rate * (PROCESS.resting_intensity - intensity)
    assert PROCESS.discount_rate * now == pytest.approx(pull * slope + intensity * (expected - now), rel=0.02)


def test_untreated_lives_average_the_exact_value() -> None:
    lives = simulate(PROCESS, 0.11, 75, 20_000, seed=1)
    error = lives.received.std() / math.sqrt(len(lives.received))
    assert abs(lives.received.mean() - 38.291) < 4 * error
    assert not lives.cost.any()


def test_lives_under_the_frontier_average_the_best_value(control: Control) -> None:
    lives = simulate(PROCESS, 0.11, 75, 20_000, seed=2, control=control)
    error = lives.net.std() / math.sqrt(len(lives.net))
    assert abs(lives.net.mean() - control.value(0.11, 75)) < 4 * error


def test_constant_effort_helps_less_than_the_frontier(control: Control) -> None:
    steady = [
        simulate(PROCESS, 0.11, 75, 8_000, seed=3, effort_rate=rate).net.mean() for rate in (0.1, 0.6, 3.0)
    ]
    assert steady[1] > steady[0] > 38.5
    assert steady[1] > steady[2]
    assert control.value(0.11, 75) > steady[1] * 1.02


def test_the_same_seed_makes_the_same_lives() -> None:
    first, second, other = (simulate(PROCESS, 0.5, 40, 50, seed=seed).received for seed in (7, 7, 8))
    assert (first == second).all()
    assert (first != other).any()


@pytest.mark.parametrize("wrong", [{"return_rate": 0.0}, {"least_share": 1.0}, {"effort_cost": -1.0}])
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RepaymentProcess(**wrong)


@pytest.mark.parametrize("draw", range(4))
def test_the_best_control_holds_what_it_promises_for_other_parameters(draw: int) -> None:
    """For parameters drawn at random: lives under the frontier average the value, and beat leaving people alone."""
    generator = np.random.default_rng(draw)
    process = RepaymentProcess(
        resting_intensity=generator.uniform(0.05, 0.3),
        return_rate=generator.uniform(0.4, 1.2),
        jump=generator.uniform(0, 0.1),
        jump_per_share=generator.uniform(0.1, 0.8),
        discount_rate=generator.uniform(0.03, 0.12),
        effort_cost=generator.uniform(2, 10),
        least_share=generator.uniform(0.05, 0.3),
    )
    best = best_control(process, 100.0, intensity_steps=300, steps_a_share=12)
    lives = simulate(process, process.resting_intensity, 90, 20_000, seed=draw, control=best)
    error = lives.net.std() / math.sqrt(len(lives.net))
    value = best.value(process.resting_intensity, 90)
    assert lives.net.mean() == pytest.approx(value, abs=4 * error + 0.005 * value)
    assert value >= untreated_value(process, process.resting_intensity, 90)
