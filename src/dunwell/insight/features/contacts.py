"""How an account's person has been reached: a row a contact and account, with how many days ago it was.

Only whether and how a contact succeeded; never where a person was, whom they know, or what was said.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

import polars as pl

from dunwell.insight.features.declared import WINDOW_DAYS_MAX, Feature, Source

_IS_OURS = pl.col("direction") == "out"
_IS_CONVERSATION = pl.col("outcome").cast(pl.String).is_in(["conversation", "replied"])
_IS_CALL = pl.col("channel") == "call"
_WITHIN_90 = pl.col("days_ago") < 90

FEATURES = (
    Feature(
        "contact_tries_90d",
        "contacts we tried in 90 days",
        "近 90 天我方联系次数",
        "90 days",
        "count",
        Source.CONTACTS,
        0,
        (_IS_OURS & _WITHIN_90).sum(),
    ),
    Feature(
        "conversations_90d",
        "conversations and replies in 90 days",
        "近 90 天通话与回复次数",
        "90 days",
        "count",
        Source.CONTACTS,
        0,
        (_IS_CONVERSATION & _WITHIN_90).sum(),
    ),
    Feature(
        "reached_share_of_calls_365d",
        "share of the last year's calls that became a conversation",
        "近一年接通的通话占比",
        "365 days",
        "share",
        Source.CONTACTS,
        0,
        (_IS_CONVERSATION & _IS_CALL & _IS_OURS).sum() / (_IS_CALL & _IS_OURS).sum().replace(0, None),
    ),
    Feature(
        "days_since_conversation",
        "days since the last conversation or reply",
        "距上次通话或回复的天数",
        "365 days",
        "days",
        Source.CONTACTS,
        0,
        pl.col("days_ago").filter(_IS_CONVERSATION).min(),
    ),
    Feature(
        "own_contacts_90d",
        "times the person came to us in 90 days",
        "近 90 天客户主动联系次数",
        "90 days",
        "count",
        Source.CONTACTS,
        0,
        (~_IS_OURS & _WITHIN_90).sum(),
    ),
    Feature(
        "dead_ends_365d",
        "contacts of the last year that bounced or met a number not in service",
        "近一年退信或号码停用的次数",
        "365 days",
        "count",
        Source.CONTACTS,
        0,
        pl.col("outcome").cast(pl.String).is_in(["bounced", "not_in_service"]).sum(),
    ),
)


def contact_features(tables: Mapping[str, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """The features of accounts with a contact with the person in the last year, by account_row. A contact that
    names no account counts to every account of the person.
    """
    day_end = datetime.combine(as_of, time.max, UTC)
    accounts = tables["accounts"].select(
        "account_id", "customer_id", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    recent = (
        tables["contacts"]
        .filter(pl.col("party") == "self")
        .select(
            "customer_id",
            "account_ids",
            "channel",
            "direction",
            "outcome",
            days_ago=(pl.lit(day_end) - pl.col("at")).dt.total_days(),
        )
        .filter(pl.col("days_ago") < WINDOW_DAYS_MAX)
    )
    names_none = pl.col("account_ids").is_null() | (pl.col("account_ids").list.len() == 0)
    rows_of_all = recent.filter(names_none).drop("account_ids")
    rows_of_named = (
        recent.filter(~names_none)
        .with_columns(account_id=pl.col("account_ids").list.unique())
        .drop("account_ids")
        .explode("account_id")
    )
    rows = pl.concat(
        [
            rows_of_all.join(accounts.select("customer_id", "account_row"), on="customer_id"),
            rows_of_named.join(
                accounts.select("account_id", "account_row", "customer_id"), on=["customer_id", "account_id"]
            ).drop("account_id"),
        ],
        how="diagonal",
    )
    return rows.group_by("account_row").agg(f.column for f in FEATURES)
