"""What moves the debtors of the rehearsal: every effect as ``effects.toml`` declares it, with its source.

These are the truths that the product never sees: a tape shows what happened, not why.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

EFFECTS_FILE = Path(__file__).parent / "effects.toml"

QUALITIES = ("data", "paper", "calibrated", "house")


class Effects(NamedTuple):
    """The size of each effect by the name it has in the text, where its meaning, unit and source stand."""

    return_rate: float
    jump: float
    jump_per_share: float
    least_share: float
    entry_intensity: float
    resting_intensity: float
    ease_spread: float
    all_share: float
    one_share: float
    wait_days: float
    payday_days: float
    struggle_share: float
    risk_seen: float
    risk_unseen: float
    risk_in_ease: float
    charged_off_intensity: float
    charged_off_share_most: float
    hardship_rate: float
    hardship_months: float
    hardship_factor: float
    hardship_risk: float
    inbound_rate: float
    talk_gain: float
    automated_factor: float
    message_gain: float
    letter_gain: float
    voicemail_gain: float
    visit_gain: float
    response_spread: float
    reach_spread: float
    hasten_share: float
    hardship_deafness: float
    automated_refuse_share: float
    wrong_number_share: float
    refuse_share: float
    fatigue_call: float
    fatigue_message: float
    fatigue_fade: float
    fatigue_effect: float
    fatigue_limit: float
    annoyed_factor: float
    harm_factor: float
    night_ends: float
    night_begins: float
    complaint_share: float
    complaint_fatigue: float
    complaint_harm: float
    stop_share: float
    promise_share: float
    reply_promise_share: float
    promise_kept: float
    promise_kept_automated: float
    broken_factor: float
    part_promise_share: float
    plan_share: float
    plan_break_1: float
    plan_break_6: float
    plan_break_12: float
    plan_break_18: float
    plan_break_24: float
    tell_hardship_share: float
    hardship_hold_days: float


class Figure(NamedTuple):
    """One effect as it was declared."""

    name: str
    value: float
    unit: str
    about: str
    source: str
    source_quality: str


@cache
def read_figures(file: Path = EFFECTS_FILE) -> tuple[Figure, ...]:
    """Every declared effect. Raises ValueError naming the effect that is missing, unknown or badly declared, and the mend."""
    try:
        texts = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file.name} cannot be read ({error}). Mend the TOML") from error
    for name in Effects._fields:
        if name not in texts:
            raise ValueError(
                f"{file.name}: {name} is missing. Declare it with value, about, source and source_quality"
            )
    figures = []
    for name, text in texts.items():
        if name not in Effects._fields:
            raise ValueError(f"{file.name}: {name} is no effect of the world. Remove it or mend the name")
        wrong = [key for key in ("about", "source", "source_quality") if not isinstance(text.get(key), str)]
        if wrong or not isinstance(text.get("value"), int | float) or text["source_quality"] not in QUALITIES:
            raise ValueError(
                f"{file.name}: {name} needs value (a number), about, source, and source_quality ({', '.join(QUALITIES)})"
            )
        figures.append(
            Figure(
                name,
                float(text["value"]),
                text.get("unit", ""),
                text["about"],
                text["source"],
                text["source_quality"],
            )
        )
    return tuple(figures)


def read_effects(file: Path = EFFECTS_FILE) -> Effects:
    """The sizes of all effects. Raises ValueError as ``read_figures`` does."""
    return Effects(**{figure.name: figure.value for figure in read_figures(file)})
