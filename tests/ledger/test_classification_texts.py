"""Schemes are text: a lender's own holds as dunwell's do, figures change on their day, a mistake is refused with its key."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from dunwell.policy import PolicyError, PolicyText, read_policies
from tests.ledger.arrears import START, classes, late_from

SCHEME = """key = "house"
title = "A house scheme"
column = "asset_class"
applies_to = ["xx"]
from = 2020-01-01
citation = "house"
source_quality = "text"
[[level]]
name = "good"
from_days = 0
[[level]]
name = "bad"
from_days = 60
until = 2024-07-01
[[level]]
name = "bad"
from_days = 45
from = 2024-07-01
citation = "house, revised"
source_quality = "text"
"""


def texts_of(folder: Path, *contents: str) -> tuple[PolicyText, ...]:
    for number, content in enumerate(contents):
        (folder / f"scheme{number}.toml").write_text(content, encoding="utf-8")
    return read_policies(folder)


def test_a_lenders_own_scheme_is_text_and_its_figures_change_on_their_day(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, SCHEME)
    before, after = date(2024, 6, 30), date(2024, 7, 1)
    due = before - timedelta(days=50)
    assert classes([late_from(due)], before, "xx", texts=texts)["asset_class"] == "good"
    told = classes([late_from(due)], after, "xx", texts=texts)
    assert told["asset_class"] == "bad"
    assert told["why"]["asset_class"]["source"] == "house, revised"
    assert classes([late_from(due)], after, "yy", texts=texts)["asset_class"] is None


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (SCHEME.replace("asset_class", "colour"), "column"),
        (SCHEME.replace('["xx"]', '"xx"'), "applies_to"),
        (SCHEME.replace("from_days = 0", "from_days = 3"), "level"),
        (SCHEME.replace("from_days = 60", "from_days = 0"), "level[2].from_days"),
        (SCHEME.replace("from_days = 60", 'from_days = "60"'), "level[2].from_days"),
        (SCHEME.replace("until = 2024-07-01", 'credit = "revolving"'), "level[2].credit"),
        (SCHEME.replace("asset_class", "ifrs_stage"), "level"),
        (SCHEME + '[[upgrade]]\nfrom_level = "worse"\n', "upgrade[1].from_level"),
        (SCHEME.replace("asset_class", "in_default").replace("xx", "*"), "figure"),
        (SCHEME.replace("asset_class", "in_default"), "applies_to"),
    ],
)
def test_a_scheme_that_cannot_be_meant_is_refused_with_its_key(tmp_path: Path, wrong: str, key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        classes([late_from(START)], START, "xx", texts=texts_of(tmp_path, wrong))
    assert caught.value.key == key


def test_two_texts_for_one_jurisdiction_on_one_day_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"scheme0\.toml holds for the same"):
        classes([late_from(START)], START, "xx", texts=texts_of(tmp_path, SCHEME, SCHEME))
