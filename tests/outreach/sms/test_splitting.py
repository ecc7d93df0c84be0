"""How long a text may be, where it is cut, and that a handset has the same text again."""

import pytest
import smpplib.consts  # type: ignore[import-untyped]
import smpplib.gsm  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.sms.alphabet import gsm_code
from dunwell.outreach.sms.splitting import (
    Place,
    ReferenceBits,
    TextUnfit,
    join_bodies,
    read_header,
    reference_for,
    split_text,
)

TEXTS = (
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=700)
    | st.text(alphabet="abcdef $€{}[]", max_size=2000)
    | st.text(alphabet="请致电 a😀", max_size=700)
)
BITS = st.sampled_from([8, 16])


@pytest.mark.parametrize(
    ("text", "bits", "unit_count", "parts"),
    [
        ("a" * 160, 8, 160, [160]),
        ("a" * 161, 8, 161, [153, 8]),
        ("a" * 161, 16, 161, [152, 9]),
        ("€" * 80, 8, 160, [80]),
        ("€" * 81, 8, 162, [76, 5]),  # 153 is odd: the 77th escape pair does not fit
        ("请" * 70, 8, 70, [70]),
        ("请" * 71, 8, 71, [67, 4]),
        ("请" * 71, 16, 71, [66, 5]),
        ("😀" * 35, 8, 70, [35]),
        ("😀" * 36, 8, 72, [33, 3]),  # 67 is odd: the 34th pair does not fit
        ("a" * 159 + "请", 8, 160, [67, 67, 26]),
    ],
    ids=lambda value: repr(value)[:4],
)
def test_lengths(text: str, bits: ReferenceBits, unit_count: int, parts: list[int]) -> None:
    split = split_text(text, bits)
    assert split.unit_count == unit_count
    assert [len(part) for part in split.texts] == parts


@given(TEXTS, BITS, st.integers(0, 0xFF))
def test_split_and_joined_is_the_text(text: str, bits: ReferenceBits, reference: int) -> None:
    try:
        split = split_text(text, bits)
    except TextUnfit:
        return
    bodies = split.bodies(reference, bits)
    payloads = []
    for number, body in enumerate(bodies, start=1):
        assert len(body) <= (160 if split.data_coding == 0 else 140)
        if len(bodies) == 1:
            payloads.append(body)
            continue
        place, payload = read_header(body)
        assert place == Place(reference, len(bodies), number)
        payloads.append(payload)
        # Each part is whole characters by itself.
        assert join_bodies([split.data_coding], [payload]) == storable_part(split.texts[number - 1])
    assert join_bodies([split.data_coding] * len(bodies), payloads) == storable_part(text)


def storable_part(text: str) -> str:
    return text.replace("\x00", "\ufffd")


@given(st.text(alphabet="abcdefgh XYZ$@", min_size=1, max_size=1500).filter(str.strip))
def test_parts_of_single_septets_are_those_of_an_independent_library(text: str) -> None:
    theirs, data_coding, esm_class = smpplib.gsm.make_parts(text)
    ours = split_text(text)
    reference = theirs[0][3] if esm_class else 0
    assert list(ours.bodies(reference)) == theirs
    assert ours.data_coding == data_coding


@given(st.text(alphabet="请致电我们", min_size=1, max_size=600))
def test_parts_of_single_units_are_those_of_an_independent_library(text: str) -> None:
    theirs, data_coding, esm_class = smpplib.gsm.make_parts(text, smpplib.consts.SMPP_ENCODING_ISO10646)
    ours = split_text(text)
    reference = theirs[0][3] if esm_class else 0
    assert list(ours.bodies(reference)) == theirs
    assert ours.data_coding == data_coding == 8


@given(TEXTS)
def test_ucs_2_only_where_it_must_be(text: str) -> None:
    if text.strip():
        is_gsm = all(gsm_code(character) for character in text)
        try:
            assert (split_text(text).data_coding == 0) == is_gsm
        except TextUnfit as error:
            assert "parts_max" in str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n ", "empty"),
        ("half \ud83d", "surrogate"),
        ("a" * 700, "5 parts and parts_max is 4"),
    ],
)
def test_texts_that_cannot_go(text: str, words: str) -> None:
    with pytest.raises(TextUnfit, match=words):
        split_text(text, parts_max=4)


@given(st.binary(max_size=200))
def test_any_header_is_read_without_harm(body: bytes) -> None:
    place, rest = read_header(body)
    assert body.endswith(rest)
    if place is not None:
        assert 1 <= place.number <= place.total


def test_a_message_keeps_its_reference() -> None:
    assert reference_for("msg-1", 8) == reference_for("msg-1", 8) <= 0xFF
    assert len({reference_for(f"msg-{number}", 16) for number in range(100)}) > 90
