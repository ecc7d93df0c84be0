"""Text messages handed to a real SMSC on loopback: taken once, answered for, split, paced and kept within the window."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.pdu import QUEUE_FULL, THROTTLED
from dunwell.outreach.sms.smpp_sender import SmppSender
from tests.outreach.sms.worlds import Inbox, at_port, clock, message
from tests.outreach.smsc import Faults, Smsc, smsc_running

BAD_ADDRESS = 0x0B


async def send_through(smsc: Smsc, messages: list[Message], **changes: object) -> list[Outcome]:
    sender = SmppSender(at_port(smsc.port, **changes), clock=clock)
    try:
        return await sender.send(messages)
    finally:
        await sender.close()


def test_a_text_arrives_as_it_was_written() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            outcomes = await send_through(
                smsc, [message(1, "You owe $50 [ref {7}] €"), message(2, "请致电我们")]
            )
            assert [outcome.certainty for outcome in outcomes] == ["accepted", "accepted"]
            assert [outcome.message_id for outcome in outcomes] == ["msg-1", "msg-2"]
            by_recipient = smsc.messages()
            (first,), (second,) = by_recipient["85260000001"], by_recipient["85260000002"]
            assert first.data_coding == 0
            assert first.body == b"You owe \x0250 \x1b<ref \x1b(7\x1b)\x1b> \x1be"
            assert first.source == "85212345678"
            assert (second.data_coding, second.body.decode("utf-16-be")) == (8, "请致电我们")
            assert outcomes[0].provider_references == (first.reference,)
            assert smsc.unbinds == 1

    asyncio.run(scene())


def test_a_long_text_goes_in_parts_that_a_handset_joins() -> None:
    async def scene() -> None:
        text = "A plan that fits your month is better than a promise that does not. " * 5
        async with Smsc() as smsc:
            (outcome,) = await send_through(smsc, [message(1, text)])
            parts = smsc.taken
            assert outcome.certainty == "accepted"
            assert outcome.provider_references == tuple(part.reference for part in parts)
            assert [part.place[1:] for part in parts if part.place] == [(3, 1), (3, 2), (3, 3)]
            assert len({part.place[0] for part in parts if part.place}) == 1
            assert b"".join(part.payload for part in parts).decode("ascii") == text

    asyncio.run(scene())


def test_never_more_outstanding_than_the_window() -> None:
    async def scene() -> None:
        async with Smsc(faults=Faults(answer_seconds=0.01)) as smsc:
            outcomes = await send_through(smsc, [message(number) for number in range(60)], window=5)
            assert {outcome.certainty for outcome in outcomes} == {"accepted"}
            assert smsc.outstanding_max == 5

    asyncio.run(scene())


def test_never_faster_than_the_throughput() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            began_at = time.monotonic()
            await send_through(smsc, [message(number) for number in range(21)], throughput_per_second=50)
            assert time.monotonic() - began_at >= 20 / 50

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("status", "certainty", "retry_after_seconds"),
    [(THROTTLED, "deferred", 0.02), (QUEUE_FULL, "deferred", 0.05), (BAD_ADDRESS, "refused", None)],
)
def test_a_status_tells_whether_to_try_again(
    status: int, certainty: str, retry_after_seconds: float | None
) -> None:
    async def scene() -> None:
        async with Smsc(faults=Faults(decide=lambda number, submit: status if number == 1 else 0)) as smsc:
            outcomes = await send_through(smsc, [message(1), message(2)], window=1)
            assert [outcome.certainty for outcome in outcomes] == [certainty, "accepted"]
            assert outcomes[0].retry_after_seconds == retry_after_seconds
            assert f"0x{status:08X}" in outcomes[0].detail
            assert [part.destination for part in smsc.taken] == ["85260000002"]

    asyncio.run(scene())


def test_what_can_never_be_sent_is_refused_before_anything_is_written() -> None:
    async def scene() -> None:
        begun: list[str] = []

        async def on_begin(message_ids: Sequence[str]) -> None:
            begun.extend(message_ids)

        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port, parts_max=2), clock=clock, on_begin=on_begin)
            outcomes = await sender.send(
                [
                    Message("m-1", "0612345678", "Hello"),
                    Message("m-2", "85261234567", "  "),
                    Message("m-3", "85261234567", "x" * 400),
                    Message("m-4", "+85261234567", "Hello"),
                ]
            )
            await sender.close()
            assert [outcome.certainty for outcome in outcomes] == [
                "refused",
                "refused",
                "refused",
                "accepted",
            ]
            assert "E.164" in outcomes[0].detail
            assert "parts_max" in outcomes[2].detail
            assert begun == ["m-4"]
            assert [part.destination for part in smsc.taken] == ["85261234567"]

    asyncio.run(scene())


def test_a_message_is_told_to_begin_once_and_before_its_first_part_is_written() -> None:
    async def scene() -> None:
        begun: list[tuple[str, int]] = []

        async with Smsc() as smsc:

            async def on_begin(message_ids: Sequence[str]) -> None:
                for message_id in message_ids:
                    parts = smsc.messages().get(f"8526{int(message_id[4:]):07}", [])
                    begun.append((message_id, len(parts)))

            sender = SmppSender(at_port(smsc.port), clock=clock, on_begin=on_begin)
            outcomes = await sender.send([message(number, "word " * 80) for number in range(5)])
            await sender.close()
            assert {outcome.certainty for outcome in outcomes} == {"accepted"}
            assert len(smsc.taken) == 15
            assert sorted(begun) == [(f"msg-{number}", 0) for number in range(5)]

    asyncio.run(scene())


def test_a_message_of_which_no_record_can_be_kept_is_not_sent() -> None:
    async def scene() -> None:
        async def on_begin(message_ids: Sequence[str]) -> None:
            if "msg-1" in message_ids:
                raise ConnectionError("the database is away")

        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock, on_begin=on_begin)
            outcomes = await sender.send([message(number) for number in range(3)])
            await sender.close()
            assert [outcome.certainty for outcome in outcomes] == ["accepted", "deferred", "accepted"]
            assert "85260000001" not in smsc.messages()

    asyncio.run(scene())


def test_our_message_id_travels_along_where_the_provider_keeps_a_tag_for_it() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            await send_through(smsc, [message(7)], message_id_tag=0x1400)
            assert smsc.taken[0].tlvs == {0x1400: b"msg-7\0"}

    asyncio.run(scene())


def test_the_link_is_kept_alive_while_nothing_is_said() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port, enquire_link_seconds=0.02), clock=clock)
            assert await sender.start() is None
            async with asyncio.timeout(3):
                while smsc.enquiries < 3:
                    await asyncio.sleep(0.01)
            await sender.close()
            assert smsc.binds == 1

    asyncio.run(scene())


def test_a_centre_that_goes_away_and_one_that_takes_its_place() -> None:
    inbox = Inbox()

    async def send(sender: SmppSender, number: int) -> str:
        (outcome,) = await sender.send([message(number)])
        return outcome.certainty

    first = Smsc()
    with asyncio.Runner() as runner:
        with smsc_running(first):
            sender = SmppSender(at_port(first.port), clock=clock, on_inbound=inbox.take)
            assert runner.run(send(sender, 1)) == "accepted"
        assert runner.run(send(sender, 2)) == "deferred"
        second = Smsc(port=first.port)
        with smsc_running(second) as run:
            assert runner.run(send(sender, 3)) == "accepted"
            said = runner.get_loop().run_in_executor(None, lambda: run(second.say("85251234567", "STOP")))
            assert runner.get_loop().run_until_complete(said) == 0
            runner.run(sender.close())
    assert [len(first.taken), len(second.taken), len(inbox.replies)] == [1, 1, 1]
