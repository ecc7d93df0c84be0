"""Every console block of the docs runs as written, in a folder of its own for each page, and prints what the page shows."""

from pathlib import Path

import pytest

from tests.docs.fences import Shell, commands, fences, first_missing, page_id, pages

PAGES = [page for page in pages() if fences(page, "console")]
LONG = ("learning.md", "insight-scores.md", "insight-plans.md", "insight-drivers.md")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page.name in LONG else ()) for page in PAGES],
    ids=page_id,
)
def test_the_pages_commands_run(page: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for fence in fences(page, "console"):
        for command in commands(fence):
            shell.run(command)


def test_the_tutorial_has_commands() -> None:
    assert any(page.name == "tutorial.md" for page in PAGES)


def test_an_expected_line_must_be_printed_and_in_order() -> None:
    assert first_missing(["one", "...", "three ... 3"], "one\ntwo\nthree is 3\n") is None
    assert first_missing(["two", "one"], "one\ntwo\n") == "one"
    assert first_missing(["four"], "one\n") == "four"
