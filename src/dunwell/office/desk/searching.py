"""Finding a customer: by the lender's ids, or, for who may open personal data, by name, number or address.

What was typed is in no address and in no log; that somebody searched by personal data is recorded.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import polars as pl
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.journal.vault import Vault
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.masks import masked_name
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.cases.scope import visible
from dunwell.office.cases.shelf import Shelf
from dunwell.office.workplace import Workplace, workplace
from dunwell.outreach.corrections import all_corrections, with_corrections

_SHOWN_MAX = 20
_LETTERS_MIN, _LATIN_MIN, _DIGITS_MIN = 2, 3, 6


@needs("case.read")
@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """To the customer who is meant, or a list of those who may be."""
    text, staff, place = request.POST.get("q", "").strip(), staff_of(request), workplace()
    shelf = place.shelf
    known = text if shelf.file(text) is not None else shelf.owner(text)
    if known is not None and visible(place, staff, [known]):
        return redirect("case", known)
    if not staff.may("case.reveal"):
        messages.info(request, _("No customer or account has this id."))
        return redirect("queue")
    if not is_enough(text):
        messages.info(
            request, _("No customer or account has this id. For a name or a number, type more of it.")
        )
        return redirect("queue")
    found = list(islice(searched(place, staff, text, None), _SHOWN_MAX))
    if len(found) == 1:
        return redirect("case", found[0]["customer_id"])
    context = {"found": found, "is_cut": len(found) == _SHOWN_MAX}
    return render(request, "office/found.html", context)


def searched(place: Workplace, staff: Staff, text: str, known: str | None) -> Iterator[dict[str, Any]]:
    """Who may be meant, masked, of those whom somebody may see: the customer who is ``known`` by id, or else by personal data,
    which is recorded.
    """
    if known is not None:
        file = place.shelf.file(known)
        return seen_by(staff, iter([] if file is None else [file.tables["customers"].row(0, named=True)]))
    body = {"by": staff.username, "why": "searched by name or number"}
    place.journal.record([NewEvent("data.read", place.clock(), body=body)])
    return seen_by(staff, matching(place.shelf, text, place.journal.vault))


def is_enough(text: str) -> bool:
    """Whether there is enough of a name, a number or an address to look for."""
    digits = sum(letter.isdigit() for letter in text)
    letters = sum(letter.isalpha() for letter in text)
    return digits >= _DIGITS_MIN or letters >= (_LATIN_MIN if text.isascii() else _LETTERS_MIN)


def matching(shelf: Shelf, text: str, vault: Vault) -> Iterator[dict[str, Any]]:
    """The customers whose name holds the text, or one of whose numbers ends with it, or whose e-mail address it is; as their
    records are corrected, and without those who were erased.
    """
    digits = "".join(letter for letter in text if letter.isdigit())
    is_number = len(digits) >= _DIGITS_MIN and not any(letter.isalpha() for letter in text)
    changes = all_corrections(vault)
    people = shelf.whole("customers", ["customer_id", "name", "language", "jurisdiction", "region"])
    addresses = shelf.whole("contact_points", ["contact_point_id", "customer_id", "value"])
    for customers, points in zip(people, addresses, strict=True):
        tables = with_corrections({"customers": customers, "contact_points": points}, changes, vault)
        customers, points = tables["customers"], tables["contact_points"]
        if is_number or "@" in text:
            plain = (
                pl.col("value").str.replace_all(r"\D", "")
                if is_number
                else pl.col("value").str.to_lowercase()
            )
            fits = plain.str.ends_with(digits) if is_number else plain == text.lower()
            rows = customers.join(points.filter(fits), on="customer_id", how="semi")
        else:
            name = pl.col("name").str.to_lowercase()
            rows = customers.filter(name.str.contains(text.lower(), literal=True))
        gone = vault.forgotten(rows["customer_id"])
        yield from (row for row in rows.iter_rows(named=True) if row["customer_id"] not in gone)


def seen_by(staff: Staff, customers: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those of some customers whom a person may see, masked."""
    for row in customers:
        if staff.scope is not None and row["jurisdiction"] not in staff.scope:
            continue
        if (
            staff.agency_team is not None
            and not Case.objects.visible_to(staff).filter(pk=row["customer_id"]).exists()
        ):
            continue
        yield {
            "customer_id": row["customer_id"],
            "name": masked_name(row["name"]),
            "jurisdiction": row["jurisdiction"],
            "region": row["region"],
        }
