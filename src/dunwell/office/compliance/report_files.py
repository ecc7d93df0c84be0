"""The regulator's report as files: CSV for a program or a spreadsheet, PDF for a person."""

import json
from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext as _

from dunwell.office.compliance.contact_report import ReportRow
from dunwell.office.desk import words
from dunwell.office.sheets import csv_of
from dunwell.office.workplace import Workplace

HEADINGS = ("section", "jurisdiction", "what", "of", "count")

_PAGE = """#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set text(font: ("WenQuanYi Micro Hei", "New Computer Modern"), size: 10pt)
#let data = json(bytes(sys.inputs.data))
= #data.title
#data.span
#table(columns: (auto, auto, 1fr, auto, auto), align: (left, left, left, left, right), stroke: 0.4pt,
  ..data.heads.map(strong), ..data.rows.flatten())
"""


def in_words(row: ReportRow) -> ReportRow:
    """A row in the reader's language; rules and jurisdictions keep their ids."""
    section, where, what, of, count = row
    known = {**words.CHANNELS, **words.COUNTED}
    return str(words.SECTIONS[section]), where, str(known.get(what, what)), str(known.get(of, of)), count


def report_csv(rows: Sequence[ReportRow]) -> str:
    """The rows as CSV, under the names that programs know."""
    return csv_of(HEADINGS, rows)


def report_pdf(
    place: Workplace, rows: Sequence[ReportRow], first: date, last: date, counted_at: datetime
) -> bytes:
    """The report as a PDF in the reader's language. ``counted_at``: as of when the journal was read."""
    import typst

    data = {
        "title": _("Contacts and complaints, %(lender)s")
        % {"lender": place.settings.acts_for or _("the lender")},
        "span": _(
            "%(first)s to %(last)s on each customer's own clock (complaints: UTC), from the journal as of %(now)s UTC"
        )
        % {"first": first, "last": last, "now": f"{counted_at:%Y-%m-%d %H:%M}"},
        "heads": [_("Section"), _("Jurisdiction"), _("What"), _("Of"), _("Count")],
        "rows": [[*row[:4], str(row[4])] for row in map(in_words, rows)],
    }
    pdf: bytes = typst.compile(_PAGE.encode(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)})
    return pdf
