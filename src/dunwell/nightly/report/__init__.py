"""The daily run as one page to read, keep and send: charts, tables and words in a single HTML file that fetches nothing.

``render_report`` is the whole of it. The page needs no script; its charts are SVG inside it, drawn once for the desk and once for
the phone; its words lie in ``en.toml`` and ``zh.toml``.
"""

from collections.abc import Sequence

import polars as pl

from dunwell.nightly.about import Quarantine, RunFacts
from dunwell.nightly.decided import DecidedFigures
from dunwell.nightly.figures import Figures
from dunwell.nightly.losses import LossFigures
from dunwell.nightly.promises import PromiseFigures
from dunwell.nightly.report.classes import classes_section
from dunwell.nightly.report.contacts import contacts_section
from dunwell.nightly.report.decided import decided_section
from dunwell.nightly.report.endings import endings_section
from dunwell.nightly.report.html import page_html
from dunwell.nightly.report.language import LANGUAGES, read_language
from dunwell.nightly.report.losses import losses_section
from dunwell.nightly.report.movement import roll_section, vintages_section
from dunwell.nightly.report.overview import ageing_section, buckets_section, glance_section
from dunwell.nightly.report.provenance import about_section, quality_section, reading_section
from dunwell.nightly.report.scores import scores_section
from dunwell.nightly.scores import ScoreFigures
from dunwell.nightly.worklist import WorkFigures

__all__ = ["LANGUAGES", "render_report"]


def render_report(
    figures: Figures,
    quarantine: Quarantine,
    facts: RunFacts,
    bucket_order: Sequence[str],
    language: str = "en",
    work: WorkFigures | None = None,
    promises: PromiseFigures | None = None,
    cases: pl.DataFrame | None = None,
    scores: ScoreFigures | None = None,
    decided: DecidedFigures | None = None,
    losses: LossFigures | None = None,
) -> str:
    """The report as one HTML text.

    ``bucket_order``: names of buckets, least late first (``dunwell.nightly.bucket_order`` reads them from the terms).
    ``language``: "en" or "zh". Raises ValueError for another.
    """
    words = read_language(language)
    sections = [
        glance_section(figures, quarantine, facts, words),
        buckets_section(figures, bucket_order, facts, words),
        ageing_section(figures, words),
        roll_section(figures, bucket_order, facts, words),
        vintages_section(figures, words),
        classes_section(figures, words),
        *([] if work is None else [contacts_section(work, facts, words)]),
        *([] if decided is None else [decided_section(decided, words)]),
        *([] if promises is None or cases is None else [endings_section(promises, cases, facts, words)]),
        *([] if scores is None else [scores_section(scores, words)]),
        *([] if losses is None else [losses_section(losses, words)]),
        quality_section(quarantine, words),
        reading_section(words),
        about_section(facts, words),
    ]
    compared = (
        words.say("page.compared", day=words.day(facts.previous_as_of))
        if facts.previous_as_of
        else words.say("page.not_compared")
    )
    return page_html(words, "page.title", facts.as_of, sections, under=compared, lender=facts.lender)
