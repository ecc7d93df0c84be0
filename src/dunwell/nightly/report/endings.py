"""How it ends: the open cases by stage, and how the promises to pay stand."""

import polars as pl

from dunwell.nightly.about import RunFacts
from dunwell.nightly.numbers import share_text
from dunwell.nightly.promises import PromiseFigures
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Section, Table, columns
from dunwell.resolution.stages import read_stages


def endings_section(
    promises: PromiseFigures, cases: pl.DataFrame, facts: RunFacts, language: Language
) -> Section:
    """Open cases by stage, then promises by how they stand, with the share kept of those whose day has come."""
    say = language.say
    stages = read_stages(facts.as_of)
    names = {rung.name: rung.name_zh for rung in stages.rungs}
    names |= {stage.name: stage.name_zh for stage in stages.events}
    tables = []
    if cases.height:
        by_stage: list[list[Cell]] = [
            [names.get(stage, stage) if language.code == "zh" else stage, f"{count:,}"]
            for stage, count in cases.select("stage", "cases").iter_rows()
        ]
        headings = columns(language, "work_stage", "+cases")
        tables.append(Table(say("endings.cases"), headings, by_stage, say("endings.cases_note")))
    promise_count = sum(promises.counts.values())
    if promise_count:
        by_state: list[list[Cell]] = [
            [say(f"promise.{state}"), f"{count:,}"] for state, count in promises.counts.items() if count
        ]
        headings = columns(language, "promise_state", "+promises")
        tables.append(Table(say("endings.promises"), headings, by_state, say("endings.promises_note")))
    lead = [say("endings.lead", cases=f"{sum(cases['cases'].to_list()):,}", promises=f"{promise_count:,}")]
    if promises.ended_count:
        share = share_text(promises.counts["kept"], promises.ended_count)
        lead.append(say("endings.kept", share=share))
    return Section("endings", say("endings.title"), lead=lead, tables=tables)
