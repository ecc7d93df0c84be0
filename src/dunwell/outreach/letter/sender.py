"""Laying letters into the print folder, each once, with a line in the manifest of the batch."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.letter.manifest import (
    BatchTotal,
    Entry,
    KnownLetters,
    ManifestUnreadable,
    append_lines,
    entry_line,
    only_writer,
    open_batch,
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

    def __init__(self, settings: LetterSettings, batch: Callable[[], str] | None = None) -> None:
        """``batch``: the name of the batch at this moment; the settings' own when None. Once it is closed, letters go into the
        next one of that name.
        """
        self._settings = settings
        self._batch = batch or (lambda: settings.batch)
        self._known = KnownLetters(settings.folder)

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Set and lay all of them, and answer for each in their order.

        ``refused``: this text or address cannot be printed; ``deferred``: the folder cannot be written,
        another writer is at work or a font is missing (the detail says what to do).
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
        self._known.catch_up()
        laid = self._known.files
        batch = open_batch(self._batch(), self._known.closed_batches)
        folder = self._settings.folder / batch
        folder.mkdir(parents=True, exist_ok=True)
        new = {one.message_id: one for one in messages if one.message_id not in laid}
        with ThreadPoolExecutor(self._settings.workers) as pool:  # Typst works outside the interpreter's lock
            lay = partial(self._lay_one, folder)
            made = dict(zip(new, pool.map(lay, new.values()), strict=True))
        entries = [entry for entry in made.values() if isinstance(entry, Entry)]
        if entries:
            sync_folder(folder)
            append_lines(folder, map(entry_line, entries))
        return [
            _outcome(one.message_id, made[one.message_id])
            if one.message_id in made
            else Outcome(one.message_id, "accepted", "already in the print folder", (laid[one.message_id],))
            for one in messages
        ]

    def _lay_one(self, folder: Path, message: Message) -> Entry | LetterUnprintable:
        try:
            page = letter_pdf(message, self._settings)
        except LetterUnprintable as error:
            return error
        file = folder / f"{message.message_id}.pdf"
        write_file(file, page.pdf)
        return Entry(
            message_id=message.message_id,
            file=file.name,
            sha256=hashlib.sha256(page.pdf).hexdigest(),
            pages=page.page_count,
            postal_class=message.headers.get("Postal-Class", "standard"),
            country=message.headers["Country"],
        )


def _outcome(message_id: str, made: Entry | LetterUnprintable) -> Outcome:
    if isinstance(made, LetterUnprintable):
        return Outcome(message_id, "refused" if made.is_for_good else "deferred", str(made))
    pages = "1 page" if made.pages == 1 else f"{made.pages} pages"
    # The event of the letter names its digest, so that a printed page can be held against it.
    return Outcome(message_id, "accepted", pages, (made.file, f"sha256:{made.sha256}"))


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
