"""Relief that has its own clock: re-ageing in the United States, breathing space in England and Wales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dunwell.calendars import add_months, add_years
from dunwell.resolution.figures import figures


@dataclass(frozen=True, slots=True)
class OpenEndAccount:
    """What re-ageing asks about an account. ``minimum_payments``: made in a row by now; ``paid_equivalent``: the same in one sum.

    ``re_aged_on`` and ``workout_re_aged_on``: when it was before, outside and inside a workout.
    """

    opened_on: date
    minimum_payments: int
    shows_willingness: bool
    shows_ability: bool
    paid_equivalent: bool = False
    re_aged_on: tuple[date, ...] = ()
    workout_re_aged_on: tuple[date, ...] = ()
    is_open_end: bool = True


@dataclass(frozen=True, slots=True)
class ReAgeing:
    """Whether the account may be shown as current again, and every condition that is not met."""

    allowed: bool
    missing: tuple[str, ...]
    source: str


def may_re_age(account: OpenEndAccount, as_of: date, *, enters_workout: bool = False) -> ReAgeing:
    """Whether an open-end account may be re-aged on a day. Entering a workout has one re-age of its own. Raises PolicyError."""
    held = figures("re-ageing-us", as_of)
    months, payments, years = (held.whole(n) for n in ("months_open", "minimum_payments", "within_years"))
    since = add_years(as_of, -years)
    recent = [day for day in account.re_aged_on if since < day <= as_of]
    last = max(recent, default=None)
    workouts = sum(since < day <= as_of for day in account.workout_re_aged_on)
    conditions = [
        (
            account.is_open_end,
            "it is no open-end account: extensions and deferrals of others are the bank's own policy",
        ),
        (account.shows_willingness, "renewed willingness to repay is not shown"),
        (account.shows_ability, "the ability to repay is not shown"),
        (add_months(account.opened_on, months) <= as_of, f"it has not existed {months} months"),
        (
            account.minimum_payments >= payments or account.paid_equivalent,
            f"fewer than {payments} minimum payments in a row were made, nor as much in one sum",
        ),
    ]
    if enters_workout:
        most = held.whole("workout_at_most")
        conditions.append((workouts < most, f"it was re-aged in a workout within {years} years"))
    else:
        per, most = held.whole("per_months"), held.whole("at_most")
        conditions.append(
            (last is None or add_months(last, per) <= as_of, f"it was re-aged within {per} months, on {last}")
        )
        conditions.append((len(recent) < most, f"it was re-aged {most} times within {years} years"))
    missing = tuple(why for is_met, why in conditions if not is_met)
    return ReAgeing(not missing, missing, held.source)


@dataclass(frozen=True, slots=True)
class BreathingSpace:
    """From when to when (the last day; None while treatment goes on) interest, charges, enforcement and contact stop."""

    begins_on: date
    ends_on: date | None
    source: str

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.begins_on <= day and (self.ends_on is None or day <= self.ends_on)


def breathing_space(registered_on: date) -> BreathingSpace:
    """A standard one: sixty days from the day after it was registered. Raises PolicyError before there were any."""
    held = figures("breathing-space-gb", registered_on)
    days = held.whole("standard_days")
    return BreathingSpace(
        registered_on + timedelta(days=1), registered_on + timedelta(days=days), held.source
    )


def crisis_breathing_space(registered_on: date, treatment_ended_on: date | None) -> BreathingSpace:
    """One for a mental health crisis: as long as treatment lasts and thirty days. Raises PolicyError."""
    held = figures("breathing-space-gb", registered_on)
    ends_on = None
    if treatment_ended_on is not None:
        ends_on = treatment_ended_on + timedelta(days=held.whole("after_treatment_days"))
    return BreathingSpace(registered_on + timedelta(days=1), ends_on, held.source)


def may_apply_again(standard_ended_on: Sequence[date], on: date) -> bool:
    """Whether a standard one may be applied for on a day: those before ended (or were cancelled) more than twelve months before
    it (SI 2020/1311 reg 24(3)(g)). One that ends on the day or later still runs. Raises PolicyError.
    """
    months = figures("breathing-space-gb", on).whole("months_between")
    return all(add_months(day, months) < on for day in standard_ended_on)
