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
from dunwell.nightly.report.scores import scores_told
from dunwell.nightly.scores import told_before
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.workplace import workplace


@needs("analytics.read")
def foretold(request: HttpRequest) -> HttpResponse:
    """The last run's scores and forecast; that there are none yet, where there are none."""
    words = report_words()
    record = run_record("scores")
    is_closed = staff_of(request).is_bound  # nothing of it is split
    lead, tables = scores_told(told_before(record), words) if record and not is_closed else ([], [])
    context = {
        "title": words.say("scores.title"),
        "lead": lead,
        "tables": tables,
        "is_closed": is_closed,
    }
    return render(request, "office/analytics_foretold.html", context)


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
