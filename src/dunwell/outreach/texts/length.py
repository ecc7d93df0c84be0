"""The parts an SMS takes (3GPP TS 23.038, 23.040): 160 letters of GSM 7-bit in one, 153 each in several; 70 and 67 of UCS-2."""

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")


def is_gsm(text: str) -> bool:
    """Whether every letter is one of GSM 7-bit's."""
    return all(letter in GSM_BASIC or letter in GSM_EXTENDED for letter in text)


def sms_parts(text: str) -> int:
    """The parts a text is sent in.

    >>> sms_parts("x" * 160), sms_parts("x" * 161), sms_parts("还" * 70), sms_parts("还" * 71)
    (1, 2, 1, 2)
    """
    if is_gsm(text):
        length = sum(2 if letter in GSM_EXTENDED else 1 for letter in text)
        alone, together = 160, 153
    else:
        length, alone, together = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= alone else -(-length // together)
