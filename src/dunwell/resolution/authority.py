"""Who may grant how much: arrangements, waivers and settlements within ``policy/authority.toml``, four eyes above.

What no line of the text allows is refused: a missing role, kind or currency grants nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dunwell.money import CURRENCIES, format_minor, parse_minor
from dunwell.policy import Entry, PolicyError, PolicyText, read_policy

KINDS = (
    "instalments",
    "deferral",
    "interest_reduction",
    "settlement",
    "waiver",
    "restructuring",
    "re_age",
)


GIVES_UP = ("interest_reduction", "settlement", "waiver")
"""Kinds by which money is given up: what a customer was granted by any of them within ``within_days`` counts together."""
WITHIN_DAYS, WITHIN_DAYS_MAX = 365, 3660


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may grant: ``alone_minor`` by itself, up to ``at_most_minor`` with one of ``seconds``, by currency."""

    role: str
    kinds: tuple[str, ...]
    alone_minor: Mapping[str, int]
    at_most_minor: Mapping[str, int]
    seconds: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Authority:
    """The grants in force on a day, the text they stand in, and for how many days what was given up counts."""

    grants: tuple[Grant, ...]
    file: str
    within_days: int = WITHIN_DAYS

    def of(self, role: str, kind: str) -> Grant | None:
        """The role's grant of a kind, the last that is written; None where there is none."""
        found = [grant for grant in self.grants if grant.role == role and kind in grant.kinds]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a role may grant something, whether a second person must agree (one of ``seconds``), and why."""

    allowed: bool
    needs_second: bool
    why: str
    seconds: tuple[str, ...] = ()


def may_grant(
    authority: Authority, role: str, kind: str, amount_minor: int, currency: str, already_minor: int = 0
) -> Decision:
    """Whether a role may grant this much of a kind (see KINDS). The amount is what is given up in a settlement, waiver or
    interest reduction, and the debt arranged in the others. ``already_minor``: what the same customer was given up before, by
    whomever, within the authority's window; it counts with it. Raises ValueError for a kind that is none, or a negative amount.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of grant. One of: {', '.join(KINDS)}")
    if min(amount_minor, already_minor) < 0:
        least = min(amount_minor, already_minor)
        raise ValueError(f"an amount of {least} minor units cannot be granted. Write 0 or more")
    grant = authority.of(role, kind)
    amount_minor += already_minor
    amount = f"{format_minor(amount_minor, currency)} {currency}"
    before = f"{format_minor(already_minor, currency)} {currency} was given up before and counts; "
    before = before if already_minor else ""
    if grant is None:
        return Decision(
            False, False, f"{authority.file} lets nobody in the role {role} grant {kind.replace('_', ' ')}"
        )
    alone, most = grant.alone_minor.get(currency), grant.at_most_minor.get(currency)
    if alone is None or most is None:
        return Decision(False, False, f"{authority.file} names no amount of {currency} for {role}")
    if amount_minor <= alone:
        limit = f"{format_minor(alone, currency)} {currency}"
        return Decision(True, False, f"{before}{role} may grant up to {limit} alone [{grant.source}]")
    limit = f"{format_minor(most, currency)} {currency}"
    if amount_minor <= most and grant.seconds:
        who = " or ".join(grant.seconds)
        why = f"{before}{amount} is above what {role} may grant alone; {who} must agree, up to {limit} [{grant.source}]"
        return Decision(True, True, why, grant.seconds)
    return Decision(
        False, False, f"{before}{amount} is above the {limit} that {role} may grant [{grant.source}]"
    )


def may_second(decision: Decision, first: str, second: str, second_role: str) -> Decision:
    """Whether a second person (ids, and the second's role) completes a decision that needs one."""
    if not decision.needs_second:
        return decision
    if first == second:
        return Decision(False, True, "the second pair of eyes must be another person's", decision.seconds)
    if second_role not in decision.seconds:
        who = " or ".join(decision.seconds)
        return Decision(False, True, f"{second_role} cannot agree to this; {who} can", decision.seconds)
    return Decision(True, False, f"{decision.why}; {second} agreed as {second_role}")


def read_authority(file: Path, day: date) -> Authority:
    """The grants in force on a day. A text that does not exist, or not yet, grants nothing. Raises PolicyError."""
    if not file.is_file():
        return Authority((), file.name)
    text = read_policy(file)
    grants = [_grant(text, entry) for entry in text.entries("grant", day)] if text.holds_on(day) else []
    within = text.values.get("within_days", WITHIN_DAYS)
    if type(within) is not int or not 1 <= within <= WITHIN_DAYS_MAX:
        raise PolicyError(
            text.file,
            "within_days",
            f"{within!r} is not 1 to {WITHIN_DAYS_MAX}",
            f"Write within_days = {WITHIN_DAYS}",
        )
    return Authority(tuple(grants), file.name, within)


def _grant(text: PolicyText, entry: Entry) -> Grant:
    values = entry.values
    role, kinds = values.get("role"), values.get("kinds")
    if not isinstance(role, str) or not role:
        raise PolicyError(text.file, f"{entry.key}.role", "is missing", 'Write role = "collector"')
    if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(KINDS):
        raise PolicyError(
            text.file, f"{entry.key}.kinds", f"{kinds!r} names no known kinds", f"Some of: {', '.join(KINDS)}"
        )
    alone = _amounts(text, f"{entry.key}.alone", values.get("alone", {}))
    most = _amounts(text, f"{entry.key}.at_most", values.get("at_most", values.get("alone", {})))
    seconds = tuple(values.get("seconds", ()))
    for currency, amount in alone.items():
        if most.get(currency, -1) < amount:
            raise PolicyError(
                text.file,
                f"{entry.key}.at_most.{currency}",
                "is missing or lies below what may be granted alone",
                "Write the most with a second person",
            )
    return Grant(role, tuple(kinds), alone, most, seconds, entry.source)


def _amounts(text: PolicyText, key: str, values: Any) -> dict[str, int]:
    found = {}
    for currency, amount in values.items() if isinstance(values, Mapping) else [("", values)]:
        try:
            minor = parse_minor(amount, currency) if currency in CURRENCIES else -1
        except (ValueError, AttributeError):
            minor = -1
        if minor < 0:
            raise PolicyError(
                text.file, key, f"{amount!r} is no amount of {currency!r}", 'Write { CNY = "200.00" }'
            )
        found[currency] = minor
    return found
