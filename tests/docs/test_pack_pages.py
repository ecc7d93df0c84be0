"""The pages of the rule packs are those that their text makes, and the law room's page tells of every pack and kind."""

import re

import pytest

from dunwell.law.kinds import DUTIES, KINDS
from dunwell.law.pack import shipped_packs
from dunwell.law.telling import pages
from tests.docs.fences import PROJECT

FOLDER = PROJECT / "docs" / "packs"
PAGES = pages(shipped_packs())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_its_text_makes_it(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "write them anew with `make docs`"


def test_no_page_is_left_of_a_pack_that_is_gone() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)


def test_every_rule_of_a_pack_is_on_its_page_in_both_languages() -> None:
    for key, pack in shipped_packs().items():
        for rule in pack.rules:
            assert f"## {rule.id}\n\n{rule.en}\n\n{rule.zh}\n" in PAGES[f"{key}.md"]


def test_the_rooms_page_tells_of_every_pack_and_kind() -> None:
    text = (PROJECT / "docs" / "law.md").read_text(encoding="utf-8")
    assert [name for name in PAGES if f"(packs/{name})" not in text] == []
    told = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^\| ([a-z_, ]+) \|", text, flags=re.MULTILINE))))
    assert [kind for kind in (*KINDS, *DUTIES) if kind not in told] == []
