"""The texts that come with dunwell, read once, and what is put into them."""

from datetime import date
from pathlib import Path

import pytest

from dunwell.outreach.texts import SHIPPED, Money, Text, read_texts
from dunwell.outreach.texts.text import Fault

ON = date(2026, 11, 24)


@pytest.fixture(scope="session")
def shipped() -> tuple[tuple[Text, ...], tuple[Fault, ...]]:
    return read_texts(SHIPPED, ON)


@pytest.fixture(scope="session")
def texts(shipped: tuple[tuple[Text, ...], tuple[Fault, ...]]) -> tuple[Text, ...]:
    return shipped[0]


@pytest.fixture
def values() -> dict[str, object]:
    """Something for every slot that a shipped text has."""
    days = ("due_date", "reply_by", "paid_on", "first_on", "last_on", "until", "pause_until", "received_on")
    money = ("amount", "balance", "total", "instalment", "then", "interest", "fees", "paid")
    return {
        **{
            name: date(2026, 12, 1)
            for name in (*days, "answer_by", "stopped_on", "itemised_on", "dispute_by")
        },
        **{name: Money(123_450, "USD") for name in money},
        "name": "Mary Constable",
        "sender": "Northway Recovery",
        "lender": "Example Bank",
        "creditor": "Example Bank plc",
        "account": "4821",
        "phone": "+1 800 555 0100",
        "url": "https://pay.example.com/a/8KQ2M4",
        "advice": "StepChange, 0800 138 1111",
        "count": "12",
        "mail_to": "P.O. Box 121212, Pasadena, CA 91111",
    }


class Shelf:
    """A folder of texts that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(
        self, body: str, *, at: str = "en/sms/one.txt", slots: str = 'name = "name"', **keys: str | None
    ) -> Path:
        """A text that is right in all that is not given; a key of None is left out."""
        language, channel, _ = at.split("/")
        front: dict[str, str | None] = {
            "id": '"one"',
            "version": "1",
            "language": f'"{language}"',
            "channel": f'"{channel}"',
            "stage": '"reminder"',
            "purpose": '"remind"',
            "packs": '["gb"]',
            "actors": '["first_party"]',
            "approved_by": '"R. Osei"',
            "approved_on": "2026-01-01",
            "from": "2026-01-01",
            "subject": None if channel == "sms" else '"A message from us"',
            **{key.rstrip("_"): value for key, value in keys.items()},
        }
        lines = [f"{key} = {value}" for key, value in front.items() if value is not None]
        file = self.folder / at
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["+++", *lines, "[slots]", slots, "+++", body, ""]), encoding="utf-8")
        return file

    def faults(self) -> list[Fault]:
        return list(read_texts(self.folder, ON)[1])

    def only(self) -> Text:
        found, faults = read_texts(self.folder, ON)
        assert faults == (), faults
        assert len(found) == 1
        return found[0]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "texts")
