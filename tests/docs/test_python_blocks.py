"""Every Python block of the docs runs, and what a prompt shows is what it gives."""

import doctest
from pathlib import Path
from typing import Any

import pytest

from tests.docs.fences import fences, page_id, pages

PAGES = [page for page in pages() if fences(page, "python")]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_pages_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for fence in fences(page, "python"):
        if ">>>" not in fence.text:
            # Blank lines put the block on its line of the page, so that a traceback points there.
            exec(compile("\n" * (fence.line - 1) + fence.text, str(page), "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(fence.text, names, page.name, str(page), fence.line - 1)
        runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        assert runner.failures == 0, "".join(report)
        names = test.globs
