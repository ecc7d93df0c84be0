"""The page of what the last run foretold: score bands, reasons, forecast against actual, and how many will be late.

It says what the run's report says, in the report's words.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from dunwell.nightly.report.language import Language, read_language
from dunwell.nightly.report.losses import why_not_told
from dunwell.nightly.report.page import Table
from dunwell.nightly.report.scores import scores_told
from dunwell.nightly.scores import told_before
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.workplace import workplace


@needs("analytics.read")
def foretold(request: HttpRequest) -> HttpResponse:
    """The last run's scores and forecast; that there are none yet, where there are none."""
    staff = staff_of(request)
    title, lead, tables = foretold_for(staff)
    shown = [
        {
            "caption": table.caption,
            "columns": table.columns,
            "note": table.note,
            "rows": [list(zip([one.kind for one in table.columns], row, strict=True)) for row in table.rows],
        }
        for table in tables
    ]
    context = {"title": title, "lead": lead, "tables": shown, "is_closed": staff.is_bound}
    return render(request, "office/analytics_foretold.html", context)


def foretold_for(staff: Staff) -> tuple[str, list[str], list[Table]]:
    """The page's title, its first lines and its tables; none to who may see a part of the portfolio: nothing of it is split."""
    words = report_words()
    record = run_record("scores")
    lead, tables = scores_told(told_before(record), words) if record and not staff.is_bound else ([], [])
    return words.say("scores.title"), list(lead), list(tables)


def why_no_losses() -> str:
    """Why the last run told no losses to expect; empty where it did, and where there is no run."""
    problem = (run_record("losses") or {}).get("problem")
    return why_not_told(problem, report_words()) if problem else ""


def run_record(name: str) -> Any:
    """What the last run's summary keeps under a name; None where there is none."""
    file = workplace().settings.book_folder / "run.json"
    return json.loads(file.read_text(encoding="utf-8")).get(name) if file.is_file() else None


def report_words() -> Language:
    """The report's words in the reader's language."""
    return read_language("zh" if (get_language() or "en").startswith("zh") else "en")
