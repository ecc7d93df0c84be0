"""Why this treatment: what the last run could have done for a customer, what each was worth, and why it was not chosen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dunwell.nightly.stages import HouseReason, read_ladder
from dunwell.office.cases.casefile import CaseFile
from dunwell.strategy.experiments.design import NOTHING, STOPPED
from dunwell.strategy.learned import WAITING

_LOT_MOST = 0.5
"""What was chosen with less than this chance, and in no experiment, was drawn by exploring."""


@dataclass(frozen=True, slots=True)
class Option:
    """A treatment as it stood in the run. ``why``: why it was not chosen, empty for the chosen one; ``rules``: those that rule it
    out, each with where it stands and its sentence. ``is_over_waiting``: its worth is that of acting today over waiting and
    choosing again tomorrow.
    """

    treatment: str
    channel: str | None
    value: Decimal
    value_sd: float
    is_over_waiting: bool
    cost: Decimal
    price: Decimal
    net: Decimal
    is_chosen: bool
    why: str
    rules: tuple[Mapping[str, str], ...]

    @property
    def spread(self) -> Decimal:
        """How unsure its value is, one standard deviation."""
        return Decimal(f"{self.value_sd:.2f}")


@dataclass(frozen=True, slots=True)
class Options:
    """A customer's options: the chosen, and the others by what each is worth, those ruled out last. ``by_lot``: how a lot
    decided, empty where none did. ``currency``: of the values, empty where it is not known.
    """

    chosen: Option
    others: tuple[Option, ...]
    by_lot: str
    currency: str

    @property
    def is_over_waiting(self) -> bool:
        """Whether any of them is valued over waiting today."""
        return any(one.is_over_waiting for one in (self.chosen, *self.others))


def options_of(file: CaseFile) -> Options | None:
    """What the last run could have done; None where it kept no options of this customer."""
    rows = file.results.get("options")
    if rows is None or not rows.height:
        return None
    told = rows.to_dicts()
    chosen = next((row for row in told if row["is_chosen"]), None)
    if chosen is None:
        return None
    about = _run(file.place.settings.book_folder)
    lot = _lot(file)
    is_ordered = all(not row["value"] for row in told)
    places = {row["treatment"]: place for place, row in enumerate(told)}
    others = [
        _option(file, row, _why(row, chosen, lot, is_ordered, places))
        for row in told
        if row is not chosen and not (row["treatment"] == NOTHING and is_ordered)
    ]
    if not is_ordered:
        others.sort(key=lambda one: (bool(one.rules), -one.net))
    return Options(_option(file, chosen, ""), tuple(others), lot, about.get("currency", ""))


def _lot(file: CaseFile) -> str:
    """How a lot decided about the customer, in words."""
    rows = file.results.get("decisions")
    if rows is None or not rows.height:
        return ""
    arm, probability = rows["arm"][0], rows["probability"][0]
    if arm == "hold-out":
        return _("drawn by lot for the hold-out, which is left in peace so that the rest can be measured")
    if arm is not None and arm.endswith(STOPPED):
        return _("an experiment's control, for the arm that was drawn by lot is stopped: %(arm)s") % {
            "arm": arm.removesuffix(STOPPED)
        }
    if arm is not None:
        return _("drawn by lot in an experiment: %(arm)s") % {"arm": arm}
    if probability is not None and probability < _LOT_MOST:
        return _("drawn by lot, so that it can be learned what each treatment brings")
    return ""


def _why(
    row: Mapping[str, Any], chosen: Mapping[str, Any], lot: str, is_ordered: bool, places: Mapping[str, int]
) -> str:
    """Why an option was not chosen."""
    if row["blocked_by"]:
        return _("ruled out")
    if lot:
        return _("a lot decided")
    if is_ordered:
        is_before = chosen["treatment"] == NOTHING or places[row["treatment"]] < places[chosen["treatment"]]
        return _("the capacity was used up") if is_before else _("comes later in the text's order")
    if row["value"] - row["cost"] > chosen["value"] - chosen["cost"]:
        return _("its capacity is worth more elsewhere today")
    return _("worth less")


def _option(file: CaseFile, row: Mapping[str, Any], why: str) -> Option:
    rules = tuple(_rule(file, name) for name in row["blocked_by"] or ())
    return Option(
        row["treatment"],
        row["channel"],
        row["value"],
        row["value_sd"] or 0.0,
        row.get("against") == WAITING,
        row["cost"],
        row["price"],
        row["net"],
        row["is_chosen"],
        why,
        rules,
    )


def _rule(file: CaseFile, name: str) -> Mapping[str, str]:
    """A rule with where it stands and its sentence; by its name alone where the law of today does not know it."""
    known = next((rule for rule in file.gate.rules if rule.id == name), None)
    found: Any = known or house_reasons(file.day).get(name)
    if found is None:
        return {"rule": name, "citation": "", "words": name}
    is_chinese = (get_language() or "en").startswith("zh")
    return {"rule": name, "citation": found.citation, "words": found.zh if is_chinese else found.en}


@lru_cache(maxsize=4)
def house_reasons(day: date) -> Mapping[str, HouseReason]:
    """The sentences of what the house itself holds back, by rule, in both languages."""
    return read_ladder(day).reasons


def _run(book: Path) -> Mapping[str, str]:
    """What the run says of the strategy it decided with."""
    file = book / "run.json"
    return _read_run(file, file.stat().st_mtime_ns) if file.is_file() else {}


@lru_cache(maxsize=4)
def _read_run(file: Path, stamp: int) -> Mapping[str, str]:
    decided = json.loads(file.read_text(encoding="utf-8")).get("decided") or {}
    return {"currency": str(decided.get("currency") or "")}
