"""Reports of many contacts: counted beside the pages, by the keeper, in a process of its own, and kept.

It is the command ``dunwell report --json``, run in the workspace as who asked for it.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from django.db.models import Q

from dunwell.office.access.models import Staff
from dunwell.office.beside import run_beside
from dunwell.office.compliance.contact_report import ReportRow, build, contacts_between, rows_of
from dunwell.office.compliance.models import DONE, FAILED, RUNNING, WAITING, CountedReport
from dunwell.office.workplace import Workplace

AT_ONCE_MAX = 2_000
"""As many permissions and refusals are counted while somebody waits for the page."""
MINUTES_MAX = 120
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Told:
    """A report as far as it is counted. ``rows`` None: it is not; ``state``: "" when nobody asked for it yet, else waiting,
    running, done or failed, ``problem`` says why; ``at``: as of when it was counted, or since when it is asked for.
    """

    rows: list[ReportRow] | None
    at: datetime
    state: str = DONE
    problem: str = ""
    is_kept: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether it will be counted by and by."""
        return self.state in (WAITING, RUNNING)


def report_for(place: Workplace, first: date, last: date, staff: Staff) -> Told:
    """The report of these days for somebody: counted now where there are few contacts, else as it was counted last."""
    if contacts_between(first, last)[: AT_ONCE_MAX + 1].count() <= AT_ONCE_MAX:
        return Told(rows_of(build(place, first, last, staff)), place.clock())
    kept = CountedReport.objects.filter(first_on=first, last_on=last, scope=scope_of(staff)).first()
    if kept is None:
        return Told(None, place.clock(), "")
    if kept.state != DONE:
        return Told(None, kept.asked_at, kept.state, kept.problem, is_kept=True)
    rows: list[ReportRow] = [(a, b, c, d, n) for a, b, c, d, n in kept.rows]
    return Told(rows, kept.counted_at or kept.asked_at, is_kept=True)


def ask_to_count(place: Workplace, first: date, last: date, staff: Staff) -> None:
    """Let a report be counted, or counted anew; one that waits or is being counted is left."""
    now = place.clock()
    CountedReport.objects.filter(asked_at__lt=now - _KEPT).delete()
    asked = {"asked_by": staff, "asked_at": now, "state": WAITING, "rows": [], "problem": ""}
    name = {"first_on": first, "last_on": last, "scope": scope_of(staff)}
    found, is_new = CountedReport.objects.get_or_create(**name, defaults=asked)
    if not is_new:
        CountedReport.objects.filter(pk=found.pk, state__in=(DONE, FAILED)).update(**asked)


def scope_of(staff: Staff) -> str:
    """Whose customers somebody may see, as a name: people who see the same are told the same."""
    team = None if staff.agency_team is None else staff.agency_team.pk
    return json.dumps([staff.scope, team])


def count_next(place: Workplace, stop: Event) -> bool:
    """Count the report that has waited longest; whether there was one. One that was cut off is counted anew.

    ``stop``: ends it, and it waits again.
    """
    waits = Q(state__in=(WAITING, RUNNING))
    asked = CountedReport.objects.filter(waits).select_related("asked_by__team").order_by("asked_at").first()
    if asked is None:
        return False
    now = place.clock()
    CountedReport.objects.filter(pk=asked.pk).update(state=RUNNING)
    if scope_of(asked.asked_by) != asked.scope:
        found: dict[str, object] = {
            "state": FAILED,
            "problem": "whose customers they may see has changed; ask anew",
        }
    else:
        found = _count(place, asked, stop)
    if stop.is_set() and found["state"] == FAILED:
        found = {"state": WAITING}
    CountedReport.objects.filter(pk=asked.pk, asked_at=asked.asked_at).update(**found, counted_at=now)
    return True


def _count(place: Workplace, asked: CountedReport, stop: Event) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "report.json"
        options = ["--from", str(asked.first_on), "--to", str(asked.last_on), "--as", asked.asked_by.username]
        problem = run_beside(place, ["report", *options, "--json"], answer, stop, MINUTES_MAX)
        if problem:
            return {"state": FAILED, "problem": problem[:500]}
        return {"state": DONE, "rows": json.loads(answer.read_text(encoding="utf-8"))["rows"], "problem": ""}
