"""The hold-out and the experiments of a strategy's text."""

from dataclasses import replace

from dunwell.policy import PolicyError
from dunwell.strategy.experiments import Arm, Experiment, GuardRail, HoldOut, Stop
from dunwell.strategy.experiments.design import NOTHING, WINDOWS_DAYS
from dunwell.strategy.problems import StrategyError
from dunwell.strategy.text_values import Values

GUARD_RAIL_EVENTS = ("complaint", "opt_out", "hardship")


def read_experiment(values: Values, treatments: list[str]) -> Experiment:
    """An experiment; ``treatments``: the text's, nothing first."""
    arms = []
    for arm in values.tables("arm"):
        arms.append(Arm(arm.text("treatment", choices=treatments), float(arm.number("share", most="1"))))
        arm.done()
    rails = []
    for rail in values.tables("guard_rail"):
        event = rail.text("event", choices=GUARD_RAIL_EVENTS)
        alpha = float(rail.number("alpha", "0.05", least="0.001", most="0.5"))
        rails.append(GuardRail(event, float(rail.number("ratio_max", "1", least="0.1")), alpha))
        rail.done()
    stops = []
    for stop in values.tables("stopped"):
        stopped_arm = stop.text("arm", choices=treatments)
        stops.append(Stop(stopped_arm, stop.day("since"), stop.text("why"), stop.day_or_none("until")))
        stop.done()
    name, salt = values.text("name"), values.text("salt")
    starts_on, enrol_days = values.day("starts_on"), values.whole("enrol_days")
    outcome_days = values.whole("outcome_days", 30)
    first_look = values.whole("first_look", 500, least=2)
    alpha = float(values.number("alpha", "0.05", least="0.001", most="0.5"))
    values.done("note")  # before what the arms say together: a misspelt [[experiment.arm]] is no want of arms
    try:
        experiment = Experiment(
            name=name,
            salt=salt,
            arms=tuple(arms),
            starts_on=starts_on,
            enrol_days=enrol_days,
            outcome_days=outcome_days,
            windows_days=WINDOWS_DAYS,
            first_look=first_look,
            alpha=alpha,
            guard_rails=tuple(rails),
        )
    except StrategyError as error:
        raise values.error("arm", "cannot be run", str(error)) from error
    try:
        experiment = replace(experiment, stops=tuple(stops))
    except StrategyError as error:
        raise values.error("stopped", "cannot be", str(error)) from error
    return experiment


def read_hold_out(values: Values, treatments: list[str]) -> HoldOut:
    """The standing hold-out."""
    share = values.number("share", "0", most="0.5")
    salt = values.text("salt") if share else values.text("salt", "hold-out")
    hold_out = HoldOut(salt, float(share), values.text("treatment", NOTHING, choices=treatments))
    values.done()
    return hold_out


def own_salts(experiments: list[Experiment], file: str) -> None:
    """Each experiment draws by a salt of its own: by one salt lots would fall alike, and no chance would be what is logged."""
    seen: dict[str, str] = {}
    for number, one in enumerate(experiments, start=1):
        if one.salt in seen:
            problem = f"{one.salt!r} is the salt of {seen[one.salt]!r} too"
            raise PolicyError(
                file, f"experiment[{number}].salt", problem, "Give each experiment a salt of its own"
            )
        seen[one.salt] = one.name
