"""How promises stand, case by case: first the faults read in other systems, then the rules at their edges."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dunwell.resolution.promises as promises_file
from dunwell.policy import PolicyError
from dunwell.resolution.promise_kernel import walk_promises
from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.resolution.promises import Cancelled, Part, Promise, PromiseState, Received, judge_customer

MADE_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
DUE_ON = date(2026, 3, 10)
LATER = date(2026, 3, 31)


def promise(
    amount: int = 5000, due_on: date = DUE_ON, promise_id: str = "P1", made_at: datetime = MADE_AT
) -> Promise:
    return Promise(promise_id, made_at, (Part(amount, due_on),), contact_id="K1", made_by="collector 7")


def for_all(amount: int, *account_ids: str, promise_id: str = "P1", due_on: date = DUE_ON) -> Promise:
    """One sum for several debts."""
    return Promise(promise_id, MADE_AT, (Part(amount, due_on),), account_ids=account_ids)


def paid(
    amount: int, on: date, payment_id: str = "M1", recorded_at: datetime | None = None, **more: Any
) -> Received:
    at = recorded_at or datetime(on.year, on.month, on.day, 23, tzinfo=UTC)
    return Received(payment_id, on, amount, at, **more)


def judged(
    *events: Promise | Received | Cancelled, as_of: date = LATER, **asked: Any
) -> dict[str, dict[str, Any]]:
    """Each promise's row by its id."""
    frame = judge_customer(
        [e for e in events if isinstance(e, Promise)],
        [e for e in events if isinstance(e, Received)],
        [e for e in events if isinstance(e, Cancelled)],
        as_of,
        **{"currency": "CNY", "timezone": "Asia/Shanghai"} | asked,
    )
    return {row["promise_id"]: row for row in frame.to_dicts()}


def policy(tmp_path: Path, *rules: str, start: str = "2000-01-01") -> PromisePolicy:
    file = tmp_path / "promises.toml"
    head = (
        f'key = "promises"\ntitle = "T"\nfrom = {start}\ncitation = "board, 2026"\nsource_quality = "text"\n'
    )
    file.write_text(head + "".join(f"[[rule]]\n{rule}\n" for rule in rules), encoding="utf-8")
    return read_promise_policy(file)


# Faults read in other systems.


def test_a_small_amount_does_not_keep_a_promise_from_breaking() -> None:
    row = judged(promise(5000), paid(1, DUE_ON))["P1"]
    assert (row["state"], row["broken_on"]) == ("partly_kept", DUE_ON + timedelta(days=1))
    assert row["credited"] * 100 == 1


def test_a_promise_whose_day_has_passed_does_not_stay_open() -> None:
    """Nobody has to save a form: the next day it is broken."""
    assert judged(promise(), as_of=DUE_ON)["P1"]["state"] == "open"
    row = judged(promise(), as_of=DUE_ON + timedelta(days=1))["P1"]
    assert (row["state"], row["reason"]) == ("broken", "nothing had been paid by 2026-03-10")


@pytest.mark.parametrize("zone", ["localtime", "Factory"])
def test_a_zone_that_is_no_place_does_not_stop_the_run(zone: str) -> None:
    assert judged(promise(), timezone=zone, as_of=DUE_ON)["P1"]["state"] == "open"


def test_one_payment_is_not_credited_to_two_promises() -> None:
    rows = judged(
        promise(5000), promise(5000, LATER, "P2"), paid(5000, date(2026, 3, 9)), as_of=date(2026, 4, 1)
    )
    assert (rows["P1"]["state"], rows["P2"]["state"]) == ("kept", "broken")
    assert rows["P2"]["credited"] == 0


def test_not_one_rupee_is_credited_to_two_promises() -> None:
    rows = judged(promise(5000), promise(100, DUE_ON, "P2"), paid(5099, date(2026, 3, 9)))
    assert [int(rows[p]["credited"] * 100) for p in ("P1", "P2")] == [5000, 99]


def test_money_paid_before_a_promise_is_not_credited_to_it() -> None:
    row = judged(promise(5000), paid(5000, date(2026, 3, 1)))["P1"]
    assert (row["state"], row["credited"]) == ("broken", 0)


def test_no_function_changes_or_deletes_a_promise() -> None:
    """Nor can a promise be changed in place: it is frozen."""
    names = [name for name in dir(promises_file) if callable(getattr(promises_file, name))]
    assert not [
        n for n in names for verb in ("edit", "update", "delete", "remove", "set_") if n.startswith(verb)
    ]
    with pytest.raises(AttributeError):
        promise().made_at = MADE_AT  # type: ignore[misc]


def test_a_superseded_promise_is_told_so_and_the_new_one_stands() -> None:
    new = promise(4000, LATER, "P2", datetime(2026, 3, 5, 10, tzinfo=UTC))
    event = Cancelled("P1", new.made_at, "moved at the customer's wish", superseded_by="P2")
    rows = judged(promise(), new, event, paid(4000, date(2026, 3, 20)), as_of=LATER)
    assert rows["P1"]["state"] == "cancelled"
    assert rows["P1"]["reason"] == "moved at the customer's wish; superseded by P2"
    assert rows["P2"]["state"] == "kept"


def test_a_broken_promise_is_not_mended_by_cancelling_it_afterwards() -> None:
    event = Cancelled("P1", datetime(2026, 3, 12, tzinfo=UTC), "to make the figures look better")
    assert judged(promise(), event)["P1"]["state"] == "broken"


def test_two_events_on_one_day_do_not_overwrite_each_other() -> None:
    first, second = promise(3000), promise(2000, DUE_ON, "P2", MADE_AT + timedelta(minutes=1))
    money = [paid(1500, DUE_ON, f"M{n}") for n in range(3)]
    rows = judged(first, second, *money)
    assert [int(rows[p]["credited"] * 100) for p in ("P1", "P2")] == [3000, 1500]
    assert judged(first, second, *money, paid(500, DUE_ON, "M4"))["P2"]["state"] == "kept"


def test_a_promise_says_in_which_contact_and_to_whom_it_was_made() -> None:
    row = judged(promise())["P1"]
    assert (row["contact_id"], row["made_by"], row["made_at"]) == ("K1", "collector 7", MADE_AT)


# Money: which counts, and on which day.


def test_a_payment_on_the_due_date_is_on_time() -> None:
    row = judged(promise(), paid(5000, DUE_ON, recorded_at=datetime(2026, 3, 14, tzinfo=UTC)))["P1"]
    assert (row["state"], row["kept_on"]) == ("kept", DUE_ON)


def test_a_payment_the_day_after_is_late() -> None:
    assert judged(promise(), paid(5000, DUE_ON + timedelta(days=1)))["P1"]["state"] == "broken"


def test_a_back_dated_payment_keeps_the_promise_as_soon_as_it_is_known() -> None:
    recorded = datetime(2026, 3, 15, 9, tzinfo=UTC)
    events = (promise(), paid(5000, date(2026, 3, 8), recorded_at=recorded))
    assert judged(*events, known_at=recorded - timedelta(seconds=1))["P1"]["state"] == "broken"
    assert judged(*events, known_at=recorded)["P1"]["kept_on"] == date(2026, 3, 8)


def test_a_reversed_payment_keeps_nothing_once_the_reversal_is_known() -> None:
    bounced = datetime(2026, 3, 12, 9, tzinfo=UTC)
    events = (
        promise(),
        paid(5000, date(2026, 3, 8)),
        paid(5000, date(2026, 3, 12), "R1", bounced, kind="reversal", reverses="M1"),
    )
    assert judged(*events, known_at=bounced - timedelta(seconds=1))["P1"]["state"] == "kept"
    assert judged(*events, known_at=bounced)["P1"]["state"] == "broken"


def test_a_chargeback_is_no_payment() -> None:
    assert judged(promise(), paid(5000, date(2026, 3, 8), kind="chargeback"))["P1"]["state"] == "broken"


@pytest.mark.parametrize(
    ("recorded_at", "state"),
    [
        (MADE_AT - timedelta(hours=1), "broken"),
        (MADE_AT, "broken"),
        (MADE_AT + timedelta(seconds=1), "kept"),
        (MADE_AT + timedelta(days=3), "kept"),
    ],
    ids=["recorded an hour before", "at the same instant", "just after", "days after"],
)
def test_money_of_the_promises_own_day_counts_when_it_was_recorded_after_it(
    recorded_at: datetime, state: str
) -> None:
    assert judged(promise(), paid(5000, MADE_AT.date(), recorded_at=recorded_at))["P1"]["state"] == state


def test_the_promises_day_is_the_customers() -> None:
    """Made at four in the morning of 3 March in Shanghai: what came on the 2nd came before."""
    late = promise(made_at=datetime(2026, 3, 2, 20, tzinfo=UTC))
    money = paid(5000, date(2026, 3, 2), recorded_at=datetime(2026, 3, 4, tzinfo=UTC))
    assert judged(late, money)["P1"]["state"] == "broken"
    assert judged(late, money, timezone=None)["P1"]["state"] == "kept"
    assert judged(late, as_of=date(2026, 3, 2)) == {}


def test_money_goes_first_to_what_is_due_first_then_to_what_was_promised_first() -> None:
    early, late = promise(3000, LATER, "P1"), promise(3000, DUE_ON, "P2", MADE_AT + timedelta(hours=1))
    rows = judged(early, late, paid(3000, date(2026, 3, 5)), as_of=date(2026, 3, 20))
    assert (rows["P2"]["state"], rows["P1"]["state"]) == ("kept", "open")
    same_day = promise(3000, DUE_ON, "P0", MADE_AT + timedelta(hours=1))
    rows = judged(promise(3000), same_day, paid(3000, date(2026, 3, 5)))
    assert (rows["P1"]["state"], rows["P0"]["state"]) == ("kept", "broken")
    rows = judged(promise(3000), promise(3000, DUE_ON, "P0"), paid(3000, date(2026, 3, 5)))
    assert (rows["P0"]["state"], rows["P1"]["state"]) == ("kept", "broken")


def test_money_after_a_promise_is_broken_goes_to_the_next_one() -> None:
    new = promise(2000, LATER, "P2", datetime(2026, 3, 12, tzinfo=UTC))
    rows = judged(promise(), new, paid(2000, date(2026, 3, 13)), as_of=LATER)
    assert (rows["P1"]["credited"], rows["P2"]["state"]) == (0, "kept")


def test_money_of_the_day_of_a_withdrawal_counts_to_what_stood_when_it_was_recorded() -> None:
    at = datetime(2026, 3, 5, 10, tzinfo=UTC)
    new, event = promise(5000, LATER, "P2", at), Cancelled("P1", at, "moved", "P2")
    before = paid(5000, at.date(), recorded_at=at - timedelta(hours=1))
    after = paid(5000, at.date(), recorded_at=at + timedelta(hours=1))
    assert {p: r["state"] for p, r in judged(promise(), new, event, before).items()} == {
        "P1": "kept",
        "P2": "open",
    }
    assert {p: r["state"] for p, r in judged(promise(), new, event, after).items()} == {
        "P1": "cancelled",
        "P2": "kept",
    }


# Parts.


def parted() -> Promise:
    return Promise("P1", MADE_AT, (Part(1000, date(2026, 3, 10)), Part(2000, date(2026, 3, 20))))


def test_a_promise_of_parts_is_kept_when_every_part_is() -> None:
    row = judged(parted(), paid(1000, date(2026, 3, 9)), paid(2000, date(2026, 3, 20), "M2"))["P1"]
    assert (row["state"], row["kept_on"], row["amount"]) == ("kept", date(2026, 3, 20), 30)
    ahead = judged(parted(), paid(3000, date(2026, 3, 3)), as_of=date(2026, 3, 4))["P1"]
    assert (ahead["state"], ahead["kept_on"]) == ("kept", date(2026, 3, 3))


def test_between_two_parts_it_is_open_and_the_next_day_is_told() -> None:
    row = judged(parted(), paid(1000, date(2026, 3, 9)), as_of=date(2026, 3, 15))["P1"]
    assert (row["state"], row["due_on"], row["kept_on"]) == ("open", date(2026, 3, 20), None)
    assert [part["kept_on"] for part in row["parts"]] == [date(2026, 3, 9), None]


def test_a_missed_part_breaks_the_whole_and_it_takes_no_more() -> None:
    row = judged(parted(), paid(900, date(2026, 3, 9)), paid(2100, date(2026, 3, 18), "M2"))["P1"]
    assert (row["state"], row["broken_on"], row["credited"]) == ("partly_kept", date(2026, 3, 11), 9)


# One sum for several debts.


def test_a_promise_for_two_debts_is_kept_by_what_comes_on_both() -> None:
    one = for_all(5000, "A1", "A2")
    first, second = paid(2000, DUE_ON, account_id="A1"), paid(3000, DUE_ON, "M2", account_id="A2")
    assert judged(one, first)["P1"]["state"] == "partly_kept"
    row = judged(one, first, second)["P1"]
    assert (row["state"], row["account_id"], row["account_ids"]) == ("kept", "A1", ["A1", "A2"])


def test_money_on_a_debt_that_it_does_not_cover_keeps_nothing() -> None:
    row = judged(for_all(5000, "A1", "A2"), paid(5000, DUE_ON, account_id="A3"))["P1"]
    assert (row["state"], row["credited"]) == ("broken", 0)


def test_what_a_promise_for_all_took_the_promise_for_one_does_not_get() -> None:
    wide, narrow = for_all(5000, "A1", "A2"), for_all(5000, "A1", promise_id="P2", due_on=LATER)
    rows = judged(wide, narrow, paid(5000, DUE_ON, account_id="A1"), as_of=LATER + timedelta(days=1))
    assert (rows["P1"]["state"], rows["P2"]["state"]) == ("kept", "broken")
    rows = judged(wide, narrow, paid(5000, DUE_ON, account_id="A2"), as_of=LATER)
    assert (rows["P1"]["state"], rows["P2"]["state"]) == ("kept", "open")


def test_a_reversal_on_one_of_its_debts_takes_the_verdict_back_and_a_back_dated_payment_brings_it() -> None:
    one, day = for_all(5000, "A1", "A2"), datetime(2026, 3, 20, 9, tzinfo=UTC)
    events = (
        *(one, paid(2000, DUE_ON, account_id="A1"), paid(3000, DUE_ON, "M2", account_id="A2")),
        paid(3000, DUE_ON, "R2", day, kind="reversal", reverses="M2", account_id="A2"),
        paid(3000, DUE_ON, "M3", day + timedelta(days=2), account_id="A1"),
    )
    states = [
        judged(*events, known_at=day + timedelta(days=n))["P1"]["state"] for n in (-1, 1, 3)
    ]  # as known before the reversal, after it, and once the payment was found
    assert states == ["kept", "partly_kept", "kept"]


def test_the_same_id_reversed_on_another_debt_undoes_nothing_here() -> None:
    events = (
        paid(5000, DUE_ON, account_id="A1"),
        paid(5000, DUE_ON, "R1", kind="reversal", reverses="M1", account_id="A2"),
    )
    assert judged(for_all(5000, "A1", "A2"), *events)["P1"]["state"] == "kept"


# Policy.


def test_tolerance_as_a_share(tmp_path: Path) -> None:
    """47 of 50 keep it, 46.99 do not."""
    six = policy(tmp_path, 'tolerance_share = "0.06"')
    assert judged(promise(5000), paid(4700, DUE_ON), policy=six)["P1"]["state"] == "kept"
    assert judged(promise(5000), paid(4699, DUE_ON), policy=six)["P1"]["state"] == "partly_kept"


def test_tolerance_as_an_amount_never_beyond_a_fifth(tmp_path: Path) -> None:
    ten = policy(tmp_path, 'tolerance = { CNY = "10.00" }')
    assert judged(promise(50000), paid(49000, DUE_ON), policy=ten)["P1"]["state"] == "kept"
    assert judged(promise(50000), paid(48999, DUE_ON), policy=ten)["P1"]["state"] == "partly_kept"
    assert judged(promise(1000), paid(1, DUE_ON), policy=ten)["P1"]["state"] == "partly_kept"
    assert judged(promise(1000), paid(800, DUE_ON), policy=ten)["P1"]["state"] == "kept"
    assert (
        judged(promise(50000), paid(49000, DUE_ON), policy=ten, currency="USD")["P1"]["state"]
        == "partly_kept"
    )


def test_what_a_kept_promise_was_forgiven_goes_on_to_the_next(tmp_path: Path) -> None:
    six = policy(tmp_path, 'tolerance_share = "0.06"')
    rows = judged(
        promise(5000), promise(5000, LATER, "P2"), paid(4700, DUE_ON), paid(300, DUE_ON, "M2"), policy=six
    )
    assert [int(rows[p]["credited"] * 100) for p in ("P1", "P2")] == [4700, 300]


def test_grace_days(tmp_path: Path) -> None:
    three = policy(tmp_path, "grace_days = 3")
    assert judged(promise(), as_of=date(2026, 3, 13), policy=three)["P1"]["state"] == "open"
    assert judged(promise(), as_of=date(2026, 3, 13), policy=three)["P1"]["waited_for_until"] == date(
        2026, 3, 13
    )
    assert judged(promise(), paid(5000, date(2026, 3, 13)), policy=three)["P1"]["state"] == "kept"
    assert judged(promise(), paid(5000, date(2026, 3, 14)), policy=three)["P1"]["broken_on"] == date(
        2026, 3, 14
    )


def test_a_promise_is_judged_by_the_rule_of_the_day_it_was_made(tmp_path: Path) -> None:
    dated = policy(
        tmp_path,
        'from = 2000-01-01\nuntil = 2026-03-05\ncitation = "old"\nsource_quality = "text"\ngrace_days = 5',
        'from = 2026-03-05\ncitation = "new"\nsource_quality = "text"\ngrace_days = 0',
    )
    late = paid(5000, date(2026, 3, 12))
    assert judged(promise(), late, policy=dated)["P1"]["state"] == "kept"
    new = promise(made_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert judged(new, late, policy=dated)["P1"]["state"] == "broken"


def test_before_the_lenders_text_the_houses_holds(tmp_path: Path) -> None:
    later = policy(tmp_path, "grace_days = 9", start="2026-04-01")
    assert later.on(date(2026, 3, 31)).grace_days == 0
    assert later.on(date(2026, 4, 1)).grace_days == 9
    with pytest.raises(PolicyError, match="none is in force on 1999-12-31"):
        later.on(date(1999, 12, 31))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('tolerance_share = "0.5"', "tolerance_share"),
        ('tolerance_share = "much"', "tolerance_share"),
        ("grace_days = 90", "grace_days"),
        ("grace_days = true", "grace_days"),
        ('tolerance = { CNY = "1.001" }', "tolerance.CNY"),
        ('tolerance = { XXX = "1" }', "tolerance.XXX"),
        ("tolerance = { CNY = 1 }", "tolerance.CNY"),
    ],
)
def test_a_text_that_cannot_be_meant_is_refused(tmp_path: Path, rule: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        policy(tmp_path, rule)


def test_a_promise_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no promise"):
        Part(0, DUE_ON)
    with pytest.raises(ValueError, match="covers no debt"):
        for_all(5000)
    with pytest.raises(ValueError, match="nothing is promised"):
        Promise("P1", MADE_AT, ())
    with pytest.raises(ValueError, match="no offset"):
        Promise("P1", MADE_AT.replace(tzinfo=None), (Part(1, DUE_ON),))


def test_states_are_told_by_these_words() -> None:
    assert [state.value for state in PromiseState] == ["open", "kept", "partly_kept", "broken", "cancelled"]


def test_the_compiled_walk_meets_one_type_whatever_was_paid() -> None:
    """A second type would be compiled while somebody waits for a page: seconds, in the middle of a day."""
    judged(promise(), paid(5000, DUE_ON))
    known = len(walk_promises.signatures)
    judged(promise())
    judged(promise(), paid(100, DUE_ON), Cancelled("P1", MADE_AT, "withdrawn"))
    judged()
    assert len(walk_promises.signatures) == known
