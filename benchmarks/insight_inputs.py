"""The public sets that the models are measured on, with inputs made as a lender would: from what each file says.

No sex and no marital status, though the files have them: no score here may rest on either.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

_COL = pl.col


@dataclass(frozen=True, slots=True)
class Task:
    """A set with its target, which way inputs must go, values that are codes, and groups to look at apart."""

    name: str
    frame: pl.DataFrame
    target: pl.Series
    risk: dict[str, int]
    special_values: dict[str, list[float]]


def taiwan(folder: Path) -> Task:
    """UCI 350, card clients in Taiwan: default next month from six months of status, bill and payment."""
    rows = pl.read_csv(folder / "uci_credit_default.csv.gz")
    status = ["PAY_0", *(f"PAY_{k}" for k in range(2, 7))]
    bills, paid = [f"BILL_AMT{k}" for k in range(1, 7)], [f"PAY_AMT{k}" for k in range(1, 7)]
    limit = _COL("LIMIT_BAL")
    used = {f"used_{k}": _COL(bill) / limit for k, bill in enumerate(bills, 1)}
    of_bill = {
        f"paid_of_bill_{k + 1}": (_COL(paid[k]) / _COL(bills[k + 1]).clip(1)).clip(0, 10) for k in range(5)
    }
    frame = rows.select(
        "LIMIT_BAL",
        "EDUCATION",
        "AGE",
        "BILL_AMT1",
        *status,
        *paid,
        late_worst=pl.max_horizontal(status),
        late_sum=pl.sum_horizontal(_COL(s).clip(0) for s in status),
        late_recent=pl.sum_horizontal(
            _COL(s).clip(0) * w for s, w in zip(status, range(6, 0, -1), strict=True)
        ),
        late_months=pl.sum_horizontal((_COL(s) >= 1).cast(pl.Int32) for s in status),
        late_months_2=pl.sum_horizontal((_COL(s) >= 2).cast(pl.Int32) for s in status),
        used_mean=pl.mean_horizontal(used.values()),
        used_most=pl.max_horizontal(used.values()),
        used_gain_5=(_COL("BILL_AMT1") - _COL("BILL_AMT6")) / limit,
        used_gain_1=(_COL("BILL_AMT1") - _COL("BILL_AMT2")) / limit,
        paid_sum=pl.sum_horizontal(paid),
        paid_least=pl.min_horizontal(paid),
        paid_of_limit=pl.sum_horizontal(paid) / limit,
        paid_of_limit_3=pl.sum_horizontal(paid[:3]) / limit,
        paid_months=pl.sum_horizontal((_COL(p) > 0).cast(pl.Int32) for p in paid),
        paid_of_billed=pl.sum_horizontal(paid[:5])
        / pl.sum_horizontal(_COL(b).clip(0) for b in bills[1:]).clip(1),
        **used,
        **of_bill,
    )
    up = ("late_worst", "late_sum", "late_recent", "late_months", "late_months_2")
    down = ("LIMIT_BAL", "paid_sum", "paid_least", "paid_of_limit", "paid_months")
    risk = dict.fromkeys(up, 1) | dict.fromkeys(down, -1)
    return Task("UCI Taiwan", frame, rows["default.payment.next.month"], risk, {})


_LIMITS = ((100, 100_000), (10, 30_000), (1, 5_000))
"""Which credit limits are tried, in turn: multiples of the first up to the second, so that a wrong one seldom fits."""

_ROUNDED = 5.5e-10


def limit_behind(used: pl.Series) -> pl.Series:
    """The credit limit behind each share of it that is used; null where none is found.

    The file tells ``balance / (limit + 1)`` to nine decimals, both whole: few limits give just these decimals. Told
    by each row alone. About one in twenty of what is found must be chance: decimals drawn anew fit that often.
    """
    values = used.cast(pl.Float64).to_numpy()
    found = np.full(len(values), np.nan)
    is_told = (values > 0) & (values < 1.5) & (np.abs(values - np.round(values)) > 1e-6)
    left = np.flatnonzero(is_told)
    for step, most in _LIMITS:
        for limit in range(step, most + 1, step):
            fits = np.abs(np.round(values[left] * (limit + 1)) / (limit + 1) - values[left]) <= _ROUNDED
            found[left[fits]] = limit
            left = left[~fits]
    return pl.Series("limit", found).fill_nan(None)


def give_me_some_credit(folder: Path) -> Task:
    """Kaggle's Give Me Some Credit: 90 days past due within two years. What the file tells as ratios is taken apart
    again: the debt of an income (``debt / (income + 1)``), and the credit limit (``limit_behind``).
    """
    rows = pl.read_csv(folder / "give_me_some_credit.csv.gz", null_values=["NA", ""])
    counts = {
        "late_30": "NumberOfTime30-59DaysPastDueNotWorse",
        "late_60": "NumberOfTime60-89DaysPastDueNotWorse",
        "late_90": "NumberOfTimes90DaysLate",
    }
    knows_income = _COL("income").is_not_null() & (_COL("income") > 1)
    named = rows.select(
        used=_COL("RevolvingUtilizationOfUnsecuredLines"),
        age=_COL("age"),
        debt_ratio=_COL("DebtRatio"),
        income=_COL("MonthlyIncome"),
        lines=_COL("NumberOfOpenCreditLinesAndLoans"),
        estate_lines=_COL("NumberRealEstateLoansOrLines"),
        dependants=_COL("NumberOfDependents"),
        **{name: _COL(column) for name, column in counts.items()},
    )
    lates = {name: pl.when(_COL(name) < 90).then(_COL(name)) for name in counts}
    late_all = pl.sum_horizontal(lates.values(), ignore_nulls=False)
    debt = pl.when(knows_income).then(_COL("debt_ratio") * (_COL("income") + 1)).otherwise(_COL("debt_ratio"))
    frame = named.with_columns(
        late_all=late_all,
        late_weighted=lates["late_30"] + 2 * lates["late_60"] + 4 * lates["late_90"],
        late_60_up=lates["late_60"] + lates["late_90"],
        late_of_lines=late_all / (_COL("lines") + 1),
        debt=debt,
        debt_ratio_known=pl.when(knows_income).then(_COL("debt_ratio")),
        debt_of_lines=debt / (_COL("lines") + 1),
        income_per_head=_COL("income") / (_COL("dependants").fill_null(0) + 1),
        left_over=_COL("income") - debt,
        open_unsecured=_COL("lines") - _COL("estate_lines"),
        used_times_unsecured=_COL("used").clip(0, 2) * (_COL("lines") - _COL("estate_lines")),
    )
    limit, income = _COL("limit"), _COL("income") + 1
    frame = frame.with_columns(limit=limit_behind(frame["used"])).with_columns(
        balance=limit * _COL("used"),
        free=limit * (1 - _COL("used")),
        limit_of_income=limit / income,
        balance_of_income=limit * _COL("used") / income,
        limit_of_lines=limit / (_COL("open_unsecured") + 1),
    )
    up = ("used", "late_all", "late_weighted", "late_60_up", *counts)
    risk = dict.fromkeys(up, 1) | {"age": -1}
    return Task(
        "Give Me Some Credit", frame, rows["SeriousDlqin2yrs"], risk, {name: [96.0, 98.0] for name in counts}
    )


@dataclass(frozen=True, slots=True)
class Delinquency:
    """The monthly panel, with who the applicant seems to be: accounts with the same application."""

    panel: pl.DataFrame
    applicant_inputs: tuple[str, ...]


def delinquency(folder: Path) -> Delinquency:
    """The panel of credit_record_monthly with its applicants' features, sex and family status left out."""
    panel = pl.read_csv(folder / "credit_record_monthly.csv.gz").select(
        account_id="ID", month="MONTHS_BALANCE", state="STATUS"
    )
    people = pl.read_csv(folder / "credit_record_applicants.csv.gz").rename({"ID": "account_id"})
    told = [name for name in people.columns if name != "account_id"]
    people = people.with_columns(person=pl.struct(told).hash(1)).drop("CODE_GENDER", "NAME_FAMILY_STATUS")
    inputs = tuple(name for name in people.columns if name not in ("account_id", "person"))
    joined = panel.join(people, on="account_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("person", pl.col("account_id").hash(2))
    )
    return Delinquency(joined, inputs)
