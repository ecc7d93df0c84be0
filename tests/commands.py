"""The ``dunwell`` command as people run it, in a process of its own: forked from one that has the imports done."""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def dunwell(
    *arguments: str | Path, at: Path, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder and check its exit code, and that it never ends in a traceback."""
    words = [str(word) for word in arguments]
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        asked = {
            "arguments": words,
            "cwd": str(at),
            "env": os.environ | {"COLUMNS": "120"} | dict(env or {}),
            "stdout": out.name,
            "stderr": err.name,
        }
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "the process that forks commands has ended"
        ran = subprocess.CompletedProcess(["dunwell", *words], int(answer), out.read(), err.read())
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


@functools.cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.command_server"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, server)
    return server


def _end(server: "subprocess.Popen[str]") -> None:
    """The server ends with its stdin."""
    server.communicate()
