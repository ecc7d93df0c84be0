"""The pages of analytics: an overview, and each section with its chart, its table and the same as CSV."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from dunwell.nightly.analytics import SECTIONS
from dunwell.nightly.figures import bucket_order
from dunwell.nightly.report.scores import scores_named
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.analytics.counts import (
    SEGMENT,
    Wanted,
    headline,
    is_section,
    offered,
    read_counts,
    section_counts,
)
from dunwell.office.analytics.foretold import report_words, why_no_losses
from dunwell.office.analytics.telling import TOLD, draw, table_of
from dunwell.office.desk.templatetags.shown import percent
from dunwell.office.sheets import csv_of
from dunwell.office.workplace import workplace


@needs("analytics.read")
def overview(request: HttpRequest) -> HttpResponse:
    """Every section in one figure, each the way to its page."""
    _counts, stamp = read_counts(workplace().settings.book_folder)
    tiles = [
        (name, TOLD[name], _headline_text(figure))
        for name, figure in zip(SECTIONS, _headlines(stamp, _wanted(request)), strict=True)
    ]
    return render(
        request,
        "office/analytics.html",
        {"tiles": tiles, "has_run": stamp, **_foretold(), **_around(request)},
    )


@needs("analytics.read")
def section(request: HttpRequest, name: str) -> HttpResponse:
    """A section: what its figures mean, its chart, its table."""
    _known(name)
    counts, stamp = read_counts(workplace().settings.book_folder)
    rows = section_counts(counts, name, _wanted(request))
    table = table_of(name, rows, bucket_order(workplace().terms))
    why = why_no_losses() if name == "losses" and not table.rows else ""
    context = {
        "name": name,
        "told": TOLD[name],
        "table": table,
        "why": why,
        "has_run": stamp,
        **_around(request),
    }
    return render(request, "office/analytics_section.html", context)


@needs("analytics.read")
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """A section's chart as an SVG file; not found where nothing was counted."""
    _known(name)
    _counts, stamp = read_counts(workplace().settings.book_folder)
    drawn = _drawn(stamp, name, _wanted(request), get_language() or "en")
    if drawn is None:
        raise Http404(name)
    return HttpResponse(drawn, content_type="image/svg+xml; charset=utf-8")


@needs("analytics.read")
def sheet(request: HttpRequest, name: str) -> HttpResponse:
    """A section's table as CSV, shares unrounded."""
    _known(name)
    counts, _stamp = read_counts(workplace().settings.book_folder)
    table = table_of(name, section_counts(counts, name, _wanted(request)), bucket_order(workplace().terms))
    text = csv_of([heading for heading, _ in table.columns], table.rows)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@lru_cache(maxsize=256)
def _headlines(stamp: int, wanted: Wanted) -> Sequence[float | int | None]:
    """Each section of a run (``stamp``) in one figure; kept, for they stay what they are until the next run."""
    counts, _ = read_counts(workplace().settings.book_folder)
    return [headline(counts, name, wanted) for name in SECTIONS]


@lru_cache(maxsize=256)
def _drawn(stamp: int, name: str, wanted: Wanted, language: str) -> str | None:
    """The chart of a run (``stamp``) in a language; kept, for drawing takes longer than all the rest."""
    counts, _ = read_counts(workplace().settings.book_folder)
    rows = section_counts(counts, name, wanted)
    return draw(name, rows, bucket_order(workplace().terms)) if rows.height else None


def _known(name: str) -> None:
    if not is_section(name):
        raise Http404(name)


def _wanted(request: HttpRequest) -> Wanted:
    asked = {column: request.GET.get(column) or None for column in SEGMENT}
    return wanted_by(staff_of(request), asked)


def wanted_by(staff: Staff, asked: Mapping[str, str | None]) -> Wanted:
    """What is asked for, of what this person may see: the counts are split by jurisdiction, by agency they are not."""
    among = () if staff.agency_team is not None else staff.scope
    return Wanted(**asked, among=None if among is None else tuple(among))


def _foretold() -> dict[str, object]:
    """How the page of what was foretold is called, and what it tells."""
    name, tells = scores_named(report_words())
    return {"foretold": name, "foretold_tells": tells}


def _around(request: HttpRequest) -> dict[str, object]:
    """What every page shows beside its figures: the filters, and the address's query that keeps them."""
    counts, _ = read_counts(workplace().settings.book_folder)
    wanted = _wanted(request)
    query = request.GET.copy()
    for column in set(query) - {column for column in SEGMENT if getattr(wanted, column)}:
        del query[column]
    filters = []
    for column, values in offered(counts, wanted).items():
        chosen = getattr(wanted, column)
        # What the address asks for is shown also where nothing was counted of it.
        filters.append((column, sorted({*values, chosen} - {None}), chosen))
    return {
        "filters": filters,
        "query": query.urlencode(),
        "sections": list(TOLD.items()),
        "is_closed": wanted.among == (),
    }


def _headline_text(figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:,}" if isinstance(figure, int) else percent(figure)
