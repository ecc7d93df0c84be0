"""Policy texts: dated, cited, and refused with the file, the key and the mend when they are not."""

from datetime import date
from pathlib import Path

import pytest

from dunwell.policy import PolicyError, content_hash, in_force, read_policies, read_policy

GOOD = 'key = "k"\ntitle = "t"\ncitation = "Act s. 1"\nsource_quality = "memory"\nfrom = 2020-01-01\nuntil = 2021-01-01\n'


def write(folder: Path, text: str, name: str = "text.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_text_holds_from_its_first_day_until_the_day_it_ends(tmp_path: Path) -> None:
    text = read_policy(write(tmp_path, GOOD))
    assert [text.holds_on(date(2019, 12, 31)), text.holds_on(date(2020, 1, 1))] == [False, True]
    assert [text.holds_on(date(2020, 12, 31)), text.holds_on(date(2021, 1, 1))] == [True, False]
    assert text.source == "Act s. 1, held from memory: verify"
    assert in_force(read_policies(tmp_path), date(2020, 6, 1)) == [text]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD.replace('citation = "Act s. 1"\n', ""), "citation"),
        (GOOD.replace("memory", "rumour"), "source_quality"),
        (GOOD.replace("from = 2020-01-01\n", ""), "from"),
        (GOOD.replace("from = 2020-01-01", 'from = "2020-01-01"'), "from"),
        (GOOD.replace("until = 2021-01-01", "until = 2019-01-01"), "until"),
        (GOOD + '[[level]]\nsource_quality = "hearsay"\n', "source_quality"),
        (GOOD + "[[level]]\nfrom = 2020-01-01T00:00:00Z\n", "from"),
        (GOOD + "[[level]]\nfrom = 2020-01-01\n", "level[1].citation"),
        (GOOD + '[[level]]\ncitation = "s. 2"\n', "level[1].source_quality"),
        (GOOD + '[caps]\nfrom = 2020-01-01\ncitation = "s. 2"\n', "caps.source_quality"),
        ("not toml", "file"),
    ],
)
def test_a_text_without_its_dates_or_source_is_refused(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(write(tmp_path, text))
    assert caught.value.file == "text.toml"
    assert caught.value.key.endswith(key)
    assert caught.value.mend


def test_the_hash_is_of_the_texts_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = write(tmp_path / "a", GOOD), write(tmp_path / "b", GOOD)
    assert content_hash([one]) == content_hash([two])
    write(tmp_path / "b", GOOD + "# changed\n")
    assert content_hash([one]) != content_hash([two])


def test_an_entry_has_the_texts_dates_and_source_unless_it_says_its_own(tmp_path: Path) -> None:
    levels = """
[[level]]
days = 60
until = 2020-07-01
[[level]]
days = 45
from = 2020-07-01
citation = "Act s. 2"
source_quality = "text"
"""
    text = read_policy(write(tmp_path, GOOD + levels))
    [old] = text.entries("level", date(2020, 6, 30))
    [new] = text.entries("level", date(2020, 7, 1))
    assert (old.values["days"], old.source) == (60, "Act s. 1, held from memory: verify")
    assert (new.values["days"], new.source, new.key) == (45, "Act s. 2", "level[2]")
    assert text.entries("cap", date(2020, 7, 1)) == []


def test_the_hash_of_a_folder_is_that_of_its_texts_whatever_their_line_ends(tmp_path: Path) -> None:
    one = write(tmp_path, GOOD)
    of_file = content_hash(one)
    assert content_hash(tmp_path) == of_file
    one.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert content_hash(tmp_path) == of_file
