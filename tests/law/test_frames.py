"""Frames of many people are judged as each person is alone: by every worked case, and by people made at random."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import typeof

from dunwell.law import Account, Attempt, Gate, Person, Verdict
from dunwell.law.case_situations import read_attempt, read_person
from dunwell.law.cases import CASES_FOLDER, Case, read_cases
from dunwell.law.checking import VERDICT_COLUMNS, check_frame
from dunwell.law.person_arrays import PersonArrays, ZoneNumbers
from tests.law.people import actors, attempts, pack_lists, people
from tests.law.tapes import Tape, Unheld

Batch = tuple[tuple[str, ...], str, bool, bool]
"""Packs, actor, and whether the tape has accounts and notices."""


def _cases() -> list[Case]:
    """Every worked case that is about a contact."""
    found = [case for file in sorted(CASES_FOLDER.rglob("*.yaml")) for case in read_cases(file)]
    return [case for case in found if "attempt" in case.values]


def _batches() -> dict[Batch, list[tuple[Person | None, Attempt]]]:
    """The situations of the worked cases, those of one pack list and actor together."""
    batches = defaultdict(list)
    for case in _cases():
        person = read_person(case.values)
        has_accounts = person is not None and person.accounts is not None
        has_notices = person is not None and person.notices is not None
        packs = tuple(case.values["packs"])
        key = (packs, case.values.get("actor", "first_party"), has_accounts, has_notices)
        batches[key].append((person, read_attempt(case.values)))
    return batches


BATCHES = _batches()


def _told(verdict: Verdict) -> dict[str, object]:
    reasons = [
        {"rule": r.rule, "citation": r.citation, "effect": r.effect, "detail": r.detail}
        for r in verdict.reasons
    ]
    return {"allowed": verdict.allowed, "reasons": reasons, "not_before": verdict.not_before}


def _tape_of(key: Batch, held: list[tuple[Person | None, Attempt]]) -> tuple[Tape, list[Verdict]]:
    """The batch's situations that a tape can hold, a customer each, and the verdict on each alone."""
    packs, actor, has_accounts, has_notices = key
    tape, gate = Tape(has_accounts=has_accounts, has_notices=has_notices), Gate(packs, actor)
    alone = []
    for number, (person, attempt) in enumerate(held):
        try:
            tape.add(f"C{number}", person, [attempt])
        except Unheld:
            continue
        alone.append(gate.check(attempt, person))
    return tape, alone


@pytest.mark.parametrize("as_csv", [False, True], ids=["parquet", "csv"])
@pytest.mark.parametrize("key", BATCHES, ids=lambda key: "-".join([*key[0], key[1], *map(str, key[2:])]))
def test_a_batch_of_cases_is_judged_as_each_alone(key: Batch, as_csv: bool, tmp_path: Path) -> None:
    tape, alone = _tape_of(key, BATCHES[key])
    found, records = tape.read(tmp_path, as_csv=as_csv)
    verdicts = check_frame(Gate(key[0], key[1]), found, records)
    assert tuple(verdicts.columns) == VERDICT_COLUMNS
    assert verdicts["attempt_id"].to_list() == found["attempt_id"].to_list()
    assert verdicts.drop("attempt_id").to_dicts() == [_told(verdict) for verdict in alone]


def test_a_tape_holds_most_of_the_cases() -> None:
    kept = sum(len(_tape_of(key, held)[1]) for key, held in BATCHES.items())
    count = sum(len(held) for held in BATCHES.values())
    assert count > 0
    assert kept >= 0.75 * count, f"{kept} of {count}"


def test_frames_and_a_person_are_the_same_to_the_compiler(tmp_path: Path) -> None:
    """Arrays of another type would have the pass compiled once more, which takes some twenty seconds."""
    typed: Callable[[object], object] = typeof
    known = {str(typed(PersonArrays(Person("C1"), ZoneNumbers()).records))}
    for number, (key, held) in enumerate(BATCHES.items()):
        tape, _ = _tape_of(key, held)
        found, records = tape.read(tmp_path / str(number))
        known.add(str(typed(records.records)))
        for array in records.attempts(found):
            assert array.flags.writeable and array.flags.c_contiguous
    assert len(known) == 1


@given(st.lists(st.tuples(people, attempts), min_size=1, max_size=3), pack_lists, actors, st.booleans())
def test_random_people_are_judged_as_each_alone(
    made: list[tuple[Person, Attempt]], packs: tuple[str, ...], actor: str, has_accounts: bool
) -> None:
    """With strangers beside them, called on the same numbers about the same accounts: that must change nothing."""
    gate = Gate(packs, actor)
    tape = Tape(has_accounts=has_accounts, has_notices=True)
    alone = []
    for number, (person, attempt) in enumerate(made):
        held = _as_a_tape_holds(person, has_accounts)
        tape.add(f"C{number}", held, [attempt, replace(attempt, channel="sms")])
        alone += gate.check_several([attempt, replace(attempt, channel="sms")], held)
        tape.stranger(f"S{number}", f"C{number}", held.contacts)
    with TemporaryDirectory() as folder:
        found, records = tape.read(Path(folder))
    verdicts = check_frame(gate, found, records)
    assert verdicts.drop("attempt_id").to_dicts() == [_told(verdict) for verdict in alone]


def _as_a_tape_holds(person: Person, has_accounts: bool) -> Person:
    """The person without what no tape holds: states that turn at an instant, contact points of no kind."""
    states = []
    for state in person.states:
        since = state.since.date() if isinstance(state.since, datetime) else state.since
        until = state.until.date() if isinstance(state.until, datetime) else state.until
        is_death = state.kind == "deceased"
        states.append(
            replace(
                state,
                since=since,
                until=None if is_death else until,
                debts=() if is_death else state.debts,
            )
        )
    points = {
        key: replace(point, kind=point.kind or "postal") for key, point in person.contact_points.items()
    }
    accounts = person.accounts or {"d1": Account(), "d2": Account(), "d3": Account()}
    return replace(
        person,
        states=tuple(states),
        contact_points=points,
        accounts=accounts if has_accounts else None,
        notices=person.notices or (),
    )
