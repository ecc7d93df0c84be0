"""Finding a customer: by the lender's ids, or, for who may open personal data, by name, number or address.

What was typed is in no address and in no log; that somebody searched by personal data is recorded.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
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
from dunwell.outreach.corrections import Correction, all_corrections, with_corrections

_SHOWN_MAX = 20
_LETTERS_MIN, _LATIN_MIN, _DIGITS_MIN = 2, 3, 6
_READ = 50
"""So many of those found are read at once."""


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
    changes: dict[str, list[Correction]] = {}
    for one in all_corrections(vault):
        changes.setdefault(one.customer_id, []).append(one)
    found = chain(changes, (one for one in _found(shelf, text) if one not in changes))
    while some := list(islice(found, _READ)):
        gone = vault.forgotten(some)
        for customer in some:
            is_changed = customer in changes
            names = ("customers", "contact_points") if is_changed else ("customers",)
            tables = None if customer in gone else shelf.rows(customer, names)
            if tables is None:
                continue
            if is_changed:
                tables = with_corrections(tables, changes[customer], vault)
                if not _fits(tables, text):
                    continue
            yield tables["customers"].row(0, named=True)


def _digits(text: str) -> str:
    """The number that is looked for; empty where it is a name or an address."""
    digits = "".join(letter for letter in text if letter.isdigit())
    return digits if len(digits) >= _DIGITS_MIN and not any(letter.isalpha() for letter in text) else ""


def _found(shelf: Shelf, text: str) -> Iterator[str]:
    """Who may be meant, by the records as they stand on the shelf."""
    if digits := _digits(text):
        return shelf.reached_at(digits=digits)
    return shelf.reached_at(value=text) if "@" in text else shelf.named(text)


def _fits(tables: Mapping[str, pl.DataFrame], text: str) -> bool:
    """Whether the text means the one customer of some tables."""
    values = tables["contact_points"]["value"].drop_nulls()
    if digits := _digits(text):
        return bool(values.str.replace_all(r"\D", "").str.ends_with(digits).any())
    if "@" in text:
        return bool((values.str.to_lowercase() == text.lower()).any())
    return bool(tables["customers"]["name"].str.to_lowercase().str.contains(text.lower(), literal=True).any())


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
