"""Made people with a known risk: numbers, names, missing and special values."""

from functools import cache

import numpy as np
import polars as pl

from dunwell.insight.scoring import Meaning

RISK = {"worst_days": 1, "paid_share": -1}
SPECIALS = {"bureau": [96.0, 98.0]}
MEANINGS = {"worst_days": Meaning("worst days past due", "最长逾期天数")}


@cache
def people(count: int = 3000, seed: int = 5, shift: float = 0.0) -> tuple[pl.DataFrame, pl.Series]:
    """Inputs and outcomes. ``bureau`` is a count with two codes, ``product`` a name; a fifth of the shares is
    missing. The outcome leans on the days, the share, the product, the codes, and days with product together.
    """
    draw = np.random.default_rng(seed)
    days = draw.gamma(1.2, 20 + shift, count).round()
    share = draw.beta(4, 2, count)
    product = draw.choice(["card", "loan", "store's"], count, p=[0.5, 0.3, 0.2])
    bureau = draw.poisson(1.5, count).astype(float)
    coded = draw.random(count)
    bureau[coded < 0.1], bureau[coded > 0.95] = 96, 98
    noise = draw.normal(size=count)
    log_odds = (
        -2.2
        + 0.03 * days
        - 1.5 * (share - 0.6)
        + 0.8 * (product == "loan")
        + 0.02 * days * (product == "loan")
        + np.select([bureau == 96, bureau == 98], [1.5, -0.5], 0.25 * np.minimum(bureau, 6))
    )
    outcome = draw.random(count) < 1 / (1 + np.exp(-log_odds))
    missing = draw.random(count) < 0.2
    frame = pl.DataFrame(
        {
            "worst_days": days,
            "paid_share": pl.Series(share).set(pl.Series(missing), None),
            "product": product,
            "bureau": bureau,
            "noise": noise,
        }
    )
    return frame, pl.Series("is_bad", outcome)


@cache
def groups(count: int = 3000) -> pl.Series:
    return pl.Series("group", np.random.default_rng(1).choice(["a", "b"], count))
