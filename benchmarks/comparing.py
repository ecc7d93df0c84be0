"""Whether the ledger and its rival say the same of every account, to the minor unit."""

from pathlib import Path

import polars as pl

from benchmarks.rival_polars import FIGURES

_MINOR_UNITS = 100
_SHOWN_ACCOUNTS_MAX = 3


def differences(positions_file: Path, rival_file: Path) -> list[str]:
    """A sentence for each way in which the two files differ; none when they agree on every account. The rival's file holds
    FIGURES in minor units, or positions with all their columns.
    """
    ledger, rival = pl.read_parquet(positions_file), pl.read_parquet(rival_file)
    if rival.columns == ["account_id", *FIGURES]:
        ledger = ledger.select("account_id", *FIGURES).with_columns(
            pl.col("past_due_days").cast(pl.Int64),
            *(
                (pl.col(figure) * _MINOR_UNITS).cast(pl.Int64)
                for figure in FIGURES
                if figure != "past_due_days"
            ),
        )
    if ledger.schema != rival.schema:
        return [f"the columns differ: {ledger.schema} in the ledger's file, {rival.schema} in the rival's"]
    both = ledger.join(rival, on="account_id", how="full", suffix="_of_rival")
    sentences = []
    if both.height != ledger.height or ledger.height != rival.height:
        sentences.append(f"{ledger.height} accounts in the ledger's file, {rival.height} in the rival's")
    for figure in ledger.columns[1:]:
        unlike = both.filter(pl.col(figure).ne_missing(pl.col(f"{figure}_of_rival")))
        if unlike.height:
            examples = (
                unlike.head(_SHOWN_ACCOUNTS_MAX).select("account_id", figure, f"{figure}_of_rival").rows()
            )
            sentences.append(f"{figure} differs on {unlike.height} accounts, like {examples}")
    return sentences
