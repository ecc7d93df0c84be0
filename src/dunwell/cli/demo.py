"""``dunwell demo``: a made portfolio, one day's run, its report, and the desk with sample people of every role."""

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dunwell.cli.errors import EXIT_INTERRUPTED, CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.run import run_and_print
from dunwell.cli.workspace import copy_template
from dunwell.settings import FILE_NAME, read_settings

_MARK = ".dunwell-demo"


def run_demo(
    folder: Path, accounts: int, seed: int, as_of: str | None, as_json: bool, port: int | None
) -> int:
    """Make the demo's workspace anew, write a portfolio into its tape, run the day, and open the office on ``port`` until
    Ctrl-C (None: end after the report); returns the exit code.
    """
    from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise CommandError(
            f"{folder} exists and is not a demo. Name another folder with --dir, so that nothing of yours is overwritten"
        )
    day = parse_day(as_of, "--as-of") or datetime.now(UTC).date() - timedelta(days=1)
    shutil.rmtree(folder, ignore_errors=True)
    copy_template(folder)
    (folder / _MARK).touch()
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    if not as_json:
        print(f"making {accounts:,} accounts from several countries in {folder}/tape ...")
    write_portfolio(folder / "tape", accounts, seed, day, messy=accounts >= 1000, stress=4.0)
    settings = read_settings(folder)
    code = run_and_print(settings, settings.tape_folder, day.isoformat(), None, as_json)
    if not as_json:
        from dunwell.cli.demo_outreach import send_demo

        send_demo(folder, day)
        print(f"\nThe report: {folder / 'book' / 'report.html'}")
        print(
            f"A statement: cd {folder} && dunwell statement ACCOUNT_ID   (settings in {folder / FILE_NAME})"
        )
    if port is not None and not as_json:
        _open_office(folder, port)
    return 0 if code == 2 else code


def _open_office(folder: Path, port: int) -> None:
    """The desk, with one person of each role who may sign in.

    It is a process of its own: a server that splits into processes must not carry the run's threads with it.
    """
    dunwell = [sys.executable, "-m", "dunwell"]
    subprocess.run([*dunwell, "staff", "samples"], cwd=folder, check=True)
    server = subprocess.Popen([*dunwell, "serve", "--port", str(port), "--no-worker"], cwd=folder)
    try:
        code = server.wait()
    except KeyboardInterrupt:  # the server got it too; it answers what is under way and ends
        code = server.wait()
    if code not in (0, EXIT_INTERRUPTED, -signal.SIGINT):
        raise CommandError(f"the office ended with exit code {code}; what is wrong stands above")
