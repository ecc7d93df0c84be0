"""A process that has imported the command and forks for each call: a process of its own without the seconds of importing.

Run by ``tests.commands``. Reads a JSON object a line from stdin (arguments, cwd, env, files for stdout and stderr) and answers
with the exit code. It imports and never computes, so a fork inherits neither threads nor state of Polars or Numba.
"""

import importlib
import json
import os
import sys
import traceback
from typing import Any, NoReturn

PRELOADED = (
    "app",
    "doctor",
    "insight",
    "law",
    "ledger",
    "plans",
    "promises",
    "replay",
    "run",
    "statement",
    "strategy",
    "workspace",
)


def main() -> None:
    """Answer calls until stdin ends."""
    for name in PRELOADED:
        importlib.import_module(f"dunwell.cli.{name}")
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(asked)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> NoReturn:
    """Turn this fork into the command, and end as it ends."""
    from dunwell.cli import main as command

    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, (path, flags) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (asked["stdout"], os.O_WRONLY | os.O_APPEND),
            (asked["stderr"], os.O_WRONLY | os.O_APPEND),
        )
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["dunwell", *asked["arguments"]]
    code = 0
    try:
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
