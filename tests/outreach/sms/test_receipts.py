"""What an SMSC says became of a message: its states, its names for messages, late, twice and badly written."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Receipt
from dunwell.outreach.sms.pdu import OK, PERMANENT_RECEIVER_ERROR, TEMPORARY_RECEIVER_ERROR, Delivery
from dunwell.outreach.sms.receipts import is_receipt, parse_receipt, reference_of_answer
from dunwell.outreach.sms.settings import ReceiptIds
from dunwell.outreach.sms.smpp_sender import SmppSender
from tests.outreach.sms.worlds import NOW, QUICK, Inbox, at_port, clock, message
from tests.outreach.smsc import Faults, Smsc


def delivery(text: str, tlvs: dict[int, bytes] | None = None, esm_class: int = 0x04) -> Delivery:
    return Delivery("85251234567", "12345", esm_class, 0, text.encode("latin-1"), tlvs or {})


def text_of(state: str, error: str = "000", reference: str = "7f3a") -> str:
    return (
        f"id:{reference} sub:001 dlvrd:001 submit date:2611240800 done date:2611240801 "
        f"stat:{state} err:{error} text:stat:DELIVRD id:other"
    )


def parsed(text: str, tlvs: dict[int, bytes] | None = None, **changes: object) -> Receipt:
    receipt = parse_receipt(delivery(text, tlvs), NOW, replace(QUICK, **changes))  # type: ignore[arg-type]
    assert receipt is not None
    return receipt


@pytest.mark.parametrize(
    ("state", "error", "kind", "is_permanent"),
    [
        ("DELIVRD", "000", "delivered", False),
        ("DELIVERED", "000", "delivered", False),
        ("UNDELIV", "001", "bounced", True),
        ("UNDELIV", "000", "bounced", True),
        ("UNDELIV", "027", "bounced", False),
        ("EXPIRED", "000", "bounced", False),
        ("REJECTD", "008", "bounced", False),
        ("DELETED", "000", "bounced", False),
        ("ENROUTE", "000", "delayed", False),
        ("ACCEPTD", "000", "delayed", False),
        ("UNKNOWN", "000", "delayed", False),
        ("BUFFERED", "000", "delayed", False),
    ],
)
def test_states(state: str, error: str, kind: str, is_permanent: bool) -> None:
    receipt = parsed(text_of(state, error))
    assert (receipt.kind, receipt.permanent, receipt.provider_reference) == (kind, is_permanent, "7f3a")
    assert receipt.detail.startswith(state[:4])


def test_the_message_s_own_words_say_nothing_about_it() -> None:
    receipt = parsed("id:7f3a stat:UNDELIV text: err:027 done date:2611240100")
    assert (receipt.permanent, receipt.at) == (True, NOW)


def test_optional_parameters_speak_without_a_text() -> None:
    tlvs = {0x001E: b"7f3a\0", 0x0427: b"\x05", 0x0423: b"\x03\x00\x1b"}
    receipt = parsed("", tlvs)
    assert (receipt.provider_reference, receipt.kind, receipt.permanent) == ("7f3a", "bounced", False)
    assert receipt.detail == "UNDELIV err:27"
    assert is_receipt(delivery("", tlvs, esm_class=0))
    assert not is_receipt(delivery("id:1 stat:DELIVRD", esm_class=0))


@pytest.mark.parametrize(
    ("receipt_ids", "answered", "in_receipt"),
    [
        ("same", "7f3a", "7f3a"),
        ("decimal", "7F3A", "0000032570"),
        ("hex", "32570", "00007f3a"),
        ("decimal", "not-a-number", "not-a-number"),
    ],
)
def test_the_receipt_finds_its_message_however_its_id_is_written(
    receipt_ids: ReceiptIds, answered: str, in_receipt: str
) -> None:
    receipt = parsed(text_of("DELIVRD", reference=in_receipt), receipt_ids=receipt_ids)
    assert receipt.provider_reference == reference_of_answer(answered, receipt_ids)


def test_the_same_receipt_has_the_same_name_and_another_state_another() -> None:
    first, again, other = (
        parsed(text_of(state, reference="1")) for state in ("DELIVRD", "DELIVRD", "EXPIRED")
    )
    assert first.receipt_id == again.receipt_id != other.receipt_id


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("UTC", datetime(2026, 11, 24, 8, 1, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2026, 11, 24, 0, 1, tzinfo=UTC)),
        ("America/New_York", NOW),  # 13:01 UTC would be after we heard of it
    ],
)
def test_when_it_was_done(zone: str, at: datetime) -> None:
    assert parsed(text_of("DELIVRD"), receipt_timezone=ZoneInfo(zone)).at == at


def test_our_own_id_comes_back_in_its_tag() -> None:
    receipt = parsed(text_of("DELIVRD"), {0x1400: b"msg-7\0"}, message_id_tag=0x1400)
    assert receipt.message_id == "msg-7"


@given(
    st.integers(0, 255),
    st.binary(max_size=300),
    st.dictionaries(st.sampled_from([0x1E, 0x423, 0x427]), st.binary(max_size=70)),
)
def test_any_octets_make_a_receipt_or_none(data_coding: int, body: bytes, tlvs: dict[int, bytes]) -> None:
    receipt = parse_receipt(
        Delivery("1", "2", 4, data_coding, body, tlvs), NOW, replace(QUICK, receipt_ids="hex")
    )
    assert receipt is None or (receipt.at <= NOW and receipt.provider_reference)


def test_receipts_come_home_each_at_least_once_and_repeats_by_the_same_name() -> None:
    async def scene() -> None:
        inbox = Inbox()
        async with Smsc(faults=Faults(receipts="twice", receipt_seconds=0.01)) as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock, on_inbound=inbox.take)
            outcomes = await sender.send([message(number) for number in range(40)])
            async with asyncio.timeout(5):
                while len(inbox.receipts) < 80:
                    await asyncio.sleep(0.01)
            await sender.close()
            assert set(smsc.receipt_statuses) == {OK}
            sent = {reference for outcome in outcomes for reference in outcome.provider_references}
            assert {receipt.provider_reference for receipt in inbox.receipts} == sent
            assert len({receipt.receipt_id for receipt in inbox.receipts}) == 40

    asyncio.run(scene())


def test_a_receipt_is_acknowledged_only_once_it_is_stored() -> None:
    async def scene() -> None:
        inbox = Inbox(failures=1)
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock, on_inbound=inbox.take)
            assert await sender.start() is None
            assert await smsc.receipt("m1") == TEMPORARY_RECEIVER_ERROR
            assert inbox.receipts == []
            assert await smsc.receipt("m1") == OK
            assert len(inbox.receipts) == 1
            assert await smsc.deliver("85251234567", b"nonsense", esm_class=4) == PERMANENT_RECEIVER_ERROR
            await sender.close()

    asyncio.run(scene())


def test_where_nobody_stores_the_smsc_keeps_it() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            sender = SmppSender(at_port(smsc.port), clock=clock)
            assert await sender.start() is None
            assert await smsc.receipt("m1") == TEMPORARY_RECEIVER_ERROR
            await sender.close()

    asyncio.run(scene())
