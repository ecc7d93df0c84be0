"""People with past contacts and an attempt each, for timing the gate: any number of them, drawn from a seed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from dunwell.law import codes

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ZONES = ("America/New_York", "America/Chicago", "America/Los_Angeles", "America/Denver")
OUTCOMES = (
    "no_answer",
    "voicemail",
    "busy",
    "conversation",
    "dropped",
    "no_answer",
    "no_answer",
    "not_in_service",
)


def made_tables(count: int, each: int, seed: int = 7) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """``count`` people with one debt and ``each`` past contacts over sixty days, in no order; an attempt each."""
    generator = np.random.default_rng(seed)
    people = np.char.add("C", np.arange(count).astype(str))
    customers = pl.DataFrame({"customer_id": people}).with_columns(
        pl.Series("timezone", np.array(ZONES)[generator.integers(0, 4, count)]),
        pl.lit(None, pl.Date).alias("deceased_on"),
    )
    accounts = customers.select(
        pl.concat_str(pl.lit("A"), "customer_id").alias("account_id"),
        "customer_id",
        pl.lit(None, pl.String).alias("group"),
    )
    total = count * each
    owner = generator.integers(0, count, total)
    instant = AT - timedelta(days=60)
    at = np.datetime64(instant.replace(tzinfo=None), "us") + generator.integers(0, 60 * 86_400, total).astype(
        "timedelta64[s]"
    )
    contacts = pl.DataFrame(
        {
            "customer_id": customers["customer_id"].gather(owner),
            "at": pl.Series(at).dt.replace_time_zone("UTC"),
            "channel": pl.Series(
                np.array(["call", "sms"])[(generator.random(total) < 0.3).astype(int)],
                dtype=pl.Enum(codes.CHANNELS),
            ),
            "direction": pl.Series(values=["out"], dtype=pl.Enum(codes.DIRECTIONS)).new_from_index(0, total),
            "party": pl.Series(values=["self"], dtype=pl.Enum(codes.PARTIES)).new_from_index(0, total),
            "outcome": pl.Series(
                np.array(OUTCOMES)[generator.integers(0, 8, total)], dtype=pl.Enum(codes.OUTCOMES)
            ),
        }
    )
    attempts = customers.select(
        pl.concat_str(pl.lit("T"), "customer_id").alias("attempt_id"),
        "customer_id",
        pl.lit(AT).alias("at"),
        pl.lit("call").alias("channel"),
    )
    return {"customers": customers, "accounts": accounts, "contacts": contacts}, attempts
