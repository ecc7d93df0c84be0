"""Our policy learns in the trial from its own days, keeps to the capacity, and beats the rules where they are misled."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.desk import Desk
from dunwell.rehearsal.draws import Floats, Ints
from dunwell.rehearsal.effect_measures import late_cohort
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.learning_policy import Settings, _effect, _Learner, learning
from dunwell.rehearsal.policies import Caller, Ranked, View, constant_effort, highest_balance
from dunwell.rehearsal.policy_trial import Trial
from dunwell.rehearsal.repayment import RepaymentProcess, best_control, simulate
from dunwell.rehearsal.repayment_log import WAIT, learned_frontier, logged_lives

SETTINGS = Settings(call_cost_minor=100.0, learn_every=7)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial(
        late_cohort(300, 20), read_effects(), date(2026, 6, 1), calls_a_day=12, days=8, call_cost_minor=100.0
    )


class Street:
    """A small world, plain to see: those just late owe thrice as much and pay by themselves whether called or not; those late
    for long pay seldom, but a call that meets them (one in four) makes a fifth of them pay each day for ten days.

    Whoever pays makes room for somebody new of their kind, so that there is always something to learn.
    """

    def __init__(self, seed: int, count: int = 300) -> None:
        self.generator = np.random.default_rng(seed)
        self.is_new = np.arange(count) % 2 == 0
        self.owed = np.where(self.is_new, 30_000, 10_000)
        self.attempts, self.talks = np.zeros((2, count), dtype=np.int64)
        self.since_call, self.since_talk, self.since_payment = np.full((3, count), 999)

    def view(self) -> View:
        """All of them, every day."""
        late = np.where(self.is_new, 5, 40)
        return a_view(self.owed.tolist())._replace(
            past_due_days=late,
            spell_days=late,
            days_since_call=self.since_call.copy(),
            days_since_talk=self.since_talk.copy(),
            attempts=self.attempts.copy(),
            talks=self.talks.copy(),
        )

    def live(self, called: Ints) -> Floats:
        """A day with these calls: what each paid."""
        count = len(self.owed)
        is_called = np.isin(np.arange(count), called)
        talks = is_called & (self.generator.random(count) < 0.25)
        for since, now in ((self.since_call, is_called), (self.since_talk, talks)):
            since += 1
            since[now] = 1
        self.attempts += is_called
        self.talks += talks
        chance = np.where(self.is_new, 0.08, np.where(self.since_talk <= 10, 0.2, 0.01))
        pays = self.generator.random(count) < chance
        for column, fresh in (
            (self.attempts, 0),
            (self.talks, 0),
            (self.since_call, 999),
            (self.since_talk, 999),
        ):
            column[pays] = fresh
        return np.asarray(self.owed * pays, dtype=np.float64)


@pytest.mark.slow
def test_learning_beats_the_best_rule_where_balances_mislead(trial: Trial) -> None:
    """Over six streets, 15 calls a day for 50 days: in the second half more comes in than under either rule, beyond chance."""
    world = DebtorWorld(trial.census, trial.effects, 1, trial.as_of)
    makers: dict[str, Callable[[], Caller]] = {
        "balance": lambda: Ranked(highest_balance()(world)),
        "constant": lambda: Ranked(constant_effort()(world)),
        "ours": lambda: a_caller(trial, SETTINGS),
    }
    brought: dict[str, list[float]] = {name: [] for name in makers}
    for name, make in makers.items():
        for seed in range(6):
            street, caller = Street(seed), make()
            came = []
            for _ in range(50):
                rows = caller.choose(street.view(), 15)
                assert len(rows) <= 15
                paid = street.live(rows)
                caller.hear(paid)
                came.append(paid.sum())
            brought[name].append(sum(came[25:]) / 100)
    for rule in ("balance", "constant"):
        gain = np.array(brought["ours"]) - np.array(brought[rule])
        assert gain.mean() - 2.571 * gain.std(ddof=1) / 6**0.5 > 0, (rule, brought)


def a_view(owed: list[int], *, late: int = 20) -> View:
    count = len(owed)
    never, none = np.full(count, 999), np.zeros(count, dtype=np.int64)
    no, yes = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    return View(
        persons=np.arange(count),
        past_due_days=np.full(count, late),
        owed_minor=np.array(owed),
        calls=none,
        days_since_call=never,
        days_since_talk=never,
        has_promise=no,
        seen=np.zeros(count),
        may_call=yes,
        days_since_payment=never,
        attempts=none,
        talks=none,
        broke_promise=no,
        spell_days=np.full(count, late),
    )


def a_caller(trial: Trial, settings: Settings) -> Caller:
    made = learning(settings)(DebtorWorld(trial.census, trial.effects, 1, trial.as_of))
    assert isinstance(made, Caller)
    return made


def test_before_it_has_learned_it_calls_mostly_where_most_is_owed_and_nobody_whom_it_may_not(
    trial: Trial,
) -> None:
    caller = a_caller(trial, SETTINGS._replace(even_share=0.2, learn_every=1_000))
    owed = [10_000] * 40 + [200_000] * 10
    view = a_view(owed)._replace(may_call=np.arange(50) % 10 > 0)
    called = np.zeros(50)
    for _ in range(60):
        rows = caller.choose(view, 5)
        assert len(rows) <= 5
        called[rows] += 1
        caller.hear(np.zeros(50))
    assert (called[~view.may_call] == 0).all()
    assert called[40:].sum() > 3 * called[:40].sum()
    assert called[:40][view.may_call[:40]].sum() > 0, "a share is drawn evenly, or nothing is learned"


def test_a_call_that_is_not_worth_its_price_is_not_made(trial: Trial) -> None:
    caller = a_caller(trial, SETTINGS._replace(even_share=0.0))
    assert len(caller.choose(a_view([500] * 20), 10)) == 0


def test_of_what_a_log_by_lot_brought_it_finds_what_a_call_adds(trial: Trial) -> None:
    """Everybody late alike; a call makes one in ten more pay within the week, whoever was called before or not. Who was called
    and still owes pays no worse than others, and is not held to be worse for it.
    """
    caller = a_caller(
        trial, SETTINGS._replace(even_share=1.0, talk_gain=0.0, talk_gain_spread=1.0, differs=0.003)
    )
    assert isinstance(caller, _Learner)
    generator, count, due = np.random.default_rng(5), 400, np.full(400, -1)
    since_call = np.full(count, 999)
    for day in range(60):
        view = a_view([10_000] * count)._replace(days_since_call=since_call.copy())
        rows = caller.choose(view, 40)
        since_call += 1
        since_call[rows] = 1
        moved = rows[generator.random(len(rows)) < 0.1]
        due[moved] = day + generator.integers(0, 28, len(moved))
        pays = (generator.random(count) < 0.01) | (due == day)
        caller.hear(np.where(pays, 10_000.0, 0.0))
    caller.learn()
    assert caller.learned is not None
    effect = _effect(view, caller.unpaid(view))
    share, spread = caller.learned.of(0, effect)
    assert share.mean() == pytest.approx(0.1, abs=3 * spread.mean())
    assert spread.mean() < 0.03


def test_a_part_payment_does_not_shorten_how_long_somebody_was_late() -> None:
    """Of 60 people 70 days late, those who pay one instalment are fewer days past due and as long in arrears as before."""
    census = late_cohort(60, 70)
    world = DebtorWorld(census, read_effects(), 3, date(2026, 6, 1))
    desk = Desk(world, census)
    first = desk.view()
    assert first.spell_days.tolist() == first.past_due_days.tolist()
    shortened = 0
    for day in range(1, 20):
        world.step()
        view = desk.view()
        known = np.isin(view.persons, first.persons)
        later = view.spell_days[known] - first.spell_days[np.isin(first.persons, view.persons)]
        assert (later == day).all()
        shortened += int((view.past_due_days[known] < view.spell_days[known]).sum())
    assert shortened > 0


@pytest.mark.slow
def test_a_single_debtor_is_pressed_nearly_as_the_best_would() -> None:
    """From logged lives alone, at least 99 % of the known best for the reference debtor, where constant effort has 97 %."""
    process = RepaymentProcess()
    best = best_control(process, 100.0, intensity_steps=300, steps_a_share=8)
    mine = learned_frontier(
        logged_lives(process, 100.0, 40_000, 30, seed=0), process.effort_cost, process.discount_rate, best
    )
    nets = [simulate(process, 0.11, 75.0, 40_000, 7, control=one).net.mean() for one in (best, mine)]
    assert nets[1] >= 0.99 * nets[0]


def test_logged_lives_pay_as_often_as_the_process_says() -> None:
    """Without jumps the intensity is known throughout a wait, and so is what is left of a balance on average."""
    process = RepaymentProcess(resting_intensity=1.0, jump=0.0, jump_per_share=1e-9)
    log = logged_lives(process, 100.0, 20_000, 6, seed=2)
    waited = ~log.acted
    left = (log.next_balances / log.balances)[waited]
    faded = (1 - np.exp(-process.return_rate * WAIT)) / process.return_rate
    ahead = process.resting_intensity * (WAIT - faded) + log.intensities[waited] * faded
    assert left.mean() == pytest.approx(np.exp(-0.55 * ahead).mean(), rel=0.01)
