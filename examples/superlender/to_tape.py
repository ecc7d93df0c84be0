"""SuperLender's short loans (Nigeria, 2016-17) as a tape: one loan is one account with one instalment and one payment.

    python examples/superlender/to_tape.py --data superlender_prevloans.csv.gz --out /tmp/superlender

What the file says and what is assumed stands in the README beside this script.
"""

import argparse
from pathlib import Path

import polars as pl

PRODUCT = "superlender-loan"
NEEDED = (
    "customerid",
    "systemloanid",
    "loannumber",
    "approveddate",
    "loanamount",
    "totaldue",
    "termdays",
    "firstduedate",
    "firstrepaiddate",
)


def tape(loans: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The four required tables, by name, from the file's rows read as text.

    Amounts stay decimal text, as the file writes them; instants are cut to their day (the file names no zone).
    """
    day = {name: pl.col(name).str.slice(0, 10).str.to_date() for name in NEEDED if name.endswith("date")}
    interest = pl.col("totaldue").cast(pl.Decimal(15, 2)) - pl.col("loanamount").cast(pl.Decimal(15, 2))
    account_id = pl.col("systemloanid").alias("account_id")
    customers = loans.select(
        customer_id="customerid",
        language=pl.lit("en"),
        jurisdiction=pl.lit("ng"),
        timezone=pl.lit("Africa/Lagos"),
    ).unique(maintain_order=True)
    accounts = loans.select(
        account_id,
        customer_id="customerid",
        product=pl.lit(PRODUCT),
        currency=pl.lit("NGN"),
        principal="loanamount",
        opened_on=day["approveddate"],
        status=pl.lit("closed"),
        loannumber="loannumber",
        termdays="termdays",
    )
    instalments = loans.select(
        account_id,
        number=pl.lit(1),
        due_on=day["firstduedate"],
        principal="loanamount",
        interest=interest,
    )
    payments = loans.select(
        pl.concat_str(pl.lit("P"), "systemloanid").alias("payment_id"),
        account_id,
        paid_on=day["firstrepaiddate"],
        amount="totaldue",
    )
    return {"customers": customers, "accounts": accounts, "instalments": instalments, "payments": payments}


def read_loans(file: Path) -> pl.DataFrame:
    """The file's rows, all columns as text. Raises SystemExit with a sentence when it is another file."""
    loans = pl.read_csv(file, infer_schema=False)
    missing = [name for name in NEEDED if name not in loans.columns]
    if missing:
        raise SystemExit(f"{file} is not SuperLender's loan file: it has no column {', '.join(missing)}")
    return loans


def main() -> None:
    """Read the file named on the command line and write the tape's folder."""
    parser = argparse.ArgumentParser(description="SuperLender's loans as a tape for dunwell.")
    parser.add_argument("--data", type=Path, required=True, help="superlender_prevloans.csv.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the tape to")
    arguments = parser.parse_args()
    tables = tape(read_loans(arguments.data))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.write_csv(arguments.out / f"{name}.csv")
    print(
        f"{tables['accounts'].height} loans of {tables['customers'].height} customers written to {arguments.out}"
    )


if __name__ == "__main__":
    main()
