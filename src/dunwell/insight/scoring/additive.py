"""A glass box: boosted trees held to one input each, and a few to a chosen pair, turned without loss into a
table of points.

The sum of the trees of one input is a step function, so the table scores as the trees did, then rounded to
whole points. Lou, Caruana, Gehrke and Hooker, Accurate intelligible models with pairwise interactions (KDD
2013).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dunwell.insight.problems import TrainingUnusable, extra
from dunwell.insight.scoring.inputs import Floats
from dunwell.insight.scoring.points import PointsTable, Scale
from dunwell.insight.scoring.scorecard import PointsModel
from dunwell.insight.scoring.steps import step_terms
from dunwell.insight.scoring.trees import TreeColumns, tree_parameters, trees_of


class AdditiveScorecard(PointsModel):
    """A scorecard of finer steps than ``Scorecard``'s, with up to ``pairs_max`` tables of two inputs.

    Free trees of two splits first show which pairs gain most; then every tree keeps to one input or to one of
    those pairs. ``bags`` such models with their own draws are averaged. ``pairs_``: the pairs that were used,
    by the names of their inputs. ``table_``: the points.
    """

    kind = "additive"

    def __init__(
        self,
        *,
        scale: Scale | None = None,
        rounds: int = 800,
        pairs_max: int = 40,
        learning_rate: float = 0.03,
        column_share: float = 0.3,
        steps_max: int = 63,
        bags: int = 1,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.scale = scale or Scale(points_to_double_odds=40.0)
        self.rounds, self.pairs_max, self.bags = rounds, pairs_max, bags
        self.learning_rate, self.column_share, self.steps_max = learning_rate, column_share, steps_max

    def _fit(self, matrix: Floats, target: Floats) -> None:
        columns = TreeColumns.of(self.inputs_)
        seen = columns.matrix(matrix)
        groups = [[k] for k in range(seen.shape[1])] + self._pairs(columns, seen, target)
        boosters = [self._train(columns, seen, target, bag, groups) for bag in range(self.bags)]
        intercept, terms = step_terms(boosters, columns, self.inputs_, matrix, 1 / self.bags)
        if not terms:
            raise TrainingUnusable("no input tells the outcomes apart. Add others, or take more rows")
        self._take(PointsTable.rounded(intercept, terms, self.scale))

    def _restore(self, model: Mapping[str, Any], trees: Mapping[str, str]) -> None:
        self._take(PointsTable.from_dict(model))

    def _take(self, table: PointsTable) -> None:
        self.table_, self.scale = table, table.scale
        self.pairs_ = tuple(
            (term.axes[0].input, term.axes[1].input) for term in table.terms if len(term.axes) == 2
        )

    def _pairs(self, columns: TreeColumns, seen: Floats, target: Floats) -> list[list[int]]:
        """The pairs of inputs from whose joint trees free trees of two splits gain most."""
        if not self.pairs_max or columns.input_count < 2:
            return []
        free = self._train(columns, seen, target, 0, None)
        gains: dict[tuple[int, int], float] = defaultdict(float)
        for tree in trees_of(free):
            both = sorted(tree.gains)
            if len(both) == 2 and both[1] < columns.input_count:
                gains[both[0], both[1]] += min(tree.gains.values())
        best = sorted(gains, key=lambda pair: (-gains[pair], pair))[: self.pairs_max]
        return [list(pair) for pair in best]

    def _train(
        self,
        columns: TreeColumns,
        seen: Floats,
        target: Floats,
        bag: int,
        groups: Sequence[Sequence[int]] | None,
    ) -> Any:
        """A booster whose every tree keeps to the columns of one group (to any two, without groups)."""
        lightgbm = extra("lightgbm")
        parameters = tree_parameters(
            self.seed * 1000 + bag,
            columns.monotone(self.inputs_, self.risk),
            learning_rate=self.learning_rate,
            num_leaves=3,
            max_depth=2,
            min_data_in_leaf=max(20, len(target) // 500),
            bagging_fraction=0.8,
            feature_fraction=self.column_share,
            lambda_l2=5.0,
        )
        if groups is not None:
            parameters["interaction_constraints"] = [list(group) for group in groups]
        data = lightgbm.Dataset(seen, target, params={"max_bin": self.steps_max, "verbosity": -1})
        return lightgbm.train(parameters, data, self.rounds)
