"""Knocks are counted by all processes of a server together."""

import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run

import pytest
from django.core.cache import caches
from django.test import Client

from dunwell.office.access.knocking import Knocks
from dunwell.office.project import KNOCKS, KNOCKS_FILE, office_settings
from tests.office.conftest import Office


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "knocks.sqlite3")


def test_what_one_process_counted_the_others_know(file: str) -> None:
    ours = Knocks(file, {})
    ours.set("throttle_a", [3.0, 2.0], 60)
    other = f"""
        from django.conf import settings
        settings.configure()
        from dunwell.office.access.knocking import Knocks
        theirs = Knocks({file!r}, {{}})
        assert theirs.get("throttle_a") == [3.0, 2.0]
        assert not theirs.add("throttle_a", []) and theirs.add("door_b", 1)
        theirs.set("throttle_a", [4.0])
    """
    run([sys.executable, "-c", textwrap.dedent(other)], check=True)
    assert (ours.get("throttle_a"), ours.get("door_b"), ours.get("door_c", "none")) == ([4.0], 1, "none")
    assert ours.delete("door_b") and not ours.delete("door_b")
    ours.clear()
    assert ours.get("throttle_a") is None


def test_what_was_kept_for_a_time_ends(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Knocks(file, {})
    ours.set("door", 1, 60)
    ours.set("lasting", 1, None)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert (ours.get("door"), ours.get("lasting")) == (None, 1)
    assert ours.add("door", 2, 60) and ours.get("door") == 2
    assert not ours.add("lasting", 2)


def _adds(file: str) -> int:
    knocks = Knocks(file, {})
    return sum(knocks.add(f"door:{number}", 1, 60) for number in range(200))


def test_of_all_who_lock_at_once_one_does(file: str) -> None:
    with ThreadPoolExecutor(3) as pool:  # each by a connection of its own, as processes have
        assert sum(pool.map(_adds, [file] * 3)) == 200


def test_several_processes_limit_a_door_together(office: Office, file: str) -> None:
    settings = office_settings(office.place.settings, {KNOCKS_FILE: file, "DUNWELL_OFFICE_SECRET": "s"})
    assert settings["CACHES"][KNOCKS]["LOCATION"] == file
    first, second = Knocks(file, {}), Knocks(file, {})
    answers = []
    for number in range(61):
        caches[KNOCKS] = (first, second)[number % 2]  # as two processes take turns
        answers.append(Client().post("/unsubscribe/nothing").status_code)
    del caches[KNOCKS]
    assert answers == [404] * 60 + [429]
