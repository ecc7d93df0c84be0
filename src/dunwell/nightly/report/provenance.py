"""The report's last sections: what could not be used, how to read the page, which run it was."""

from dunwell.nightly.about import Quarantine, RunFacts
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Column, Section, Table, columns

RULES_SHOWN = 200
"""Broken rules listed at most, those with most rows first; the quarantine files hold every row."""


def quality_section(quarantine: Quarantine, language: Language) -> Section:
    """Quarantine: rows by file, then each broken rule with its first place and how to mend it."""
    say = language.say
    read_count = sum(file.read_count for file in quarantine.files)
    lead = []
    if quarantine.row_count:
        lead.append(say("quality.lead", count=f"{quarantine.row_count:,}", read=f"{read_count:,}"))
    elif quarantine.is_clean:
        lead.append(say("quality.clean"))
    tables = []
    if quarantine.unreadable:
        unreadable: list[list[Cell]] = [
            [file.file, (file.problem, file.mend)] for file in quarantine.unreadable
        ]
        headings = [_code(language, "file"), _english(language, "problem")]
        tables.append(Table(say("quality.unreadable"), headings, unreadable))
    if quarantine.rules:
        rules: list[list[Cell]] = [
            [(f"{rule.table}: {rule.rule}", rule.mend), f"{rule.row_count:,}", rule.place]
            for rule in quarantine.heaviest_rules()[:RULES_SHOWN]
        ]
        headings = [_english(language, "rule"), *columns(language, "+rows"), _code(language, "place")]
        tables.append(Table(say("quality.rules"), headings, rules, say("quality.rules_note")))
    files = [
        [file.table, file.file, f"{file.read_count:,}", f"{file.used_count:,}", f"{file.quarantined_count:,}"]
        for file in quarantine.files
    ]
    headings = [
        *columns(language, "table"),
        _code(language, "file"),
        *columns(language, "+read", "+used", "+quarantined"),
    ]
    ignored = say("quality.ignored", files=", ".join(quarantine.ignored)) if quarantine.ignored else ""
    if files:
        tables.append(Table(say("quality.files"), headings, files, ignored))
    return Section("quality", say("quality.title"), lead=lead, tables=tables)


def reading_section(language: Language) -> Section:
    """The words the page uses, explained."""
    return Section("reading", language.say("reading.title"), terms=language.terms())


def about_section(facts: RunFacts, language: Language) -> Section:
    """Which run this was: enough to run it again and get the same."""
    say = language.say
    known = facts.known_at.isoformat() if facts.known_at else say("about.known_all")
    rows = [
        [say("about.run_id"), facts.run_id],
        [say("about.as_of"), facts.as_of.isoformat()],
        [
            say("about.compared"),
            facts.previous_as_of.isoformat() if facts.previous_as_of else say("about.none"),
        ],
        [say("about.known_at"), known],
        [say("about.policy_hash"), facts.policy_hash],
        [
            say("about.versions"),
            ", ".join(f"{name} {version}" for name, version in facts.versions.items()) or say("about.none"),
        ],
    ]
    headings = [*columns(language, "fact"), _code(language, "value")]
    return Section("about", say("about.title"), tables=[Table(say("about.title"), headings, rows)])


def _english(language: Language, name: str) -> Column:
    return Column(language.say(f"column.{name}"), "english")


def _code(language: Language, name: str) -> Column:
    return Column(language.say(f"column.{name}"), "code")
