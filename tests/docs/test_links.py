"""A relative link in the docs leads to a file that exists, so no page points into the void."""

import re
from pathlib import Path

import pytest

from tests.docs.fences import page_id, pages

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", pages(), ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
