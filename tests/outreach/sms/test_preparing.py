"""A message as submit_sm, read by smpplib, which shares no code with what wrote it."""

import pytest
import smpplib.command  # type: ignore[import-untyped]

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.preparing import Prepared, prepare, recipient_digits
from tests.outreach.sms.worlds import at_port, message


def read(prepared: Prepared | Outcome, part: int = 0) -> smpplib.command.SubmitSM:
    assert isinstance(prepared, Prepared)
    pdu = prepared.encoders[part](7)
    command = smpplib.command.SubmitSM("submit_sm", need_sequence=False)
    command.parse(pdu)
    assert (command.sequence, command.length) == (7, len(pdu))
    return command


def test_every_field_is_as_the_settings_have_it() -> None:
    settings = at_port(2775, source="Lender", source_ton=5, source_npi=0, validity_minutes=1_501)
    command = read(prepare(message(1), settings))
    assert (command.source_addr, command.source_addr_ton, command.source_addr_npi) == (b"Lender", 5, 0)
    assert (command.destination_addr, command.dest_addr_ton, command.dest_addr_npi) == (b"85260000001", 1, 1)
    assert command.short_message == b"Please call us on 2345 6789."
    assert (command.data_coding, command.esm_class, command.registered_delivery) == (0, 0, 1)
    assert command.validity_period == b"000001010100000R"  # a day, an hour and a minute from now


def test_the_smsc_s_own_validity() -> None:
    assert not read(prepare(message(1), at_port(2775, validity_minutes=0))).validity_period


@pytest.mark.parametrize(("bits", "header"), [(8, b"\x05\x00\x03"), (16, b"\x06\x08\x04")])
def test_a_part_says_that_it_has_a_header(bits: int, header: bytes) -> None:
    prepared = prepare(message(1, "请致电我们" * 30), at_port(2775, reference_bits=bits))
    for part in range(3):
        command = read(prepared, part)
        assert (command.esm_class, command.data_coding) == (0x40, 8)
        assert command.short_message.startswith(header)
        assert len(command.short_message) <= 140


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("85261234567", "85261234567"),
        ("+8613912345678", "8613912345678"),
        ("0612345678", None),
        ("123456", None),
        ("1234567890123456", None),
        ("852 6123 4567", None),
        ("８５２６１２３４５６７", None),
        ("85261234567\n", None),
        ("", None),
    ],
)
def test_numbers(number: str, digits: str | None) -> None:
    assert recipient_digits(number) == digits
    outcome = prepare(Message("m", number, "Hello"), at_port(2775))
    assert isinstance(outcome, Prepared) == (digits is not None)
