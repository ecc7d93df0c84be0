"""What was compiled is used as long as no kernel of the room has changed."""

import os
from pathlib import Path

from dunwell.law import compiling
from dunwell.law.compiling import stamp_of
from dunwell.law.kernel import judge


def test_code_compiled_before_is_known_by_every_kernel_of_the_room() -> None:
    kept = judge._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert kept == stamp_of(Path(compiling.__file__).parent)
    assert {name for name, *_ in kept} >= {
        "kernel.py",
        "kind_kernel.py",
        "count_kernel.py",
        "clock_kernel.py",
    }


def test_a_change_in_any_of_them_makes_it_old(tmp_path: Path) -> None:
    for name in ("kernel.py", "clock_kernel.py", "other.py"):
        (tmp_path / name).write_text("")
    before = stamp_of(tmp_path)
    os.utime(tmp_path / "other.py", (1, 1))
    assert stamp_of(tmp_path) == before
    os.utime(tmp_path / "clock_kernel.py", (1, 1))
    assert stamp_of(tmp_path) != before
