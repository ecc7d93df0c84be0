"""Fenced blocks of the Markdown pages, and how their console blocks are run: so that every example in the docs is a test.

In a ``console`` block a line that begins with ``$ `` is a command, one with ``> `` carries it on. A command must succeed, or
exit as its own comment says (``$ dunwell run  # exit 2``). The lines below it must be printed in that order; ``...`` stands for
any text, on a line of its own for any lines.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 300


def pages() -> list[Path]:
    """Every Markdown page of the project whose examples are run."""
    return [
        *sorted((PROJECT / "docs").glob("*.md")),
        *sorted(PROJECT.glob("*.md")),
        *sorted(PROJECT.glob("examples/*/*.md")),
    ]


def page_id(page: Path) -> str:
    """The page's path inside the project, to name it in the test's report."""
    return page.relative_to(PROJECT).as_posix()


@dataclass(frozen=True, slots=True)
class Fence:
    """One fenced block: its language, its text, and the line in the page on which the text begins."""

    language: str
    text: str
    line: int


@dataclass(slots=True)
class Command:
    """One command of a console block: what is typed, how it must exit and what it must print."""

    text: str
    line: int
    exit_code: int = 0
    expected: list[str] = field(default_factory=list)


def fences(page: Path, language: str) -> list[Fence]:
    """The page's blocks in that language, in order."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    start, opened = 0, ""
    for number, line in enumerate(lines, start=1):
        fence = re.fullmatch(r"```(\w*)\s*", line)
        if not fence:
            continue
        if start:
            if opened == language:
                found.append(Fence(opened, "\n".join(lines[start : number - 1]) + "\n", start + 1))
            start = 0
        else:
            start, opened = number, fence[1]
    assert not start, f"{page}: the block opened on line {start} is never closed"
    return found


def commands(fence: Fence) -> Iterator[Command]:
    """The commands of a console block, each with the output shown below it."""
    command: Command | None = None
    for number, line in enumerate(fence.text.splitlines(), start=fence.line):
        if line.startswith("$ "):
            if command:
                yield command
            exit_code = re.search(r"\s+# exit (\d+)$", line)
            text = line[2:] if not exit_code else line[2 : exit_code.start()]
            command = Command(text, number, int(exit_code[1]) if exit_code else 0)
        elif command and line.startswith("> ") and not command.expected:
            command.text += "\n" + line[2:]
        elif command:
            command.expected.append(line)
    if command:
        yield command


@dataclass(slots=True)
class Shell:
    """Where a page's commands are typed: one folder to begin in, and ``cd`` carries over from command to command."""

    folder: Path

    def run(self, command: Command) -> None:
        """Type a command. Asserts that it exits and prints as the page says."""
        script = f'{command.text}\ncode=$?; pwd -P >&3; exit "$code"'
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "140",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        with tempfile.NamedTemporaryFile("r") as where:
            done = subprocess.run(
                ["bash", "-c", f'exec 3>"{where.name}"\n{script}'],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS_MAX,
            )
            self.folder = Path(where.read().strip() or self.folder)
        said = f"line {command.line}: {command.text}\nexit {done.returncode}, and printed:\n{done.stdout}"
        assert done.returncode == command.exit_code, said
        missing = first_missing(command.expected, done.stdout)
        assert missing is None, f"{said}\nmissing there: {missing!r}"


def first_missing(expected: list[str], printed: str) -> str | None:
    """The first expected line that is not printed after the ones before it; None when all are."""
    lines = iter([line.strip() for line in printed.splitlines()])
    for wanted in (line.strip() for line in expected):
        if wanted in ("", "..."):
            continue
        pattern = ".*".join(re.escape(_squeezed(part.strip())) for part in wanted.split("..."))
        if not any(re.search(pattern, _squeezed(line)) for line in lines):
            return wanted
    return None


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)
