"""The labelled sentences are sound as data: well-formed, in known terms, balanced, and not shared between parts.

How well the language review does on them is measured elsewhere; `sentences/README.md` tells how they were labelled.
"""

import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent / "sentences"
FILES = sorted(FOLDER.glob("*.yaml"))
PARTS = ("dev", "held_out", "fresh")
CATEGORIES = frozenset(
    {
        "threat",
        "abuse",
        "false_authority",
        "false_legal",
        "third_party_disclosure",
        "shame",
        "harassment",
        "undue_pressure",
    }
)
CHANNELS = frozenset({"call", "sms", "email", "letter", "app", "visit", "voicemail"})
FEWEST_SENTENCES = 200


def sentences_of(file: Path) -> list[dict[str, Any]]:
    """The entries of one file, as written."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(entries, list), f"{file.name} must be a list of sentences"
    return entries


def normalised(text: str) -> str:
    """The text without what a reader does not see as a difference: width, case, spaces, punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def test_every_language_has_every_part() -> None:
    languages = {file.name.split(".")[0] for file in FILES}
    assert "en" in languages
    assert {file.name for file in FILES} == {
        f"{language}.{part}.yaml" for language in languages for part in PARTS
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_sentence_is_well_formed(file: Path) -> None:
    for entry in sentences_of(file):
        assert {"text", "categories", "channel"} <= set(entry) <= {"text", "categories", "channel", "note"}, (
            entry
        )
        assert isinstance(entry["text"], str), entry
        assert entry["text"].strip() == entry["text"] != "", entry
        assert isinstance(entry["categories"], list), entry
        assert set(entry["categories"]) <= CATEGORIES, entry
        assert len(set(entry["categories"])) == len(entry["categories"]), entry
        assert entry["channel"] in CHANNELS, entry
        assert isinstance(entry.get("note", ""), str), entry


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_part_is_large_and_balanced(file: Path) -> None:
    entries = sentences_of(file)
    counts = Counter(category for entry in entries for category in entry["categories"])
    innocent_count = sum(not entry["categories"] for entry in entries)
    print(f"{file.name}: {len(entries)} sentences, {innocent_count} innocent, {dict(counts.most_common())}")
    assert len(entries) >= FEWEST_SENTENCES
    assert 0.4 <= innocent_count / len(entries) <= 0.6
    assert set(counts) == CATEGORIES, f"{file.name} has no sentence for {sorted(CATEGORIES - set(counts))}"


def test_no_sentence_stands_twice_in_a_part_or_in_two_parts() -> None:
    places: dict[str, list[str]] = {}
    for file in FILES:
        for entry in sentences_of(file):
            places.setdefault(normalised(entry["text"]), []).append(f"{file.name}: {entry['text']}")
    assert [found for found in places.values() if len(found) > 1] == []
