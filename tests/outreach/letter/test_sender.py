"""The print folder: every letter lies there whole and once, and the manifest tells of each and of the batch."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dunwell.outreach.channel import Message, Outcome, Sender
from dunwell.outreach.letter import LetterSender, LetterSettings, SettingsUnusable, close_batch
from dunwell.outreach.letter.manifest import MANIFEST, only_writer

Letter = Callable[..., Message]


def send(settings: LetterSettings, *messages: Message) -> list[Outcome]:
    async def once() -> list[Outcome]:
        sender: Sender = LetterSender(settings)
        outcomes = await sender.send(messages)
        await sender.close()
        return outcomes

    return asyncio.run(once())


def lines(settings: LetterSettings) -> list[dict[str, Any]]:
    manifest = settings.folder / settings.batch / MANIFEST
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def test_a_letter_is_laid_with_its_line(letter: Letter, settings: LetterSettings) -> None:
    (laid,) = send(settings, letter("m-1"))
    digest = hashlib.sha256((settings.folder / settings.batch / "m-1.pdf").read_bytes()).hexdigest()
    assert laid == Outcome("m-1", "accepted", "1 page", ("m-1.pdf", f"sha256:{digest}"))
    pdf = (settings.folder / settings.batch / "m-1.pdf").read_bytes()
    assert lines(settings) == [
        {
            "message_id": "m-1",
            "file": "m-1.pdf",
            "sha256": hashlib.sha256(pdf).hexdigest(),
            "pages": 1,
            "postal_class": "standard",
            "country": "GB",
        }
    ]


def test_the_same_message_again_does_nothing(letter: Letter, settings: LetterSettings) -> None:
    assert LetterSender(settings).is_idempotent
    send(settings, letter("m-1"))
    before = (settings.folder / settings.batch / "m-1.pdf").stat().st_mtime_ns
    again = send(settings, letter("m-1"), letter("m-2"), letter("m-2"))
    assert [outcome.certainty for outcome in again] == ["accepted"] * 3
    assert (settings.folder / settings.batch / "m-1.pdf").stat().st_mtime_ns == before
    assert [line["message_id"] for line in lines(settings)] == ["m-1", "m-2"]


def test_a_sender_learns_what_another_laid_meanwhile(letter: Letter, settings: LetterSettings) -> None:
    async def two() -> list[Outcome]:
        one, other = LetterSender(settings), LetterSender(settings)
        await one.send([letter("m-1")])
        await other.send([letter("m-2")])
        return await one.send([letter("m-2"), letter("m-3")])

    assert [outcome.detail for outcome in asyncio.run(two())] == ["already in the print folder", "1 page"]
    assert [line["message_id"] for line in lines(settings)] == ["m-1", "m-2", "m-3"]


def test_not_even_in_the_next_batch(letter: Letter, settings: LetterSettings) -> None:
    send(settings, letter("m-1"))
    close_batch(settings)
    following = replace(settings, batch="2026-11-25-a")
    assert send(following, letter("m-1"))[0].detail == "already in the print folder"
    assert list((settings.folder / "2026-11-25-a").glob("*.pdf")) == []


def test_one_that_cannot_be_printed_does_not_hold_up_the_others(
    letter: Letter, settings: LetterSettings
) -> None:
    bad, unset = letter("m-2", text="😀"), letter("m-3", to="x")
    outcomes = send(settings, letter("m-1"), bad, unset, letter("m-4"))
    assert [outcome.certainty for outcome in outcomes] == ["accepted", "refused", "refused", "accepted"]
    assert [line["message_id"] for line in lines(settings)] == ["m-1", "m-4"]


def test_a_missing_font_defers(chinese_letter: Message, settings: LetterSettings) -> None:
    outcome = send(replace(settings, font_folders=()), chinese_letter)[0]
    assert outcome.certainty == "deferred"
    assert "fonts-wqy-microhei" in outcome.detail


def test_a_batch_is_closed_with_its_totals(letter: Letter, settings: LetterSettings) -> None:
    long = letter(
        "m-3", text=(letter().text + "\n\n") * 5, headers={"Country": "DE", "Postal-Class": "priority"}
    )
    send(settings, letter("m-1"), letter("m-2"), long)
    total = close_batch(settings)
    assert (total.letters, total.letters_by_class) == (3, {"DE priority": 1, "GB standard": 2})
    assert total.pages == sum(line["pages"] for line in lines(settings)[:3]) > 3
    raw = (settings.folder / settings.batch / MANIFEST).read_bytes()
    assert total.sha256_of_lines == hashlib.sha256(b"".join(raw.splitlines(keepends=True)[:3])).hexdigest()
    assert lines(settings)[-1]["is_total"] is True
    assert close_batch(settings) == total
    assert len(lines(settings)) == 4


def test_after_a_batch_is_closed_the_next_letters_of_the_day_go_into_a_second_one(
    letter: Letter, settings: LetterSettings
) -> None:
    send(settings, letter("m-1"))
    close_batch(settings)
    assert [one.certainty for one in send(settings, letter("m-1"), letter("m-2"))] == ["accepted"] * 2
    assert len(lines(settings)) == 2, "the closed batch stays as it was handed over"
    second = replace(settings, batch=f"{settings.batch}-2")
    assert [line["message_id"] for line in lines(second)] == ["m-2"]
    assert close_batch(second).letters == 1
    send(settings, letter("m-3"))
    assert [line["message_id"] for line in lines(replace(settings, batch=f"{settings.batch}-3"))] == ["m-3"]


def test_the_batch_is_that_of_the_day_on_which_a_letter_is_laid(
    letter: Letter, settings: LetterSettings
) -> None:
    days = iter(["2026-11-24", "2026-11-25"])
    sender = LetterSender(settings, lambda: next(days))
    for name in ("m-1", "m-2"):
        asyncio.run(sender.send([letter(name)]))
    for day, name in (("2026-11-24", "m-1"), ("2026-11-25", "m-2")):
        assert [line["message_id"] for line in lines(replace(settings, batch=day))] == [name]


def test_what_a_crash_left_is_made_good(letter: Letter, settings: LetterSettings) -> None:
    send(settings, letter("m-1"))
    folder = settings.folder / settings.batch
    (folder / "m-2.pdf").write_bytes(b"half")
    (folder / ".m-3.pdf.new").write_bytes(b"half")
    with (folder / MANIFEST).open("a") as stream:
        stream.write('{"message_id": "m-2", "fi')
    assert send(settings, letter("m-2"))[0].certainty == "accepted"
    assert [line["message_id"] for line in lines(settings)] == ["m-1", "m-2"]
    assert hashlib.sha256((folder / "m-2.pdf").read_bytes()).hexdigest() == lines(settings)[1]["sha256"]
    (folder / "m-9.pdf").write_bytes(b"laid, and no line")
    close_batch(settings)
    assert sorted(file.name for file in folder.iterdir()) == ["m-1.pdf", "m-2.pdf", MANIFEST]


_WORK = """
import asyncio, sys
from pathlib import Path
from types import MappingProxyType
from dunwell.outreach.channel import Message
from dunwell.outreach.letter import LetterSender, LetterSettings
settings = LetterSettings(folder=Path(sys.argv[1]), batch="b", letterhead=("Bank",), country="GB")
headers = MappingProxyType({"Country": "GB", "Date": "2026-11-24"})
messages = [Message(f"m-{n}", "A\\nB", f"Dear A,\\n\\nletter {n}\\n\\nus", headers=headers, subject="x") for n in range(12)]
for at in range(0, 12, 3):
    asyncio.run(LetterSender(settings).send(messages[at : at + 3]))
"""


def test_killed_at_any_moment_and_started_again_every_letter_lies_there_once(tmp_path: Path) -> None:
    folder = tmp_path / "print"
    for letters_seen in (1, 4, 8):
        process = subprocess.Popen([sys.executable, "-c", _WORK, str(folder)])
        ends = time.monotonic() + 60
        while len(list(folder.glob("b/m-*.pdf"))) < letters_seen and process.poll() is None:
            assert time.monotonic() < ends
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", _WORK, str(folder)], check=True, timeout=60)
    told = [json.loads(line) for line in (folder / "b" / MANIFEST).read_text().splitlines()]
    assert sorted(line["message_id"] for line in told) == sorted(f"m-{n}" for n in range(12))
    for line in told:
        assert hashlib.sha256((folder / "b" / line["file"]).read_bytes()).hexdigest() == line["sha256"]


def test_two_writers_do_not_meet(letter: Letter, settings: LetterSettings) -> None:
    with only_writer(settings.folder):
        assert send(settings, letter("m-1"))[0].certainty == "deferred"
    assert send(settings, letter("m-1"))[0].certainty == "accepted"


def test_a_folder_that_cannot_be_written_defers(
    letter: Letter, settings: LetterSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = send(replace(settings, folder=tmp_path / "file" / "print"), letter("m-1"))[0]
    assert outcome.certainty == "deferred"
    assert "cannot be written" in outcome.detail


def test_a_manifest_that_somebody_broke_defers_and_is_left_alone(
    letter: Letter, settings: LetterSettings
) -> None:
    send(settings, letter("m-1"))
    manifest = settings.folder / settings.batch / MANIFEST
    manifest.write_text("not json\n" + manifest.read_text())
    outcome = send(settings, letter("m-2"))[0]
    assert outcome.certainty == "deferred"
    assert "line 1" in outcome.detail
    assert manifest.read_text().startswith("not json\n")


@pytest.mark.parametrize(
    "changed",
    [
        {"return_line": "ABC Debt Collectors, P.O. Box 1"},
        {"return_line": "某某催收公司 上海"},
        {"return_line": "two\nlines"},
        {"batch": "../up"},
        {"letterhead": ()},
        {"envelope": "c4"},
        {"country": "UK!"},
        {"seal": Path("seal.pdf")},
        {"workers": 0},
    ],
)
def test_settings_that_cannot_be_used(settings: LetterSettings, changed: dict[str, Any]) -> None:
    with pytest.raises(SettingsUnusable):
        replace(settings, **changed)
