"""What the commands have in common: how a failure is told, and the options that mean the same everywhere."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from dunwell.cli.errors import explained


class Command(TyperCommand):
    """A command whose failures are explained to the person who can mend them, and which stops quietly on Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command's function."""
        with explained():
            return super().invoke(ctx)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines instead of text.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DAY", help="The day the figures are for, like 2026-11-23.")
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="INSTANT",
        help="Only what had been recorded by then: a day (its end, UTC) or 2026-11-23T18:00:00+08:00.",
    ),
]
