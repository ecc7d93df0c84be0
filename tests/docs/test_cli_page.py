"""The page of the command names every command there is."""

import re

import typer

from dunwell.cli.app import app
from tests.docs.fences import PROJECT

PAGE = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| (`dunwell [^|]+)\|", PAGE, flags=re.MULTILINE)))


def commands() -> list[tuple[str, ...]]:
    def below(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            return [path]
        return [found for name, one in sorted(inner.items()) for found in below(one, (*path, name))]

    return below(typer.main.get_command(app), ())


def test_every_command_stands_on_its_page() -> None:
    told, group = set(), ""
    for text in NAMED:  # `dunwell evidence seal`, `anchor`, `verify`
        words = text.split()
        if words[0] == "dunwell":
            told.update({tuple(words[1:2]), tuple(words[1:3]), tuple(words[1:4])})
            group = words[1]
        else:
            told.update({(group, *words[:1]), (*words[:1],), tuple(words[:2]), (group, *words[:2])})
    missing = [" ".join(path) for path in commands() if path not in told]
    assert not missing, missing
