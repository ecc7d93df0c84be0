"""``dunwell report``: the regulator's report of any number of contacts, on the screen, as CSV and as PDF."""

import json
from datetime import date
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.settings import read_settings


def tell_report(
    root: Path,
    first: str,
    last: str,
    seen_by: str | None,
    csv: Path | None,
    pdf: Path | None,
    as_json: bool,
) -> None:
    """Count the report and print it or write it to files. Raises CommandError, NoBook."""
    from dunwell.office.project import set_up_office

    set_up_office(read_settings(root))
    from dunwell.office.access.models import Staff
    from dunwell.office.compliance.contact_report import build, rows_of
    from dunwell.office.compliance.report_files import HEADINGS, report_csv, report_pdf
    from dunwell.office.compliance.reports import DAYS_MAX, is_span
    from dunwell.office.keeping import bring_up_to_date
    from dunwell.office.workplace import workplace

    place = workplace()
    bring_up_to_date(place)
    days = _day("--from", first), _day("--to", last)
    if not is_span(*days):
        raise CommandError(f"--from {first} --to {last}: name days in their order, at most {DAYS_MAX}")
    staff = None
    if seen_by is not None:
        staff = Staff.objects.select_related("team").filter(username=seen_by, is_active=True).first()
        if staff is None or not staff.may("compliance.read"):
            raise CommandError(f"--as {seen_by}: nobody of that name may see reports. `dunwell staff list`")
    now = place.clock()
    rows = rows_of(build(place, *days, staff))
    if csv is not None:
        csv.write_text(report_csv(rows), encoding="utf-8", newline="")
    if pdf is not None:
        pdf.write_bytes(report_pdf(place, rows, *days, now))
    if as_json:
        told = {"from": str(days[0]), "to": str(days[1]), "counted_at": now.isoformat(), "rows": rows}
        print(json.dumps(told, ensure_ascii=False))
    elif csv is None and pdf is None:
        _print(HEADINGS, rows)
    else:
        print(f"{len(rows)} rows: " + ", ".join(str(file) for file in (csv, pdf) if file is not None))


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} is {text!r}: write a day like 2026-11-30") from error


def _print(headings: tuple[str, ...], rows: list[tuple[str, str, str, str, int]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)
