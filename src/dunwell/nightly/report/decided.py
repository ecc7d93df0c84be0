"""What the strategy decided: treatments by segment, the lots, and what one more of each capacity would be worth."""

from collections.abc import Sequence

from dunwell.nightly.decided import DecidedFigures
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Section, Table, columns
from dunwell.strategy.deciding import HOLD_OUT_ARM
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.turning import Turned

_BASES = {
    "text-order": "decided.basis_text_order",
    "priors": "decided.basis_priors",
    "learned": "decided.basis_learned",
}

_EVENTS = {
    "complaint": "guard_rail.complaint",
    "opt_out": "guard_rail.opt_out",
    "hardship": "guard_rail.hardship",
}


def decided_section(decided: DecidedFigures, language: Language) -> Section:
    """Treatments by segment with their counts, arms of experiments, capacities with their prices."""
    say = language.say
    tables = []
    if decided.treatments.height:
        rows: list[list[Cell]] = [
            [segment, say("decided.nothing") if treatment == NOTHING else treatment, f"{customers:,}"]
            for segment, treatment, customers in decided.treatments.iter_rows()
        ]
        headings = columns(language, "segment", "treatment", "+customers")
        tables.append(Table(say("decided.treatments"), headings, rows, say("decided.treatments_note")))
    arms = decided.arms.filter(decided.arms["arm"] != HOLD_OUT_ARM)
    if arms.height:
        drawn: list[list[Cell]] = [[arm, f"{customers:,}"] for arm, customers in arms.iter_rows()]
        tables.append(Table(say("decided.arms"), columns(language, "arm", "+customers"), drawn))
    tables += stopped_tables(decided.stopped, language)
    tables += turned_tables(decided.turned, language)
    if decided.capacities.height:
        told = f"told_{language.code}"
        worth: list[list[Cell]] = [
            [row[told], f"{row['used']:,.0f}", f"{row['per_day']:,.0f}", f"{row['price']:,.2f}"]
            for row in decided.capacities.iter_rows(named=True)
        ]
        headings = columns(language, "capacity", "+used", "+per_day", "+price")
        note = say("decided.capacities_note", currency=decided.currency)
        tables.append(Table(say("decided.capacities"), headings, worth, note))
    lead = [
        say(_BASES[decided.basis]),
        say(
            "decided.lots",
            held=f"{decided.held_out_count:,}",
            explored=f"{decided.explored_count:,}",
        ),
    ]
    if decided.gap:
        lead.append(say("decided.gap", gap=f"{decided.gap:.2%}"))
    if decided.problem:
        lead.append(say("decided.problem", problem=decided.problem))
    return Section("decided", say("decided.title"), lead=lead, tables=tables)


def stopped_tables(stopped: Sequence[Stopped], language: Language) -> list[Table]:
    """The arms that are stopped, since when and why; no table where none is."""
    if not stopped:
        return []
    rows: list[list[Cell]] = [
        [f"{one.experiment}: {one.arm}", one.since.isoformat(), _why(one, language)] for one in stopped
    ]
    say = language.say
    headings = columns(language, "arm", "since", "stop_reason")
    return [Table(say("decided.stopped"), headings, rows, say("decided.stopped_note"))]


def turned_tables(turned: Sequence[Turned], language: Language) -> list[Table]:
    """The treatments for which times have turned, since when, and what they bring now and brought before; no table where none."""
    if not turned:
        return []
    rows: list[list[Cell]] = [
        [one.treatment, one.since.isoformat(), f"{one.before_share:.1%}", f"{one.since_share:.1%}"]
        for one in turned
    ]
    say = language.say
    headings = columns(language, "treatment", "since", "+brought_before", "+brings_since")
    return [Table(say("decided.turned"), headings, rows, say("decided.turned_note"))]


def _why(stop: Stopped, language: Language) -> str:
    if not stop.is_by_guard_rail:
        return stop.why
    say = language.say
    return say(
        "decided.stopped_by",
        event=say(_EVENTS[stop.event]),
        arm_events=f"{stop.arm_events:,}",
        arm_count=f"{stop.arm_count:,}",
        control=say("decided.nothing") if stop.control == NOTHING else stop.control,
        control_events=f"{stop.control_events:,}",
        control_count=f"{stop.control_count:,}",
    )
