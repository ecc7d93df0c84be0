"""The ``dunwell`` command: one thin file a group of commands, everything heavy imported only when its command
runs.
"""


def main() -> None:
    """Run the command line (the entry point of the installed ``dunwell``)."""
    from dunwell.cli.errors import explained

    with explained():
        from dunwell.cli.app import app

        app()
