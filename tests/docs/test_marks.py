"""Whatever silences a check says why, beside it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|(?:ruff:\s*)?noqa(?::\s*[A-Z0-9, ]*[0-9])?|pragma:\s*no \w+)"
)
REASON = re.compile(r"\s*(?:#|-|\()\s*\S")


def test_a_mark_that_silences_a_check_stands_beside_its_reason() -> None:
    bare = [
        f"{file.relative_to(ROOT)}:{number}"
        for folder in ("src", "benchmarks", "examples")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        for mark in MARK.finditer(line)
        if not REASON.match(line[mark.end() :])
    ]
    assert not bare, bare
