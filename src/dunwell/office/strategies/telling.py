"""A comparison as people read it: each measure's words and units, the tables, and the charts drawn from the same figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
from babel.numbers import format_decimal
from django.utils.functional import Promise as Lazy
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from dunwell.nightly.report.charts import intervals
from dunwell.office.analytics.telling import FONTS, WIDTH
from dunwell.office.desk.templatetags.shown import money, percent, tongue

MEASURES: Mapping[str, str | Lazy] = {
    "net": gettext_lazy("Money after cost, a customer"),
    "repaid": gettext_lazy("Share repaid of what was past due"),
    "cured": gettext_lazy("Share no longer past due"),
    "cost": gettext_lazy("Cost, a customer"),
    "minutes": gettext_lazy("Agent minutes, a customer"),
    "contacts": gettext_lazy("Contacts, a customer"),
    "complaints": gettext_lazy("Customers who complain, of 1,000"),
    "opt-outs": gettext_lazy("Customers who opt out, of 1,000"),
    "contacts in hardship": gettext_lazy("Contacts with people in hardship, of 1,000 customers"),
    "fatigue": gettext_lazy("How tired of contact people are"),
    "hardest tenth: repaid": gettext_lazy("Hardest tenth: share repaid"),
    "hardest tenth: contacts": gettext_lazy("Hardest tenth: contacts, a customer"),
    "hardest tenth: complaints": gettext_lazy("Hardest tenth: customers who complain, of 1,000"),
    "hardest tenth: fatigue": gettext_lazy("Hardest tenth: how tired of contact"),
}
"""What each measure is called; ``cash CUR`` besides."""
GROUPINGS: Mapping[str, str | Lazy] = {
    "age": gettext_lazy("age"),
    "region": gettext_lazy("region"),
    "language": gettext_lazy("language"),
}
FLOORS: Mapping[str, str | Lazy] = {
    "cure_share_min": gettext_lazy("Share no longer past due, at least"),
    "complaints_per_thousand_max": gettext_lazy("Customers who complain, of 1,000, at most"),
    "opt_outs_per_thousand_max": gettext_lazy("Customers who opt out, of 1,000, at most"),
    "contacts_per_customer_max": gettext_lazy("Contacts, a customer, at most"),
}
PICTURES = ("change", "groups")
_DRAWN_MOST = 2.0
"""A change known no better than to twice the old figure is left out of the picture; the table has it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: what it is of, old, new, difference and interval as text, and ``tone``: bad, good or empty."""

    name: str
    old: str
    new: str
    difference: str
    interval: str
    tone: str
    verdict: str


def measure_name(name: str) -> str:
    """A measure in words."""
    if name.startswith("cash "):
        return _("Money that came in, a customer: %(currency)s") % {"currency": name.removeprefix("cash ")}
    return str(MEASURES.get(name, name))


def measure_lines(told: Mapping[str, Any]) -> list[Line]:
    """The measures' table."""
    return [_line(measure_name(row["name"]), row, told["currency"]) for row in told["measures"]]


def gap_lines(told: Mapping[str, Any]) -> list[Line]:
    """The groups' table: each beside everybody else."""
    return [
        _line(
            f"{_group(gap)} ({gap['customers']:,}): {measure_name(gap['measured']['name'])}",
            gap["measured"],
            "",
        )
        for gap in told["gaps"]
    ]


def floor_lines(told: Mapping[str, Any]) -> list[dict[str, str]]:
    """The objective's floors in words, the breached first."""
    words = {
        "breached": _("breached"),
        "kept": _("kept"),
        "open": _("cannot be told in %(days)d of %(window)d days")
        % {"days": told["days"], "window": told["window_days"]},
    }
    tones = {"breached": "bad", "kept": "good", "open": ""}
    return [
        {
            "name": f"{FLOORS[floor['name']]} {_plain(floor['bound'])}",
            "state": words[floor["state"]],
            "tone": tones[floor["state"]],
            "old": _plain(floor["old"]),
            "new": _plain(floor["new"]),
        }
        for floor in told["floors"]
    ]


def is_breached(told: Mapping[str, Any]) -> bool:
    """Whether the new strategy breaches a floor."""
    return any(floor["state"] == "breached" for floor in told["floors"])


def draw(name: str, told: Mapping[str, Any]) -> str | None:
    """A chart as an SVG file of its own; None where there is nothing to draw."""
    rows = _changes(told) if name == "change" else _cure_gaps(told)
    if not rows:
        return None
    titles = {
        "change": _("Change against the strategy in force"),
        "groups": _("What the change does to each group"),
    }
    axes = {
        "change": _("of the old figure, with its 95 % interval"),
        "groups": _("share no longer past due: the group's lead over everybody else, new less old"),
    }
    frame = pl.DataFrame(rows, schema=["label", "value", "low", "high"], orient="row")
    drawn = intervals(frame, WIDTH, title=titles[name], axis_title=axes[name])
    return drawn.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONTS}" ', 1)


def _changes(told: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    rows = []
    for row in told["measures"]:
        if row["low"] is None or not row["old"]:
            continue
        share = tuple(row[key] / abs(row["old"]) for key in ("difference", "low", "high"))
        if max(map(abs, share)) <= _DRAWN_MOST:
            rows.append((measure_name(row["name"]), *share))
    return rows


def _cure_gaps(told: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    return [
        (_group(gap), row["difference"], row["low"], row["high"])
        for gap in told["gaps"]
        if (row := gap["measured"])["name"] == "cured"
        and row["difference"] is not None
        and row["low"] is not None
    ]


def _group(gap: Mapping[str, Any]) -> str:
    of = GROUPINGS.get(gap["grouping"], gap["grouping"])
    return _("%(of)s: %(group)s") % {"of": of, "group": _group_name(gap["grouping"], gap["group"])}


def _group_name(grouping: str, name: str) -> str:
    """A group in the reader's language: ages by their years, a language by its name."""
    if grouping == "language":
        return tongue(name)
    years = re.findall(r"\d+", name)
    if grouping != "age" or not years:
        return name
    if len(years) > 1:
        return _("%(first)s to %(last)s") % {"first": years[0], "last": years[1]}
    return (_("under %(years)s") if name.startswith("under") else _("%(years)s or more")) % {
        "years": years[0]
    }


def _line(name: str, row: Mapping[str, Any], currency: str) -> Line:
    unit = row["name"].removeprefix("cash ") if row["name"].startswith("cash ") else currency

    def shown(value: float | None, sign: bool = False) -> str:
        return _shown(value, row["kind"], unit, sign)

    is_pair = row["difference"] is not None
    interval = "" if row["low"] is None else f"{shown(row['low'], is_pair)} … {shown(row['high'], is_pair)}"
    tone, verdict = "", ""
    if row["is_worse"]:
        tone, verdict = "bad", _("worse")
    elif row["is_sure"] and row["better"]:
        tone, verdict = "good", _("better")
    elif row["is_sure"]:
        verdict = _("differs")
    elif is_pair and row["low"] is not None:
        verdict = _("no difference") if row["low"] == row["high"] == 0 else _("cannot be told from luck")
    return Line(
        name, shown(row["old"]), shown(row["new"]), shown(row["difference"], True), interval, tone, verdict
    )


def _shown(value: float | None, kind: str, currency: str, sign: bool = False) -> str:
    if value is None:
        return ""
    value = round(value, 3 if kind == "share" else 2) or 0.0  # no minus before a zero
    told = (
        percent(value)
        if kind == "share"
        else str(money(Decimal(f"{value:.2f}"), currency))
        if kind == "money"
        else _plain(value)
    )
    return f"+{told}" if sign and value > 0 else told


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    locale = "zh_Hans_CN" if (get_language() or "en").startswith("zh") else "en_GB"
    return str(format_decimal(round(value, 2), locale=locale))


def treatment_rows(told: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Each treatment with how often it was given to a thousand customers, old and new."""
    return [
        (name, "" if old is None else f"{old:,.0f}", f"{new:,.0f}") for name, old, new in told["treatments"]
    ]
