"""A message made ready before anything is written: its number checked, its text cut, or the refusal that it deserves."""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import smpp34

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.settings import SmppSettings
from dunwell.outreach.sms.splitting import Split, TextUnfit, reference_for, split_text

_log = logging.getLogger(__name__)

OnBegin = Callable[[Sequence[str]], Awaitable[None]]
"""Told the message_ids of which the first part is about to be written; once it returns, they are written."""

_INTERNATIONAL_TON = 1
_ISDN_NPI = 1
_REGISTERED_DELIVERY = 1  # a receipt for the final state, good or bad (section 5.2.17)
_ESM_CLASS_UDHI = 0x40


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message's parts, each waiting for the sequence number under which it is written."""

    message_id: str
    encoders: tuple[Callable[[int], bytes], ...]


def recipient_digits(number: str) -> str | None:
    """The digits of an E.164 number (ITU-T E.164 section 6: at most 15, the first no zero), or None where it is none."""
    return number.removeprefix("+") if re.fullmatch(r"\+?[1-9][0-9]{6,14}", number, re.ASCII) else None


def checked(message: Message, parts_max: int, reference_bits: int = 8) -> tuple[str, Split] | Outcome:
    """The recipient's digits and the text's parts, or the message refused with the reason."""
    digits = recipient_digits(message.to)
    if digits is None:
        return Outcome(
            message.message_id,
            "refused",
            "the recipient is no E.164 number; write the country code and the number, 7 to 15 digits",
        )
    try:
        return digits, split_text(message.text, 16 if reference_bits == 16 else 8, parts_max)
    except TextUnfit as error:
        return Outcome(message.message_id, "refused", str(error))


def prepare(message: Message, settings: SmppSettings) -> Prepared | Outcome:
    """The message as submit_sm PDUs (section 4.4.1), or the message refused with the reason."""
    result = checked(message, settings.parts_max, settings.reference_bits)
    if isinstance(result, Outcome):
        return result
    digits, split = result
    bodies = split.bodies(reference_for(message.message_id, settings.reference_bits), settings.reference_bits)
    esm_class = _ESM_CLASS_UDHI if len(bodies) > 1 else 0
    return Prepared(
        message.message_id,
        tuple(
            _encoder(message.message_id, digits, body, split.data_coding, esm_class, settings)
            for body in bodies
        ),
    )


async def is_begun(message_id: str, on_begin: OnBegin | None) -> bool:
    """Tells that the message is about to be written. False where no record of it could be kept: then it is not sent,
    while those on their way go on.
    """
    if on_begin is None:
        return True
    try:
        await on_begin((message_id,))
    except Exception:
        _log.exception("SMS: the record that a message begins could not be kept; it is not sent")
        return False
    return True


def _encoder(
    message_id: str, digits: str, body: bytes, data_coding: int, esm_class: int, settings: SmppSettings
) -> Callable[[int], bytes]:
    tag = settings.message_id_tag
    tlvs = [] if tag is None else [smpp34.Tlv(tag, message_id.encode("ascii") + b"\0")]

    def encode(sequence: int) -> bytes:
        return smpp34.SubmitSm(
            settings.source,
            digits,
            body,
            source_addr_ton=settings.source_ton,
            source_addr_npi=settings.source_npi,
            dest_addr_ton=_INTERNATIONAL_TON,
            dest_addr_npi=_ISDN_NPI,
            esm_class=esm_class,
            data_coding=data_coding,
            registered_delivery=_REGISTERED_DELIVERY,
            validity_period=_relative_period(settings.validity_minutes),
            tlvs=tlvs,
            sequence_number=sequence,
        ).encode()

    return encode


def _relative_period(minutes: int) -> str:
    """Minutes as SMPP's relative time YYMMDDhhmmsstnnR (section 7.1.1.2); empty for the SMSC's own period."""
    if minutes == 0:
        return ""
    days, rest = divmod(minutes, 24 * 60)
    return f"0000{days:02}{rest // 60:02}{rest % 60:02}00000R"
