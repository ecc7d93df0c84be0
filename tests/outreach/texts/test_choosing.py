"""Which text is used; where none fits, none."""

from datetime import date
from typing import TYPE_CHECKING

import pytest

from dunwell.outreach.texts import NoText, Text, choose, find, load_texts

if TYPE_CHECKING:
    from tests.outreach.texts.conftest import Shelf

ON = date(2026, 11, 24)


def test_by_language_channel_stage_and_role(texts: tuple[Text, ...]) -> None:
    text = choose(
        texts, "zh-Hans-CN", "sms", "promise_reminder", ("cn", "cn-house", "house-floor"), ON, actor="agency"
    )
    assert text.id == "zh.sms.promise-reminder.collector"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"language": "fr"}, "language 'fr' cannot be reviewed"),
        ({"channel": "letter"}, "none fits by its channel"),
        ({"stage": "validation_notice"}, "none fits by its stage"),
        ({"actor": "friend"}, "none fits by its actor"),
        ({"packs": ("us-tx",)}, "none fits by its packs"),
        ({"packs": ()}, "none fits by its packs"),
        ({"packs": ("house-floor",)}, "none fits by its packs"),
        ({"on": date(2020, 1, 1)}, "none fits by its day"),
    ],
)
def test_where_none_fits_none_is_used(shelf: "Shelf", changed: dict[str, object], said: str) -> None:
    shelf.put("Hello {name}.")
    texts = load_texts(shelf.folder, ON)
    asked: dict[str, object] = {
        "language": "en",
        "channel": "sms",
        "stage": "reminder",
        "packs": ("gb",),
        "on": ON,
        "actor": "first_party",
    }
    assert choose(texts, **asked).id == "one"  # type: ignore[arg-type]
    with pytest.raises(NoText, match=said):
        choose(texts, **(asked | changed))  # type: ignore[arg-type]


def test_the_text_written_for_just_this_law_comes_first(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.", packs='["gb", "hk"]')
    shelf.put("Hello there {name}.", at="en/sms/two.txt", id='"two"')
    texts = load_texts(shelf.folder, ON)
    assert choose(texts, "en", "sms", "reminder", ("gb",), ON, actor="first_party").id == "two"
    assert choose(texts, "en", "sms", "reminder", ("hk",), ON, actor="first_party").id == "one"


def test_a_text_by_its_id_on_a_day(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.", until="2026-06-01")
    shelf.put("Hello again {name}.", at="en/sms/two.txt", version="2", from_="2026-06-01")
    texts = load_texts(shelf.folder, ON)
    assert find(texts, "one", date(2026, 5, 31)).version == 1
    assert find(texts, "one", date(2026, 6, 1)).version == 2
    with pytest.raises(NoText, match="may not be used on that day"):
        find(texts, "one", date(2025, 6, 1))
    with pytest.raises(NoText, match="none of that id"):
        find(texts, "other", ON)
