"""What is lost of a debt that was charged off, and when what comes back comes.

Whether anything comes back can be foretold a little; how much, hardly at all. ``LossModel`` measures both on rows
it holds back and says so plainly (``told``): where trees explain next to nothing of the size of a recovery, every
account is given the mean; and an account's own interval is as wide as such debts were seen to spread.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import CannotScore, ModelDamaged, TrainingUnusable, extra
from dunwell.insight.scoring import load_model
from dunwell.insight.scoring.base import beside
from dunwell.insight.scoring.boosted import BoostedModel
from dunwell.insight.scoring.card import ModelCard, model_card
from dunwell.insight.scoring.saving import load_folder
from dunwell.insight.scoring.trees import tree_parameters

Floats = NDArray[np.float64]

R2_USED, R2_TELLING = 0.02, 0.10
"""Trees that explain less than the first of the size of a recovery are not used: they would only pretend. Below
the second it is said to be nearly unpredictable.
"""

_OWN = "recovery.json"
_FOLDS, _ROUNDS = 5, 80
_DAYS_A_MONTH = 30
_DRAWS, _DRAWS_AT_ONCE = 200, 20


class LossModel:
    """Loss given charge-off: the chance that anything comes back, and the share that then does.

    Fitted: ``any_`` (a ``BoostedModel``), ``amount_r2_`` (how much of the share given any recovery trees explained
    on rows held back; below 0: worse than the mean), ``amounts_`` (those trees, none where they are not used),
    ``shares_`` (the shares given any recovery, a thousand quantiles of them).
    """

    kind = "loss"

    def __init__(self, *, seed: int = 0, **settings: Any) -> None:
        self.seed, self.settings = seed, {"rounds": 150, **settings}

    def fit(self, frame: pl.DataFrame, recovered_share: pl.Series) -> Self:
        """Learn from every column of ``frame``; ``recovered_share``: of what was owed at charge-off, 0 where nothing
        came. Raises TrainingUnusable for shares below 0 or missing.
        """
        share = recovered_share.cast(pl.Float64).to_numpy()
        if len(share) != frame.height or not np.isfinite(share).all() or (share < 0).any():
            raise TrainingUnusable(
                "the recovered share must be 0 or more in every row. Drop rows where it is not known"
            )
        self.any_ = BoostedModel(seed=self.seed, **self.settings).fit(frame, pl.Series(share > 0))
        came = share > 0
        self.amount_r2_, trees = self._amounts(self.any_.inputs_.matrix(frame)[came], share[came])
        self.amounts_ = trees if self.amount_r2_ >= R2_USED else []
        self.shares_ = np.quantile(share[came], (np.arange(1000) + 0.5) / 1000)
        return self

    def predict_frame(self, frame: pl.DataFrame, keys: tuple[str, ...] = ()) -> pl.DataFrame:
        """The key columns, ``chance_of_any``, ``loss_share`` (the mean), and the interval that nine of ten accounts'
        own loss lies in.
        """
        chance = self._fitted().predict_proba(frame)[:, 1]
        size = self._size(self.any_.inputs_.matrix(frame))
        most, least = (size * self._share_quantile(chance, q) for q in (0.95, 0.05))
        told = {
            "chance_of_any": chance,
            "loss_share": 1 - chance * size * self.shares_.mean(),
            "loss_low": np.clip(1 - most, 0, 1),
            "loss_high": np.clip(1 - least, 0, 1),
        }
        return beside(frame, keys, pl.DataFrame(told))

    def told(self) -> str:
        """In words, how far this can be trusted."""
        self._fitted()
        how = "is nearly unpredictable" if self.amount_r2_ < R2_TELLING else "can be foretold in part"
        given = (
            "so every account is given the mean share of those with any recovery"
            if not self.amounts_
            else "which shifts each account a little around the mean share of those with any recovery"
        )
        return (
            f"The size of a recovery {how} here: trees explain R2 {self.amount_r2_:.3f} of it on rows held back, "
            f"{given}, {self.shares_.mean():.3f}."
        )

    def card(self, frame: pl.DataFrame, recovered_share: pl.Series, **about: Any) -> ModelCard:
        """The card of the chance of any recovery, measured on rows it did not learn from."""
        return model_card(
            self._fitted(),
            frame.select(self.any_.inputs_.names),
            recovered_share > 0,
            purpose="Foretells whether anything is recovered after charge-off.",
            target_meaning="any recovery",
            seed=self.seed,
            **about,
        )

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write the model to a folder of text, with other texts (its card) ``beside``, by file name."""
        trees = {f"amount-{k}.txt": booster.model_to_string() for k, booster in enumerate(self.amounts_)}
        own = {"amount_r2": self.amount_r2_, "shares": self.shares_.tolist(), "amounts": sorted(trees)}
        self._fitted().save(folder, {_OWN: json.dumps(own), **trees, **(beside or {})})

    def _size(self, matrix: Floats) -> Floats:
        """How each account's recovery, if any, compares with the mean."""
        if not self.amounts_ or not len(matrix):
            return np.ones(len(matrix))
        told = np.mean([np.asarray(booster.predict(matrix)) for booster in self.amounts_], axis=0)
        return np.asarray(np.clip(told, 0, None) / self.shares_.mean())

    def _share_quantile(self, chance: Floats, q: float) -> Floats:
        """The quantile of each account's own recovered share: nothing with 1 - chance, else one of the shares."""
        inner = np.clip((q - (1 - chance)) / np.maximum(chance, 1e-9), 0, 1)
        return np.where(q <= 1 - chance, 0.0, np.quantile(self.shares_, inner))

    def _amounts(self, matrix: Floats, share: Floats) -> tuple[float, list[Any]]:
        """How much trees explain of the shares on rows held back, and the trees of each fold."""
        if len(share) < 10 * _FOLDS:
            return 0.0, []
        lightgbm = extra("lightgbm")
        fold = np.random.default_rng(self.seed).permutation(len(share)) % _FOLDS
        told, mean, boosters = np.zeros(len(share)), np.zeros(len(share)), []
        free = [0] * matrix.shape[1]
        parameters = tree_parameters(
            self.seed, free, objective="regression", learning_rate=0.05, num_leaves=15, min_data_in_leaf=50
        )
        for k in range(_FOLDS):
            data = lightgbm.Dataset(matrix[fold != k], share[fold != k], params={"verbosity": -1})
            boosters.append(lightgbm.train(parameters, data, _ROUNDS))
            told[fold == k] = boosters[k].predict(matrix[fold == k])
            mean[fold == k] = share[fold != k].mean()
        return float(1 - ((share - told) ** 2).sum() / ((share - mean) ** 2).sum()), boosters

    def _fitted(self) -> BoostedModel:
        if not hasattr(self, "any_"):
            raise CannotScore("the model has not learned yet. Call fit first, or load a saved one")
        return self.any_


def load_loss_model(folder: Path) -> LossModel:
    """A saved model. Raises ModelDamaged when the folder is not what was saved."""
    model, texts = load_model(folder), load_folder(folder)[2]
    own = texts.get(_OWN)
    if not isinstance(model, BoostedModel) or own is None:
        raise ModelDamaged(f"{folder} holds no model of losses. Make one with LossModel.save")
    told = json.loads(own)
    made = LossModel(seed=model.seed)
    made.any_, made.amount_r2_, made.shares_ = model, told["amount_r2"], np.array(told["shares"])
    made.amounts_ = [extra("lightgbm").Booster(model_str=texts[name]) for name in told["amounts"]]
    return made


def recovery_curve(
    debts: pl.DataFrame, payments: pl.DataFrame, as_of: date, *, months: int = 36, seed: int = 0
) -> pl.DataFrame:
    """What share of the money owed at charge-off has come back by each month after it: month, recovered_share, low,
    high (95 %, over draws of debts), debts (how many were seen that long).

    ``debts``: account_id, charged_off_on, exposure_minor. ``payments``: account_id, paid_on, amount_minor. A month's
    part is taken from the debts seen through all of it, so young debts neither count as lost nor stop the curve.
    Raises TrainingUnusable when no debt has been seen for a month.
    """
    seen = ((pl.lit(as_of) - pl.col("charged_off_on")).dt.total_days() // _DAYS_A_MONTH).clip(0, months)
    known = debts.select("account_id", "charged_off_on", "exposure_minor", seen=seen.cast(pl.Int64))
    reach = int(known.select(pl.col("seen").max()).item() or 0)
    if reach < 1:
        raise TrainingUnusable("no debt was charged off a month or longer ago. Give older debts")
    since = (pl.col("paid_on") - pl.col("charged_off_on")).dt.total_days()
    cash = (
        payments.join(known.with_row_index("_row"), on="account_id")
        .filter(since > 0, pl.col("paid_on") <= as_of)
        .with_columns(_month=((since - 1) // _DAYS_A_MONTH).cast(pl.Int64))
        .filter(pl.col("_month") < pl.col("seen"))
    )
    paid = np.zeros((known.height, reach))
    np.add.at(
        paid,
        (cash["_row"].to_numpy(), cash["_month"].to_numpy()),
        cash["amount_minor"].cast(pl.Float64).to_numpy(),
    )
    owed = known["exposure_minor"].cast(pl.Float64).to_numpy()
    is_seen = known["seen"].to_numpy()[:, None] > np.arange(reach)[None, :]
    paid, base = paid * is_seen, owed[:, None] * is_seen
    [whole] = _cumulative(paid, base, np.ones((1, known.height)))
    draw = np.random.default_rng(seed)
    drawn = [
        _cumulative(paid, base, _times_drawn(draw, known.height, _DRAWS_AT_ONCE))
        for _ in range(_DRAWS // _DRAWS_AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975], axis=0)
    return pl.DataFrame(
        {
            "month": np.arange(1, reach + 1),
            "recovered_share": whole,
            "low": low,
            "high": high,
            "debts": is_seen.sum(axis=0),
        }
    )


def _times_drawn(draw: np.random.Generator, count: int, draws: int) -> Floats:
    """How often each of ``count`` is drawn, a row a draw of as many."""
    return np.array(
        [np.bincount(draw.integers(0, count, count), minlength=count) for _ in range(draws)], np.float64
    )


def _cumulative(paid: Floats, base: Floats, times: Floats) -> Floats:
    """The curve of each row of ``times`` (how often each debt counts), from what was paid and owed by debt and month."""
    return np.asarray(np.cumsum((times @ paid) / np.maximum(times @ base, 1.0), axis=1))
