"""Records of a person that were wrong, corrected at the lender's desk: the event keeps the old value and the new one.

A correction says: where the old value stands, the new one is right. So it holds until the lender's tape brings a value of its
own, the new one or a third; and applying it twice changes nothing. The desk, the dispatcher and the nightly run apply the same.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from django.db.models import Max

from dunwell.journal.models import Event
from dunwell.journal.recording import PERSONAL
from dunwell.journal.vault import Vault

KIND = "data.corrected"
NAME, LANGUAGE, ADDRESS = "name", "language", "address"
"""What can be corrected: the person's name, their language, and the value of a contact point."""


@dataclass(frozen=True, slots=True)
class Correction:
    """An old value of a customer's and the new one. ``point``: the pseudonym of the contact point that is meant; None for what
    is the person's own. An empty text stands for a value that was not known.
    """

    customer_id: str
    what: str
    point: str | None
    old: str
    new: str


def corrections(
    vault: Vault, customers: Mapping[str, str], until: datetime | None = None
) -> list[Correction]:
    """What was corrected of these people (customer_id by reference), the earliest first; recorded up to ``until``."""
    rows = Event.objects.filter(kind=KIND, subject_id__in=list(customers))
    if until is not None:
        rows = rows.filter(recorded_at__lte=until)
    told = [
        (str(subject), json.loads(body))
        for subject, body in rows.order_by("id").values_list("subject_id", "body")
    ]
    items = [kept["item"] for _, body in told for kept in body[PERSONAL].values()]
    texts = vault.read(items) if items else {}
    found = []
    for subject, body in told:
        old, new = (body[PERSONAL][name]["item"] for name in ("old", "new"))
        if old in texts and new in texts:
            found.append(
                Correction(
                    customers[subject],
                    body["what"],
                    body.get("contact_point"),
                    texts[old][0],
                    texts[new][0],
                )
            )
    return found


def all_corrections(vault: Vault, until: datetime | None = None) -> list[Correction]:
    """Everything that was corrected, of everybody who was not erased."""
    subjects = {str(one) for one in Event.objects.filter(kind=KIND).values_list("subject_id", flat=True)}
    return corrections(vault, vault.customer_ids(subjects), until) if subjects else []


def last_change() -> int:
    """The number of the last event by which a record was corrected or a person erased; 0 when there was none."""
    found: int | None = Event.objects.filter(kind__in=(KIND, "data.erased")).aggregate(last=Max("id"))["last"]
    return found or 0


def with_corrections(
    tables: Mapping[str, pl.DataFrame], found: Sequence[Correction], vault: Vault
) -> dict[str, pl.DataFrame]:
    """Tables (those of customers and contact points, where they are there) with the corrections of their people."""
    result = dict(tables)
    if not found:
        return result
    if "customers" in result:
        for column in (NAME, LANGUAGE):
            result["customers"] = _corrected(
                result["customers"],
                "customer_id",
                column,
                [(one.customer_id, one) for one in found if one.what == column],
            )
    ours = [one for one in found if one.what == ADDRESS]
    if ours and "contact_points" in result:
        points = result["contact_points"]
        names = _points(points, {one.customer_id for one in ours}, vault)
        keyed = [
            (names[(one.customer_id, one.point)], one)
            for one in ours
            if one.point is not None and (one.customer_id, one.point) in names
        ]
        result["contact_points"] = _corrected(points, "contact_point_id", "value", keyed)
    return result


def _points(points: pl.DataFrame, customers: Collection[str], vault: Vault) -> dict[tuple[str, str], str]:
    """The contact points of these people by customer and pseudonym."""
    subjects = vault.references(customers)
    vault.open_keys(list(subjects.values()))
    own = points.filter(pl.col("customer_id").is_in(list(subjects))).select("customer_id", "contact_point_id")
    return {
        (customer, vault.pseudonym(subjects[customer], "point", point)): point
        for customer, point in own.iter_rows()
    }


def _corrected(
    rows: pl.DataFrame, key: str, column: str, found: Iterable[tuple[str, Correction]]
) -> pl.DataFrame:
    """One column with the corrections by key, one after another."""
    chains: dict[str, list[Correction]] = {}
    for name, one in found:
        chains.setdefault(name, []).append(one)
    if not chains:
        return rows
    stands = dict(rows.filter(pl.col(key).is_in(list(chains))).select(key, column).iter_rows())
    changed = {}
    for name, before in stands.items():
        value = before or ""
        for one in chains[name]:
            value = one.new if value == one.old else value
        if value != (before or ""):
            changed[name] = value
    if not changed:
        return rows
    ours = pl.DataFrame({key: list(changed), "§new": list(changed.values())})
    joined = rows.join(ours, on=key, how="left", maintain_order="left")
    mended = pl.coalesce(pl.col("§new").cast(rows.schema[column]), column).alias(column)
    return joined.with_columns(mended).select(rows.columns)
