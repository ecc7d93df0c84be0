"""``dunwell outreach receive`` and ``inbox``: what came back, and what waits for a person."""

import getpass
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now
from dunwell.cli.outreach import Workshop
from dunwell.outreach.channel import Receipt, Reply

if TYPE_CHECKING:
    from dunwell.outreach.channels import Opened


def receive_files(channel: str, files: Sequence[Path], as_json: bool) -> int:
    """Take in what the files hold; 2 when something in them could not be read (the rest is taken)."""
    shop = Workshop(Path.cwd())
    (opened,) = shop.chosen(channel)
    counts = {"receipts": 0, "replies": 0, "nothing": 0, "unreadable": 0}
    for name, raw in _contents(files):
        found, problems = _read(shop, opened, raw)
        for problem in problems:
            counts["unreadable"] += 1
            print(f"{name}: {problem}", file=sys.stderr)
        if not found and not problems:
            counts["nothing"] += 1
        for item in found:
            shop.take(opened, item)
            counts["receipts" if isinstance(item, Receipt) else "replies"] += 1
    if as_json:
        print(json.dumps(counts))
    else:
        print(
            f"{counts['replies']:,} answers and {counts['receipts']:,} receipts taken in;"
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
    return (
        opened.read(raw, now()) if opened.read is not None else ([], [f"{opened.name} has nothing to read"])
    )


def show_inbox(everything: bool, as_json: bool) -> None:
    """Print the answers that wait for a person."""
    shop = Workshop(Path.cwd())
    from dunwell.journal.models import Event
    from dunwell.journal.recording import PERSONAL

    rows: list[dict[str, Any]] = []
    events = list(Event.objects.filter(kind="contact.replied").order_by("-happened_at")[:500])
    customers = shop.journal.vault.customer_ids({str(event.subject_id) for event in events})
    for event in events:
        body = json.loads(event.body)
        customer = customers.get(str(event.subject_id))
        if customer is None or not (everything or body.get("needs_person")):
            continue
        item = body[PERSONAL]["text"]["item"]
        text = shop.journal.reveal([item], by=getpass.getuser(), why="inbox", customer_id=customer).get(
            item, ""
        )
        rows.append(
            {
                "customer_id": customer,
                "at": event.happened_at.isoformat(),
                "channel": body["channel"],
                "intents": body["intents"],
                "is_urgent": bool(body.get("is_urgent")),
                "text": text,
            }
        )
    rows.sort(key=lambda row: not row["is_urgent"])
    if as_json:
        print(json.dumps({"answers": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        mark = "URGENT  " if row["is_urgent"] else ""
        print(
            f"{mark}{row['at'][:16]}  {row['channel']:<6} {row['customer_id']}  ({', '.join(row['intents'])})"
        )
        print("    " + row["text"].strip().replace("\n", "\n    "))
    print(f"{len(rows):,} answers" + ("" if everything else " wait for a person"))
