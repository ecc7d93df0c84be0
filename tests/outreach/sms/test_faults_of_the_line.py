"""When the SMSC refuses, falls silent or breaks off: what was surely not sent is deferred, what may have been is unknown."""

import asyncio
import random
import socket
import time

import pytest

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.pdu import QUEUE_FULL, THROTTLED
from dunwell.outreach.sms.smpp_sender import SmppSender
from tests.outreach.sms.worlds import at_port, clock, message
from tests.outreach.smsc import Faults, Smsc


async def send_once(port: int, messages: list[Message], **changes: object) -> list[Outcome]:
    sender = SmppSender(at_port(port, **changes), clock=clock)
    try:
        return await sender.send(messages)
    finally:
        await sender.close()


@pytest.mark.parametrize(
    ("faults", "password", "words"),
    [
        (Faults(), "wrong", "the password is invalid"),
        (Faults(bind_status=0x0D), "secret", "the bind failed"),
        (Faults(is_silent_on_bind=True), "secret", "check it"),
    ],
)
def test_a_bind_that_fails_defers_with_the_mend_and_never_hangs(
    faults: Faults, password: str, words: str
) -> None:
    async def scene() -> None:
        async with Smsc(faults=faults) as smsc, asyncio.timeout(3):
            (outcome,) = await send_once(smsc.port, [message(1)], password=password, timeout_seconds=0.5)
            assert outcome.certainty == "deferred"
            assert words in outcome.detail
            assert password not in outcome.detail
            assert outcome.retry_after_seconds
            assert smsc.taken == []

    asyncio.run(scene())


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (outcome,) = asyncio.run(send_once(port, [message(1)]))
    assert (outcome.certainty, outcome.detail) == (
        "deferred",
        f"no connection to 127.0.0.1:{port} (ConnectionRefusedError)",
    )


def test_a_connection_cut_with_messages_outstanding() -> None:
    async def scene() -> None:
        async with Smsc(faults=Faults(drop_at=10, answer_seconds=0.01)) as smsc:
            sender = SmppSender(at_port(smsc.port, window=4), clock=clock)
            messages = [message(number) for number in range(30)]
            outcomes = await sender.send(messages)
            certainties = [outcome.certainty for outcome in outcomes]
            taken = set(smsc.messages())
            assert set(certainties) == {"accepted", "unknown", "deferred"}
            assert certainties.count("unknown") <= 4
            for sent, outcome in zip(messages, outcomes, strict=True):
                if outcome.certainty == "accepted":
                    assert sent.to in taken
                if outcome.certainty == "deferred":
                    assert sent.to not in taken
            again = [
                sent
                for sent, outcome in zip(messages, outcomes, strict=True)
                if outcome.certainty == "deferred"
            ]
            assert {outcome.certainty for outcome in await sender.send(again)} == {"accepted"}
            await sender.close()
            assert smsc.binds == 2

    asyncio.run(scene())


def test_an_smsc_that_falls_silent_gets_no_more_messages() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:

            def fall_silent(number: int, submit: object) -> int:
                smsc.faults.is_deaf = True
                return 0

            smsc.faults.decide = fall_silent
            sender = SmppSender(at_port(smsc.port, window=3, timeout_seconds=0.5), clock=clock)
            outcomes = await sender.send([message(number) for number in range(9)])
            await sender.close()
            certainties = [outcome.certainty for outcome in outcomes]
            assert certainties == ["unknown"] * 3 + ["deferred"] * 6

    asyncio.run(scene())


def test_a_line_that_died_in_the_meantime_is_found_out_before_anything_is_written() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port, timeout_seconds=0.5), clock=clock)
            assert await sender.start() is None
            smsc.faults.is_deaf = True
            outcomes = await sender.send([message(number) for number in range(3)])
            assert {outcome.certainty for outcome in outcomes} == {"deferred"}
            smsc.faults.is_deaf = False
            outcomes = await sender.send([message(number) for number in range(3)])
            assert {outcome.certainty for outcome in outcomes} == {"accepted"}
            await sender.close()

    asyncio.run(scene())


def test_a_silent_line_is_found_out_and_bound_anew() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            sender = SmppSender(
                at_port(smsc.port, enquire_link_seconds=0.05, timeout_seconds=0.3), clock=clock
            )
            assert await sender.start() is None
            smsc.faults.is_deaf = True
            await asyncio.sleep(0.5)
            smsc.faults.is_deaf = False
            async with asyncio.timeout(3):
                while smsc.binds < 2:
                    await asyncio.sleep(0.01)
            await sender.close()

    asyncio.run(scene())


def test_a_later_part_refused_leaves_the_message_unknown() -> None:
    async def scene() -> None:
        async with Smsc(faults=Faults(decide=lambda number, submit: 0x0B if number == 2 else 0)) as smsc:
            (outcome,) = await send_once(smsc.port, [message(1, "word " * 80)])
            assert outcome.certainty == "unknown"
            assert outcome.detail.startswith("1 of 3 parts were taken")
            assert outcome.provider_references == (smsc.taken[0].reference,)

    asyncio.run(scene())


def test_a_later_part_throttled_is_sent_when_the_smsc_allows() -> None:
    async def scene() -> None:
        faults = Faults(decide=lambda number, submit: THROTTLED if number in (2, 3) else 0)
        async with Smsc(faults=faults) as smsc:
            (outcome,) = await send_once(smsc.port, [message(1, "word " * 80)])
            assert outcome.certainty == "accepted"
            assert [part.place[1:] for part in smsc.taken if part.place] == [(3, 1), (3, 2), (3, 3)]

    asyncio.run(scene())


def test_an_smsc_that_throttles_is_given_the_pause() -> None:
    async def scene() -> None:
        faults = Faults(decide=lambda number, submit: THROTTLED if number == 1 else 0)
        async with Smsc(faults=faults) as smsc:
            began_at = time.monotonic()
            outcomes = await send_once(smsc.port, [message(1), message(2)], window=1, throttle_seconds=0.2)
            assert [outcome.certainty for outcome in outcomes] == ["deferred", "accepted"]
            assert time.monotonic() - began_at >= 0.2

    asyncio.run(scene())


@pytest.mark.parametrize("seed", range(4))
def test_under_seeded_faults_every_accepted_message_arrives_exactly_once(seed: int) -> None:
    """Three hundred messages, sent until none is deferred, through throttling, refusals and cut connections."""

    async def scene() -> None:
        chance = random.Random(seed)

        def decide(number: int, submit: object) -> int:
            return chance.choices((0, THROTTLED, QUEUE_FULL, 0x08, 0x0B), (84, 6, 4, 3, 3))[0]

        texts = ["Please call us.", "请致电我们。" * 3, "A plan is better than a promise. " * 9]
        waiting = {
            f"msg-{number}": message(number, f"{chance.choice(texts)} {number}") for number in range(300)
        }
        known = dict(waiting)
        final: dict[str, Outcome] = {}
        async with Smsc(faults=Faults(decide=decide)) as smsc:
            sender = SmppSender(at_port(smsc.port, window=8, throttle_seconds=0.002), clock=clock)
            for _ in range(100):
                if not waiting:
                    break
                ahead = chance.randint(20, 120)
                if chance.random() < 0.5:
                    smsc.faults.drop_at = len(smsc.taken) + ahead
                else:
                    smsc.faults.cut_at = smsc.submits + ahead
                for outcome in await sender.send(list(waiting.values())):
                    if outcome.certainty != "deferred":
                        assert outcome.message_id not in final
                        final[outcome.message_id] = outcome
                        del waiting[outcome.message_id]
            await sender.close()
        assert not waiting
        arrived = smsc.messages()
        counts = dict.fromkeys(("accepted", "refused", "unknown"), 0)
        for message_id, outcome in final.items():
            counts[outcome.certainty] += 1
            parts = arrived.get(known[message_id].to, [])
            places = [part.place or (0, 1, 1) for part in parts]
            assert len(set(places)) == len(places), "no part twice"
            if outcome.certainty == "accepted":
                assert sorted(number for _, _, number in places) == list(range(1, places[0][1] + 1))
                assert tuple(part.reference for part in parts) == outcome.provider_references
            if outcome.certainty == "refused":
                assert parts == []
        assert counts["accepted"] > 150
        assert counts["unknown"] > 0

    asyncio.run(scene())
