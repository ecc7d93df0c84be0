"""Laying letters into the print folder, each once, with a line in the manifest of the batch."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.letter.manifest import (
    BatchTotal,
    Entry,
    ManifestUnreadable,
    append_lines,
    entry_line,
    only_writer,
    read_manifest,
    sync_folder,
    total_of,
    write_file,
)
from dunwell.outreach.letter.page import LetterUnprintable, letter_pdf
from dunwell.outreach.letter.settings import LetterSettings

__all__ = ["BatchTotal", "LetterSender", "close_batch"]


class LetterSender:
    """The letter channel's ``Sender``. A letter that lies in any batch of the print folder is never laid twice."""

    is_idempotent = True
    """The same message_id again does nothing: after an unknown end it may be handed over again."""

    def __init__(self, settings: LetterSettings) -> None:
        self._settings = settings
        self._folder = settings.folder / settings.batch

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Set and lay all of them, and answer for each in their order.

        ``refused``: this text or address cannot be printed; ``deferred``: the folder cannot be written, the batch is
        closed, another writer is at work or a font is missing (the detail says what to do).
        """
        return await asyncio.to_thread(self._send, list(messages))

    async def close(self) -> None:
        """Nothing is kept open; the batch stays open for more letters until ``close_batch``."""

    def _send(self, messages: list[Message]) -> list[Outcome]:
        try:
            with only_writer(self._settings.folder):
                return self._lay(messages)
        except BlockingIOError:
            detail = "another process is writing into the print folder; let it finish"
        except ManifestUnreadable as error:
            detail = str(error)
        except OSError as error:
            detail = f"the print folder cannot be written ({error.strerror or error}); mend it"
        return [Outcome(message.message_id, "deferred", detail) for message in messages]

    def _lay(self, messages: list[Message]) -> list[Outcome]:
        """Every letter first, then the manifest's lines in one write: a letter without a line is laid again."""
        laid = {entry.message_id: entry.file for entry in _entries(self._settings.folder)}
        is_closed = read_manifest(self._folder).total is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        outcomes: list[Outcome] = []
        entries: list[Entry] = []
        for message in messages:
            name = message.message_id
            if name in laid:
                outcomes.append(Outcome(name, "accepted", "already in the print folder", (laid[name],)))
                continue
            if is_closed:
                detail = f"batch {self._settings.batch} is closed; name the next one in the settings"
                outcomes.append(Outcome(name, "deferred", detail))
                continue
            try:
                entry = self._lay_one(message)
            except LetterUnprintable as error:
                outcomes.append(Outcome(name, "refused" if error.is_for_good else "deferred", str(error)))
                continue
            entries.append(entry)
            laid[name] = entry.file
            outcomes.append(Outcome(name, "accepted", f"{entry.pages} pages", (entry.file,)))
        if entries:
            sync_folder(self._folder)
            append_lines(self._folder, map(entry_line, entries))
        return outcomes

    def _lay_one(self, message: Message) -> Entry:
        page = letter_pdf(message, self._settings)
        file = self._folder / f"{message.message_id}.pdf"
        write_file(file, page.pdf)
        return Entry(
            message_id=message.message_id,
            file=file.name,
            sha256=hashlib.sha256(page.pdf).hexdigest(),
            pages=page.page_count,
            postal_class=message.headers.get("Postal-Class", "standard"),
            country=message.headers["Country"],
        )


def close_batch(settings: LetterSettings) -> BatchTotal:
    """End a batch with a line of totals; closing it again does nothing. Raises OSError and ManifestUnreadable.

    Letters that a crash left without a line are taken away first: their messages are handed over again.
    """
    folder = settings.folder / settings.batch
    with only_writer(settings.folder):
        folder.mkdir(parents=True, exist_ok=True)
        manifest = read_manifest(folder)
        if manifest.total is not None:
            return manifest.total
        listed = {entry.file for entry in manifest.entries}
        for file in [*folder.glob("*.pdf"), *folder.glob(".*.new")]:
            if file.name not in listed:
                file.unlink()
        total = total_of(folder)
        append_lines(folder, [{"is_total": True, **asdict(total)}])
    return total


def _entries(folder: Path) -> list[Entry]:
    """Every letter of every batch in a print folder."""
    batches = sorted(file.parent for file in folder.glob("*/manifest.jsonl"))
    return [entry for batch in batches for entry in read_manifest(batch).entries]
