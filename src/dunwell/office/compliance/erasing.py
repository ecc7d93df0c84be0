"""Erasing a person: what the law demands to keep of them and until when, and what goes when two people agree that they go.

With the person's key everything in the vault is gone; here goes what names them beside it: their case, what came in during the
day, decisions, letters, recordings. The book shows them nowhere from then on, and loses their rows with the next run.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Count

from dunwell.book import Book, NoBook
from dunwell.journal.models import Event, VaultItem
from dunwell.journal.packing import PACK
from dunwell.journal.recording import Journal
from dunwell.journal.retention import Clock, clock_ends
from dunwell.journal.signing import kept_folder, pack_file
from dunwell.law.overlay import LenderLaw
from dunwell.office.api.models import Delivery
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case, Received
from dunwell.outreach.incoming import UNMATCHED
from dunwell.outreach.models import State, Work
from dunwell.outreach.records import plain_address
from dunwell.settings import Settings

KIND = "erasure"
"""The kind of the approval by which a second person agrees."""


class MustBeKept(ValueError):
    """A duty to keep runs still, and no ground was given to erase all the same."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that must be kept: what (beginnings of kinds of events), by which rule and clause, until when.

    ``until`` None: nothing began the clock. ``words``: the rule in a sentence, by language.
    """

    rule: str
    citation: str
    quality: str
    years: int
    after: tuple[str, ...]
    until: date | None
    words: Mapping[str, str]

    def runs(self, today: date) -> bool:
        """Whether it forbids erasing today."""
        return self.until is not None and self.until >= today


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of a person: events by the first word of their kind, texts in the vault, files, and what they owe."""

    events: Sequence[tuple[str, int]]
    text_count: int
    file_count: int
    owed: Sequence[Mapping[str, Any]]


def clocks_of(law: LenderLaw, jurisdiction: str, region: str | None) -> list[Clock]:
    """The duties to keep of the packs that bind somebody."""
    return [
        Clock(rule.id, rule.citation, int(rule.values["keep_years"]))
        for rule in _rules(law, jurisdiction, region)
    ]


def notes_of(law: LenderLaw, jurisdiction: str, region: str | None) -> list[Any]:
    """The rules of the packs that bind somebody which say why no period to keep is held."""
    return [one for one in _retention_rules(law, jurisdiction, region) if "keep_years" not in one.values]


def _rules(law: LenderLaw, jurisdiction: str, region: str | None) -> list[Any]:
    return [one for one in _retention_rules(law, jurisdiction, region) if "keep_years" in one.values]


def _retention_rules(law: LenderLaw, jurisdiction: str, region: str | None) -> list[Any]:
    packs = [law.packs[key] for key in law.packs_for(jurisdiction, region) if key in law.packs]
    return [rule for pack in packs for rule in pack.rules if rule.kind == "retention"]


def duties(file: CaseFile) -> list[Duty]:
    """What the law that binds this person demands to keep; empty where no period is held."""
    law, row = file.place.law, file.customer
    rules = {rule.id: rule for rule in _rules(law, row["jurisdiction"], row["region"])}
    clocks = clocks_of(law, row["jurisdiction"], row["region"])
    ends = [(None, one) for one in clocks] if file.subject is None else clock_ends(file.subject, clocks)
    return [
        Duty(
            clock.rule,
            clock.citation,
            rules[clock.rule].source_quality,
            clock.years,
            clock.after,
            until,
            {"en": rules[clock.rule].en, "zh": rules[clock.rule].zh},
        )
        for until, clock in ends
    ]


def notes(file: CaseFile) -> list[Any]:
    """What the law that binds this person says where it names no period."""
    return notes_of(file.place.law, file.customer["jurisdiction"], file.customer["region"])


def holding(file: CaseFile) -> Holding:
    """What is held of this person."""
    if file.subject is None:
        return Holding((), 0, 0, _owed(file))
    counted: dict[str, int] = {}
    rows = Event.objects.filter(subject_id=file.subject).values_list("kind").annotate(Count("id"))
    for kind, count in rows:
        word = kind.partition(".")[0]
        counted[word] = counted.get(word, 0) + count
    texts = VaultItem.objects.filter(subject_id=file.subject).count()
    return Holding(sorted(counted.items()), texts, len(_file_names(file.subject)), _owed(file))


def _owed(file: CaseFile) -> list[dict[str, Any]]:
    rows = file.positions.filter(pl.col("payoff_total") > 0)
    return rows.select("account_id", "currency", "payoff_total").to_dicts()


def must_stay(file: CaseFile, today: date) -> bool:
    """Whether something speaks against erasing them: a duty that runs, or a debt that is still owed."""
    return any(one.runs(today) for one in duties(file)) or bool(_owed(file))


def erase(file: CaseFile, *, by: str, why: str, despite: str = "") -> int:
    """Erase a person and all that names them; how many pieces of personal data went. Raises MustBeKept.

    Database and vault are changed in one transaction; files go after it.
    """
    place, customer = file.place, file.customer_id
    if not despite and must_stay(file, place.clock().date()):
        raise MustBeKept(customer)
    files = [] if file.subject is None else files_of(place.settings, file.subject)
    addresses = addresses_of(place.settings, customer)
    told = f"{why}; despite: {despite}" if despite else why
    with transaction.atomic():
        count = erase_records(place.journal, customer, by=by, why=told)
        count += erase_strangers(place.journal, addresses, by=by, why=told)
        transaction.on_commit(lambda: erase_files(place.settings, customer, files))
    return count


def erase_records(journal: Journal, customer_id: str, *, by: str, why: str) -> int:
    """Everything in the database that names the person; their events stay and tell of nobody."""
    with transaction.atomic():
        reference = journal.vault.admit([customer_id], journal.clock())[customer_id]
        events = Event.objects.filter(subject_id=reference)
        Delivery.objects.filter(event_id__in=list(events.values_list("event_id", flat=True))).delete()
        Work.objects.filter(subject_id=reference, state=State.DUE).update(
            state=State.HELD, why="the person was erased", changed_at=journal.clock()
        )
        Case.objects.filter(pk=customer_id).delete()
        Received.objects.filter(customer_id=customer_id).delete()
        Approval.objects.filter(subject=customer_id).update(subject=reference, payload={}, why="")
        return journal.erase(customer_id, by=by, why=why)


def erase_strangers(journal: Journal, addresses: Collection[str], *, by: str, why: str) -> int:
    """What somebody wrote from these addresses while the records did not know whose they are; how many pieces went."""
    forms = {
        form for one in addresses for form in (one, one.strip(), plain_address(one), f"+{plain_address(one)}")
    }
    names = [f"{UNMATCHED}{form}" for form in sorted(forms)]
    return sum(journal.erase(name, by=by, why=why) for name in journal.vault.references(names))


def addresses_of(settings: Settings, customer_id: str) -> list[str]:
    """The values of a customer's contact points, as the book has them."""
    found: list[str] = []
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return found
    for number in range(book.partition_count):
        points = book.partition(number).tables["contact_points"]
        found += points.filter(points["customer_id"] == customer_id)["value"].drop_nulls().to_list()
    return found


def packs_handed_out(subject: str) -> list[tuple[str, str, str]]:
    """The packs of evidence that were made about a person: the day, by whom and why. Whoever has one has it still."""
    read = Event.objects.filter(subject_id=subject, kind="data.read", body__contains=PACK).order_by("id")
    told = [(at, json.loads(body)) for at, body in read.values_list("happened_at", "body")]
    return [(at.date().isoformat(), body["by"], body["why"]) for at, body in told if body.get("what") == PACK]


def erase_files(settings: Settings, customer_id: str, files: Sequence[Path]) -> None:
    """Letters, recordings and papers of the person's, a pack of evidence that lies here, and their rows among the kept
    decisions and what these were made of.
    """
    for file in (*files, pack_file(settings, customer_id)):
        file.unlink(missing_ok=True)
    folder = settings.evidence_folder
    for decided in sorted(
        [*(folder / "decisions").glob("*.parquet"), *(folder / "markets").glob("*.parquet")]
    ):
        rows = pl.scan_parquet(decided)
        is_theirs = pl.col("customer_id") == customer_id
        if rows.filter(is_theirs).select(pl.len()).collect().item():
            staging = decided.with_suffix(".new")
            rows.filter(~is_theirs).collect().write_parquet(staging)
            staging.replace(decided)


def files_of(settings: Settings, subject: str) -> list[Path]:
    """The letters, recordings and papers of a person, by the vault's reference."""
    table = settings.outreach.get("letter", {})
    folder = settings.root / (table.get("folder", "print") if isinstance(table, Mapping) else "print")
    # Whatever became of it: a letter whose outcome is not known may lie in the print folder as well.
    letters = Work.objects.filter(subject_id=subject, channel="letter").values_list("message_id", flat=True)
    printed = [file for name in letters for file in folder.glob(f"*/{name}.pdf")]
    return [*printed, *(kept_folder(settings) / name for name in _file_names(subject))]


def _file_names(subject: str) -> list[str]:
    kept = Event.objects.filter(subject_id=subject, kind="file.kept").values_list("body", flat=True)
    return [json.loads(body)["file"] for body in kept]
