"""Early warning: which segments are turning before they are late.

What turns first is the step out of good standing: a little late, long before the thirty days that count. A
segment's recent rate of that step is set against its own past and, at the same time, against how the rest of the
book moved (a ratio of ratios), so that neither a segment that was always worse nor a bad month for everybody is
an alarm. The months vary more than chance alone; by how much is estimated and allowed for. Over the segments the
false discovery rate is controlled, and ``false_alarms`` counts what remains on segments that cannot differ.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.problems import CannotScore, TrainingUnusable, extra
from dunwell.insight.rolls.panel import States
from dunwell.insight.scoring.measures import Figure, share_interval

Floats = NDArray[np.float64]
_AT_RISK_MIN = 50
_STEPS_MIN = 5
_Z_POWER = 0.8416


def turning_segments(
    panel: pl.DataFrame,
    states: States,
    segment: Sequence[str],
    early: frozenset[str],
    *,
    recent: int = 3,
    past: int = 12,
    level: float = 0.05,
) -> pl.DataFrame:
    """The segments at the panel's last month, those that turn most surely first: the segment's columns, at_risk and
    steps (of the last ``recent`` months), rate, rate_before (of the ``past`` months before), ratio (of how it moved
    to how the rest moved) with low and high, p (one-sided), adjusted_p, is_turning, detectable (a move by so many times would be
    called turning eight times in ten, were it the only one), late_share and late_share_before (whether it is late already).

    ``early``: the states that foretell, between good standing and ``states.late``. Raises ForbiddenInput,
    CannotScore for columns that are not there and TrainingUnusable for a panel that is too short.
    """
    refuse_forbidden(panel, segment)
    absent = [name for name in (*segment, "account_id", "month", "state") if name not in panel.columns]
    if absent:
        raise CannotScore(f"the panel has no column {absent[0]!r}. Add it, or name other segments")
    counts = monthly_steps(_looked_at(panel, recent, past), states, segment, early)
    return turning_counts(counts, segment, recent=recent, past=past, level=level)


def monthly_steps(
    panel: pl.DataFrame, states: States, segment: Sequence[str], early: frozenset[str]
) -> pl.DataFrame:
    """A row a segment and month: at_risk (accounts in good standing the month before), steps (of them, those no
    longer so), accounts and late.
    """
    name = pl.col("state").cast(pl.String)
    is_out = name.is_in(sorted(early | states.late))
    before = panel.select("account_id", pl.col("month") + 1, was_well=~is_out)
    return (
        panel.select(
            "account_id",
            "month",
            *(pl.col(one).cast(pl.String).fill_null("not known") for one in segment),
            is_out=is_out,
            is_late=states.is_late,
        )
        .join(before, on=["account_id", "month"], how="left")
        .with_columns(was_well=pl.col("was_well").fill_null(False))
        .group_by(*segment, "month")
        .agg(
            at_risk=pl.col("was_well").sum().cast(pl.Int64),
            steps=(pl.col("was_well") & pl.col("is_out")).sum().cast(pl.Int64),
            accounts=pl.len().cast(pl.Int64),
            late=pl.col("is_late").sum().cast(pl.Int64),
        )
        .sort(*segment, "month")
    )


def false_alarms(
    panel: pl.DataFrame,
    states: States,
    segment: Sequence[str],
    early: frozenset[str],
    *,
    rounds: int,
    seed: int = 0,
    person: str = "account_id",
    recent: int = 3,
    past: int = 12,
    level: float = 0.05,
) -> Figure:
    """How often segments that cannot differ raise any alarm, with Wilson's interval: in each round the people
    (``person``: the column that names them) exchange their segments, which keeps the segments' sizes.
    """
    draw = np.random.default_rng(seed)
    people = panel.select(person, *segment).unique(person, keep="last", maintain_order=True)
    bare = _looked_at(panel, recent, past).drop(segment)
    alarms = 0
    for _ in range(rounds):
        dealt = people.select(person).hstack(people.select(segment)[draw.permutation(people.height)])
        shuffled = bare.join(dealt, on=person, how="left")
        told = turning_segments(shuffled, states, segment, early, recent=recent, past=past, level=level)
        alarms += bool(told["is_turning"].any())
    return share_interval(alarms, rounds)


def _looked_at(panel: pl.DataFrame, recent: int, past: int) -> pl.DataFrame:
    """The months that are looked at and the one before them. Raises TrainingUnusable when the panel is shorter."""
    first, last = (
        int(month) for month in panel.select(pl.col("month").min(), max=pl.col("month").max()).row(0)
    )
    if last - first < recent + past:
        raise TrainingUnusable(
            f"the panel covers {last - first + 1} months; early warning looks at {recent} recent ones and {past} before. "
            "Give a longer panel"
        )
    return panel.filter(pl.col("month") >= last - recent - past)


def turning_counts(
    counts: pl.DataFrame, segment: Sequence[str], *, recent: int = 3, past: int = 12, level: float = 0.05
) -> pl.DataFrame:
    """``turning_segments`` of what ``monthly_steps`` counted, or of any other sign that is counted so: the segment's columns,
    month, at_risk, steps, accounts and late.
    """
    segment = list(segment)
    last = int(counts["month"].to_numpy().max())
    rows = counts.filter(pl.col("month") > last - recent - past).with_columns(
        is_recent=pl.col("month") > last - recent
    )
    now, then = pl.col("is_recent"), ~pl.col("is_recent")
    whole = rows.group_by(segment, maintain_order=True).agg(
        at_risk=pl.col("at_risk").filter(now).sum(),
        steps=pl.col("steps").filter(now).sum(),
        at_risk_before=pl.col("at_risk").filter(then).sum(),
        steps_before=pl.col("steps").filter(then).sum(),
        late_share=pl.col("late").filter(now).sum() / pl.col("accounts").filter(now).sum(),
        late_share_before=pl.col("late").filter(then).sum() / pl.col("accounts").filter(then).sum(),
    )
    kept = whole.filter(
        pl.min_horizontal("at_risk", "at_risk_before") >= _AT_RISK_MIN,
        pl.col("steps") + pl.col("steps_before") >= _STEPS_MIN,
    )
    if kept.height < 2:
        raise TrainingUnusable(
            "fewer than two segments have enough accounts in good standing. Take coarser segments or a longer panel"
        )
    spread = float(np.sqrt(_dispersion(rows.filter(then), segment)))
    own = kept.select("at_risk", "steps", "at_risk_before", "steps_before").to_numpy().astype(np.float64)
    rest = own.sum(axis=0) - own
    moved, error = _log_move(own)
    rest_moved, rest_error = _log_move(rest)
    log_ratio = moved - rest_moved
    error = spread * np.sqrt(error**2 + rest_error**2)
    stats = extra("scipy.stats")
    p = np.maximum(stats.norm.sf(log_ratio / error), _exact(own, rest))
    adjusted = stats.false_discovery_control(p, method="bh")
    return (
        kept.with_columns(
            rate=pl.col("steps") / pl.col("at_risk"),
            rate_before=pl.col("steps_before") / pl.col("at_risk_before"),
            ratio=pl.Series(np.exp(log_ratio)),
            low=pl.Series(np.exp(log_ratio - 1.96 * error)),
            high=pl.Series(np.exp(log_ratio + 1.96 * error)),
            p=pl.Series(p),
            adjusted_p=pl.Series(adjusted),
            is_turning=pl.Series(adjusted <= level),
            detectable=pl.Series(np.exp((stats.norm.isf(level / kept.height) + _Z_POWER) * error)),
        )
        .select(
            *segment,
            *(
                "at_risk",
                "steps",
                "rate",
                "rate_before",
                "ratio",
                "low",
                "high",
                "p",
                "adjusted_p",
                "is_turning",
                "detectable",
            ),
            *("late_share", "late_share_before"),
        )
        .sort("p", *segment)
    )


def _log_move(counts: Floats) -> tuple[Floats, Floats]:
    """The log of the recent rate over the earlier one, and its standard error; half a step is added to each count."""
    at_risk, steps, at_risk_before, steps_before = (counts[:, k] for k in range(4))
    now, then = steps + 0.5, steps_before + 0.5
    move = np.log(now / (at_risk + 1)) - np.log(then / (at_risk_before + 1))
    variance = 1 / now - 1 / (at_risk + 1) + 1 / then - 1 / (at_risk_before + 1)
    return move, np.sqrt(np.maximum(variance, 1e-12))


def _exact(own: Floats, rest: Floats) -> Floats:
    """The chance of as many recent steps or more, given all of the segment's steps and how the rest moved: binomial,
    which the normal law of logarithms overstates where steps are few.
    """
    rest_rate, rest_rate_before = (rest[:, 1] + 0.5) / (rest[:, 0] + 1), (rest[:, 3] + 0.5) / (rest[:, 2] + 1)
    now, then = own[:, 0] * rest_rate, own[:, 2] * rest_rate_before
    p: Floats = extra("scipy.stats").binom.sf(own[:, 1] - 1, own[:, 1] + own[:, 3], now / (now + then))
    return p


def _dispersion(past: pl.DataFrame, segment: list[str]) -> float:
    """How much more a segment's months vary than chance would have them, after the book's own months: Pearson's
    statistic over its degrees of freedom, at least 1.
    """
    of_segment = pl.col("steps").sum().over(segment) / pl.col("at_risk").sum().over(segment)
    of_month = pl.col("steps").sum().over("month") / pl.col("at_risk").sum().over("month")
    of_all = pl.col("steps").sum() / pl.col("at_risk").sum()
    told = past.with_columns(expected=pl.col("at_risk") * of_segment * of_month / of_all).filter(
        pl.col("expected") >= 1
    )
    months, segments = told["month"].n_unique(), told.select(segment).n_unique()
    freedom = told.height - months - segments + 1
    if freedom < 1:
        return 1.0
    statistic = told.select(((pl.col("steps") - pl.col("expected")) ** 2 / pl.col("expected")).sum()).item()
    return max(1.0, float(statistic) / freedom)
