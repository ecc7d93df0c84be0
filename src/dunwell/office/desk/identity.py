"""Who is on the line: two facts that the customer tells and the desk compares, before anything is disclosed.

The collector types what is said; the desk says whether it agrees with the records, and shows nobody what stands there.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date

from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from dunwell.law.addresses import plain_address
from dunwell.office.cases.casefile import CaseFile

NEEDED = 2
"""How many facts must agree."""
TRIES_MAX = 3
"""After so many tries that did not pass, the check is over for this contact: guessing is not asking."""

FACTS: Mapping[str, tuple[Lazy | str, Lazy | str]] = {
    "born": (_("Date of birth"), _("Year, month and day, like 1990-05-31")),
    "account": (_("End of an account number"), _("The last four characters")),
    "address": (_("Postal address"), _("The postcode, or the street and number")),
    "email": (_("E-mail address"), _("The whole address")),
    "phone": (_("Another phone number"), _("The last six digits; not the number that is called")),
    "opened": (_("Month the loan was taken out"), _("Like 2025-09")),
}
"""By name: what is asked, and how it is typed."""


def known_facts(file: CaseFile, called_point: str | None) -> list[str]:
    """The facts that the records hold, so that they can be asked for."""
    kinds = _values(file, called_point)
    found = {
        "born": file.customer["born_on"] is not None,
        "account": bool(file.account_ids),
        "address": bool(kinds.get("postal")),
        "email": bool(kinds.get("email")),
        "phone": bool(kinds.get("mobile") or kinds.get("landline")),
        "opened": file.tables["accounts"]["opened_on"].count() > 0,
    }
    return [name for name in FACTS if found[name]]


def agreeing(file: CaseFile, called_point: str | None, said: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the facts that were said agree with the records."""
    kinds = _values(file, called_point)
    tests: Mapping[str, Callable[[str], bool]] = {
        "born": lambda text: file.customer["born_on"] is not None and _day(text) == file.customer["born_on"],
        "account": lambda text: (
            len(text) >= 4 and any(name.endswith(text.upper()) for name in file.account_ids)
        ),
        "address": lambda text: (
            len(_folded(text)) >= 4
            and any(_folded(text) in _folded(value) for value in kinds.get("postal", ()))
        ),
        "email": lambda text: (
            plain_address(text) in [plain_address(value) for value in kinds.get("email", ())]
        ),
        "phone": lambda text: _ends(text, [*kinds.get("mobile", ()), *kinds.get("landline", ())]),
        "opened": lambda text: (
            len(text) == 7
            and any(day.isoformat()[:7] == text for day in file.tables["accounts"]["opened_on"].drop_nulls())
        ),
    }
    return tuple(name for name in FACTS if said.get(name, "").strip() and tests[name](said[name].strip()))


def _values(file: CaseFile, called_point: str | None) -> dict[str, list[str]]:
    """The values of the customer's own contact points by kind, but for the one that is called."""
    found: dict[str, list[str]] = {}
    for row in file.tables["contact_points"].iter_rows(named=True):
        if row["party"] in (None, "self") and row["contact_point_id"] != called_point:
            found.setdefault(row["kind"], []).append(row["value"])
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _folded(text: str) -> str:
    """Letters and digits alone, so that case, spaces and punctuation do not matter."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _ends(text: str, values: list[str]) -> bool:
    digits = "".join(letter for letter in text if letter.isdigit())
    return len(digits) >= 6 and any(plain_address(value).endswith(digits) for value in values)
