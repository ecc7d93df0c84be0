"""Which model is in use, and what keeps one from being so."""

import json
from functools import cache
from pathlib import Path

import pytest

from dunwell.insight import ModelDamaged
from dunwell.insight.scoring import Model, Scorecard
from dunwell.insight.scoring.fairness import NOT_MEASURED
from dunwell.insight.scoring.promotion import NotPromoted, champion, promote
from tests.insight.people import people


@cache
def model() -> Model:
    return Scorecard().fit(*people())


def saved(models: Path, blocks: list[str], name: str = "late") -> Path:
    model().save(models / name, {"card.json": json.dumps({"promotion_blocks": blocks})})
    return models / name


def test_the_promoted_model_is_the_one_in_use(tmp_path: Path) -> None:
    assert champion(tmp_path) is None
    folder = saved(tmp_path, [])
    promote(tmp_path, folder)
    in_use = champion(tmp_path)
    assert in_use is not None
    assert in_use.folder == folder


def test_a_measured_gap_is_never_passed_over(tmp_path: Path) -> None:
    folder = saved(tmp_path, ["b: predicted minus actual rate differs"])
    for reason in ("", "we like it"):
        with pytest.raises(NotPromoted, match="b: predicted minus actual"):
            promote(tmp_path, folder, reason)
    assert champion(tmp_path) is None


def test_what_could_not_be_measured_needs_a_reason_that_is_kept(tmp_path: Path) -> None:
    folder = saved(tmp_path, [NOT_MEASURED])
    with pytest.raises(NotPromoted, match="not measured"):
        promote(tmp_path, folder)
    promote(tmp_path, folder, "the tape has no ages")
    in_use = champion(tmp_path)
    assert in_use is not None
    assert in_use.unmeasured_because == "the tape has no ages"


def test_a_model_that_changed_after_its_promotion_is_not_used(tmp_path: Path) -> None:
    folder = saved(tmp_path, [])
    promote(tmp_path, folder)
    saved(tmp_path, ["another card"])
    with pytest.raises(ModelDamaged, match="not the model that was promoted"):
        champion(tmp_path)


def test_a_model_without_a_card_or_from_elsewhere_is_refused(tmp_path: Path) -> None:
    model().save(tmp_path / "models" / "bare")
    with pytest.raises(NotPromoted, match="has no card"):
        promote(tmp_path / "models", tmp_path / "models" / "bare")
    with pytest.raises(NotPromoted, match="does not lie in"):
        promote(tmp_path / "models", saved(tmp_path, [], "elsewhere"))
