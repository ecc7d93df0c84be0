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


@office.command("backup", cls=Command)
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; beside the workspace when not given.")
    ] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="The keys too: guard such a file as you guard them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the workspace into one file, the database as of one instant, while the office goes on.

    Example: dunwell backup /srv/backups/shop-2026-11-30.tar.gz
    """
    from dunwell.cli.backup import make_backup

    make_backup(Path.cwd(), file, with_keys, as_json)


@office.command("restore", cls=Command)
def restore(
    file: Path,
    into: Annotated[Path, typer.Option("--into", help="A new folder for the workspace.")],
    database: Annotated[
        str | None, typer.Option("--database", help="An empty PostgreSQL database for a backup of one.")
    ] = None,
) -> None:
    """Bring a workspace back from a backup into a new folder, every file checked.

    Example: dunwell restore shop-2026-11-30.tar.gz --into shop-restored
    """
    from dunwell.cli.backup import restore_backup

    raise typer.Exit(restore_backup(file, into, database))


@office.command("report", cls=Command)
def report(
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day, like 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last day; a year at most.")],
    seen_by: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Of the customers whom this person may see only."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write it as CSV.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as a PDF.")] = None,
    as_json: Json = False,
) -> None:
    """The regulator's report of some days: contacts by channel and hour, the most in seven days, what was held back, complaints.

    Example: dunwell report --from 2026-11-01 --to 2026-11-30 --csv november.csv --pdf november.pdf
    """
    from dunwell.cli.report import tell_report

    tell_report(Path.cwd(), first, last, seen_by, csv, pdf, as_json)


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
