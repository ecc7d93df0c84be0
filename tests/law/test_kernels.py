"""What was compiled is used as long as no kernel of the room has changed."""

from pathlib import Path
from typing import Any

from dunwell.law import compiling
from dunwell.law.compiling import stamp_of
from dunwell.law.kernel import judge


def test_code_compiled_before_is_known_by_every_kernel_of_the_room() -> None:
    kernel: Any = judge
    assert kernel._cache._cache_file._source_stamp == stamp_of(Path(compiling.__file__).parent)


def test_a_change_in_any_of_them_makes_it_old(tmp_path: Path) -> None:
    for name in ("kernel.py", "clock_kernel.py", "other.py"):
        (tmp_path / name).write_text("")
    before = stamp_of(tmp_path)
    (tmp_path / "other.py").write_text("1")
    assert stamp_of(tmp_path) == before
    (tmp_path / "clock_kernel.py").write_text("1")
    assert stamp_of(tmp_path) != before
