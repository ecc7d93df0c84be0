"""What is owed as of the day, a row an account: the ledger's figures beside the contract's."""

from datetime import date

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features.declared import Feature, Source
from dunwell.ledger import kernel
from dunwell.ledger.arrays import Ints

_DAYS_A_MONTH = 30.4375
_PRINCIPAL = pl.col("principal_minor").cast(pl.Float64)

FEATURES = (
    Feature(
        "past_due_days",
        "days past due",
        "逾期天数",
        "as of the day",
        "days",
        Source.POSITION,
        1,
        pl.col("past_due_days"),
    ),
    Feature(
        "overdue_to_principal",
        "overdue amount as a share of the amount lent",
        "逾期金额占放款金额的比例",
        "as of the day",
        "share",
        Source.POSITION,
        1,
        pl.when(_PRINCIPAL > 0).then(pl.col("past_due_minor") / _PRINCIPAL),
    ),
    Feature(
        "outstanding_to_principal",
        "principal still owed as a share of the amount lent",
        "未还本金占放款金额的比例",
        "as of the day",
        "share",
        Source.POSITION,
        0,
        pl.when(_PRINCIPAL > 0).then(pl.col("outstanding_minor") / _PRINCIPAL),
    ),
    Feature(
        "months_on_book",
        "months since the account was opened",
        "开户以来的月数",
        "life",
        "months",
        Source.POSITION,
        0,
        pl.col("opened_days_ago") / _DAYS_A_MONTH,
    ),
    Feature(
        "annual_rate",
        "contract rate a year",
        "合同年利率",
        "as of the day",
        "share",
        Source.POSITION,
        0,
        pl.col("annual_rate_ppb") / 1e9,
    ),
    Feature(
        "days_since_payment",
        "days since the last payment",
        "距上次还款的天数",
        "life",
        "days",
        Source.POSITION,
        1,
        pl.col("last_paid_days_ago"),
    ),
)


def position_frame(accounts: pl.DataFrame, figures: Ints, as_of: date) -> pl.DataFrame:
    """A row an account of the partition: account_row, is_open, and what the expressions above read."""
    last_paid_on = figures[:, kernel.OUT_LAST_PAID_ON]
    today = day_number(as_of)
    return accounts.select("principal_minor", "annual_rate_ppb", "opened_on").with_columns(
        account_row=pl.int_range(pl.len(), dtype=pl.UInt32),
        is_open=pl.Series(figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED),
        past_due_days=pl.Series(figures[:, kernel.OUT_PAST_DUE_DAYS].astype(np.int32)),
        past_due_minor=pl.Series(figures[:, kernel.OUT_PAST_DUE_TOTAL]),
        outstanding_minor=pl.Series(figures[:, kernel.OUT_OUTSTANDING_PRINCIPAL]),
        opened_days_ago=(pl.lit(as_of) - pl.col("opened_on")).dt.total_days(),
        last_paid_days_ago=pl.select(
            pl.when(pl.Series(last_paid_on != kernel.NOTHING_DUE)).then(pl.Series(today - last_paid_on))
        ).to_series(),
    )
