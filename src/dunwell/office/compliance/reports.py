"""The page of the regulator's report: counted at once where few contacts were made, beside the pages where there were many."""

from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from dunwell.office.access.guard import needs, staff_of
from dunwell.office.compliance.counting import ask_to_count, report_for
from dunwell.office.compliance.report_files import in_words, report_csv, report_pdf
from dunwell.office.workplace import workplace

DAYS_MAX = 366


def is_span(first: date, last: date) -> bool:
    """Whether a report can be of these days: in their order, and at most a year."""
    return timedelta(0) <= last - first < timedelta(days=DAYS_MAX) and first.year > 1


def span_of(request: HttpRequest, today: date) -> tuple[date, date]:
    """The days asked for; the last 30 when none are, or when they make no sense."""
    asked = request.POST if request.method == "POST" else request.GET
    try:
        first, last = date.fromisoformat(asked.get("from", "")), date.fromisoformat(asked.get("to", ""))
    except ValueError:
        return today - timedelta(days=29), today
    return (first, last) if is_span(first, last) else (today - timedelta(days=29), today)


@needs("compliance.read")
def reports(request: HttpRequest) -> HttpResponse:
    """The report as a page, or with ``as=csv`` or ``as=pdf`` as a file; while it is being counted the page says so."""
    place = workplace()
    first, last = span_of(request, place.clock().date())
    told = report_for(place, first, last, staff_of(request))
    wanted, name = request.GET.get("as"), f"contacts-{first}-{last}"
    if wanted in ("csv", "pdf") and told.rows is not None:
        if wanted == "csv":
            response = HttpResponse(report_csv(told.rows), content_type="text/csv; charset=utf-8")
        else:
            pdf = report_pdf(place, told.rows, first, last, told.at)
            response = HttpResponse(pdf, content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{name}.{wanted}"'
        return response
    rows = None if told.rows is None else [in_words(row) for row in told.rows]
    context = {"rows": rows, "told": told, "first": first, "last": last}
    if request.headers.get("HX-Request") and not told.is_under_way:
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    template = "office/report_waiting.html" if request.headers.get("HX-Request") else "office/reports.html"
    return render(request, template, context)


@needs("compliance.read")
@require_POST
def count_report(request: HttpRequest) -> HttpResponse:
    """Ask that the report of many contacts is counted, or counted anew."""
    place = workplace()
    first, last = span_of(request, place.clock().date())
    ask_to_count(place, first, last, staff_of(request))
    return redirect(f"{reverse('reports')}?{urlencode({'from': first, 'to': last})}")
