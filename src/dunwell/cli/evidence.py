"""``dunwell evidence``: the journal sealed, checked and handed out; people kept and erased."""

import getpass
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dunwell.book import Book, NoBook
from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now, open_journal
from dunwell.journal.heads import Head
from dunwell.journal.keys import MASTER_VARIABLE, add_master_key, make_keys, read_master_keys
from dunwell.journal.signing import kept_anchors, kept_folder, pack_file, public_keys, read_anchor, signer_of
from dunwell.law.overlay import read_law
from dunwell.settings import Settings, read_settings

"""The folder in ``evidence/`` with recordings, letters and papers, encrypted."""

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal
    from dunwell.journal.retention import Clock


def make_or_rotate_keys(rotate: bool, rewrap: bool = False) -> None:
    """Make the keys that are missing; with ``rotate`` a new master key, and everything rewrapped; with ``rewrap`` only that:
    what was begun and stopped half-way, or a new key that came by the environment.
    """
    settings = read_settings(Path.cwd())
    for file in make_keys(settings.keys_folder, os.urandom):
        print(
            f"made {file}: keep a copy in a safe place; without it nothing that is kept can be read or signed"
        )
    if rotate and os.environ.get(MASTER_VARIABLE) is not None:
        raise CommandError(
            f"the master keys come from {MASTER_VARIABLE}, so a new one in a file would not be used. Put the new key first in"
            f" {MASTER_VARIABLE} (NAME:BASE64, the older ones after it), then run `dunwell evidence keys --rewrap`"
        )
    if rotate:
        name = add_master_key(settings.keys_folder, os.urandom)
        count, _name = _rewrap(settings)
        print(f"master key {name} is in use; {count:,} keys were rewrapped. Older ones may now be removed")
    if rewrap:
        count, name = _rewrap(settings)
        print(f"{count:,} keys were rewrapped with {name}; older ones may now be removed")
    signer = signer_of(settings)
    print(
        f"public key {signer.public.hex()} (fingerprint {signer.key_id}): publish it, so that evidence can be checked"
    )


def _rewrap(settings: Settings) -> tuple[int, str]:
    """Wrap all that a master key wraps with the current one: the customers' keys, and the secrets that sign webhooks. How many
    were wrapped, and the key's name.
    """
    _, journal = _open_with_office()
    from dunwell.office.api.hooks import rewrap

    secrets = rewrap(read_master_keys(settings.keys_folder, os.environ, os.urandom))
    return journal.vault.rewrap() + secrets, journal.vault.master_id


def seal_now(as_json: bool) -> None:
    """Seal, and print the head."""
    settings, _ = open_journal(Path.cwd())
    head = _sealed(settings)
    if as_json:
        print(json.dumps({} if head is None else json.loads(head.as_text())))
    elif head is None:
        print("nothing was recorded yet")
    else:
        print(
            f"seal {head.number}: {head.tree_size:,} events, root {head.root.hex()[:16]}..., signed {head.sealed_at}"
        )


def _sealed(settings: Settings) -> Head | None:
    from dunwell.journal.sealing import head, last_seal, seal

    signer = signer_of(settings)
    seal(signer, now())
    newest = last_seal()
    if newest is None:
        return None
    keys = public_keys(settings)
    return head(newest, keys.get(newest.key_id, signer.public))


def hand_out_anchor(out: Path | None) -> None:
    """Seal and write the head to a file."""
    settings, _ = open_journal(Path.cwd())
    head = _sealed(settings)
    if head is None:
        raise CommandError("nothing was recorded yet, so there is nothing to anchor")
    folder = settings.evidence_folder / "anchors"
    file = out or folder / f"anchor-{head.number:06d}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(head.as_text(), encoding="utf-8")
    if out is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"anchor-{head.number:06d}.json").write_text(head.as_text(), encoding="utf-8")
    print(
        f"{file}: {head.tree_size:,} events, signed {head.sealed_at}. Keep a copy where nobody who runs dunwell can change it"
    )


def _anchors(settings: Settings, more: Sequence[Path]) -> list[Head]:
    return [*kept_anchors(settings), *(read_anchor(file) for file in more)]


def verify_journal(anchors: Sequence[Path], as_json: bool) -> int:
    """Print what the check found; 1 when something is wrong."""
    settings, journal = open_journal(Path.cwd())
    from dunwell.journal.verifying import verify

    found = verify(public_keys(settings), _anchors(settings, anchors), journal.vault)
    if as_json:
        print(json.dumps(asdict(found) | {"is_whole": found.is_whole}, indent=2))
        return 0 if found.is_whole else 1
    for fault in found.faults:
        print(f"WRONG  {fault}")
    print(
        f"{'whole' if found.is_whole else 'NOT WHOLE'}: {found.event_count:,} events, {found.sealed_count:,} of them under"
        f" {found.seal_count:,} seals, {found.anchor_count} anchors"
    )
    if found.unsealed_count:
        print(f"note: {found.unsealed_count:,} events are not sealed yet. Run `dunwell evidence seal`")
    if not found.anchor_count:
        print(
            "note: without an anchor kept elsewhere, going back to an older copy cannot be seen. Run `dunwell evidence anchor`"
        )
    return 0 if found.is_whole else 1


def export_pack(customer: str, why: str, by: str | None, out: Path | None) -> None:
    """Write a pack of evidence about a customer."""
    settings, journal = open_journal(Path.cwd())
    from dunwell.journal.attachments import NotKept
    from dunwell.journal.packing import Asked, NothingToShow, make_pack
    from dunwell.office.compliance.evidence_files import letters_of, product_files

    _sealed(settings)
    files, names = product_files(settings, customer)
    files |= letters_of(settings, journal, customer)
    kept = kept_folder(settings)
    asked = Asked(customer, by or getpass.getuser(), why, files, names, _anchors(settings, []), kept)
    try:
        pack = make_pack(journal, signer_of(settings), asked, now())
    except NothingToShow as error:
        raise CommandError(f"{error}. Look whether the id is right") from error
    except NotKept as error:
        raise CommandError(str(error)) from error
    file = out or pack_file(settings, customer)
    staging = file.with_suffix(".new")
    staging.write_bytes(pack)
    staging.replace(file)
    print(
        f"{file}: check it with `dunwell evidence verify-pack {file} --key {signer_of(settings).public.hex()}`"
    )


def attach_file(customer: str, file: Path, what: str, message: str | None, by: str | None) -> None:
    """Keep a recording, letter or paper of a customer's as evidence."""
    settings, journal = open_journal(Path.cwd())
    from dunwell.journal.attachments import NewFile, NotKept, keep_file

    if not file.is_file():
        raise CommandError(f"{file} is no file. Name a recording, a letter or a paper")
    new = NewFile(what, file.name, file.read_bytes(), now(), by or getpass.getuser(), message)
    try:
        event = keep_file(journal, kept_folder(settings), customer, new).event_id
    except NotKept as error:
        raise CommandError(str(error)) from error
    print(f"{file.name} is kept under {customer}'s key (event {event}); packs of evidence will hold it")


def show_retention(as_json: bool) -> None:
    """Print until when everybody must be kept."""
    settings, journal = _open_with_office()
    kept = _retention(settings, journal, None)
    today = now().date()
    rows: list[dict[str, Any]] = [
        {
            "customer_id": one.customer_id,
            "may_be_erased": one.may_be_erased(today),
            "keep_until": None if one.keep_until is None else one.keep_until.isoformat(),
            "why": one.why,
        }
        for one in kept
    ]
    rows.sort(key=lambda row: (not row["may_be_erased"], row["keep_until"] or "9999", row["customer_id"]))
    if as_json:
        print(json.dumps({"people": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        state = (
            "may be erased" if row["may_be_erased"] else f"keep until {row['keep_until'] or '(undecided)'}"
        )
        print(f"{row['customer_id']:<24} {state:<26} {row['why']}")
    print(f"{len(rows):,} people; {sum(row['may_be_erased'] for row in rows):,} may be erased")


def _retention(settings: Settings, journal: "Journal", only: str | None) -> list[Any]:
    from dunwell.journal.retention import alive_subjects, retention

    wanted = alive_subjects() if only is None else list(journal.vault.references([only]).values())
    subjects = journal.vault.customer_ids(wanted)
    clocks, notes = _clocks(settings, set(subjects.values()))
    return retention(subjects, clocks, notes)


def _clocks(settings: Settings, customers: set[str]) -> tuple[dict[str, list["Clock"]], dict[str, str]]:
    """The duties to keep of the packs that bind each person, by their jurisdiction in the book; and where these name no period,
    what they say of it.
    """
    from dunwell.office.compliance.erasing import clocks_of, notes_of

    law = read_law(settings.root / "policy" / "law.toml")
    clocks, notes = {}, {}
    for customer, jurisdiction, region in _jurisdictions(settings, customers):
        clocks[customer] = clocks_of(law, jurisdiction, region)
        told = notes_of(law, jurisdiction, region)
        notes[customer] = "; ".join(f"{one.id}: {one.en} [{one.source}]" for one in told)
    return clocks, notes


def _jurisdictions(settings: Settings, customers: set[str]) -> list[tuple[str, str, str | None]]:
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return []
    rows = []
    for number in range(book.partition_count):
        frame = book.partition(number).tables["customers"].select("customer_id", "jurisdiction", "region")
        rows += [row for row in frame.iter_rows() if row[0] in customers]
    return rows


def erase_customer(customer: str, why: str, by: str | None, despite: str | None) -> None:
    """Erase a person, unless a duty to keep still runs and no ground is given."""
    settings, journal = _open_with_office()
    from dunwell.office.compliance.erasing import (
        erase_files,
        erase_records,
        erase_strangers,
        files_of,
        files_of_erased,
        names_of,
        packs_handed_out,
    )

    for kept in _retention(settings, journal, customer):
        if not kept.may_be_erased(now().date()) and despite is None:
            until = "until it is decided" if kept.keep_until is None else f"until {kept.keep_until}"
            raise CommandError(
                f"{customer} must be kept {until}: {kept.why}. To erase all the same, give --despite with the ground"
            )
    subject = journal.vault.references([customer]).get(customer)
    is_in_book = bool(_jurisdictions(settings, {customer}))
    if journal.vault.is_forgotten(customer):
        erase_files(settings, customer, files_of_erased(settings), names_of(settings, customer))
        print(f"{customer} was erased before; what a stop may have left of them in files is gone as well")
        return
    if subject is None and not is_in_book:
        raise CommandError(
            f"no customer {customer!r} is in the book or the vault. Look whether the id is right"
        )
    files, packs = ([], []) if subject is None else (files_of(settings, subject), packs_handed_out(subject))
    told = why if despite is None else f"{why}; despite: {despite}"
    names, by = names_of(settings, customer), by or getpass.getuser()
    count = erase_records(journal, customer, by=by, why=told, names=names)
    count += erase_strangers(journal, names, by=by, why=told)
    erase_files(settings, customer, files, names)
    is_scrubbed = journal.vault.scrub()
    print(
        f"{customer} was erased: {count:,} pieces of personal data and the key are gone; the journal still verifies"
    )
    print(
        "note: the book shows them nowhere; their rows go with the next run, and older backups when you throw them away"
    )
    if not is_scrubbed:
        print(_NOT_SCRUBBED)
    for day, who, ground in packs:
        print(
            f"note: a pack of evidence about them was made on {day} by {who} ({ground}): see that it is destroyed"
        )


_NOT_SCRUBBED = (
    "note: others are using the database, so the erased key's bytes may still stand in its files. Run `dunwell evidence scrub`"
    " when less is going on"
)


def scrub_keys() -> None:
    """Write over what erased keys were in the database's files."""
    _, journal = open_journal(Path.cwd())
    if not journal.vault.scrub():
        raise CommandError(
            "others are using the database or see it as it was before. Stop what runs long, and call this again"
        )
    print("the keys of everybody who was erased stand nowhere in the database's own files any more")


def readmit_customer(customer: str, why: str, by: str | None) -> None:
    """Let somebody who was erased be met again, as a new customer."""
    _, journal = _open_with_office()
    from dunwell.journal.recording import NewEvent

    if not journal.vault.remember(customer):
        raise CommandError(f"{customer} was not erased. Look whether the id is right")
    body = {"by": by or getpass.getuser(), "what": "readmitted after erasure", "change": why}
    journal.record([NewEvent("office.changed", journal.clock(), body=body)])
    print(f"{customer} will be in the book again with the next run, as somebody new")


def _open_with_office() -> tuple[Settings, "Journal"]:
    """The settings and the journal, with the office's tables, which name people too."""
    from dunwell.office.project import set_up_office

    set_up_office(read_settings(Path.cwd()))
    return open_journal(Path.cwd())
