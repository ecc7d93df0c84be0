"""From what a file holds to typed values, and the rules a value can break.

Every column of a batch becomes a typed expression (null where it cannot be read) and a few rules, each a
sentence and a mask over the raw column and the typed one (``TYPED + name``). Nothing is guessed: money is
never read from a float, a day never from a timestamp with a time, an instant in text never without its
offset.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from zoneinfo import available_timezones

import polars as pl

from dunwell.book.tables import Column, Kind
from dunwell.calendars import DAY_MAX, DAY_MIN

TYPED = "§"
"""Prefix of a typed column beside its raw one."""

MONEY_SCALE = 4
"""The decimals of the finest currency: where currencies differ, money is first read in ten-thousandths of the
major unit.
"""

MONEY_BOUND = 10**13
RATE_SCALE = 9
_FIRST_INSTANT = datetime.combine(DAY_MIN, time.min, UTC)
_LAST_INSTANT = datetime.combine(DAY_MAX, time.max, UTC)
TOO_FINE = "{} has more decimals than its currency has"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_INSTANT = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$"

Rule = tuple[str, pl.Expr]


def typed(column: Column, dtype: pl.DataType, money_scale: int = MONEY_SCALE) -> pl.Expr:
    """The column's values in their type; null where absent or unreadable. Money as integers of
    10**-money_scale major units.
    """
    raw = pl.col(column.name)
    if column.kind is Kind.MONEY:
        return _scaled(raw, dtype, money_scale).alias(TYPED + column.name)
    return _READERS[column.kind](raw, dtype, column).alias(TYPED + column.name)


def rules(column: Column, dtype: pl.DataType, money_scale: int = MONEY_SCALE) -> Iterator[Rule]:
    """What a value of the column can be wrong about, most basic first. Masks are true for bad rows."""
    name, value = column.name, pl.col(TYPED + column.name)
    is_absent = _is_absent(pl.col(name), dtype)
    if column.is_required:
        yield f"{name} is missing", is_absent
    if column.kind in (Kind.ID, Kind.TEXT, Kind.CODE, Kind.IDS) and dtype in (
        pl.String,
        pl.Null,
        pl.List(pl.String),
    ):
        return
    if column.kind is Kind.MONEY and dtype.is_float():
        yield f"{name} is a float, not exact money", ~is_absent
        return
    if column.kind in (Kind.MONEY, Kind.RATE):
        yield from _number_rules(column, dtype, is_absent, value, money_scale)
        return
    if column.kind is Kind.DAY:
        yield f"{name} is not a day", ~is_absent & value.is_null()
        yield f"{name} is outside 1900 to 2199", ~value.is_between(DAY_MIN, DAY_MAX)
        return
    yield _UNREADABLE[column.kind](column), ~is_absent & value.is_null()
    if column.kind is Kind.COUNT:
        yield f"{name} is negative", value < 0
    if column.kind is Kind.INSTANT:
        yield f"{name} is outside 1900 to 2199", ~value.is_between(_FIRST_INSTANT, _LAST_INSTANT)


def _number_rules(
    column: Column, dtype: pl.DataType, is_absent: pl.Expr, value: pl.Expr, money_scale: int
) -> Iterator[Rule]:
    name, raw = column.name, pl.col(column.name)
    is_money = column.kind is Kind.MONEY
    scale = money_scale if is_money else RATE_SCALE
    too_fine = _is_too_fine(raw, dtype, scale)
    is_unread = ~is_absent & value.is_null() & ~too_fine
    is_number = _is_number(raw, dtype)
    yield f"{name} is not a number", is_unread & ~is_number
    if is_money:
        yield TOO_FINE.format(name), too_fine
        is_too_large = value.abs() >= MONEY_BOUND * 10**scale
    else:
        yield f"{name} has more than {RATE_SCALE} decimals", too_fine
        is_too_large = value >= 1000 * 10**scale
    yield f"{name} is too large", is_too_large.fill_null(False) | (is_unread & is_number)
    if column.least > 0:
        yield f"{name} must be above 0", value <= 0
    else:
        yield f"{name} is negative", value < 0


_UNREADABLE = {
    Kind.ID: lambda c: f"{c.name} is not text",
    Kind.TEXT: lambda c: f"{c.name} is not text",
    Kind.CODE: lambda c: f"{c.name} is not text",
    Kind.IDS: lambda c: f"{c.name} is not a list of ids",
    Kind.INSTANT: lambda c: f"{c.name} is not an instant with its offset",
    Kind.COUNT: lambda c: f"{c.name} is not a whole number",
    Kind.CHOICE: lambda c: f"{c.name} is not one of {', '.join(c.choices)}",
    Kind.FLAG: lambda c: f"{c.name} is not true or false",
    Kind.ZONE: lambda c: f"{c.name} is not an IANA time zone",
}


def _is_absent(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return raw.is_null() | (raw.str.strip_chars() == "") if dtype == pl.String else raw.is_null()


def _is_number(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Whether the value is written as a number, be it one that fits or not."""
    if dtype == pl.String:
        return raw.str.strip_chars().str.contains(_NUMBER)
    return raw.is_finite() if dtype.is_float() else pl.lit(dtype.is_decimal() or dtype.is_integer())


def _is_too_fine(raw: pl.Expr, dtype: pl.DataType, scale: int) -> pl.Expr:
    """Whether digits that count stand beyond the scale's last decimal."""
    if dtype == pl.String:
        return raw.str.strip_chars().str.contains(_NUMBER) & raw.str.contains(rf"\.\d{{{scale}}}\d*[1-9]")
    if isinstance(dtype, pl.Decimal) and dtype.scale > scale:
        excess: pl.Expr = raw.to_physical() % 10 ** (dtype.scale - scale)
        return excess != 0
    if dtype.is_float():
        exact = _as_double(raw, dtype)
        return raw.is_finite() & (((exact * 10.0**scale).round(0) / 10.0**scale - exact).abs() > 1e-12)
    return pl.lit(False)


def _scaled(raw: pl.Expr, dtype: pl.DataType, scale: int) -> pl.Expr:
    """The number times 10**scale as Int64; null where it is none, is too fine, or does not fit."""
    if dtype == pl.String:
        text = raw.str.strip_chars()
        number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Decimal(38, scale), strict=False)
        # A Decimal's integers lie behind it: a tenth of a cent is 1 at scale 3.
        return pl.when(~_is_too_fine(raw, dtype, scale)).then(
            number.to_physical().cast(pl.Int64, strict=False)
        )
    if isinstance(dtype, pl.Decimal):
        digits = raw.to_physical()
        if dtype.scale <= scale:
            factor = 10 ** (scale - dtype.scale)
            if dtype.precision + scale - dtype.scale > 18:
                return _within(digits, factor)
            number = digits.cast(pl.Int64, strict=False)
            return number if factor == 1 else number * factor
        return pl.when(digits % 10 ** (dtype.scale - scale) == 0).then(
            (digits // 10 ** (dtype.scale - scale)).cast(pl.Int64, strict=False)
        )
    if dtype.is_integer():
        return _within(raw.cast(pl.Int128), 10**scale)
    return pl.lit(None, dtype=pl.Int64)


def _within(number: pl.Expr, factor: int) -> pl.Expr:
    return (number * factor).cast(pl.Int64, strict=False)


def _rate(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    """A rate may stand as a float: the shortest decimal that it prints as is meant."""
    if dtype.is_float():
        return (
            pl.when(raw.is_finite() & ~_is_too_fine(raw, dtype, RATE_SCALE))
            .then((_as_double(raw, dtype) * 10.0**RATE_SCALE).round(0))
            .cast(pl.Int64, strict=False)
        )
    return _scaled(raw, dtype, RATE_SCALE)


def _as_double(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A single-precision rate by what it prints as: 0.18, not 0.18000000715."""
    return raw.cast(pl.String).cast(pl.Float64, strict=False) if dtype == pl.Float32 else raw


def _id(raw: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr:
    """Ids are kept as they are; a blank one is missing, which the rules say."""
    return raw if dtype == pl.String else _id_or_text(raw, dtype, column)


def _id_or_text(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if dtype == pl.String:
        return pl.when(raw.str.strip_chars() != "").then(raw)
    return (
        raw.cast(pl.String)
        if dtype.is_integer() or dtype in (pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum)
        else pl.lit(None, dtype=pl.String)
    )


def _day(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if dtype == pl.String:
        text = raw.str.strip_chars()
        return (
            pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}$"))
            .then(text)
            .str.to_date("%Y-%m-%d", strict=False)
        )
    if dtype == pl.Date:
        return raw
    if isinstance(dtype, pl.Datetime):
        return pl.when(raw.dt.time() == pl.time(0, 0, 0)).then(raw.dt.date())
    return pl.lit(None, dtype=pl.Date)


def _instant(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if dtype == pl.String:
        text = raw.str.strip_chars()
        full = (
            text.str.replace(" ", "T", literal=True)
            .str.replace(r"Z$", "+00:00")
            .str.replace(r"^(.{10}T\d{2}:\d{2})([+-])", "$1:00$2")
        )
        return (
            pl.when(text.str.contains(_INSTANT))
            .then(full)
            .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False, time_zone="UTC")
        )
    if isinstance(dtype, pl.Datetime):
        instant = raw.cast(pl.Datetime("us", dtype.time_zone))
        return instant.dt.convert_time_zone("UTC") if dtype.time_zone else instant.dt.replace_time_zone("UTC")
    return pl.lit(None, dtype=pl.Datetime("us", "UTC"))


def _count(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if dtype == pl.String:
        text = raw.str.strip_chars()
        return pl.when(text.str.contains(r"^[+-]?\d{1,18}$")).then(text).cast(pl.Int64, strict=False)
    if dtype.is_integer():
        return raw.cast(pl.Int64, strict=False)
    if dtype.is_float():
        return pl.when(raw == raw.round(0)).then(raw).cast(pl.Int64, strict=False)
    if isinstance(dtype, pl.Decimal):
        return pl.when(raw == raw.round(0)).then(raw).cast(pl.Int64, strict=False)
    return pl.lit(None, dtype=pl.Int64)


def _code(raw: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr:
    return _id_or_text(raw, dtype, column).str.strip_chars()


def _choice(raw: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr:
    text = _id_or_text(raw, dtype, column).str.strip_chars()
    return pl.when(text.is_in(list(column.choices))).then(text)


_OF_NO_PLACE = {"Factory", "localtime"}
"""Names of the database that say nothing of a person (unset, this machine's own); Polars knows no such zone."""


def _zone(raw: pl.Expr, dtype: pl.DataType, column: Column) -> pl.Expr:
    text = _id_or_text(raw, dtype, column).str.strip_chars()
    return pl.when(text.is_in(sorted(available_timezones() - _OF_NO_PLACE))).then(text)


def _flag(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if dtype == pl.Boolean:
        return raw
    if dtype == pl.String:
        text = raw.str.strip_chars().str.to_lowercase()
        return pl.when(text.is_in(["true", "false"])).then(text == "true")
    return pl.lit(None, dtype=pl.Boolean)


def _ids(raw: pl.Expr, dtype: pl.DataType, _: Column) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return raw.cast(pl.List(pl.String))
    if dtype == pl.String:
        ids = (
            raw.str.split(";")
            .list.eval(pl.element().str.strip_chars())
            .list.eval(pl.element().filter(pl.element() != ""))
        )
        return pl.when(ids.list.len() > 0).then(ids)
    return pl.lit(None, dtype=pl.List(pl.String))


_READERS: Mapping[Kind, Callable[[pl.Expr, pl.DataType, Column], pl.Expr]] = {
    Kind.ID: _id,
    Kind.TEXT: _id_or_text,
    Kind.CODE: _code,
    Kind.DAY: _day,
    Kind.INSTANT: _instant,
    Kind.RATE: _rate,
    Kind.COUNT: _count,
    Kind.CHOICE: _choice,
    Kind.ZONE: _zone,
    Kind.IDS: _ids,
    Kind.FLAG: _flag,
}
