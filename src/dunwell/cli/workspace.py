"""``dunwell init``: a workspace is a folder of text, copied from ``new_workspace/`` beside this file.

The approved message texts come from the room that knows how they are read.
"""

import shutil
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.outreach.texts import SHIPPED

_TEMPLATE = Path(__file__).parent / "new_workspace"


def init_workspace(folder: Path) -> None:
    """Make a workspace at ``folder``, which must not exist or be empty. Raises CommandError; writes all or
    nothing.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(
            f"{folder} exists and is not empty. Name a new folder, so that nothing of yours is overwritten"
        )
    copy_template(folder)
    print(f"made the workspace {folder}: settings, two products' terms and a small example tape. Next:")
    print(f"  cd {folder}")
    print("  dunwell doctor")
    print("  dunwell run --tape tape/ --as-of 2026-11-23")


def copy_template(folder: Path) -> None:
    """The workspace's files at ``folder``, by way of a sibling folder so that a stop half-way leaves nothing
    behind.
    """
    staging = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(_TEMPLATE, staging)
    shutil.copytree(SHIPPED, staging / "policy" / "texts", dirs_exist_ok=True)
    (staging / "gitignore").rename(staging / ".gitignore")
    if folder.exists():
        folder.rmdir()
    staging.rename(folder)
