"""The loop of a worker: what went out is recorded whatever ends it, and while law or texts cannot be read nothing goes out."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dunwell.journal.keys import KeyMissing
from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.dispatching import Claimed, Dispatcher
from dunwell.outreach.models import State, Work
from dunwell.outreach.wire import NameTaken, WireRecord, any_name, named, record_file
from dunwell.outreach.working import Wires, take_over, work
from dunwell.policy import PolicyError
from tests.outreach.conftest import Lender

pytestmark = pytest.mark.django_db


class Taker:
    """A provider that takes everything."""

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        return [Outcome(message.message_id, "accepted") for message in messages]

    async def close(self) -> None:
        return


def claiming(worker: Dispatcher, monkeypatch: pytest.MonkeyPatch, *turns: Exception | None) -> None:
    """The worker's claims go wrong in turn; then they are what they are."""
    claim, coming = worker.claim, list(turns)

    def one() -> Claimed:
        error = coming.pop(0) if coming else None
        if error is not None:
            raise error
        return claim()

    monkeypatch.setattr(worker, "claim", one)


def test_what_is_on_the_wire_is_recorded_before_a_worker_ends_by_a_mistake(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.due("C1")
    worker = lender.worker()
    claiming(worker, monkeypatch, None, KeyMissing("gone"))
    with Wires() as wires, pytest.raises(KeyMissing):
        work(worker, Taker(), wires, lambda seconds: False, until_idle=True)
    assert Work.objects.get().state == State.SENT


def test_while_the_law_cannot_be_read_nothing_goes_out_and_then_it_does(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.due("C1")
    worker = lender.worker()
    broken = PolicyError("law.toml", "rules", "cannot be read", "Mend it")
    claiming(worker, monkeypatch, broken, broken)
    waits: list[str] = []

    def wait(seconds: float) -> bool:
        waits.append(str(Work.objects.get().state))
        return waits[-1] == State.SENT

    with Wires() as wires:
        tally = work(worker, Taker(), wires, wait, until_idle=False)
    assert waits[:2] == [State.DUE, State.DUE] and tally.by_certainty == {"accepted": 1}
    claiming(worker, monkeypatch, broken)
    with Wires() as wires, pytest.raises(PolicyError):
        work(worker, Taker(), wires, wait, until_idle=True)


def test_what_was_claimed_before_the_law_could_not_be_read_goes_out_once_it_can(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is claimed one by one can break off half-way."""
    lender.due("C1")
    worker = lender.worker()
    claim, broken = worker.claim, [PolicyError("law.toml", "rules", "cannot be read", "Mend it")]

    def half_way() -> Claimed:
        claimed = claim()
        if broken:
            raise broken.pop()
        return claimed

    monkeypatch.setattr(worker, "claim", half_way)
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 5

    with Wires() as wires:
        work(worker, Taker(), wires, wait, until_idle=False)
    assert Work.objects.get().state == State.SENT


# --- whose messages are left behind


def test_two_processes_never_have_one_name(tmp_path: Path) -> None:
    """`run --send` at night while `work` goes on: the second may not take what the first has on the wire for left behind."""
    with any_name(tmp_path, "shop-email") as first, any_name(tmp_path, "shop-email") as second:
        assert (first, second) == ("shop-email", "shop-email-2")
        with pytest.raises(NameTaken, match="is running already"), named(tmp_path, "shop-email"):
            pass
    with any_name(tmp_path, "shop-email") as again:
        assert again == "shop-email"


def test_a_name_is_free_again_when_its_process_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from dunwell.outreach.wire import named;"
        "held = named(pathlib.Path(sys.argv[1]), 'w1'); held.__enter__(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(NameTaken), named(tmp_path, "w1"):
            pass
        other.kill()
        other.wait()
        with named(tmp_path, "w1"):
            pass


def left_by(lender: Lender, name: str, *, begun: int, of: int) -> list[str]:
    """A worker of this name claimed some, began some of them, and is no more."""
    for number in range(of):
        lender.due(f"{name}{number}")
    wire = WireRecord(record_file(lender.folder, name), "this boot")
    worker = lender.worker(name=name)
    worker._wire = wire
    with wire:
        worker.recover()
        claimed = [message.message_id for message in worker.claim().messages]
        wire.begin(claimed[:begun])
    return claimed


def test_what_a_worker_left_that_never_comes_back_is_taken_over(lender: Lender) -> None:
    """Its name was of a machine that is gone, as the names of containers are."""
    claimed = left_by(lender, "gone", begun=1, of=3)

    def dispatcher_of(name: str, record: WireRecord) -> Dispatcher:
        worker = lender.worker(name=name)
        worker._wire = record
        return worker

    with named(lender.folder, "gone"):
        assert take_over("email", lender.folder, "this boot", dispatcher_of) == 0, "it lives"
    assert take_over("sms", lender.folder, "this boot", dispatcher_of) == 0
    assert take_over("email", lender.folder, "this boot", dispatcher_of) == 1
    states = {work.message_id: work.state for work in Work.objects.all()}
    assert [states[name] for name in claimed] == [State.UNKNOWN, State.DUE, State.DUE]


def test_a_worker_of_one_channel_leaves_what_another_of_its_name_has_on_the_wire(lender: Lender) -> None:
    lender.due("C1", "sms")
    lender.due("C2", "email")
    by_sms, by_email = lender.worker("sms", "w1"), lender.worker("email", "w1")
    (message,) = by_sms.claim().messages
    by_email.recover()
    assert Work.objects.get(pk=message.message_id).state == State.CLAIMED
