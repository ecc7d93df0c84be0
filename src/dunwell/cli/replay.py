"""``dunwell replay``: a decision made again, and compared with the one that was kept."""

import json
from pathlib import Path
from typing import Any

from dunwell.cli.errors import CommandError
from dunwell.cli.progress import prepare_kernels
from dunwell.settings import read_settings


def replay_decision(decision_id: str, as_json: bool) -> int:
    """Print the decision and whether it is the same; 1 when it differs."""
    from dunwell.nightly.replay import CannotReplay, replay

    settings = read_settings(Path.cwd())
    prepare_kernels("ledger", "gate")
    try:
        found = replay(settings, decision_id)
    except CannotReplay as error:
        raise CommandError(str(error)) from error
    if as_json:
        told = {
            "is_same": found.is_same,
            "is_for_certain": found.is_for_certain,
            "differences": found.differences,
            "erased": found.erased_count,
            "beside_erased": found.beside_erased,
            "kept": found.kept,
            "again": found.again,
        }
        print(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        return 0 if found.is_same else 1
    for name, value in found.kept.items():
        if value not in (None, [], ""):
            print(f"{name:<18} {_told(value)}")
    for name in found.differences:
        print(f"DIFFERS  {name}: kept {_told(found.kept[name])}, made again {_told(found.again[name])}")
    for name in found.beside_erased:
        print(f"without them  {name}: kept {_told(found.kept[name])}, made again {_told(found.again[name])}")
    if found.is_for_certain:
        print("the same, bit for bit")
    elif found.differences:
        print("NOT the same")
    else:
        print(
            f"the same in what hangs on this person alone. {found.erased_count:,} people who shared the day were erased since; "
            f"what hangs on everybody cannot be made again without them"
        )
    return 0 if found.is_same else 1


def _told(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
    )
