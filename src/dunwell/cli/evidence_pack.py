"""``dunwell evidence verify-pack``: needs neither a workspace nor a database."""

import json
from dataclasses import asdict
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.journal.pack_checking import check_pack
from dunwell.journal.signing import read_anchor


def verify_pack_file(file: Path, key: str | None, anchors: list[Path], as_json: bool) -> int:
    """Print what the check found; 1 when something is wrong."""
    if not file.is_file():
        raise CommandError(f"{file} is no file. Name a pack made by `dunwell evidence export`")
    try:
        public_key = None if key is None else bytes.fromhex(key)
    except ValueError as error:
        raise CommandError(
            f"--key is not hexadecimal ({error}). Copy the lender's public key as published"
        ) from error
    found = check_pack(file, public_key, [read_anchor(anchor) for anchor in anchors])
    if as_json:
        print(json.dumps(asdict(found) | {"is_whole": found.is_whole}, indent=2))
        return 0 if found.is_whole else 1
    for fault in found.faults:
        print(f"WRONG  {fault}")
    if found.is_whole:
        print(
            f"whole: {found.event_count:,} events stood in the journal as they stand here when its head was signed"
            f" ({found.sealed_at})"
        )
        print(
            f"       {found.opened_count:,} texts are those the events speak of, {found.erased_count:,} were erased"
        )
        print(f"       the journal continues {found.anchor_count} anchors handed out before")
    if found.key_id and key is None:
        print(
            f"signed with key {found.key_id}: compare it with the one the lender has published, or give --key"
        )
    return 0 if found.is_whole else 1
