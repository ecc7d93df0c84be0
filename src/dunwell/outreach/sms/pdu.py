"""SMPP 3.4 on the wire: the frame of every PDU, the few bodies a session needs, and what a status means.

smpp34 encodes submit_sm and decodes deliver_sm. The session around it is ours, since smpp34's own client answers a
deliver_sm before anybody stored it, and does not tell a message written from one still waiting.
"""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import smpp34

GENERIC_NACK = 0x80000000
BIND_RECEIVER = 0x00000001
BIND_TRANSCEIVER = 0x00000009
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
ENQUIRE_LINK = 0x00000015
RESPONSE = 0x80000000

OK = 0x00
INVALID_COMMAND = 0x03
SYSTEM_ERROR = 0x08
QUEUE_FULL = 0x14
THROTTLED = 0x58
TEMPORARY_RECEIVER_ERROR = 0x64
PERMANENT_RECEIVER_ERROR = 0x65

_HEADER = struct.Struct(">IIII")
_PDU_BYTES_MAX = 70_000
_TAG_MESSAGE_PAYLOAD = 0x0424
_STATUSES = {
    0x01: "the message length is invalid",
    0x02: "the command length is invalid",
    0x03: "the command is invalid",
    0x04: "not bound for this command",
    0x05: "already bound",
    0x08: "system error",
    0x0A: "the source address is invalid",
    0x0B: "the destination address is invalid",
    0x0C: "the message id is invalid",
    0x0D: "the bind failed",
    0x0E: "the password is invalid",
    0x0F: "the system_id is invalid",
    0x14: "the message queue is full",
    0x15: "the service type is invalid",
    0x33: "the number of destinations is invalid",
    0x43: "the esm_class is invalid",
    0x45: "submit_sm failed",
    0x48: "the source's type of number is invalid",
    0x49: "the source's numbering plan is invalid",
    0x50: "the destination's type of number is invalid",
    0x51: "the destination's numbering plan is invalid",
    0x53: "the system_type is invalid",
    0x58: "throttled: more than allowed in this time",
    0x61: "the schedule time is invalid",
    0x62: "the validity period is invalid",
    0x66: "rejected by the receiver",
    0xC0: "an optional parameter is in error",
    0xC4: "an optional parameter's value is invalid",
    0xFE: "the delivery failed",
    0xFF: "unknown error",
}


class NotSmpp(Exception):
    """What arrived is no SMPP."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One protocol data unit; ``raw`` is the whole of it."""

    command_id: int
    status: int
    sequence: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[_HEADER.size :]

    def first_string(self) -> str:
        """The body's first C-string: a submit_sm_resp's message_id, a bind response's system_id."""
        return self.body.split(b"\0", 1)[0].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A deliver_sm: a delivery receipt, or a text that a person wrote. ``body`` is the message's octets,
    wherever the SMSC put them (short_message or message_payload).
    """

    source: str
    destination: str
    esm_class: int
    data_coding: int
    body: bytes
    tlvs: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))


async def read_pdu(reader: asyncio.StreamReader) -> Pdu:
    """The next PDU. Raises NotSmpp, or EOFError (asyncio.IncompleteReadError) and OSError at the connection's end."""
    header = await reader.readexactly(_HEADER.size)
    length, command_id, status, sequence = _HEADER.unpack(header)
    if not _HEADER.size <= length <= _PDU_BYTES_MAX:
        raise NotSmpp(f"a PDU that says it is {length} bytes long")
    return Pdu(command_id, status, sequence, header + await reader.readexactly(length - _HEADER.size))


def encode_pdu(command_id: int, sequence: int, status: int = OK, body: bytes = b"") -> bytes:
    """A PDU of this body."""
    return _HEADER.pack(_HEADER.size + len(body), command_id, status, sequence) + body


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """The body of bind_transceiver (section 4.1.5): interface version 3.4, no address range."""
    strings = b"".join(text.encode("ascii") + b"\0" for text in (system_id, password, system_type))
    return strings + bytes([0x34, 0, 0]) + b"\0"


def read_delivery(pdu: Pdu) -> Delivery:
    """A deliver_sm's content. Raises NotSmpp where it is malformed."""
    try:
        decoded = smpp34.decode(pdu.raw)
    except smpp34.SmppError as error:
        raise NotSmpp(f"a malformed deliver_sm ({error})") from error
    if not isinstance(decoded, smpp34.DeliverSm):
        raise NotSmpp(f"command 0x{pdu.command_id:08X} where a deliver_sm was expected")
    tlvs = {tlv.tag: tlv.value for tlv in decoded.tlvs}
    return Delivery(
        source=decoded.source_addr,
        destination=decoded.destination_addr,
        esm_class=decoded.esm_class,
        data_coding=decoded.data_coding,
        body=decoded.short_message or tlvs.get(_TAG_MESSAGE_PAYLOAD, b""),
        tlvs=MappingProxyType(tlvs),
    )


def status_in_words(status: int) -> str:
    """A command_status for people, as "0x0000000B: the destination address is invalid" (section 5.1.3)."""
    return f"0x{status:08X}: {_STATUSES.get(status, 'a status of this provider; see its manual')}"
