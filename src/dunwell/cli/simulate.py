"""``dunwell simulate``: a made lender lives through some days, with the daily run deciding whom to contact."""

import json
import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.progress import prepare_kernels, progress
from dunwell.cli.workspace import copy_template
from dunwell.ledger.terms import read_terms
from dunwell.nightly.run import run_day
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.diary import COUNTS, diary_frame, diary_row
from dunwell.rehearsal.effects import read_effects, read_figures
from dunwell.rehearsal.happenings import add_to_tape
from dunwell.rehearsal.manifest import write_world_manifest
from dunwell.rehearsal.moving_in import Census, read_census
from dunwell.rehearsal.world_measures import measure_world
from dunwell.settings import Settings, read_settings

_MARK = ".dunwell-simulation"
DIARY, MANIFEST = "simulation.parquet", "world.json"
_RUN_AT = time(6)
_CURRENCIES_SHOWN = 3


def simulate_days(
    folder: Path,
    accounts: int,
    days: int,
    seed: int,
    as_of: str | None,
    jurisdictions: tuple[str, ...],
    stress: float,
    with_manifest: bool,
    as_json: bool,
) -> int:
    """Make a lender, let so many days pass, print a table by day and write it; returns the exit code.

    Raises CommandError where the folder holds something else or an argument cannot be met.
    """
    first = parse_day(as_of, "--as-of") or datetime.now(UTC).date() - timedelta(days=1)
    settings = _new_lender(folder)
    if not as_json:
        print(f"making {accounts:,} accounts in {settings.tape_folder} ...")
    try:
        write_portfolio(
            settings.tape_folder, accounts, seed, first, jurisdictions=jurisdictions, stress=stress
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    prepare_kernels("ledger", "gate", "promises", "world")
    census = read_census(settings.tape_folder, read_terms(settings.root / "policy" / "terms"), first)
    world = DebtorWorld(census, read_effects(), seed, first)
    rows, quarantined = [], 0
    for _ in range(days):
        row, bad = live_a_day(settings, world)
        quarantined += bad
        rows.append(row)
        if not as_json:
            _print_row(row, is_first=len(rows) == 1)
    diary = diary_frame(rows)
    diary.write_parquet(folder / DIARY)
    calibration = _measured(folder, census, seed, first) if with_manifest else []
    if as_json:
        told: dict[str, Any] = {
            "days": json.loads(diary.write_json()),
            "quarantined": quarantined,
            "diary": str(folder / DIARY),
        }
        if with_manifest:
            told["calibration"] = calibration
        print(json.dumps(told, indent=2))
    else:
        print(
            f"\nThe days as a frame: {folder / DIARY}. The lender as the last run left it: cd {folder} && dunwell promises"
        )
    return 2 if quarantined else 0


def live_a_day(settings: Settings, world: DebtorWorld) -> tuple[dict[str, Any], int]:
    """The daily run of the world's next day, its contacts made, and what came of them on the tape.

    Returns the day's row and how many rows of the tape the run put in quarantine.
    """
    day = world.today + timedelta(days=1)
    now = datetime.combine(day, _RUN_AT, UTC)
    with progress() as watch:
        result = run_day(settings, settings.tape_folder, day, known_at=None, now=now, watch=watch)
    before = world.standing()
    events = world.step(planned_contacts(settings.book_folder / "worklist.parquet"))
    add_to_tape(settings.tape_folder, events.tables, events.statuses)
    currencies = world.accounts.select("account_id", "currency")
    return diary_row(before, world.standing(), events, currencies), result.quarantine.row_count


def planned_contacts(worklist: Path) -> pl.DataFrame:
    """The contacts that a work list plans, as a world takes them; an empty list where the run found nobody past due."""
    if not worklist.is_file():
        return pl.DataFrame(
            schema={"customer_id": pl.String, "channel": pl.String, "at": pl.Datetime("us", "UTC")}
        )
    columns = ("customer_id", "account_ids", "channel", "at", "contact_point_id")
    return pl.read_parquet(worklist).filter(~pl.col("is_held_back")).select(columns)


def _measured(folder: Path, census: Census, seed: int, as_of: date) -> list[dict[str, Any]]:
    """The world measured against the published figures, written to ``world.json``: a fresh copy of it lives for 150 days."""
    realised = measure_world(census, read_effects(), seed, as_of)
    written = write_world_manifest(folder / MANIFEST, read_figures(), realised)
    found: list[dict[str, Any]] = written["calibration"]
    return found


def _new_lender(folder: Path) -> Settings:
    """A fresh workspace with the terms of the made products and an empty tape folder."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise CommandError(
            f"{folder} exists and is no simulation. Name another folder with --dir, so that nothing of yours is overwritten"
        )
    shutil.rmtree(folder, ignore_errors=True)
    copy_template(folder)
    (folder / _MARK).touch()
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    return read_settings(folder)


def _print_row(row: dict[str, Any], *, is_first: bool) -> None:
    """A day as a line; the columns' names above the first."""
    if is_first:
        names = [name.replace("_", " ") for name in COUNTS]
        print("day         " + " ".join(f"{name:>11}" for name in names) + "   cash")
    day: date = row["day"]
    cash = sorted(
        ((amount, name.removeprefix("cash_")) for name, amount in row.items() if name.startswith("cash_"))
    )
    shown = ", ".join(f"{amount:,.0f} {currency}" for amount, currency in reversed(cash[-_CURRENCIES_SHOWN:]))
    more = f" and {len(cash) - _CURRENCIES_SHOWN} more" if len(cash) > _CURRENCIES_SHOWN else ""
    print(f"{day.isoformat()}  " + " ".join(f"{row[name]:>11,}" for name in COUNTS) + f"   {shown}{more}")
