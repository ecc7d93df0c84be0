"""What the strategy decided: treatments by segment, the lots, and what one more of each capacity would be worth."""

from dunwell.nightly.decided import DecidedFigures
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Section, Table, columns
from dunwell.strategy.deciding import HOLD_OUT_ARM
from dunwell.strategy.experiments.design import NOTHING

_BASES = {
    "text-order": "decided.basis_text_order",
    "priors": "decided.basis_priors",
    "learned": "decided.basis_learned",
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
