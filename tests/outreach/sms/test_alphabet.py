"""GSM 03.38 as smpplib, an independent library, writes it, and as a handset reads it."""

import string

import pytest
import smpplib.gsm  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.sms.alphabet import decode_gsm, decode_text, gsm_code, storable

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€\f"
    + string.ascii_letters
    + string.digits
)
SMPPLIB_LACKS = "§\f"  # its table shows a backtick for one and forgets the other


def encoded(text: str) -> bytes:
    return b"".join(gsm_code(character) or b"" for character in text)


@given(st.text(alphabet=[character for character in GSM if character not in SMPPLIB_LACKS]))
def test_the_octets_are_those_of_an_independent_library(text: str) -> None:
    assert encoded(text) == smpplib.gsm.gsm_encode(text)


@given(st.text(alphabet=list(GSM)))
def test_what_is_written_is_read(text: str) -> None:
    assert decode_gsm(encoded(text)) == text


@pytest.mark.parametrize(
    ("character", "code"),
    [("$", b"\x02"), ("@", b"\x00"), ("§", b"\x5f"), ("€", b"\x1be"), ("\f", b"\x1b\n"), ("{", b"\x1b(")],
)
def test_characters_that_differ_from_ascii(character: str, code: bytes) -> None:
    assert gsm_code(character) == code


@pytest.mark.parametrize("character", ["`", "ç", "’", "请", "😀", "\x1b", "\t"])
def test_characters_the_alphabet_lacks(character: str) -> None:
    assert gsm_code(character) is None


@given(st.integers(0, 255), st.binary(max_size=300))
def test_any_octets_under_any_coding_are_read_as_text_a_database_keeps(
    data_coding: int, octets: bytes
) -> None:
    text = decode_text(data_coding, octets)
    assert "\x00" not in text
    text.encode("utf-8")


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_storable_leaves_good_text_alone(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0, b"STOP \x02 now", "STOP $ now"),
        (0, b"\x1be \x1b\x1b \x1bA", "€   A"),
        (3, "Ça suffit".encode("latin-1"), "Ça suffit"),
        (8, "不要再发 😀".encode("utf-16-be"), "不要再发 😀"),
        (8, "退订".encode("utf-16-be") + b"\x00", "退订\ufffd"),
        (0xF0, b"yes", "yes"),
        (1, b"yes $", "yes $"),
    ],
)
def test_what_people_write(data_coding: int, octets: bytes, text: str) -> None:
    assert decode_text(data_coding, octets) == text
