"""Repayment as time to event: discrete-time competing hazards, one boosted and calibrated model a cause.

In each stretch of days each cause has its chance, given that the account is still there; what is left is that
nothing comes. Tutz and Schmid, Modeling Discrete Time-to-Event Data (Springer 2016), chapter 8.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.hazards.curves import STANDINGS, Curves, cash_by_day, chained
from dunwell.insight.hazards.periods import CLOCK, CURE, PARTIAL, Cause, Periods
from dunwell.insight.problems import CannotScore, ModelDamaged, TrainingUnusable
from dunwell.insight.scoring.base import beside
from dunwell.insight.scoring.boosted import BoostedModel
from dunwell.insight.scoring.card import ModelCard, model_card
from dunwell.insight.scoring.inputs import PSI_MAX, PSI_UNLIMITED, Inputs
from dunwell.insight.scoring.saving import load_folder, save_folder
from dunwell.insight.scoring.words import Meaning

Floats = NDArray[np.float64]

_TOLD = frozenset(
    {"account_id", "customer_id", "currency", "origin", "event", "amount_minor", "overdue_minor"}
)
_ROWS_AT_ONCE = 16_384
_LEAST_LEFT = 1e-6
_PRIOR_EVENTS = 20.0
_CLOCK_WORDS = {
    "period": Meaning("which stretch of days from now", "距今的时间段"),
    "payments_before": Meaning("part payments since then", "此后的部分还款次数"),
}


class RepaymentHazards:
    """What comes of an overdue account, and when.

    ``causes``: what can come. ``settings`` go to the ``BoostedModel`` of each cause. Fitted: ``models_`` by
    cause, ``pace_`` (by stretch and cause, what its chances are multiplied by so that their sum is what came),
    ``inputs_`` (the contract at the origin), ``shares_`` (what part of the overdue money comes with a
    cause), ``shock_`` (by which share whole origins came out otherwise than expected).
    """

    kind = "hazards"

    def __init__(
        self,
        periods: Periods | None = None,
        causes: Sequence[Cause] = (CURE, PARTIAL),
        *,
        special_values: Mapping[str, Sequence[float]] | None = None,
        meanings: Mapping[str, Meaning] | None = None,
        psi_max: float = PSI_MAX,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.periods, self.causes = periods or Periods(), tuple(causes)
        self.special_values, self.psi_max, self.seed = dict(special_values or {}), psi_max, seed
        self.meanings = {**_CLOCK_WORDS, **(meanings or {})}
        self.settings = {"rounds": 150, "learning_rate": 0.06, "folds": 3, **settings}

    def fit(self, rows: pl.DataFrame) -> Self:
        """Learn from person-periods (``person_periods``): every column but the keys, the event and the money is
        an input. Raises ForbiddenInput and TrainingUnusable.
        """
        absent = [name for name in (*CLOCK, "event") if name not in rows.columns]
        if absent:
            raise TrainingUnusable(f"the rows have no column {absent[0]!r}. Make them with person_periods")
        names = [name for name in rows.columns if name not in _TOLD]
        refuse_forbidden(rows, names)
        inputs = rows.select(names)
        self.models_: dict[str, BoostedModel] = {}
        for place, cause in enumerate(self.causes):
            model = BoostedModel(
                special_values=self.special_values,
                meanings=self.meanings,
                psi_max=PSI_UNLIMITED,
                seed=self.seed + place,
                **self.settings,
            )
            self.models_[cause.name] = model.fit(inputs, rows["event"] == cause.name)
        self.pace_ = np.ones((len(self.periods), len(self.causes)))
        self.pace_ = self._pace(rows)
        first = rows.filter(pl.col("period") == 0)
        known = first.select(name for name in names if name not in CLOCK)
        self.inputs_ = Inputs.learn(
            known, (first["event"] == CURE.name).cast(pl.Float64).to_numpy(), self.special_values
        )
        money = _on_one_scale(rows)
        self.shares_ = self._shares(money) if "amount_minor" in rows.columns else {}
        self.shock_ = self._shock(money) if self.shares_ else 0.0
        return self

    def predict_proba(self, rows: pl.DataFrame) -> Floats:
        """For each person-period the chance of nothing, then of each cause."""
        self._refuse_unfitted()
        chances = self._hazards(rows)
        return np.column_stack([1 - chances.sum(axis=1), chances])

    def curves(self, frame: pl.DataFrame) -> Curves:
        """What is to come of accounts as known at the origin. Raises CannotScore for what the model was not
        made for.
        """
        self._refuse_unfitted()
        self.inputs_.refuse_drift(self.inputs_.matrix(frame), self.psi_max)
        parts = [self._curves(part) for part in frame.select(self.inputs_.names).iter_slices(_ROWS_AT_ONCE)]
        if not parts:
            parts = [chained(lambda k, s: np.zeros((0, len(self.causes))), self.causes, {}, self.periods, 0)]
        came = {c.name: np.concatenate([part.came[c.name] for part in parts]) for c in self.causes}
        paid, share, square = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("paid", "share", "share_square")
        )
        return Curves(self.periods, came, paid, share, square)

    def predict_frame(
        self, frame: pl.DataFrame, keys: Sequence[str] = (), days: Sequence[int] = (7, 30, 90)
    ) -> pl.DataFrame:
        """The key columns, ``pays_within_7`` and so on, the same for each cause, and ``paid_share_within_7``: the
        expected money as a share of what is overdue.
        """
        curves = self.curves(frame)
        told = {f"pays_within_{day}": curves.by_day(curves.paid, day) for day in days}
        for name, values in curves.came.items():
            told |= {f"{name}_within_{day}": curves.by_day(values, day) for day in days}
        if self.shares_:
            told |= {f"paid_share_within_{day}": curves.by_day(curves.share, day) for day in days}
        return beside(frame, keys, pl.DataFrame(told))

    def expected_cash(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The money to come from all accounts by day, with its interval (``cash_by_day``); ``frame`` has
        ``overdue_minor`` beside the inputs, in one currency.
        """
        if "overdue_minor" not in frame.columns:
            raise CannotScore(
                "the column 'overdue_minor' is missing: what is overdue, in minor units. Add it"
            )
        self._refuse_unfitted()
        if not self.shares_:
            raise CannotScore(
                "the model learned no amounts. Train it on rows with amount_minor and overdue_minor"
            )
        return cash_by_day(self.curves(frame), frame["overdue_minor"], self.shock_)

    def explain(
        self,
        frame: pl.DataFrame,
        cause: str,
        *,
        language: str = "en",
        most: int = 4,
        keys: Sequence[str] = (),
    ) -> pl.DataFrame:
        """For each account what speaks most for a cause in the first stretch, in words."""
        self._refuse_unfitted()
        first = frame.with_columns(pl.lit(0, pl.Int32).alias(name) for name in CLOCK)
        return self._model(cause).explain(first, language=language, most=most, keys=keys)

    def cards(self, rows: pl.DataFrame, purpose: str, **about: Any) -> dict[str, ModelCard]:
        """A model card a cause, measured on person-periods it did not learn from. ``about``: as ``model_card``."""
        self._refuse_unfitted()
        return {
            name: model_card(
                model,
                rows.select(model.inputs_.names),
                rows["event"] == name,
                purpose=purpose,
                target_meaning=f"{name} in the stretch of days, of accounts still there at its start",
                seed=self.seed,
                **about,
            )
            for name, model in self.models_.items()
        }

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write the model to a folder of text, with other texts (its cards) ``beside``, by file name."""
        self._refuse_unfitted()
        told: dict[str, Any] = {}
        trees: dict[str, str] = {}
        for name, model in self.models_.items():
            told[name], own = model.told()
            trees |= {f"{name}-{file}": text for file, text in own.items()}
        state = {
            "edges": list(self.periods.edges),
            "causes": [asdict(cause) for cause in self.causes],
            "psi_max": self.psi_max,
            "seed": self.seed,
            "row_count": self.inputs_.row_count,
            "inputs": self.inputs_.to_list(),
            "shares": {name: values.tolist() for name, values in self.shares_.items()},
            "shock": self.shock_,
            "pace": self.pace_.tolist(),
            "models": told,
        }
        save_folder(folder, self.kind, state, {**trees, **(beside or {})})

    def _hazards(self, rows: pl.DataFrame) -> Floats:
        """The causes' chances of person-periods, a column each."""
        chances = np.column_stack([self.models_[c.name].predict_proba(rows)[:, 1] for c in self.causes])
        return self._at_pace(chances, rows["period"].to_numpy())

    def _at_pace(self, chances: Floats, period: NDArray[Any]) -> Floats:
        """Chances (by period, ..., cause) at the pace of their stretch; drawn in where together they would leave
        nothing no room.
        """
        pace = self.pace_[np.clip(period, 0, len(self.periods) - 1)]
        paced = chances * pace.reshape(len(period), *([1] * (chances.ndim - 2)), len(self.causes))
        total = paced.sum(axis=-1, keepdims=True)
        made: Floats = paced * np.minimum(1.0, (1 - _LEAST_LEFT) / np.maximum(total, _LEAST_LEFT))
        return made

    def _curves(self, frame: pl.DataFrame) -> Curves:
        """The chain over every stretch and standing: what stays of an account is looked at once for all of them."""
        period, standing = np.mgrid[: len(self.periods), :STANDINGS].reshape(2, -1).astype(np.int32)
        moves = pl.DataFrame(dict(zip(CLOCK, (period, standing), strict=True)))
        told = [self.models_[cause.name].probability_over(frame, moves) for cause in self.causes]
        hazards = self._at_pace(np.stack(told, axis=-1), period)
        by_move = hazards.reshape(len(self.periods), STANDINGS, frame.height, len(self.causes))
        return chained(lambda k, s: by_move[k, s], self.causes, self.shares_, self.periods, frame.height)

    def _pace(self, rows: pl.DataFrame) -> Floats:
        """Stretches differ in length, and trees follow that only so far: what is left is made up for here."""
        chances, period = self._hazards(rows), rows["period"].to_numpy()
        came = np.column_stack([(rows["event"] == c.name).to_numpy() for c in self.causes])
        sums = [
            (came[period == k].sum(axis=0), chances[period == k].sum(axis=0))
            for k in range(len(self.periods))
        ]
        return np.array([(seen + _PRIOR_EVENTS) / (told + _PRIOR_EVENTS) for seen, told in sums])

    def _shares(self, rows: pl.DataFrame) -> dict[str, Floats]:
        """By cause and standing: all money over all that was overdue, and the same of the squares; a standing
        with few events is drawn to the cause's whole.
        """
        found = {}
        for cause in self.causes:
            if not cause.pays:
                continue
            mine = rows.filter(pl.col("event") == cause.name, pl.col("overdue_minor") > 0)
            paid, owed = (
                mine[name].cast(pl.Float64).to_numpy() for name in ("amount_minor", "overdue_minor")
            )
            whole = np.array([paid.sum() / owed.sum(), (paid**2).sum() / (owed**2).sum()])
            standing, by_standing = mine["payments_before"].to_numpy(), []
            for s in range(STANDINGS):
                p, o = paid[standing == s], owed[standing == s]
                prior = _PRIOR_EVENTS * np.array([owed.mean(), (owed**2).mean()])
                drawn = np.array([p.sum(), (p**2).sum()]) + prior * whole
                by_standing.append(drawn / (np.array([o.sum(), (o**2).sum()]) + prior))
            found[cause.name] = np.array(by_standing)
        return found

    def _shock(self, rows: pl.DataFrame) -> float:
        """By which share of what was expected whole origins came out otherwise, beyond their accounts' own chance."""
        ending = [cause.name for cause in self.causes if cause.ends]
        is_whole = (pl.col("period").max() == len(self.periods) - 1) | pl.col("event").is_in(ending).any()
        paid = rows.group_by("account_id", "origin").agg(
            _paid=pl.col("amount_minor").sum(), _is_whole=is_whole
        )
        firsts = (
            rows.filter(pl.col("period") == 0)
            .join(paid, on=["account_id", "origin"], how="left", maintain_order="left")
            .filter("_is_whole")
        )
        curves = self._curves(firsts)
        owed = firsts["overdue_minor"].cast(pl.Float64).to_numpy()
        by_origin = (
            pl.DataFrame(
                {
                    "origin": firsts["origin"],
                    "paid": firsts["_paid"],
                    "expected": owed * curves.share[:, -1],
                    "own": owed**2 * np.clip(curves.share_square[:, -1] - curves.share[:, -1] ** 2, 0, None),
                }
            )
            .group_by("origin")
            .agg(pl.col("paid", "expected", "own").sum())
        )
        paid_sum, expected, own = (
            by_origin[name].cast(pl.Float64).to_numpy() for name in ("paid", "expected", "own")
        )
        if len(expected) < 2 or not (expected > 0).all():
            return 0.0
        beyond = ((paid_sum - expected) ** 2 - own) / expected**2
        return float(np.sqrt(max(0.0, beyond.mean())))

    def _model(self, cause: str) -> BoostedModel:
        if cause not in self.models_:
            raise CannotScore(f"the model knows no cause {cause!r}. There are: {', '.join(self.models_)}")
        return self.models_[cause]

    def _refuse_unfitted(self) -> None:
        if not hasattr(self, "inputs_"):
            raise CannotScore("the model has not learned yet. Call fit first, or load a saved one")


def _on_one_scale(rows: pl.DataFrame) -> pl.DataFrame:
    """Money as a multiple of what is overdue on average in its currency, so that no currency's unit weighs more."""
    if "currency" not in rows.columns or "overdue_minor" not in rows.columns:
        return rows
    mean = pl.col("overdue_minor").mean().over("currency")
    return rows.with_columns(pl.col("amount_minor", "overdue_minor").cast(pl.Float64) / mean)


def load_hazards(folder: Path) -> RepaymentHazards:
    """A saved model. Raises ModelDamaged when the folder is not what was saved."""
    kind, told, trees = load_folder(folder)
    if kind != RepaymentHazards.kind:
        raise ModelDamaged(f"{folder} holds a model of kind {kind!r}, and not of time to event")
    made = RepaymentHazards(
        Periods(tuple(told["edges"])),
        [Cause(**cause) for cause in told["causes"]],
        psi_max=told["psi_max"],
        seed=told["seed"],
    )
    made.models_ = {
        name: BoostedModel.restored(
            one,
            {
                file.removeprefix(f"{name}-"): text
                for file, text in trees.items()
                if file.startswith(f"{name}-")
            },
        )
        for name, one in told["models"].items()
    }
    made.inputs_ = Inputs.from_list(told["inputs"], told["row_count"])
    made.shares_ = {name: np.array(values) for name, values in told["shares"].items()}
    made.shock_ = told["shock"]
    made.pace_ = np.array(told["pace"])
    return made
