"""What people write back: read in its alphabet, put together from its parts, kept through a restart, never lost."""

import asyncio
import random
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Reply
from dunwell.outreach.sms.pdu import OK, TEMPORARY_RECEIVER_ERROR, Delivery
from dunwell.outreach.sms.replies import PartialReplies
from dunwell.outreach.sms.smpp_sender import SmppSender
from dunwell.outreach.sms.splitting import ReferenceBits, split_text
from tests.outreach.sms.worlds import NOW, Inbox, at_port, clock
from tests.outreach.smsc import BIND_RECEIVER, Smsc

LONG = "I lost my job in May and can pay 50 a month from January, would that be possible? {Thanks} " * 4


def parts_of(
    text: str, reference: int = 7, bits: ReferenceBits = 8, sender: str = "85251234567"
) -> list[Delivery]:
    split = split_text(text, bits)
    esm_class = 0x40 if len(split.texts) > 1 else 0
    return [
        Delivery(sender, "12345", esm_class, split.data_coding, body, {})
        for body in split.bodies(reference, bits)
    ]


def take_all(replies: PartialReplies, deliveries: list[Delivery]) -> list[Reply]:
    taken = []
    for number, delivery in enumerate(deliveries):
        reply = replies.take(delivery, NOW + timedelta(seconds=number))
        if reply is not None:
            replies.settle(reply.reply_id)
            taken.append(reply)
    return taken


@given(
    text=st.text(alphabet="abc €{}请😀", min_size=80, max_size=600).filter(str.strip),
    bits=st.sampled_from([8, 16]),
    seed=st.integers(0, 1000),
)
def test_parts_in_any_order_and_repeated_are_one_reply(text: str, bits: ReferenceBits, seed: int) -> None:
    replies = PartialReplies()
    deliveries = parts_of(text, bits=bits)
    chance = random.Random(seed)
    if len(deliveries) > 1:
        deliveries += chance.choices(deliveries, k=3)
    chance.shuffle(deliveries)
    (reply,) = take_all(replies, deliveries)
    assert reply.text == text
    assert replies.overdue(NOW + timedelta(days=1)) == []
    replies.close()


def test_parts_by_optional_parameters() -> None:
    replies = PartialReplies()
    deliveries = [
        Delivery("852", "12345", 0, 0, body, {0x020C: b"\0\x09", 0x020E: b"\x02", 0x020F: bytes([number])})
        for number, body in ((2, b"tomorrow"), (1, b"I pay "))
    ]
    assert [reply.text for reply in take_all(replies, deliveries)] == ["I pay tomorrow"]
    replies.close()


def test_a_total_that_no_message_has_makes_no_part() -> None:
    replies = PartialReplies()
    tlvs = {0x020C: b"\1", 0x020E: b"\x7f\xff\xff\xff", 0x020F: b"\1"}
    reply = replies.take(Delivery("852", "12345", 0, 0, b"hello", tlvs), NOW)
    assert reply and reply.text == "hello"
    replies.close()


def test_a_character_torn_between_two_parts_is_whole_again() -> None:
    replies = PartialReplies()
    octets = "好😀".encode("utf-16-be")
    deliveries = [
        Delivery("852", "1", 0x40, 8, bytes([5, 0, 3, 1, 2, number]) + body, {})
        for number, body in ((1, octets[:4]), (2, octets[4:]))
    ]
    assert [reply.text for reply in take_all(replies, deliveries)] == ["好😀"]
    replies.close()


def test_two_people_and_two_messages_under_one_reference_stay_apart() -> None:
    replies = PartialReplies()
    mine, theirs = parts_of("mine " * 40), parts_of("theirs " * 40, sender="85259999999")
    mixed = [delivery for pair in zip(mine, theirs, strict=True) for delivery in pair]
    assert [reply.text for reply in take_all(replies, mixed)] == ["mine " * 40, "theirs " * 40]
    later = parts_of("other " * 40)
    assert [reply.text for reply in take_all(replies, later)] == ["other " * 40]
    replies.close()


def test_a_reference_used_again_before_its_first_message_was_complete_loses_nothing() -> None:
    replies = PartialReplies()
    first, second = parts_of("STOP calling me. " * 12), parts_of("hello again and again " * 10)
    assert take_all(replies, first[:1]) == []
    assert [reply.text for reply in take_all(replies, second)] == ["hello again and again " * 10]
    (incomplete,) = replies.overdue(NOW + timedelta(days=1))
    assert incomplete.text.startswith("STOP calling me.")
    assert incomplete.text.endswith("[...]")
    replies.close()


def test_a_restart_loses_no_part(tmp_path: Path) -> None:
    deliveries = parts_of(LONG)
    file = tmp_path / "kept" / "parts.sqlite3"
    before = PartialReplies(file)
    assert take_all(before, deliveries[:-1]) == []
    before.close()
    assert file.stat().st_mode & 0o077 == 0
    after = PartialReplies(file)
    assert [reply.text for reply in take_all(after, deliveries[-1:])] == [LONG]
    after.close()


def test_the_same_words_again_within_minutes_are_the_same_reply_and_later_another() -> None:
    replies = PartialReplies()
    stop = Delivery("85251234567", "12345", 0, 0, b"STOP", {})
    first, again, later = (replies.take(stop, NOW + timedelta(minutes=minutes)) for minutes in (0, 2, 30))
    assert first and again and later
    assert first.reply_id == again.reply_id != later.reply_id
    replies.close()


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([0x1E, 0x20C, 0x20E, 0x20F]), st.binary(max_size=4)),
)
def test_any_delivery_is_taken(esm_class: int, data_coding: int, body: bytes, tlvs: dict[int, bytes]) -> None:
    replies = PartialReplies()
    reply = replies.take(Delivery("1", "2", esm_class, data_coding, body, tlvs), NOW)
    assert reply is not None or len(replies.overdue(NOW)) == 1
    replies.close()


def test_people_write_to_us() -> None:
    async def scene() -> None:
        inbox = Inbox()
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock, on_inbound=inbox.take)
            assert await sender.start() is None
            assert await smsc.say("+85251234567", "STOP") == OK
            assert await smsc.say("85259999999", "我下周五还五百") == OK
            for delivery in reversed(parts_of(LONG)):
                assert await smsc.deliver("85257777777", delivery.body, esm_class=0x40, data_coding=0) == OK
            await sender.close()
        assert [(reply.sender, reply.text) for reply in inbox.replies] == [
            ("85251234567", "STOP"),
            ("85259999999", "我下周五还五百"),
            ("85257777777", LONG),
        ]
        assert {reply.at for reply in inbox.replies} == {NOW}

    asyncio.run(scene())


def test_a_receiver_takes_in_what_comes_back_and_sends_nothing() -> None:
    async def scene() -> None:
        inbox = Inbox()
        async with Smsc() as smsc:
            receiver = SmppSender(at_port(smsc.port), clock=clock, on_inbound=inbox.take, only_receives=True)
            assert await receiver.start() is None
            assert smsc.bound_as == [BIND_RECEIVER]
            assert await smsc.say("+85251234567", "STOP") == OK
            assert await smsc.receipt("m1") == OK
            first = smsc.bound
            smsc.drop_all()
            async with asyncio.timeout(5):
                while not smsc.bound or smsc.bound == first:
                    await asyncio.sleep(0.01)
            assert await smsc.say("+85251234567", "hello again") == OK
            assert smsc.taken == []
            await receiver.close()
        assert [reply.text for reply in inbox.replies] == ["STOP", "hello again"]
        assert [receipt.provider_reference for receipt in inbox.receipts] == ["m1"]
        assert smsc.bound_as == [BIND_RECEIVER] * 2

    asyncio.run(scene())


def test_a_reply_that_could_not_be_stored_is_delivered_again_whole() -> None:
    async def scene() -> None:
        inbox = Inbox(failures=1)
        deliveries = parts_of(LONG)
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock, on_inbound=inbox.take)
            assert await sender.start() is None
            statuses = [await smsc.deliver("852", delivery.body, esm_class=0x40) for delivery in deliveries]
            assert statuses == [OK, OK, TEMPORARY_RECEIVER_ERROR]
            assert await smsc.deliver("852", deliveries[-1].body, esm_class=0x40) == OK
            await sender.close()
        assert [reply.text for reply in inbox.replies] == [LONG]

    asyncio.run(scene())


def test_a_stop_in_a_message_of_which_a_part_never_comes_is_heard() -> None:
    async def scene() -> None:
        inbox = Inbox()
        first, *_ = parts_of("STOP. " * 40)
        async with Smsc() as smsc:
            # The clock stands still here, so a part is overdue at once where none is waited for.
            settings = at_port(smsc.port, part_wait_seconds=0.02)
            now = NOW

            def moving_clock() -> object:
                nonlocal now
                now += timedelta(seconds=1)
                return now

            sender = SmppSender(settings, clock=moving_clock, on_inbound=inbox.take)  # type: ignore[arg-type]
            assert await sender.start() is None
            assert await smsc.deliver("852", first.body, esm_class=0x40) == OK
            async with asyncio.timeout(3):
                while not inbox.replies:
                    await asyncio.sleep(0.01)
            await sender.close()
        assert inbox.replies[0].text.startswith("STOP. STOP.")
        assert len(inbox.replies) == 1

    asyncio.run(scene())
