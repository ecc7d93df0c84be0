"""A worker that runs for weeks: a text that was changed, ended or broken is not sent as it was; and a STOP has its answer."""

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from dunwell.outreach.texts import SHIPPED, Text, TextsRefused
from dunwell.outreach.texts.keeping import ApprovedTexts, add, look
from tests.outreach.texts.conftest import ON, Shelf

PLAIN = "Hello {name}, this is Example Bank. Please write to us about your account, we can help."


def bodies(texts: ApprovedTexts) -> dict[str, str]:
    return {text.id: text.body for text in texts() if text.id.startswith("own")}


@pytest.fixture
def own(shelf: Shelf) -> ApprovedTexts:
    shelf.put(PLAIN, id='"own.one"')
    return ApprovedTexts(shelf.folder, lambda: ON, look_seconds=0.0)


def test_a_text_that_was_changed_is_the_new_one_for_the_next_message(
    own: ApprovedTexts, shelf: Shelf
) -> None:
    assert bodies(own)["own.one"].startswith("Hello")
    shelf.put("Good day {name}, this is Example Bank. We can help.", id='"own.one"', version="2")
    assert bodies(own)["own.one"].startswith("Good day")


def test_a_change_of_the_same_length_in_the_same_second_is_seen(own: ApprovedTexts, shelf: Shelf) -> None:
    own()
    (file,) = shelf.folder.rglob("*.txt")
    before = file.stat()
    staging = file.with_suffix(".new")
    staging.write_text(file.read_text().replace("we can help", "we CAN help"))
    os.utime(staging, ns=(before.st_atime_ns, before.st_mtime_ns))
    staging.replace(file)  # as editors save
    assert "CAN" in bodies(own)["own.one"]


def test_a_text_that_was_taken_away_is_sent_no_more(own: ApprovedTexts, shelf: Shelf) -> None:
    assert bodies(own)
    for file in shelf.folder.rglob("*.txt"):
        file.unlink()
    assert not bodies(own)


def test_a_text_that_became_unlawful_stops_everything_until_it_is_mended(
    own: ApprovedTexts, shelf: Shelf
) -> None:
    own()
    shelf.put("{name}, pay now or we will have you arrested.", id='"own.one"')
    for _ in range(2):
        with pytest.raises(TextsRefused, match="arrest"):
            own()
    shelf.put(PLAIN, id='"own.one"')
    assert bodies(own)


def test_with_a_new_day_the_texts_are_reviewed_by_the_law_of_that_day(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put(PLAIN, id='"own.one"')
    days: list[date] = []
    today = [ON]
    texts = ApprovedTexts(shelf.folder, lambda: today[0], look_seconds=0.0)

    def reviewed(folder: Path, on: date) -> tuple[Text, ...]:
        days.append(on)
        return ()

    monkeypatch.setattr("dunwell.outreach.texts.keeping.load_texts", reviewed)
    texts()
    texts()
    today[0] += timedelta(days=1)
    texts()
    assert days == [ON, ON + timedelta(days=1)]


# --- workspaces made before a text was shipped


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A workspace's texts as they were before the answer to a STOP was among them."""
    folder = tmp_path / "texts"
    shutil.copytree(SHIPPED, folder)
    for file in folder.rglob("channel-stopped.txt"):
        file.unlink()
    return folder


def test_a_stop_has_its_answer_in_a_workspace_that_lacks_the_text(older: Path) -> None:
    (older / "en" / "email" / "reminder.first-party.txt").unlink()
    texts = ApprovedTexts(older, lambda: ON)()
    assert {(one.language, one.channel) for one in texts if one.stage == "channel_stopped"} == {
        (language, channel) for language in ("en", "zh") for channel in ("email", "sms")
    }
    reminders = [one for one in texts if one.stage == "reminder" and "first_party" in one.actors]
    assert ("en", "email") not in {(one.language, one.channel) for one in reminders}, (
        "no other text comes back"
    )


def test_what_lacks_is_named_and_added_and_no_file_of_the_lenders_is_written_over(older: Path) -> None:
    mine = older / "zh" / "sms" / "channel-stopped.txt"
    mine.write_text("notes of mine, no text", encoding="utf-8")
    seen = look(older, ("sms",), "first_party")
    assert seen.kinds == [("en", "sms", "channel_stopped"), ("zh", "sms", "channel_stopped")]
    assert [fault.file for fault in seen.faults] == ["zh/sms/channel-stopped.txt"]
    added, left = add(older, seen.missing)
    assert (added, left) == (["en/sms/channel-stopped.txt"], ["zh/sms/channel-stopped.txt"])
    assert mine.read_text(encoding="utf-8") == "notes of mine, no text"
    mine.unlink()
    assert add(older, look(older, ("sms",), "first_party").missing)[0] == ["zh/sms/channel-stopped.txt"]
    assert look(older, ("sms",), "first_party").kinds == []
