"""The ``dunwell`` command: one thin file a group of commands, everything heavy imported only when its command
runs.
"""

import gc
import os

_COLLECT_AFTER_OBJECTS = 200_000
"""New objects between two collections of garbage. A start makes hundreds of thousands of objects that all stay; looking through
them at every seven hundredth, which is Python's habit, takes a tenth of the start.
"""

_KEEP_FREED_MEMORY = f"dirty_decay_ms:10000,narenas:{os.cpu_count() or 1}"
"""Memory that Polars has freed stays with the process for ten seconds, not for half a one: what is given back is soon asked for
again, and the system makes every page of it anew. One store of it a core, not four: what one has freed another cannot use.
"""

_READ_AHEAD = str(max(1, (os.cpu_count() or 1) // 2))
"""So many row groups of a Parquet file are read before they are asked for: more hold memory and win nothing from a disk."""


def main() -> None:
    """Run the command line (the entry point of the installed ``dunwell``)."""
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)
    os.environ.setdefault("_RJEM_MALLOC_CONF", _KEEP_FREED_MEMORY)
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", _READ_AHEAD)

    from dunwell.cli.errors import explained

    with explained():
        from dunwell.cli.app import app

        try:
            app()
        finally:
            gc.freeze()  # or all that was imported is looked through once more before the process ends
