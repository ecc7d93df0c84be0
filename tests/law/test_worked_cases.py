"""The worked cases that come with dunwell: all hold."""

from pathlib import Path

import pytest

from dunwell.law.cases import CASES_FOLDER, run_cases

FILES = sorted(CASES_FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_case_holds(file: Path) -> None:
    outcomes = run_cases([file])
    assert outcomes
    assert [(outcome.name, outcome.detail) for outcome in outcomes if not outcome.passed] == []


def test_a_file_that_is_no_list_of_cases(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("just: [a", encoding="utf-8")
    (outcome,) = run_cases([file])
    assert not outcome.passed
    assert "cannot be read" in outcome.detail
