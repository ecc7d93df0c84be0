"""What is known of a person when we try to reach them: a row a try, from the contacts before it alone.

Only whether and how contacts succeeded, and when; never where a person is, whom they know, or what was said.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import polars as pl

from dunwell.insight.features.declared import WINDOW_DAYS_MAX
from dunwell.insight.features.known import known_by
from dunwell.insight.scoring.words import Meaning

MEANINGS: Mapping[str, Meaning] = {
    "channel": Meaning("channel", "联系渠道"),
    "hour": Meaning("hour of the person's day", "当地时间（小时）"),
    "weekday": Meaning("day of the week (Monday is 1)", "星期几（周一为 1）"),
    "tries_7d": Meaning("our tries in 7 days", "近 7 天我方联系次数"),
    "tries_30d": Meaning("our tries in 30 days", "近 30 天我方联系次数"),
    "tries_since_reached": Meaning(
        "our tries since the person was last reached", "上次联系成功以来我方联系次数"
    ),
    "days_since_reached": Meaning("days since the person was last reached", "距上次联系成功的天数"),
    "tries_on_channel": Meaning("our tries on this channel in a year", "近一年该渠道联系次数"),
    "reached_on_channel": Meaning("times reached on this channel in a year", "近一年该渠道联系成功次数"),
    "tries_at_hours": Meaning("our tries within two hours of this hour in a year", "近一年该时段联系次数"),
    "reached_at_hours": Meaning(
        "times reached within two hours of this hour in a year", "近一年该时段联系成功次数"
    ),
    "dead_ends_on_channel": Meaning(
        "tries on this channel that bounced or met a number not in service", "近一年该渠道退信或停用次数"
    ),
    "own_contacts_90d": Meaning("times the person came to us in 90 days", "近 90 天客户主动联系次数"),
}
"""Every input of a try, in the columns' order, with its words."""

INPUTS = tuple(MEANINGS)

_REACHED = ["conversation", "replied"]
_DEAD_ENDS = ["bounced", "not_in_service"]
_HOURS_APART = 2

_IS_OURS = pl.col("_direction") == "out"
_IS_REACHED = pl.col("_outcome").is_in(_REACHED)
_ON_CHANNEL = _IS_OURS & (pl.col("_channel") == pl.col("channel"))
_AT_HOURS = _IS_OURS & ((pl.col("_hour") - pl.col("hour")).abs() <= _HOURS_APART)
_SINCE_REACHED = pl.col("_days_ago") < pl.col("_days_ago").filter(_IS_REACHED).min().fill_null(
    WINDOW_DAYS_MAX
)

_HISTORY = {
    "tries_7d": (_IS_OURS & (pl.col("_days_ago") < 7)).sum(),
    "tries_30d": (_IS_OURS & (pl.col("_days_ago") < 30)).sum(),
    "tries_since_reached": (_IS_OURS & _SINCE_REACHED).sum(),
    "days_since_reached": pl.col("_days_ago").filter(_IS_REACHED).min(),
    "tries_on_channel": _ON_CHANNEL.sum(),
    "reached_on_channel": (_ON_CHANNEL & _IS_REACHED).sum(),
    "tries_at_hours": _AT_HOURS.sum(),
    "reached_at_hours": (_AT_HOURS & _IS_REACHED).sum(),
    "dead_ends_on_channel": (_ON_CHANNEL & pl.col("_outcome").is_in(_DEAD_ENDS)).sum(),
    "own_contacts_90d": (~_IS_OURS & (pl.col("_days_ago") < 90)).sum(),
}
_BY_CHANNEL = tuple(name for name in _HISTORY if name.endswith("on_channel"))
_BY_HOUR = tuple(name for name in _HISTORY if name.endswith("at_hours"))
_BY_PERSON = tuple(name for name in _HISTORY if name not in (*_BY_CHANNEL, *_BY_HOUR))


def attempts(
    tables: Mapping[str, pl.DataFrame], as_of: date, known_at: datetime | None = None
) -> pl.DataFrame:
    """Every try of ours up to a day, with what was known before it: customer_id, at, the inputs, ``is_reached``.

    A try reaches when the person themself talks or replies. A try that met somebody else reached nobody.
    """
    history = _history(tables, as_of, known_at)
    tries = history.filter(pl.col("_direction") == "out")
    asks = tries.select(
        "customer_id",
        at="_at",
        channel="_channel",
        hour="_hour",
        weekday="_weekday",
        is_reached="_is_reached",
    )
    return inputs_at(history, asks)


def asks_of(
    tables: Mapping[str, pl.DataFrame],
    people: Sequence[str],
    at: datetime,
    channels: Sequence[str],
    hours: Sequence[int],
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """What a try would be like for each person, channel and hour of the person's day, on the day of ``at``, from
    what had happened before ``at``: customer_id, at, and the inputs.
    """
    asked = pl.DataFrame({"customer_id": people}, schema={"customer_id": pl.String})
    own = {
        **tables,
        "contacts": tables["contacts"].join(asked, on="customer_id", how="semi", maintain_order="left"),
    }
    history = _history(own, at.date(), known_at).filter(pl.col("_at") < at)
    told = history.with_columns(_days_ago=(pl.lit(at) - pl.col("_at")).dt.total_minutes() / 1440).filter(
        pl.col("_days_ago") < WINDOW_DAYS_MAX
    )
    cells = pl.DataFrame({"hour": hours}, schema={"hour": pl.Int8})
    near = cells.join(pl.DataFrame({"_hour": range(24)}, schema={"_hour": pl.Int8}), how="cross").filter(
        (pl.col("_hour") - pl.col("hour")).abs() <= _HOURS_APART
    )
    by_channel = asked.join(pl.DataFrame({"channel": channels}, schema={"channel": pl.String}), how="cross")
    # A grid of channels and hours asks each thing of a person once, not once a cell.
    of_channel = _counted(told.with_columns(channel="_channel"), by_channel, _BY_CHANNEL)
    of_hour = _counted(told.join(near, on="_hour"), asked.join(cells, how="cross"), _BY_HOUR)
    return (
        _counted(told, asked, _BY_PERSON)
        .join(of_channel, on="customer_id", maintain_order="left_right")
        .join(of_hour, on="customer_id", maintain_order="left_right")
        .with_columns(at=pl.lit(at), weekday=pl.lit(at.isoweekday(), pl.Int8))
        .select("customer_id", "at", *INPUTS)
    )


def _counted(history: pl.DataFrame, asked: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """``asked`` with what the history tells of each of its rows."""
    told = history.group_by(asked.columns).agg(_HISTORY[name].alias(name) for name in names)
    counts = [name for name in names if name != "days_since_reached"]
    return asked.join(told, on=asked.columns, how="left", maintain_order="left").with_columns(
        pl.col(counts).fill_null(0)
    )


def inputs_at(history: pl.DataFrame, asks: pl.DataFrame) -> pl.DataFrame:
    """``asks`` (customer_id, at, channel, hour, weekday and what else they carry) with the inputs that the contacts
    strictly before each tell.
    """
    keyed = asks.with_row_index("_ask")
    before = (
        keyed.select("_ask", "customer_id", "at", "channel", "hour")
        .join(history, on="customer_id")
        .filter(pl.col("_at") < pl.col("at"))
        .with_columns(_days_ago=(pl.col("at") - pl.col("_at")).dt.total_minutes() / 1440)
        .filter(pl.col("_days_ago") < WINDOW_DAYS_MAX)
    )
    told = before.group_by("_ask").agg(**_HISTORY)
    counts = [name for name in _HISTORY if name != "days_since_reached"]
    carried = [name for name in asks.columns if name not in INPUTS]
    return (
        keyed.join(told, on="_ask", how="left", maintain_order="left")
        .with_columns(pl.col(counts).fill_null(0))
        .select(*carried, *INPUTS)
    )


def _history(tables: Mapping[str, pl.DataFrame], as_of: date, known_at: datetime | None) -> pl.DataFrame:
    """The contacts with the person, or meant for them, with the hour and weekday of the person's own clock (null
    where their zone is not known).
    """
    known = known_by(tables, as_of, known_at)
    contacts = known["contacts"].filter((pl.col("party") == "self") | (pl.col("outcome") == "wrong_party"))
    zones = known["customers"].select("customer_id", "timezone")
    joined = contacts.join(zones, on="customer_id", how="left", maintain_order="left").select(
        "customer_id",
        "timezone",
        _at="at",
        _channel=pl.col("channel").cast(pl.String),
        _direction=pl.col("direction").cast(pl.String),
        _outcome=pl.col("outcome").cast(pl.String),
        _is_reached=(pl.col("party") == "self") & pl.col("outcome").cast(pl.String).is_in(_REACHED),
    )
    parts = [
        rows.with_columns(_local=_on_clock(zone[0]))
        for zone, rows in joined.group_by("timezone", maintain_order=True)
    ]
    if not parts:
        parts = [joined.with_columns(_local=_on_clock(None))]
    return (
        pl.concat(parts)
        .with_columns(_hour=pl.col("_local").dt.hour(), _weekday=pl.col("_local").dt.weekday())
        .drop("_local", "timezone")
        .sort("customer_id", "_at", maintain_order=True)
    )


def _on_clock(zone: object) -> pl.Expr:
    if not isinstance(zone, str):
        return pl.lit(None, pl.Datetime("us"))
    return pl.col("_at").dt.convert_time_zone(zone).dt.replace_time_zone(None)
