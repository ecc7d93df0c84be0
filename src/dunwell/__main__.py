"""``python -m dunwell``: the same as the ``dunwell`` command."""

from dunwell.cli import main

main()
