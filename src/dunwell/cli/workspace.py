"""``dunwell init``: a workspace is a folder of text, copied from ``new_workspace/`` beside this file.

The approved message texts come from the room that knows how they are read.
"""

import shutil
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.outreach.texts import SHIPPED

_TEMPLATE = Path(__file__).parent / "new_workspace"
_STAGING = ".dunwell-init"
_LAST = "dunwell.toml"
"""What makes a folder a workspace."""


def init_workspace(folder: Path) -> None:
    """Make a workspace at ``folder``, which must not exist or be empty. Raises CommandError; writes all or
    nothing.
    """
    if folder.exists() and (not folder.is_dir() or any(one.name != _STAGING for one in folder.iterdir())):
        raise CommandError(
            f"{folder} exists and is not empty. Name a new folder, so that nothing of yours is overwritten"
        )
    copy_template(folder)
    print(f"made the workspace {folder}: settings, two products' terms and a small example tape. Next:")
    print(f"  cd {folder}")
    print("  dunwell doctor")
    print("  dunwell run --tape tape/ --as-of 2026-11-23")


def copy_template(folder: Path) -> None:
    """The workspace's files at ``folder``, an empty one where it exists: it may be a volume, beside which nothing can be written.

    Laid out within it first, the file that makes it a workspace last, so that a stop half-way leaves none behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(_TEMPLATE, staging)
    shutil.copytree(SHIPPED, staging / "policy" / "texts", dirs_exist_ok=True)
    (staging / "gitignore").rename(staging / ".gitignore")
    for one in sorted(staging.iterdir(), key=lambda one: one.name == _LAST):
        one.rename(folder / one.name)
    staging.rmdir()
