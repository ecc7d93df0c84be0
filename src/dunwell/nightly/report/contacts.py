"""The day's contacts: how many are planned, and how many the law or the house held back, by which clause."""

from dunwell.nightly.about import RunFacts
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Column, Section, Table, columns
from dunwell.nightly.stages import read_ladder
from dunwell.nightly.worklist import WorkFigures


def contacts_section(work: WorkFigures, facts: RunFacts, language: Language) -> Section:
    """Planned contacts by stage and channel, then those held back by rule with its clause."""
    say = language.say
    tables = []
    stages = {stage.name: stage.name_in(language.code) for stage in read_ladder(facts.as_of).stages}
    if work.planned.height:
        planned: list[list[Cell]] = [
            [stages.get(stage, stage), say(f"channel.{channel}"), f"{contacts:,}"]
            for stage, channel, contacts in work.planned.iter_rows()
        ]
        headings = columns(language, "work_stage", "channel", "+contacts")
        tables.append(Table(say("contacts.planned"), headings, planned, say("contacts.planned_note")))
    if work.held.height:
        held: list[list[Cell]] = [
            [(rule, citation), f"{contacts:,}"] for rule, citation, contacts in work.held.iter_rows()
        ]
        headings = [Column(say("column.clause"), "english"), *columns(language, "+contacts")]
        tables.append(Table(say("contacts.held"), headings, held, say("contacts.held_note")))
    lead = say("contacts.lead", planned=f"{work.planned_count:,}", held=f"{work.held_count:,}")
    return Section("contacts", say("contacts.title"), lead=[lead], tables=tables)
