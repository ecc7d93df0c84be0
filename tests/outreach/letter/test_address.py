"""An address from the one text of a record: its lines, its name where the country has it, and never more than a window shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.letter import AddressUnusable, address_from


@pytest.mark.parametrize(
    ("name", "value", "country", "lines"),
    [
        ("A. Lee", "1 High St\nLeeds\nLS1 1AA", "GB", ("A. Lee", "1 High St", "Leeds", "LS1 1AA")),
        ("A. Lee", "1 High St; Leeds;LS1 1AA", "GB", ("A. Lee", "1 High St", "Leeds", "LS1 1AA")),
        ("A. Lee", "A. Lee\n1 High St, Top\nLeeds", "GB", ("A. Lee", "1 High St, Top", "Leeds")),
        ("A. Lee", "2, The Mews, Old Road, Otley, Leeds, West Yorkshire, LS1 1AA", "GB", None),
        (
            "李伟",
            "200120 上海市浦东新区，世纪大道100号",
            "CN",
            ("200120 上海市浦东新区", "世纪大道100号", "李伟 收"),
        ),
        (
            "Li Wei",
            "100 Century Avenue, Shanghai 200120",
            "CN",
            ("Li Wei", "100 Century Avenue", "Shanghai 200120"),
        ),
    ],
)
def test_lines(name: str, value: str, country: str, lines: tuple[str, ...] | None) -> None:
    address = address_from(name, value, country)
    assert lines is None or address.lines == lines
    assert len(address.lines) <= 6
    assert (
        "".join(address.lines).replace(" ", "").replace(",", "").startswith("".join(name.split()))
        or country == "CN"
    )


@pytest.mark.parametrize(
    ("name", "value", "country"),
    [("A", "", "GB"), ("A", "x" * 60, "GB"), ("A", "Leeds", "uk"), ("A", "b\x00c, d", "GB")],
)
def test_what_is_no_address(name: str, value: str, country: str) -> None:
    with pytest.raises(AddressUnusable):
        address_from(name, value, country)


@given(st.text(alphabet="ab1 ,;\n李", min_size=1, max_size=120))
def test_every_letter_of_a_record_is_on_the_envelope_or_it_is_refused(value: str) -> None:
    try:
        address = address_from("Q", value, "GB")
    except AddressUnusable:
        return
    whole = "".join(address.lines)
    assert [letter for letter in whole if letter in "ab1李"] == [
        letter for letter in value if letter in "ab1李"
    ]
