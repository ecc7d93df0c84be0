"""A model card written by the code: what a model is for, on what it was measured, how good it is and how sure
that is, how it treats groups, and what it is not for.

Mitchell et al., Model cards for model reporting (FAT* 2019).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dunwell.insight.scoring.base import Model, read_target
from dunwell.insight.scoring.fairness import (
    GROUP_ROWS_MIN,
    GroupGap,
    group_frame,
    group_gaps,
    promotion_blocks,
)
from dunwell.insight.scoring.inputs import Floats
from dunwell.insight.scoring.measures import (
    Figure,
    auc_delong,
    bootstrap,
    brier,
    calibration_error,
    calibration_gap,
    kolmogorov_smirnov,
    log_loss,
    share_interval,
)

_AUC_SUSPECT = 0.95

LIMITS = (
    "It ranks and estimates; it decides nothing. What is done with a score is decided by the policy, within the law.",
    "It holds for people like those it was measured on. Scoring refuses inputs that have drifted too far from them.",
    "It foretells what happens under the treatment of the time, and not what a treatment would change.",
    "It was never given sex, marital status, ethnicity, religion, health, location trails or social ties.",
    "Other inputs may stand in for those, which is why groups are measured above where they are known.",
)


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """How a model treats one group: its size, actual and mean predicted rate, ranking, and the share of its
    people above the whole's median risk.
    """

    group: str
    row_count: int
    actual: Figure
    predicted: float
    gap: Figure
    auc: Figure
    above_median_risk: Figure


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The card. ``markdown``, ``html`` and ``to_dict`` are three ways to tell it."""

    kind: str
    purpose: str
    target: str
    window: tuple[date, date] | None
    measured_on: str
    trained_row_count: int
    row_count: int
    event_count: int
    inputs: tuple[str, ...]
    figures: dict[str, Figure]
    reliability: tuple[tuple[float, float, int], ...]
    groups: tuple[GroupFigures, ...]
    gaps: tuple[GroupGap, ...]
    promotion_blocks: tuple[str, ...]
    cautions: tuple[str, ...]
    limits: tuple[str, ...] = LIMITS
    without_groups: str = "No groups were given, so fairness was not measured."

    @property
    def may_be_promoted(self) -> bool:
        """Whether nothing in how it treats groups keeps it from being used."""
        return not self.promotion_blocks

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = asdict(self)
        told["window"] = [day.isoformat() for day in self.window] if self.window else None
        plain: dict[str, Any] = _without_nan(told)
        return plain

    def markdown(self) -> str:
        """The card as a Markdown page."""
        from dunwell.insight.scoring.card_text import card_markdown

        return card_markdown(self)

    def html(self) -> str:
        """The card as an HTML page of its own."""
        from dunwell.insight.scoring.card_text import card_html

        return card_html(self)


def model_card(
    model: Model,
    frame: pl.DataFrame,
    target: pl.Series | Sequence[int],
    *,
    purpose: str,
    target_meaning: str,
    window: tuple[date, date] | None = None,
    measured_on: str = "rows the model did not learn from",
    groups: pl.Series | pl.DataFrame | None = None,
    seed: int = 0,
) -> ModelCard:
    """Measure a model on rows it did not learn from. ``groups``: a group a row, or several ways of grouping in
    columns, given apart from the inputs, to measure fairness by; it may be what no input may be.
    """
    values = read_target(target, frame.height, "measure on")
    probability = model.predict_proba(frame)[:, 1]
    return card_of_chances(
        values,
        probability,
        kind=model.kind,
        inputs=model.inputs_.names,
        trained_row_count=model.inputs_.row_count,
        purpose=purpose,
        target_meaning=target_meaning,
        window=window,
        measured_on=measured_on,
        groups=groups,
        seed=seed,
    )


def card_of_chances(
    values: Floats,
    probability: Floats,
    *,
    kind: str,
    inputs: Sequence[str],
    trained_row_count: int,
    purpose: str,
    target_meaning: str,
    window: tuple[date, date] | None,
    measured_on: str,
    groups: pl.Series | pl.DataFrame | None,
    seed: int = 0,
    more: Mapping[str, Figure] | None = None,
    limits: Sequence[str] = LIMITS,
) -> ModelCard:
    """The card of anything that gives chances, from what it foretold of rows it did not learn from and what came (0 or 1).
    ``more``: further figures, by their name.
    """
    figures = measured(values, probability, seed)
    order = np.argsort(probability, kind="stable")
    reliability = tuple(
        (float(probability[part].mean()), float(values[part].mean()), len(part))
        for part in np.array_split(order, 10)
        if len(part)
    )
    cautions = []
    if figures["auc"].value > _AUC_SUSPECT:
        cautions.append(
            f"An AUC of {figures['auc'].value:.3f} is rarely honest: look for an input that knows the outcome."
        )
    told = None if groups is None else group_frame(groups, len(values))
    gaps = () if told is None else group_gaps(values, probability, told)
    return ModelCard(
        kind,
        purpose,
        target_meaning,
        window,
        measured_on,
        trained_row_count,
        len(values),
        int(values.sum()),
        tuple(inputs),
        figures | dict(more or {}),
        reliability,
        () if told is None else _by_group(values, probability, told, seed),
        gaps,
        promotion_blocks(gaps),
        tuple(cautions),
        tuple(limits),
    )


def _without_nan(value: Any) -> Any:
    """The same with None for what cannot be told: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def measured(target: Floats, probability: Floats, seed: int) -> dict[str, Figure]:
    """The figures of a card: AUC by DeLong, the others by bootstrap. In ten bins a perfect forecast shows a calibration error,
    too; what is beyond that is told beside it.
    """
    ranking = auc_delong(target, probability)
    measures: dict[str, Callable[[Floats, Floats], float]] = {
        "ks": kolmogorov_smirnov,
        "brier": brier,
        "log_loss": log_loss,
    }
    calibrated: dict[str, Callable[[Floats, Floats], float]] = {
        "calibration_error": calibration_error,
        "calibration_error_beyond_chance": calibration_gap,
    }
    return {
        "auc": ranking,
        "gini": Figure(2 * ranking.value - 1, 2 * ranking.low - 1, 2 * ranking.high - 1),
        **{name: bootstrap(target, probability, measure, seed) for name, measure in measures.items()},
        **{
            name: bootstrap(target, probability, measure, seed, is_centred=True)
            for name, measure in calibrated.items()
        },
    }


def _by_group(
    target: Floats, probability: Floats, groups: pl.DataFrame, seed: int
) -> tuple[GroupFigures, ...]:
    is_above = probability > np.median(probability)
    told = []
    for column in groups.columns:
        names = groups[column].to_numpy()
        for name in sorted(set(names.tolist())):
            mine = names == name
            count, events = int(mine.sum()), int(target[mine].sum())
            if count < GROUP_ROWS_MIN:
                continue
            gap = bootstrap(target[mine], probability[mine], lambda t, p: float(p.mean() - t.mean()), seed)
            told.append(
                GroupFigures(
                    name if groups.width == 1 else f"{column}: {name}",
                    count,
                    share_interval(events, count),
                    float(probability[mine].mean()),
                    gap,
                    auc_delong(target[mine], probability[mine]),
                    share_interval(int(is_above[mine].sum()), count),
                )
            )
    return tuple(told)
