"""Delivery receipts: what an SMSC says became of a message, in text (SMPP 3.4 appendix B) and in optional parameters."""

import hashlib
import re
from datetime import UTC, datetime

from dunwell.outreach.channel import Receipt, ReceiptKind
from dunwell.outreach.sms.alphabet import decode_text
from dunwell.outreach.sms.pdu import Delivery
from dunwell.outreach.sms.settings import ReceiptIds, SmppSettings

_MESSAGE_TYPE_BITS = 0x3C
_RECEIPT_TYPES = (0x04, 0x20)  # SMSC delivery receipt, intermediate delivery notification (section 5.2.12)
_TAG_RECEIPTED_MESSAGE_ID = 0x001E
_TAG_NETWORK_ERROR_CODE = 0x0423
_TAG_MESSAGE_STATE = 0x0427
_STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_BOUNCED = ("EXPIRED", "DELETED", "UNDELIV", "REJECTD")
_TEXT_FIELD = re.compile(r"(?:^|\s)(id|stat|err|done date):(\S*)", re.IGNORECASE)
_TEXT_BEGINS = re.compile(r"\stext:", re.IGNORECASE)


def is_receipt(delivery: Delivery) -> bool:
    """Whether the SMSC speaks here of a message of ours, and not a person to us.

    Some SMSCs leave esm_class 0 and only add the optional parameters.
    """
    says_so = (delivery.esm_class & _MESSAGE_TYPE_BITS) in _RECEIPT_TYPES
    return says_so or {_TAG_RECEIPTED_MESSAGE_ID, _TAG_MESSAGE_STATE} <= delivery.tlvs.keys()


def parse_receipt(delivery: Delivery, received_at: datetime, settings: SmppSettings) -> Receipt | None:
    """The receipt, or None where it names no message or no state. Never fails.

    ``at`` is the SMSC's done date, read in ``receipt_timezone``, where it has one that is not after ``received_at``.
    An undeliverable message is a permanent bounce unless its error code is one of ``temporary_errors``; one that
    expired, was deleted or was rejected says nothing against the number.
    """
    fields = _text_fields(delivery)
    reference = _reference(delivery, fields, settings.receipt_ids)
    state = _state(delivery, fields)
    if not reference or not state:
        return None
    error = _error_code(delivery, fields)
    kind: ReceiptKind = "delivered" if state == "DELIVRD" else "bounced" if state in _BOUNCED else "delayed"
    return Receipt(
        receipt_id="smpp-" + hashlib.sha256(f"{reference}|{state}".encode()).hexdigest()[:32],
        kind=kind,
        at=_done_at(fields.get("done date", ""), received_at, settings),
        message_id=_message_id(delivery, settings.message_id_tag),
        provider_reference=reference,
        permanent=state == "UNDELIV" and error not in settings.temporary_errors,
        detail=f"{state} err:{error}" if error else state,
    )


def reference_of_answer(message_id: str, receipt_ids: ReceiptIds) -> str:
    """The provider's reference from a submit_sm_resp, written so that the receipt's form of it is the same text.

    Where the SMSC writes one in hexadecimal and the other in decimal (``receipt_ids`` says what the receipts
    write), both are read as numbers and kept in decimal.
    """
    if receipt_ids == "same":
        return message_id.strip()
    return _number(message_id.strip(), 16 if receipt_ids == "decimal" else 10)


def _reference(delivery: Delivery, fields: dict[str, str], receipt_ids: ReceiptIds) -> str:
    parameter = _c_string(delivery.tlvs.get(_TAG_RECEIPTED_MESSAGE_ID, b""))
    text = fields.get("id", "")
    if receipt_ids == "same":
        return parameter.strip() or text
    # The text is what the setting speaks of; the parameter repeats the answer's own form.
    by_text = _number(text, 10 if receipt_ids == "decimal" else 16) if text else ""
    return by_text or reference_of_answer(parameter, receipt_ids)


def _number(text: str, base: int) -> str:
    digits = r"[0-9]{1,64}" if base == 10 else r"[0-9A-Fa-f]{1,64}"
    return str(int(text, base)) if re.fullmatch(digits, text) else text


def _text_fields(delivery: Delivery) -> dict[str, str]:
    # Receipts are written in ASCII whatever the data_coding says of the message; UCS-2 receipts are seen too.
    text = decode_text(delivery.data_coding, delivery.body)
    if "id:" not in text.lower():
        text = delivery.body.decode("latin-1")
    text = _TEXT_BEGINS.split(text, maxsplit=1)[0]
    fields: dict[str, str] = {}
    for name, value in _TEXT_FIELD.findall(text):
        fields.setdefault(name.lower(), value)
    return fields


def _state(delivery: Delivery, fields: dict[str, str]) -> str:
    parameter = delivery.tlvs.get(_TAG_MESSAGE_STATE, b"")
    if parameter and parameter[-1] in _STATES:
        return _STATES[parameter[-1]]
    text = re.sub(r"[^A-Z0-9_-]", "", fields.get("stat", "").upper())[:20]
    # Providers write DELIVERED for DELIVRD, and so on: four letters tell the states apart.
    for state in _STATES.values():
        if text[:4] == state[:4]:
            return state
    return "UNDELIV" if text.startswith("FAIL") else text


def _error_code(delivery: Delivery, fields: dict[str, str]) -> str:
    parameter = delivery.tlvs.get(_TAG_NETWORK_ERROR_CODE, b"")
    text = re.sub(r"[^A-Za-z0-9]", "", fields.get("err", ""))[:10].lstrip("0")
    if text or len(parameter) != 3:
        return text
    return str(int.from_bytes(parameter[1:], "big") or "")


def _done_at(text: str, received_at: datetime, settings: SmppSettings) -> datetime:
    if not re.fullmatch(r"[0-9]{10}(?:[0-9]{2})?", text, re.ASCII):
        return received_at
    try:
        local = datetime.strptime(text.ljust(12, "0"), "%y%m%d%H%M%S").replace(
            tzinfo=settings.receipt_timezone
        )
        done_at = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return received_at
    return min(done_at, received_at)


def _message_id(delivery: Delivery, tag: int | None) -> str | None:
    value = _c_string(delivery.tlvs.get(tag, b"")) if tag is not None else ""
    return value if re.fullmatch(r"[A-Za-z0-9-]{1,36}", value) else None


def _c_string(octets: bytes) -> str:
    return octets.split(b"\0", 1)[0].decode("latin-1")
