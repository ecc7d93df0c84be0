"""A plain text becomes paragraphs, headings, lists, facts and boxes, and nothing of it is lost."""

from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.letter.blocks import blocks_of
from dunwell.outreach.texts import SHIPPED


def kinds(text: str) -> list[str]:
    return [block.kind for block in blocks_of(text)]


def test_what_a_paragraph_is_by_its_look() -> None:
    text = "Dear Li,\n\nWhat you can do\n\n- pay\n- ask us\n\nAmount: $1\nDay: Monday\n\n[ ] yes\n[ ] no\n\nKind regards,\nus"
    assert kinds(text) == ["paragraph", "heading", "list", "facts", "choices", "paragraph"]
    assert kinds("尊敬的李伟：\n\n您有权\n\n- 申请\n\n金额：¥1\n日期：今天\n\n此致\n某行") == [
        "paragraph",
        "heading",
        "list",
        "facts",
        "paragraph",
    ]


def test_facts_are_name_and_value() -> None:
    assert blocks_of("x,\n\nAmount: $1,234.50\n到期日：2026年10月3日\n\ny,")[1].lines == (
        ("Amount", "$1,234.50"),
        ("到期日", "2026年10月3日"),
    )


def test_a_sentence_is_no_heading_and_one_fact_alone_is_a_sentence() -> None:
    assert kinds("Dear,\n\nTell us.\n\nNote: this\n\nend") == [
        "paragraph",
        "paragraph",
        "heading",
        "paragraph",
    ]
    assert kinds("Dear,\n\n" + "word " * 30 + "\n\nend") == ["paragraph"] * 3


def test_the_shipped_letters_have_headings_and_facts() -> None:
    seen: set[str] = set()
    for file in SHIPPED.glob("*/letter/*.txt"):
        found = kinds(file.read_text(encoding="utf-8").split("+++\n", 2)[2].strip())
        assert found[0] == "paragraph"
        seen |= set(found)
    assert seen == {"paragraph", "heading", "list", "facts", "choices"}


@given(st.text(alphabet="ab: -[]\n：.，?", max_size=200))
def test_nothing_is_lost(text: str) -> None:
    kept = "".join(
        "".join(line) if isinstance(line, tuple) else line
        for block in blocks_of(text)
        for line in block.lines
    )
    for letter in "ab":
        assert kept.count(letter) == text.count(letter)
