"""When two contact points are one number or address: a wish about the one is a wish about the other.

Records name a number by an id of their own. The same number may come again under a second id, stay under both, or wander to
another id; whoever said that it shall not be used said it of the number.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from dunwell.law.person import ContactPoint

_WRITTEN_WITH_DIGITS = ("mobile", "landline")


def plain_address(text: str) -> str:
    """An e-mail address or a number as it is compared: case, spaces and punctuation, and the way to say "abroad" do not matter.

    >>> plain_address("+44 7700 900123"), plain_address("0044 7700 900123"), plain_address(" Ann@Example.COM ")
    ('447700900123', '447700900123', 'ann@example.com')
    """
    if "@" in text:
        return text.strip().casefold()
    digits = "".join(letter for letter in text if letter.isdigit())
    return digits.removeprefix("00")


def compared_address(kind: str | None, value: str | None) -> str | None:
    """The value of a contact point of any kind as it is compared; None where nothing is left to compare.

    >>> compared_address("mobile", "+1 (202) 555-0140"), compared_address("postal", "12  Example Road; ALBANY")
    ('12025550140', '12 example road; albany')
    """
    if not value:
        return None
    is_plain = kind in _WRITTEN_WITH_DIGITS or "@" in value
    return (plain_address(value) if is_plain else " ".join(value.casefold().split())) or None


def same_points(points: Mapping[str, ContactPoint], name: str) -> Sequence[str]:
    """The contact points of a person that are the number or address of one of them, itself among them: the one place that says
    where else a wish about a contact point holds.
    """
    known = points.get(name)
    if known is None or known.address is None:
        return (name,)
    others = (other for other, point in points.items() if point.address == known.address and other != name)
    return (name, *others)


def same_points_of_table(
    points: pl.DataFrame | None, names: Iterable[str]
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """``same_points`` for the book's table of contact points: by each of the names, the owner and the id of the others."""
    wanted = pl.Series("contact_point_id", sorted(set(names)), dtype=pl.String).to_frame()
    if points is None or not wanted.height or not {"value", "customer_id"} <= set(points.columns):
        return {}
    owners = points.join(wanted, on="contact_point_id", how="semi").select("customer_id").unique()
    theirs = points.join(owners, on="customer_id", how="semi").select(
        "customer_id", "contact_point_id", pl.col("kind").cast(pl.String), "value"
    )
    together: dict[tuple[str, str], list[str]] = {}
    place: dict[str, tuple[str, str]] = {}
    for customer, name, kind, value in theirs.iter_rows():
        if (address := compared_address(kind, value)) is not None:
            place[name] = (customer, address)
            together.setdefault((customer, address), []).append(name)
    return {
        name: [(place[name][0], other) for other in together[place[name]] if other != name]
        for name in wanted["contact_point_id"]
        if name in place
    }
