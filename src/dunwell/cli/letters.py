"""``dunwell outreach close-batch``: a batch of letters is complete, and the printer may have it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now
from dunwell.settings import read_settings, set_up_django


def close_letters(batch: str | None, as_json: bool) -> None:
    """Close the batch and print its totals; closing it again prints the same."""
    settings = read_settings(Path.cwd())
    set_up_django(settings)
    from dunwell.outreach.channels import letter_settings
    from dunwell.outreach.letter import close_batch
    from dunwell.outreach.letter.manifest import ManifestUnreadable

    today = f"{now():%Y-%m-%d}"
    chosen = letter_settings(settings, batch or today)
    if batch is None:
        chosen = replace(chosen, batch=_last_batch(chosen.folder, today))
    folder = chosen.folder / chosen.batch
    if not folder.is_dir():
        raise CommandError(
            f"{folder} is no batch: no letter was laid there. Name a folder in {chosen.folder}"
        )
    try:
        total = close_batch(chosen)
    except ManifestUnreadable as error:
        raise CommandError(str(error)) from error
    except BlockingIOError as error:
        raise CommandError(
            f"another process is writing into {chosen.folder}. Let it finish, then close the batch"
        ) from error
    if as_json:
        print(json.dumps(asdict(total), indent=2))
        return
    print(f"{folder} is closed: {total.letters:,} letters, {total.pages:,} pages")
    for name, count in total.letters_by_class.items():
        print(f"  {name:<16} {count:>8,}")


def _last_batch(folder: Path, name: str) -> str:
    """The last batch of a day: the day's name, or NAME-2, NAME-3, ..."""
    number = 1
    while (folder / f"{name}-{number + 1}").is_dir():
        number += 1
    return name if number == 1 else f"{name}-{number}"
