"""The ``dunwell`` command: one thin file a group of commands, everything heavy imported only when its command
runs.
"""

import gc
import os

_COLLECT_AFTER_OBJECTS = 200_000
"""New objects between two collections of garbage. A start makes hundreds of thousands of objects that all stay; looking through
them at every seven hundredth, which is Python's habit, takes a tenth of the start.
"""

_KEEP_FREED_MEMORY = "dirty_decay_ms:10000"
"""Memory that Polars has freed stays with the process for ten seconds, not for half a one: what is given back is soon asked for
again, and the system makes every page of it anew.
"""


def main() -> None:
    """Run the command line (the entry point of the installed ``dunwell``)."""
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)
    os.environ.setdefault("_RJEM_MALLOC_CONF", _KEEP_FREED_MEMORY)

    from dunwell.cli.errors import explained

    with explained():
        from dunwell.cli.app import app

        try:
            app()
        finally:
            gc.freeze()  # or all that was imported is looked through once more before the process ends
