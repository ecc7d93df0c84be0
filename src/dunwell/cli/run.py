"""``dunwell run``: a day for the workspace one stands in."""

import json
from datetime import UTC, datetime
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day, parse_instant
from dunwell.cli.progress import prepare_kernels, progress
from dunwell.law.civil_days import civil_day
from dunwell.settings import Settings, read_settings


def run_workspace(
    root: Path,
    tape: Path | None,
    as_of: str | None,
    known_at: str | None,
    engine: str | None,
    send: bool,
    as_json: bool,
) -> int:
    """Run the day and print its summary; returns the exit code (0 clean, 2 some rows are in quarantine).

    With ``send`` what the work list has due now is sent afterwards.
    """
    settings = read_settings(root)
    if (engine or settings.engine) != "local":
        raise CommandError(
            f"engine {engine or settings.engine!r} is not part of this release. Use --engine local"
        )
    return run_and_print(settings, tape or settings.tape_folder, as_of, known_at, as_json, send=send)


def run_and_print(
    settings: Settings,
    tape: Path,
    as_of: str | None,
    known_at: str | None,
    as_json: bool,
    *,
    send: bool = False,
) -> int:
    """The run for settings already read, with its progress and its summary, and the sending where it is wanted."""
    if send:
        from dunwell.cli.outreach import sent_now, tell
    from dunwell.cli.told import forgotten_by, told_since
    from dunwell.nightly.run import run_day

    now = datetime.now(UTC)
    day, instant = parse_day(as_of, "--as-of"), parse_instant(known_at, "--known-at")
    prepare_kernels("ledger", "gate", "promises")
    with progress() as watch:
        result = run_day(
            settings,
            tape,
            day or civil_day(now, (), settings.timezone),
            known_at=instant,
            now=now,
            watch=watch,
            told_since=told_since(settings, now),
            forgotten=forgotten_by(settings),
        )
    if as_json:
        told = result.summary() | ({"outreach": sent_now(None)} if send else {})
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        from rich.console import Console

        from dunwell.nightly.summary import summary_text

        Console().print(
            summary_text(
                result.figures,
                result.quarantine,
                result.facts,
                result.bucket_order,
                result.work,
                result.promises,
                result.cases,
                result.decided,
            )
        )
        if send:
            tell(sent_now(None))
    return result.exit_code
