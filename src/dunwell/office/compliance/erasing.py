"""Erasing a person: what the law demands to keep of them and until when, and what goes when two people agree that they go.

With the person's key everything in the vault is gone; here goes what names them beside it: their case, what came in during the
day, decisions, letters, recordings. The book shows them nowhere from then on, and loses their rows with the next run.
"""

import csv
import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Count

from dunwell.book import Book, NoBook
from dunwell.journal.models import Event, Subject, VaultItem
from dunwell.journal.packing import PACK
from dunwell.journal.recording import Journal
from dunwell.journal.retention import Clock, clock_ends
from dunwell.journal.signing import kept_folder, pack_file
from dunwell.law.addresses import plain_address
from dunwell.law.overlay import LenderLaw
from dunwell.nightly.keeping import erase_kept
from dunwell.office.api.models import Answer, Delivery
from dunwell.office.api.problems import problem
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case, Received
from dunwell.office.compliance.models import Review
from dunwell.office.compliance.naming import names_person
from dunwell.office.desk.contact import CONTACT
from dunwell.office.desk.opening import OPENED
from dunwell.office.desk.queue import PASSED
from dunwell.outreach.incoming import UNMATCHED
from dunwell.outreach.models import State, Work
from dunwell.settings import Settings

_log = logging.getLogger(__name__)

KIND = "erasure"
"""The kind of the approval by which a second person agrees."""
_NAMES = {"customers": ["name"], "accounts": ["account_id"], "contact_points": ["contact_point_id", "value"]}
"""Where somebody's name, the ids of what is theirs, and their numbers and addresses stand."""


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
    on_shelf = place.shelf.file(customer)
    names = _named(customer, [file.tables, *([] if on_shelf is None else [on_shelf.tables])])
    with transaction.atomic():
        why = f"{why}; despite: {despite}" if despite else why
        count = erase_records(place.journal, customer, by=by, why=why, names=names)
        count += erase_strangers(place.journal, names, by=by, why=why)
        transaction.on_commit(partial(_scrub, place.journal))
        transaction.on_commit(lambda: erase_files(place.settings, customer, files, names))
    return count


def _scrub(journal: Journal) -> None:
    if not journal.vault.scrub():
        _log.warning("an erased key may still stand in the database's files: run `dunwell evidence scrub`")


def names_of(settings: Settings, customer_id: str) -> frozenset[str]:
    """By what the person could be known where their id does not stand: their accounts' and contact points' ids and values, their
    name; with their id. What the book has no more is left out.
    """
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return frozenset({customer_id})
    return _named(customer_id, (book.partition(number).tables for number in range(book.partition_count)))


def _named(customer_id: str, books: Iterable[Mapping[str, pl.DataFrame]]) -> frozenset[str]:
    found = {customer_id}
    for tables in books:
        for table, columns in _NAMES.items():
            rows = tables[table].filter(pl.col("customer_id") == customer_id)
            found.update(value for column in columns for value in rows[column].drop_nulls().to_list())
    return frozenset(one for one in found if one.strip())


def erase_records(
    journal: Journal, customer_id: str, *, by: str, why: str, names: Collection[str] = ()
) -> int:
    """Everything in the database that names the person; their events stay and tell of nobody. ``names``: of ``names_of``."""
    with transaction.atomic():
        reference = journal.vault.admit([customer_id], journal.clock())[customer_id]
        events = Event.objects.filter(subject_id=reference)
        Delivery.objects.filter(event_id__in=list(events.values_list("event_id", flat=True))).delete()
        Work.objects.filter(subject_id=reference, state=State.DUE).update(
            state=State.HELD, why="the person was erased", changed_at=journal.clock()
        )
        Case.objects.filter(pk=customer_id).delete()
        Received.objects.filter(customer_id=customer_id).delete()
        Approval.objects.filter(subject=customer_id).update(subject=reference, payload={}, why="", reason="")
        for names_part in _parts(list(events.values_list("event_id", flat=True))):
            Review.objects.filter(event_id__in=names_part).update(note="")
        _erase_answers(customer_id, names)
        _erase_from_sessions(customer_id)
        return journal.erase(customer_id, by=by, why=why)


def erase_strangers(journal: Journal, addresses: Collection[str], *, by: str, why: str) -> int:
    """What somebody wrote from these addresses while the records did not know whose they are; how many pieces went."""
    forms = {
        form for one in addresses for form in (one, one.strip(), plain_address(one), f"+{plain_address(one)}")
    }
    names = [f"{UNMATCHED}{form}" for form in sorted(forms)]
    known = journal.vault.references(names)
    return sum(journal.erase(name, by=by, why=why, may_return=True) for name in known)


def packs_handed_out(subject: str) -> list[tuple[str, str, str]]:
    """The packs of evidence that were made about a person: the day, by whom and why. Whoever has one has it still."""
    read = Event.objects.filter(subject_id=subject, kind="data.read", body__contains=PACK).order_by("id")
    told = [(at, json.loads(body)) for at, body in read.values_list("happened_at", "body")]
    return [(at.date().isoformat(), body["by"], body["why"]) for at, body in told if body.get("what") == PACK]


def _erase_answers(customer_id: str, names: Collection[str]) -> None:
    """What is kept of answers to programs and names the person; the request stays known, so that it is not carried out again."""
    gone = problem(410, "The person whom this was about was erased")
    for answer in Answer.objects.exclude(status=0).iterator(chunk_size=500):
        if names_person(bytes(answer.body), customer_id, names):
            Answer.objects.filter(pk=answer.pk).update(
                status=410, body=gone.content, content_type=gone["Content-Type"]
            )


_LOOKED = "looked"
"""What a session remembered that an older version began; none lasts longer than a day."""


def _erase_from_sessions(customer_id: str) -> None:
    """What people's sessions remember of having looked at the person or spoken with them."""
    for session in Session.objects.iterator(chunk_size=500):
        data = session.get_decoded()
        kept = dict(data)
        for name in (_LOOKED, OPENED):
            if customer_id in data.get(name, {}):
                kept[name] = {one: told for one, told in data[name].items() if one != customer_id}
        if customer_id in data.get(PASSED, ()):
            kept[PASSED] = [one for one in data[PASSED] if one != customer_id]
        if (data.get(CONTACT) or {}).get("customer_id") == customer_id:
            del kept[CONTACT]
        if kept != data:
            text = SessionStore().encode(kept)
            Session.objects.filter(pk=session.pk).update(session_data=text)


def _parts(values: list[str], size: int = 500) -> Iterator[list[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def erase_files(
    settings: Settings, customer_id: str, files: Sequence[Path], names: Collection[str] = ()
) -> None:
    """Letters, recordings and papers of the person's, their rows among the kept decisions and in the files that were taken in."""
    for taken in sorted((settings.root / "intake" / "done").glob("*.csv")):
        _erase_rows(taken, {customer_id, *names})
    for file in (*files, pack_file(settings, customer_id)):
        file.unlink(missing_ok=True)
    erase_kept(settings, [customer_id])


def _erase_rows(file: Path, names: Collection[str]) -> None:
    """The rows of a file that was taken in, or of what was refused of it, that name the person."""
    quoted = [repr(name) for name in names]
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = list(csv.reader(stream))
    left = [
        row for row in rows if not any(cell in names or any(name in cell for name in quoted) for cell in row)
    ]
    if len(left) < len(rows):
        staging = file.with_suffix(".new")
        with staging.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(left)
        staging.replace(file)


def files_of(settings: Settings, subject: str) -> list[Path]:
    """The letters, recordings and papers of a person, by the vault's reference."""
    sent = Event.objects.filter(subject_id=subject, kind="contact.sent").values_list("body", flat=True)
    letters = {body["message_id"] for body in map(json.loads, sent) if body["channel"] == "letter"}
    letters.update(Work.objects.filter(subject_id=subject, channel="letter").values_list("pk", flat=True))
    printed = [file for name in sorted(letters) for file in settings.print_folder.glob(f"*/{name}.pdf")]
    return [*printed, *(kept_folder(settings) / name for name in _file_names(subject))]


def files_of_erased(settings: Settings) -> list[Path]:
    """The files of everybody who was erased that are still there: of an erasure that was stopped before its files went."""
    gone = Subject.objects.filter(erased_at__isnull=False).values_list("reference", flat=True)
    return [file for subject in gone for file in files_of(settings, subject) if file.exists()]


def _file_names(subject: str) -> list[str]:
    kept = Event.objects.filter(subject_id=subject, kind="file.kept").values_list("body", flat=True)
    return [json.loads(body)["file"] for body in kept]
