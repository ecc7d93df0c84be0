"""From a strategy's text and learned values to who gets what today, within the capacities of the text."""

from pathlib import Path

import numpy as np
import polars as pl

from dunwell.strategy import assign
from dunwell.strategy.candidates import candidates, capacities_frame, uses_frame
from dunwell.strategy.columns import made_up
from dunwell.strategy.eligibility import eligible, eligible_matrix
from dunwell.strategy.text import read_strategy
from dunwell.strategy.value import Values

COUNT = 2000


def test_the_most_valuable_calls_are_made_and_no_capacity_is_exceeded(project: Path) -> None:
    strategy = read_strategy(project / "src/dunwell/cli/new_workspace/policy/strategy.toml")
    draw = np.random.default_rng(1)
    people = made_up(
        [{"past_due_days": int(days), "has_email": bool(days % 3)} for days in draw.integers(31, 90, COUNT)]
    )
    allowed = eligible_matrix(strategy, eligible(strategy, people))
    names = strategy.treatment_names
    mean = np.zeros((COUNT, len(names)))
    mean[:, names.index("negotiation by call")] = draw.gamma(2, 10, COUNT)
    mean[:, names.index("negotiation by email")] = draw.gamma(2, 3, COUNT)
    mean[:, names.index("early reminder by sms")] = 1000.0  # open to nobody here
    offered = candidates(Values(names, mean, mean), people["customer_id"], allowed)
    found = assign(offered, uses_frame(strategy), capacities_frame(strategy))
    used = dict(found.capacities.select("capacity", "used").iter_rows())
    assert used["collectors"] <= 4200 * 60
    assert used["collectors"] > 4200 * 60 - 9 * 60
    assert found.gap < 1e-3
    given = found.assigned["treatment"].cast(pl.String).fill_null("none")
    assert (given == "early reminder by sms").sum() == 0
    called = (given == "negotiation by call").to_numpy()
    assert called.sum() == 4200 // 9
    assert mean[called].max(axis=1).mean() > 2 * mean[~called, names.index("negotiation by call")].mean()
    prices = dict(found.capacities.select("capacity", "price").iter_rows())
    assert prices["collectors"] > 0 == prices["text messages"]
