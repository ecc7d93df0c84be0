"""``dunwell backup`` and ``dunwell restore``."""

import json
from datetime import UTC, datetime
from pathlib import Path

from dunwell.settings import read_settings


def make_backup(root: Path, file: Path | None, with_keys: bool, as_json: bool) -> None:
    """Write the workspace's backup and print where it is. Raises BackupUnusable, SettingsError."""
    from dunwell.office.running.backup import back_up

    settings = read_settings(root)
    now = datetime.now(UTC)
    target = file or root.resolve().parent / f"{root.resolve().name}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    made = back_up(settings, target, now, with_keys=with_keys)
    if as_json:
        print(
            json.dumps(
                {
                    "file": str(made.file),
                    "files": made.file_count,
                    "bytes": made.byte_count,
                    "sha256": made.digest,
                }
            )
        )
        return
    print(
        f"{made.file}: {made.file_count:,} files, {made.byte_count / 1e6:,.1f} MB; manifest sha256 {made.digest}"
    )
    if not with_keys:
        print("The keys are not in it: keep a copy of keys/ elsewhere, without them the vault cannot be read")


def restore_backup(file: Path, folder: Path, database: str | None) -> int:
    """Restore a backup, check the journal where its keys are at hand, and print what was found; the exit code."""
    from dunwell.office.running.backup import restore

    manifest = restore(file, folder, database)
    print(f"{folder}: restored as of {manifest['made_at']}, {len(manifest['files']):,} files as they were")
    if manifest["held_back"]:
        print(
            f"{manifest['held_back']:,} messages that were due then are not sent: they may have gone out since"
            " (`dunwell outreach` counts them as unknown)"
        )
    print(
        f"Who was erased after {manifest['made_at']} is in it again: erase them anew before anything is run"
    )
    if not manifest["with_keys"]:
        print(
            f"Now put your copy of the keys into {folder / 'keys'}, then check: cd {folder} && dunwell evidence verify"
        )
    else:
        print(f"Check it: cd {folder} && dunwell evidence verify")
    return 0
