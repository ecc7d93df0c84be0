"""The day's capacities as a manager reads them: what there was, what was used, and what one more would be worth
(``book/capacities.parquet``).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from dunwell.nightly.chosen import MONEY
from dunwell.nightly.market import Settled
from dunwell.strategy.floors import EVENT_OF_FLOOR, MILLIONTHS
from dunwell.strategy.text import Capacity, Strategy
from dunwell.strategy.treatment_rates import TreatmentRate

CAPACITY_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "kind": pl.String,
    "skill": pl.String,
    "per_day": MONEY,
    "used": MONEY,
    "price": MONEY,
    "unit": pl.String,
    "told_en": pl.String,
    "told_zh": pl.String,
}
"""A row a capacity, in the text's order, then the floors of the objective that a treatment's ``expects`` make bind.

``per_day``, ``used`` and ``price`` go by ``unit``; the price is in the strategy's currency, and 0 where more would add nothing or
nothing is known of values yet. ``told_en``, ``told_zh``: a sentence.
"""

_UNITS: Mapping[str, tuple[str, str, str]] = {
    "agent_minutes": ("minute", "agent hour", "小时坐席"),
    "dialler": ("call", "call", "次外呼"),
    "sms": ("text message", "text message", "条短信"),
    "emails": ("e-mail", "e-mail", "封电子邮件"),
    "letters": ("letter", "letter", "封信函"),
    "visits": ("visit", "visit", "次上门"),
    "legal_slots": ("legal slot", "legal slot", "个诉讼名额"),
}
"""By kind: the unit of the frame, and what one more of it is called in a sentence."""

FLOOR = "floor"
"""The kind of a row that is no capacity but a floor of the objective, under which the day was decided."""

_FLOORS: Mapping[str, tuple[str, str]] = {
    "cure_share_min": ("cures over what comes by itself", "额外治愈"),
    "complaints_per_thousand_max": ("complaints", "投诉"),
    "opt_outs_per_thousand_max": ("opt-outs", "退订"),
    "contacts_per_customer_max": ("contacts", "联系"),
}
_MINUTES = 60


def capacities_told(
    strategy: Strategy, settled: Settled, rates: Sequence[TreatmentRate] = ()
) -> pl.DataFrame:
    """The capacities of a day, with the columns of CAPACITY_SCHEMA. ``rates``: what was learned of the floors' events."""
    found = {row["capacity"]: row for row in settled.capacities.iter_rows(named=True)}
    rows = [
        _row(capacity, found[capacity.name], strategy.currency, settled.is_cold)
        for capacity in strategy.capacities
    ]
    floors = [
        _floor_row(name, found[name], strategy, settled.is_cold, rates) for name in _FLOORS if name in found
    ]
    return pl.DataFrame([*rows, *floors], schema=dict(CAPACITY_SCHEMA))


def _floor_row(
    name: str,
    found: Mapping[str, Any],
    strategy: Strategy,
    is_cold: bool,
    rates: Sequence[TreatmentRate],
) -> dict[str, Any]:
    """A floor of the objective. ``per_day``: its share of the day, in expected events; ``price``: of one event more (or, where a
    floor must be reached, less).
    """
    event, event_zh = _FLOORS[name]
    is_least = found["at_least"] is not None
    most = Decimal(found["at_least"] if is_least else found["available"]) / MILLIONTHS
    used, price = Decimal(found["used"]) / MILLIONTHS, found["price"] * MILLIONTHS
    limit, days = strategy.objective.floors[name], strategy.objective.window_days
    amount = f"{price:,.2f} {strategy.currency}"
    have_en = f"{used:,.2f} {event} expected of the day's {most:,.2f} ({limit} in {days} days)"
    have_zh = f"预计 {used:,.2f} {event_zh}，当日份额 {most:,.2f}({days} 天内 {limit})"
    if is_least and used < most:
        en = f"it cannot be reached today: {have_en}, and neither law nor capacities leave more. Add capacity, or lower it"
        zh = f"今日无法达到：{have_zh}；法律与产能不允许更多。请增加产能或调低"
    elif is_cold or price <= 0:
        en, zh = f"it costs nothing today; {have_en}", f"今日没有代价；{have_zh}"
    else:
        en = f"one {'less to reach' if is_least else 'more'} would be worth about {amount} today; {have_en}"
        zh = f"今日{'少要求' if is_least else '多允许'}一个约值 {amount}；{have_zh}"
    from_log = [one for one in rates if one.is_learned and one.event == EVENT_OF_FLOOR.get(name)]
    if from_log:
        contacts = sum(one.contacts for one in from_log)
        en += f"; rates of {len(from_log)} treatments by the own log ({contacts:,} contacts), on its careful side"
        zh += f"；{len(from_log)} 项措施的比率取自自有记录（{contacts:,} 次联系），取其审慎一侧"
    return {
        "name": name,
        "kind": FLOOR,
        "skill": "",
        "per_day": round(most, 4),
        "used": round(used, 4),
        "price": round(Decimal(price), 4),
        "unit": event,
        "told_en": f"{name}: {en}.",
        "told_zh": f"{name}：{zh}。",
    }


def _row(capacity: Capacity, found: Mapping[str, Any], currency: str, is_cold: bool) -> dict[str, Any]:
    is_time = capacity.kind == "agent_minutes"
    scale = _MINUTES if is_time else 1
    unit, name_en, name_zh = _UNITS[capacity.kind]
    used, price = Decimal(found["used"]) / scale, found["price"] * scale
    size = _MINUTES if is_time else 1
    amount = f"{price * size:,.2f} {currency}"
    have = _have(used / size, capacity.per_day / size, is_time)
    skill = f" ({capacity.skill})" if capacity.skill else ""
    if is_cold:
        en = f"{have} used; what one more {name_en}{skill} would bring is not known yet."
        zh = f"已用 {have}；再多一{name_zh}{skill}能带来多少，目前尚不可知。"
    elif price > 0:
        en = f"one more {name_en}{skill} today is worth about {amount}; {have} used."
        zh = f"今日再多一{name_zh}{skill}约值 {amount}；已用 {have}。"
    else:
        en = f"more would add nothing today; {have} used."
        zh = f"今日再多也无益处；已用 {have}。"
    return {
        "name": capacity.name,
        "kind": capacity.kind,
        "skill": capacity.skill,
        "per_day": round(capacity.per_day, 4),
        "used": round(used, 4),
        "price": round(Decimal(price), 4),
        "unit": unit,
        "told_en": f"{capacity.name}: {en}",
        "told_zh": f"{capacity.name}：{zh}",
    }


def _have(used: Decimal, most: Decimal, is_time: bool) -> str:
    return f"{used:,.1f} / {most:,.1f} h" if is_time else f"{used:,.0f} / {most:,.0f}"
