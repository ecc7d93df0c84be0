"""``dunwell outreach receive`` and ``inbox``: what came back, what waits for a person, and that it was dealt with."""

import getpass
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now, open_journal
from dunwell.cli.outreach import Workshop
from dunwell.outreach.channel import Receipt, Reply

if TYPE_CHECKING:
    from dunwell.outreach.channels import Opened


def receive_files(channel: str, files: Sequence[Path], as_json: bool) -> int:
    """Take in what the files hold; 2 when something in them could not be read (the rest is taken)."""
    shop = Workshop(Path.cwd())
    (opened,) = shop.chosen(channel)
    counts = {"receipts": 0, "replies": 0, "known": 0, "nothing": 0, "unreadable": 0}
    for name, raw in _contents(files):
        found, problems = _read(shop, opened, raw)
        for problem in problems:
            counts["unreadable"] += 1
            print(f"{name}: {problem}", file=sys.stderr)
        if not found and not problems:
            counts["nothing"] += 1
        for item in found:
            is_new = shop.take(opened, item)
            counts["receipts" if isinstance(item, Receipt) else "replies" if is_new else "known"] += 1
    if as_json:
        print(json.dumps(counts))
    else:
        print(
            f"{counts['replies']:,} answers and {counts['receipts']:,} receipts taken in;"
            f" {counts['known']:,} answers were known already;"
            f" {counts['nothing']:,} said nothing to us; {counts['unreadable']:,} unreadable"
        )
    return 2 if counts["unreadable"] else 0


def _contents(files: Sequence[Path]) -> Iterable[tuple[str, bytes]]:
    if not files:
        yield "standard input", sys.stdin.buffer.read()
    for file in files:
        inner = sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else [file]
        for path in inner:
            if not path.is_file():
                raise CommandError(f"{path} is no file. Name messages as they arrived, or a folder of them")
            yield str(path), path.read_bytes()


def _read(shop: Workshop, opened: "Opened", raw: bytes) -> tuple[list[Receipt | Reply], list[str]]:
    """What a file holds, and what in it cannot be read."""
    if opened.read is None:
        problem = (
            f"what comes back by {opened.name} comes over the provider's own connection. Keep `dunwell outreach work` or"
            " `dunwell outreach listen` running"
        )
        return [], [problem]
    return opened.read(raw, now())


def show_inbox(everything: bool, as_json: bool) -> None:
    """Print the answers that wait for a person."""
    _, journal = open_journal(Path.cwd())
    from dunwell.outreach.inbox import SHORT, items

    rows: list[dict[str, Any]] = []
    for item in items(journal, everything=everything):
        read = [item.text_item]
        told = journal.reveal(read, by=getpass.getuser(), why="inbox", customer_id=item.customer_id)
        rows.append(
            {
                "id": item.event_id,
                "customer_id": item.customer_id,
                "at": item.at.isoformat(),
                "channel": item.channel,
                "intents": list(item.intents),
                "is_urgent": item.is_urgent,
                "needs_person": item.needs_person,
                "is_done": item.is_done,
                "assigned_to": item.assigned_to,
                "text": told.get(item.text_item, ""),
            }
        )
    if as_json:
        print(json.dumps({"answers": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        marks = ("URGENT  " if row["is_urgent"] else "") + ("done  " if row["is_done"] else "")
        has = f", {row['assigned_to']} has it" if row["assigned_to"] else ""
        print(
            f"{marks}{row['id'][-SHORT:]}  {row['at'][:16]}  {row['channel']:<6} {row['customer_id']}"
            f"  ({', '.join(row['intents'])}{has})"
        )
        print("    " + row["text"].strip().replace("\n", "\n    "))
    print(f"{len(rows):,} answers" + ("" if everything else " wait for a person"))


def change_inbox(done: str | None, note: str, assigned: str | None, to: str | None) -> None:
    """Mark an answer as done, or say who deals with one. Raises CommandError."""
    if (assigned is None) != (to is None):
        raise CommandError("--assign names the answer and --to who deals with it. Give both")
    if note and done is None:
        raise CommandError("--note says what was done. Give it with --done")
    _, journal = open_journal(Path.cwd())
    from dunwell.outreach.inbox import NoSuchReply, assign, mark_done

    by = getpass.getuser()
    try:
        if assigned is not None and to is not None:
            print(f"{assign(journal, assigned, to, by)}: {to} has it")
        if done is not None:
            print(f"{mark_done(journal, done, by, note)}: done")
    except NoSuchReply as error:
        raise CommandError(str(error)) from error
