"""The packs that come with dunwell: whole, cited, dated, told in both languages; and what is said of one that cannot be read."""

import re
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law import Attempt, Contact, Gate, Person, State
from dunwell.law.kinds import DUTIES, KINDS
from dunwell.law.pack import PACKS_FOLDER, Pack, read_pack, shipped_packs
from dunwell.law.telling import differences
from dunwell.policy import SOURCE_QUALITIES, PolicyError

FIXED_NAMES = {
    "us-reg-f": (
        "hours designated-times designated-places call-attempts call-after-conversation cease attorney dispute "
        "bankruptcy deceased third-parties location-once media-opt-out employer-email wrong-number"
    ),
    "us-ma": "hours contacts-at-home contacts-elsewhere visits",
    "cn": "hours effective-calls unanswered-tries third-parties visits placement-notice",
    "cn-house": "hours",
    "gb": "hours breathing-space reasonable-requests third-parties incapacity dispute",
    "in": "hours third-parties",
    "ph": "hours third-parties",
    "id": "hours third-parties",
    "hk": "hours third-parties bankruptcy placement-notice",
    "eu-npl": "transfer-notice",
}
"""The rule ids that outside checks name."""

EVERY_PACK = tuple(shipped_packs().values())
EVERY_RULE = tuple(rule for pack in EVERY_PACK for rule in pack.rules)

_SOUND = """
key = "mars"
title = "Mars"
title_zh = "火星"
jurisdiction = "mars"
from = 2020-01-01
citation = "Treaty of Olympus"
source_quality = "text"
"""
_HOURS = """
[[rules]]
id = "hours"
kind = "hours"
opens = "08:00"
closes = "20:00"
en = "By day."
zh = "白天。"
"""


_DATED = 'from = 2025-01-01\ncitation = "Treaty of Arsia"\nsource_quality = "press"\n'


def _write(folder: Path, text: str) -> Path:
    file = folder / "mars.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _rules(gate: Gate, attempt: Attempt, person: Person) -> set[str]:
    return {reason.rule for reason in gate.check(attempt, person).reasons}


@pytest.mark.parametrize(("key", "names"), FIXED_NAMES.items())
def test_the_fixed_rules_are_there_and_refuse(key: str, names: str) -> None:
    ruling = {rule.id for rule in shipped_packs()[key].rules if rule.row is not None and rule.kind != "owes"}
    assert {f"{key}.{name}" for name in names.split()} <= ruling


@pytest.mark.parametrize("pack", EVERY_PACK, ids=lambda pack: pack.key)
def test_a_pack_names_itself_and_its_source(pack: Pack) -> None:
    assert (PACKS_FOLDER / f"{pack.key}.toml").is_file()
    assert pack.citation
    assert pack.source_quality in SOURCE_QUALITIES
    assert pack.title.isascii() or pack.key == "cn"
    assert _is_chinese(pack.title_zh)
    assert len(pack.content_hash) == 64


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: f"{rule.id}-{rule.from_on}")
def test_a_rule_is_cited_and_told_in_both_languages(rule: Any) -> None:
    assert rule.citation
    assert rule.source_quality in SOURCE_QUALITIES
    assert rule.en.endswith(".")
    assert not _is_chinese(rule.en)
    assert rule.zh.endswith("。")
    assert _is_chinese(rule.zh)
    assert (rule.row is not None) is (rule.kind in KINDS)
    assert (rule.row is None) is (rule.kind in DUTIES)
    assert bool(rule.rebuttal) is (rule.effect == "presumed_violation")
    assert rule.until_on is None or rule.from_on < rule.until_on


def _is_chinese(text: str) -> bool:
    return bool(re.search("[\u4e00-\u9fff]", text))


def test_what_was_not_read_in_the_original_says_so() -> None:
    """A source held by press or from memory tells so wherever it is shown."""
    for rule in EVERY_RULE:
        doubt = {"text": "", "press": "press", "memory": "verify"}[rule.source_quality]
        assert rule.source.startswith(rule.citation)
        assert doubt in rule.source.removeprefix(rule.citation)
        assert bool(doubt) is (rule.source != rule.citation)


def test_on_no_day_do_two_versions_of_a_rule_hold() -> None:
    days = {day for rule in EVERY_RULE for day in (rule.from_on, rule.until_on) if day is not None}
    for pack in EVERY_PACK:
        for day in sorted(days | {day - timedelta(days=1) for day in days}):
            names = [rule.id for rule in pack.on(day)]
            assert len(names) == len(set(names)), (pack.key, day)


def test_a_successor_begins_on_the_day_its_forerunner_ends() -> None:
    by_id: dict[str, list[Any]] = {}
    for rule in EVERY_RULE:
        by_id.setdefault(rule.id, []).append(rule)
    changed = {name: sorted(versions, key=lambda rule: rule.from_on) for name, versions in by_id.items()}
    pairs = [pair for versions in changed.values() for pair in pairwise(versions)]
    assert {first.id for first, _ in pairs} == {"cn.hours", "cn.third-parties"}
    for first, second in pairs:
        assert first.until_on == second.from_on
        assert (first.citation, first.en) != (second.citation, second.en)


@pytest.mark.parametrize(
    ("key", "jurisdiction", "region", "is_bound"),
    [
        ("us-reg-f", "us", None, True),
        ("us-reg-f", "cn", None, False),
        ("us-ma", "us", "US-MA", True),
        ("us-ma", "us", "US-NY", False),
        ("us-ma", "us", None, False),
        ("house-floor", "gb", None, True),
    ],
)
def test_whom_a_pack_is_for(key: str, jurisdiction: str, region: str | None, is_bound: bool) -> None:
    assert shipped_packs()[key].binds(jurisdiction, region) is is_bound


def test_house_policy_is_marked_as_no_law() -> None:
    assert {pack.key for pack in EVERY_PACK if pack.is_house_policy} == {"cn-house", "house-floor"}


def test_a_sound_pack_is_read(tmp_path: Path) -> None:
    pack = read_pack(_write(tmp_path, _SOUND + _HOURS))
    (rule,) = pack.rules
    assert (rule.id, rule.from_on, rule.citation) == ("mars.hours", date(2020, 1, 1), "Treaty of Olympus")
    gate = Gate(["mars"], known={"mars": pack})
    person = Person("C1", ("UTC",))
    late = Attempt(customer_id="C1", at=_at("2026-06-03T20:00:00+00:00"), channel="call")
    assert _rules(gate, late, person) == {"mars.hours"}


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        (_SOUND + _HOURS.replace('"hours"\nkind', '"hours"\ncolour = "red"\nkind'), "colour", "Its keys"),
        (_SOUND + _HOURS.replace('kind = "hours"', 'kind = "tides"'), "kind", "One of: hours"),
        (_SOUND + _HOURS.replace('closes = "20:00"\n', ""), "closes", "Write a time of day"),
        (_SOUND + _HOURS.replace('"20:00"', '"25:00"'), "closes", "Write a time of day"),
        (_SOUND + _HOURS + 'weekdays = ["mon", "someday"]\n', "weekdays", "Write a list of: mon"),
        (_SOUND + _HOURS + 'weekdays = "mon"\n', "weekdays", "Write a list of: mon"),
        (_SOUND + _HOURS + 'days = "sometimes"\n', "days", "Write one of: any, workdays, no_holidays"),
        (_SOUND + _HOURS + "past_due_days_above = -1\n", "past_due_days_above", "Write a whole number"),
        (_SOUND + _HOURS + 'answer_once = "yes"\n', "answer_once", "Write true or false"),
        (_SOUND + _HOURS + 'channels = ["pigeon"]\n', "channels", "Write a list of: call"),
        (_SOUND + _HOURS + 'effect = "frowned upon"\n', "effect", "One of: prohibited"),
        (_SOUND + _HOURS.replace('zh = "白天。"\n', ""), "zh", 'Write zh = "..."'),
    ],
)
def test_a_bad_rule_is_named_with_its_file_key_and_mend(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    with pytest.raises(PolicyError) as error:
        read_pack(_write(tmp_path, text))
    told = str(error.value)
    assert "mars.toml: rules[1]" in told
    assert key in told
    assert mend in told
    if key != "zh":
        assert "hours" in told


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        (_SOUND.replace("title_zh", "title_tw") + _HOURS, "title_tw", "mend the key's name"),
        (
            _SOUND.replace('jurisdiction = "mars"\n', "") + _HOURS,
            "jurisdiction",
            'Write jurisdiction = "..."',
        ),
        (_SOUND.replace('citation = "Treaty of Olympus"\n', "") + _HOURS, "citation", "Write"),
        (_SOUND + _HOURS + "from = 2025-01-01\n", "rules[1].citation", 'Write citation = "..."'),
        (_SOUND + _HOURS + _HOURS, "mars.hours", "End the older version with until"),
        (
            _SOUND + _HOURS + "until = 2025-01-02\n" + _HOURS + _DATED,
            "mars.hours",
            "End the older version with until",
        ),
    ],
)
def test_a_bad_pack_is_named_with_its_file_key_and_mend(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    with pytest.raises(PolicyError) as error:
        read_pack(_write(tmp_path, text))
    told = str(error.value)
    assert "mars.toml" in told
    assert key in told
    assert mend in told


def test_a_rule_ends_and_its_successor_begins_at_midnight_on_the_persons_clock(tmp_path: Path) -> None:
    later = _HOURS.replace("08:00", "10:00") + _DATED
    pack = read_pack(_write(tmp_path, _SOUND + _HOURS + "until = 2025-01-01\n" + later))
    gate = Gate(["mars"], known={"mars": pack})
    for zone in ("Asia/Tokyo", "America/Los_Angeles"):
        person = Person("C1", (zone,))
        offset = "+09:00" if zone == "Asia/Tokyo" else "-08:00"
        for day, allowed in (("2024-12-31", True), ("2025-01-01", False)):
            attempt = Attempt(customer_id="C1", at=_at(f"{day}T09:00:00{offset}"), channel="call")
            assert gate.check(attempt, person).allowed is allowed
        eve = Attempt(customer_id="C1", at=_at(f"2024-12-31T20:30:00{offset}"), channel="call")
        assert gate.check(eve, person).not_before == _at(f"2025-01-01T10:00:00{offset}")


def test_the_end_of_a_rule_ends_its_refusal(tmp_path: Path) -> None:
    closed = _HOURS.replace('"20:00"', '"08:00"') + "until = 2025-01-01\n"
    gate = Gate(["mars"], known={"mars": read_pack(_write(tmp_path, _SOUND + closed))})
    attempt = Attempt(customer_id="C1", at=_at("2024-12-30T12:00:00+09:00"), channel="call")
    for zones, until in (
        (("Asia/Tokyo",), "2025-01-01T00:00:00+09:00"),
        (("Asia/Tokyo", "America/Los_Angeles"), "2025-01-01T00:00:00-08:00"),
    ):
        assert gate.check(attempt, Person("C1", zones)).not_before == _at(until)


def test_before_regulation_f_nothing_of_it_binds() -> None:
    gate = Gate(["us-reg-f"], "agency")
    stopped = Person(
        "C1",
        ("America/New_York",),
        states=(State("cease", date(2020, 1, 1)),),
        contacts=[
            Contact(_at("2021-11-29T12:00:00-05:00") + timedelta(minutes=n), "call", "no_answer")
            for n in range(8)
        ],
    )
    night = Attempt(customer_id="C1", at=_at("2021-11-29T23:59:59-05:00"), channel="call")
    verdict = gate.check(night, stopped)
    assert verdict.allowed
    assert verdict.owes == ()
    first = Attempt(customer_id="C1", at=_at("2021-11-30T00:00:00-05:00"), channel="call")
    assert _rules(gate, first, stopped) == {"us-reg-f.hours", "us-reg-f.call-attempts", "us-reg-f.cease"}


def test_unanswered_tries_are_counted_from_the_guidelines_day() -> None:
    gate = Gate(["cn"])
    tries = [
        Contact(_at("2026-01-29T09:00:00+08:00") + timedelta(days=day, minutes=n), "call", "no_answer")
        for day in (0, 1)
        for n in range(6)
    ]
    person = Person("C1", ("Asia/Shanghai",), contacts=tries)
    for day, rules in (("2026-01-29", set()), ("2026-01-30", {"cn.unanswered-tries"})):
        attempt = Attempt(customer_id="C1", at=_at(f"{day}T18:00:00+08:00"), channel="call")
        assert _rules(gate, attempt, person) == rules


def test_two_visitors_are_asked_for_from_the_guidelines_day() -> None:
    gate, person = Gate(["cn"]), Person("C1", ("Asia/Shanghai",))
    for day, rules in (("2026-01-29", set()), ("2026-01-30", {"cn.visits"})):
        attempt = Attempt(customer_id="C1", at=_at(f"{day}T18:00:00+08:00"), channel="visit", visitors=1)
        assert _rules(gate, attempt, person) == rules


def test_what_changed_in_china_on_the_guidelines_day() -> None:
    changes = differences(shipped_packs()["cn"], date(2026, 1, 29), date(2026, 1, 30))
    assert {(change.rule, change.what) for change in changes} == {
        ("cn.hours", "changed"),
        ("cn.third-parties", "changed"),
        ("cn.unanswered-tries", "began"),
        ("cn.visits", "began"),
    }
    assert differences(shipped_packs()["cn"], date(2026, 1, 30), date(2026, 6, 1)) == []


def test_all_of_regulation_f_began_on_one_day() -> None:
    pack = shipped_packs()["us-reg-f"]
    assert pack.on(date(2021, 11, 29)) == []
    changes = differences(pack, date(2021, 11, 29), date(2021, 12, 1))
    assert {change.what for change in changes} == {"began"}
    assert len(changes) == len(pack.rules)


@given(st.dates(date(2010, 1, 1), date(2030, 1, 1)), st.dates(date(2010, 1, 1), date(2030, 1, 1)))
def test_a_difference_read_backwards_is_its_opposite(first: date, second: date) -> None:
    opposite = {"began": "ended", "ended": "began", "changed": "changed"}
    for pack in EVERY_PACK:
        there = {(change.rule, change.what) for change in differences(pack, first, second)}
        back = {(change.rule, opposite[change.what]) for change in differences(pack, second, first)}
        assert there == back
