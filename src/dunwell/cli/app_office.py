"""``dunwell serve`` and ``dunwell staff``: the names, options and help of the office's commands."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import Command, Json

office = typer.Typer()
staff = typer.Typer(help="Who may sign in to the office.", no_args_is_help=True)


@office.command("serve", cls=Command)
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[
        int | None, typer.Option(help="Server processes (SQLite: 1; PostgreSQL: the cores).")
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Serve pages only; send nothing.")] = False,
) -> None:
    """Open the office: the desk, supervision, compliance, the API, and the worker that sends what is due.

    Example: dunwell serve --port 8000
    """
    from dunwell.cli.serve import serve as run

    run(Path.cwd(), host, port, with_worker=not no_worker, worker_count=workers)


@staff.command("add", cls=Command)
def add(
    username: str,
    role: Annotated[
        str, typer.Option(help="collector, team_lead, compliance, analyst, administrator or auditor.")
    ],
    jurisdiction: Annotated[
        list[str] | None, typer.Option(help="Sees these jurisdictions' cases only.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of making one.")] = False,
) -> None:
    """Let somebody sign in.

    Example: dunwell staff add ann --role collector --jurisdiction gb
    """
    from dunwell.cli.staff import add_staff

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else None
    add_staff(Path.cwd(), username, role, jurisdiction or [], password)


@staff.command("list", cls=Command)
def show(as_json: Json = False) -> None:
    """Who may sign in.

    Example: dunwell staff list
    """
    from dunwell.cli.staff import list_staff

    list_staff(Path.cwd(), as_json)


@staff.command("samples", cls=Command)
def samples() -> None:
    """Let one person of each role sign in, to try the office in a workspace without real people.

    Example: dunwell staff samples
    """
    from dunwell.cli.staff import add_samples

    add_samples(Path.cwd())
