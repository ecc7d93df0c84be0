"""The chance to reach a person by a channel at an hour, the best of them, and the chance to reach within n tries.

It tells when a try is likely to reach somebody, so that fewer tries are needed. When and how one may try at all
is the law room's and the person's own word; the caller gives the hours and channels that are allowed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.contacts.attempts import INPUTS, MEANINGS
from dunwell.insight.problems import CannotScore, ModelDamaged
from dunwell.insight.scoring import load_model
from dunwell.insight.scoring.boosted import BoostedModel
from dunwell.insight.scoring.card import ModelCard, model_card
from dunwell.insight.scoring.inputs import PSI_MAX, PSI_UNLIMITED, Inputs
from dunwell.insight.scoring.saving import load_folder

Floats = NDArray[np.float64]

_OWN = "contacts.json"
_CHOSEN = ("channel", "hour", "weekday")

TRIES_MIN = 30
"""A channel and hour with fewer tries to learn from is not recommended."""


class ContactModel:
    """The chance that a try reaches the person themself.

    ``settings`` go to its ``BoostedModel``; ``psi_max`` is the drift of people's history beyond which asking is
    refused. Fitted: ``model_``, and ``seen_``: channel, hour, tries, reached.
    """

    def __init__(self, *, psi_max: float = PSI_MAX, seed: int = 0, **settings: Any) -> None:
        self.psi_max, self.seed = psi_max, seed
        self.settings = {"rounds": 100, "learning_rate": 0.1, "leaf_rows_min": 30, "folds": 3, **settings}

    def fit(self, tries: pl.DataFrame) -> Self:
        """Learn from ``attempts``. Raises TrainingUnusable when they are too few."""
        model = BoostedModel(meanings=MEANINGS, psi_max=PSI_UNLIMITED, seed=self.seed, **self.settings)
        self.model_ = model.fit(tries.select(INPUTS), tries["is_reached"])
        self.seen_ = (
            tries.group_by("channel", "hour")
            .agg(tries=pl.len(), reached=pl.col("is_reached").sum())
            .sort("channel", "hour")
        )
        return self

    def predict_proba(self, asks: pl.DataFrame) -> Floats:
        """The chances not to reach and to reach, a row a try."""
        return self._asked(asks).predict_proba(asks)

    def best(self, asks: pl.DataFrame, most: int = 3) -> pl.DataFrame:
        """For each person the ``most`` channels and hours among ``asks`` (``asks_of``) with the highest chance:
        customer_id, place (from 1), channel, hour, chance. Only those that were tried often enough to know.
        """
        known = self.seen_.filter(pl.col("tries") >= TRIES_MIN).select("channel", "hour")
        asked = asks.join(known, on=["channel", "hour"], how="semi", maintain_order="left")
        chance = self._asked(asks).predict_proba(asked)[:, 1]
        return (
            asked.select("customer_id", "channel", "hour")
            .with_columns(chance=pl.Series(chance))
            .sort("customer_id", "chance", "channel", "hour", descending=[False, True, False, False])
            .with_columns(place=pl.int_range(1, pl.len() + 1).over("customer_id"))
            .filter(pl.col("place") <= most)
            .select("customer_id", "place", "channel", "hour", "chance")
        )

    def within(self, asks: pl.DataFrame, tries: int, days_apart: float = 1.0) -> Floats:
        """The chance to have reached the person after 1, 2, ... ``tries`` such tries, a column each: each try is
        told of those before it that failed, so the chance of more tries is never lower.
        """
        if tries < 1 or days_apart <= 0:
            raise CannotScore("at least one try, some days apart, is needed. Give tries of 1 or more")
        model, not_reached, columns = self._asked(asks), np.ones(asks.height), []
        for done in range(tries):
            chance = model.predict_proba(_after_failures(asks, done, days_apart))[:, 1]
            not_reached = not_reached * (1 - chance)
            columns.append(1 - not_reached)
        return np.column_stack(columns)

    def explain(self, asks: pl.DataFrame, *, language: str = "en", most: int = 4) -> pl.DataFrame:
        """The chance of each try with what speaks most for it, in words."""
        return self._asked(asks).explain(asks, language=language, most=most)

    def card(self, tries: pl.DataFrame, **about: Any) -> ModelCard:
        """The model's card, measured on tries it did not learn from. ``about``: as ``model_card``."""
        return model_card(
            self._fitted(),
            tries.select(INPUTS),
            tries["is_reached"],
            purpose="Foretells whether a try reaches the person, so that fewer tries are needed.",
            target_meaning="the person themself talks or replies",
            seed=self.seed,
            **about,
        )

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write the model to a folder of text, with other texts (its card) ``beside``, by file name."""
        own = {"psi_max": self.psi_max, "seen": self.seen_.to_dict(as_series=False)}
        self._fitted().save(folder, {_OWN: json.dumps(own), **(beside or {})})

    def _asked(self, asks: pl.DataFrame) -> BoostedModel:
        """The model, when it was made for these people: which channels and hours are asked for is the asker's choice."""
        model = self._fitted()
        inputs = Inputs(
            tuple(one for one in model.inputs_.inputs if one.name not in _CHOSEN), model.inputs_.row_count
        )
        inputs.refuse_drift(inputs.matrix(asks), self.psi_max)
        return model

    def _fitted(self) -> BoostedModel:
        if not hasattr(self, "model_"):
            raise CannotScore("the model has not learned yet. Call fit first, or load a saved one")
        return self.model_


def load_contact_model(folder: Path) -> ContactModel:
    """A saved model. Raises ModelDamaged when the folder is not what was saved."""
    model, own = load_model(folder), load_folder(folder)[2].get(_OWN)
    if not isinstance(model, BoostedModel) or model.inputs_.names != INPUTS or own is None:
        raise ModelDamaged(f"{folder} holds no contact model. Make one with ContactModel.save")
    told = json.loads(own)
    made = ContactModel(psi_max=told["psi_max"], seed=model.seed)
    made.model_ = model
    made.seen_ = pl.DataFrame(told["seen"], schema_overrides={"hour": pl.Int8})
    return made


def _after_failures(asks: pl.DataFrame, done: int, days_apart: float) -> pl.DataFrame:
    """The asks as they stand after so many more tries in vain."""

    def within(days: float) -> int:
        return min(done, int(np.ceil(days / days_apart)) - 1)

    return asks.with_columns(
        pl.col("tries_7d") + within(7),
        pl.col("tries_30d") + within(30),
        pl.col("tries_since_reached", "tries_on_channel", "tries_at_hours") + done,
        pl.col("days_since_reached") + done * days_apart,
    )
