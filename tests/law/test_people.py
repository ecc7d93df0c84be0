"""People read from frames one by one are judged as the frames are judged together, and as the persons they were made from."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dunwell.book.single import read_table
from dunwell.book.tables import TABLES
from dunwell.law import Attempt, Gate, Person
from dunwell.law.people import people
from tests.law.people import actors, attempts, pack_lists
from tests.law.people import people as persons
from tests.law.tapes import RECORDED, Tape
from tests.law.test_frames import BATCHES, _as_a_tape_holds, _tape_of, _told


def _read(tape: Tape, folder: Path) -> dict[str, pl.DataFrame]:
    tape.write(folder)
    found = {name: read_table(folder, name, RECORDED, zones_as_text=True) for name in TABLES}
    return {name: frame for name, frame in found.items() if frame is not None}


def test_the_worked_cases_are_judged_the_same_when_each_person_is_read_from_the_tape(tmp_path: Path) -> None:
    count = 0
    for number, (key, held) in enumerate(BATCHES.items()):
        tape, alone = _tape_of(key, held)
        gate = Gate(key[0], key[1])
        tables = _read(tape, tmp_path / str(number))
        late = tape.past_due() if key[2] else None
        known = people(tables, [row["customer_id"] for row in tape.rows["attempts"]], late)
        for row, verdict in zip(tape.rows["attempts"], alone, strict=True):
            attempt = Attempt(**{k: v for k, v in row.items() if v is not None and k != "account_ids"})
            attempt = _with_accounts(attempt, row["account_ids"])
            assert _told(gate.check(attempt, known.get(row["customer_id"]))) == _told(verdict), row
            count += 1
    assert count > 500


def _with_accounts(attempt: Attempt, account_ids: list[str] | None) -> Attempt:
    from dataclasses import replace

    return replace(attempt, account_ids=tuple(account_ids or ()))


@given(st.lists(st.tuples(persons, attempts), min_size=1, max_size=3), pack_lists, actors)
def test_random_people_are_the_same_after_a_tape(
    made: list[tuple[Person, Attempt]], packs: tuple[str, ...], actor: str
) -> None:
    gate = Gate(packs, actor)
    tape = Tape(has_accounts=True, has_notices=True)
    alone = []
    for number, (person, attempt) in enumerate(made):
        held = _as_a_tape_holds(person, True)
        tape.add(f"C{number}", held, [attempt])
        alone.append(gate.check(attempt, held))
        tape.stranger(f"S{number}", f"C{number}", held.contacts)
    with TemporaryDirectory() as folder:
        tables = _read(tape, Path(folder))
    known = people(tables, [f"C{number}" for number in range(len(made))], tape.past_due())
    for row, verdict in zip(tape.rows["attempts"], alone, strict=True):
        values = {k: v for k, v in row.items() if v is not None and k != "account_ids"}
        attempt = _with_accounts(Attempt(**values), row["account_ids"])
        assert _told(gate.check(attempt, known.get(row["customer_id"]))) == _told(verdict)
