"""A product's terms, read from the lender's text: how money is applied, how penalty accrues, what is capped.

One TOML file a product (``policy/terms/NAME.toml``). Required: product, currency, waterfall, allocation.
Without ``[penalty]`` none accrues, without ``[caps]`` none is capped; grace_days and materiality are 0 where
the text is silent, and the day count is then ACT/360. A mistake is refused with the file, the key and the
mend.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dunwell.book.tables import HOLD_KINDS
from dunwell.calendars import DayCount
from dunwell.money import CURRENCIES, parse_minor

COMPONENTS = ("costs", "fees", "penalty", "interest", "principal")
"""The parts of a debt. A waterfall that leaves some out gets them appended in this order, so that no money is
ever stuck.
"""

BASIS_COMPONENTS = ("principal", "interest", "fees", "costs")


class TermsError(ValueError):
    """A terms text cannot be used; says which file and key, what is wrong and what to write instead."""

    def __init__(self, file: Path | str, key: str, problem: str, mend: str) -> None:
        super().__init__(f"{file}: {key}: {problem}. {mend}")
        self.file, self.key, self.problem, self.mend = str(file), key, problem, mend


class Allocation(StrEnum):
    """Whether money settles an instalment before the next one, or a component over all instalments before the
    next component.
    """

    INSTALMENT_FIRST = "instalment_first"
    COMPONENT_FIRST = "component_first"


@dataclass(frozen=True, slots=True)
class WaterfallSwitch:
    """Another order of components, from a number of past due days on, or in the legal stage (a litigation
    hold in force).
    """

    waterfall: tuple[str, ...]
    past_due_days: int | None
    in_legal_stage: bool


@dataclass(frozen=True, slots=True)
class Penalty:
    """Penalty interest: a yearly rate of its own, or a multiple of the contract rate, on the overdue balance
    of the basis.

    ``compound`` adds the instalment's unpaid interest (never penalty) to the basis. ``stop_accrual``: kinds
    of hold under which no penalty accrues, from the first to the last day of the hold.
    """

    basis: tuple[str, ...]
    annual: Fraction | None
    multiple: Fraction | None
    compound: bool
    stop_accrual: tuple[str, ...]

    @property
    def accruing_components(self) -> frozenset[str]:
        """The components whose unpaid balance accrues, compounding included."""
        return frozenset(self.basis) | (frozenset({"interest"}) if self.compound else frozenset())

    def annual_rate(self, contract_rate: Fraction | None) -> Fraction:
        """The penalty's yearly rate for an account with that contract rate."""
        if self.annual is not None:
            return self.annual
        if contract_rate is None or self.multiple is None:
            raise ValueError(
                "the penalty is a multiple of the contract rate, which the account does not have"
            )
        return self.multiple * contract_rate


@dataclass(frozen=True, slots=True)
class Buckets:
    """Names of delinquency buckets and the past due days from which each begins; the first begins at 0."""

    names: tuple[str, ...]
    from_days: tuple[int, ...]


DEFAULT_BUCKETS = Buckets(("C", "M1", "M2", "M3", "M4", "M5", "M6", "M7+"), (0, 1, 31, 61, 91, 121, 151, 181))


@dataclass(frozen=True, slots=True)
class Terms:
    """All that a product's text says about what is owed. ``annual_cap`` is a yearly rate on the principal
    outstanding.
    """

    product: str
    currency: str
    allocation: Allocation
    waterfall: tuple[str, ...]
    waterfall_after: tuple[WaterfallSwitch, ...] = ()
    grace_days: int = 0
    materiality_minor: int = 0
    day_count: DayCount = DayCount.ACT_360
    penalty: Penalty | None = None
    annual_cap: Fraction | None = None
    buckets: Buckets = DEFAULT_BUCKETS
    credit: str = "closed_end"
    clauses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def needs_contract_rate(self) -> bool:
        """Whether an account of this product must state its annual_rate."""
        return self.penalty is not None and self.penalty.multiple is not None

    def waterfall_on(self, past_due_days: int, is_in_legal_stage: bool) -> tuple[str, ...]:
        """The order in which a day's money is applied when the account is that late before it.

        A switch for the legal stage wins over one by days; of those by days the largest reached wins.
        """
        reached = [
            s
            for s in self.waterfall_after
            if s.past_due_days is not None and s.past_due_days <= past_due_days
        ]
        legal = [s for s in self.waterfall_after if s.in_legal_stage and is_in_legal_stage]
        if legal:
            return legal[-1].waterfall
        if reached:
            return max(reached, key=lambda s: s.past_due_days or 0).waterfall
        return self.waterfall


def read_terms(folder: Path) -> dict[str, Terms]:
    """Every product's terms in a folder of TOML files, by product key. Raises TermsError, also when there is
    none or two share a key.
    """
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not files:
        raise TermsError(
            folder,
            "folder",
            "holds no terms",
            "Write one TOML file a product there; `dunwell init` shows one",
        )
    products: dict[str, Terms] = {}
    origins: dict[str, Path] = {}
    for file in files:
        terms = read_terms_file(file)
        if terms.product in products:
            raise TermsError(
                file,
                "product",
                f"{terms.product!r} stands in {origins[terms.product]} too",
                "Keep one file a product",
            )
        products[terms.product], origins[terms.product] = terms, file
    return products


def read_terms_file(file: Path) -> Terms:
    """One product's terms from its TOML file. Raises TermsError."""
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise TermsError(
            file, "file", f"cannot be read ({error})", "Mend the TOML, saved as UTF-8"
        ) from error
    return parse_terms(text, file)


def parse_terms(text: Mapping[str, Any], file: Path | str) -> Terms:
    """Terms from a TOML text already read; ``file`` names its origin in errors."""
    reader = _Reader(text, file)
    reader.refuse_unknown(_KNOWN_KEYS)
    currency = reader.word("currency")
    if currency not in CURRENCIES:
        raise TermsError(
            file, "currency", f"{currency!r} is not in ISO 4217", "Write a code like CNY, USD or EUR"
        )
    return Terms(
        product=reader.word("product"),
        currency=currency,
        allocation=Allocation(reader.one_of("allocation", [a.value for a in Allocation])),
        waterfall=reader.waterfall("waterfall", text.get("waterfall")),
        waterfall_after=tuple(_switches(reader)),
        grace_days=reader.count("grace_days", 0),
        materiality_minor=reader.amount("materiality", currency),
        day_count=DayCount(reader.one_of("day_count", [d.value for d in DayCount], DayCount.ACT_360.value)),
        penalty=_penalty(reader.table("penalty")) if "penalty" in text else None,
        annual_cap=_annual_cap(reader.table("caps")) if "caps" in text else None,
        buckets=_buckets(reader.table("buckets")) if "buckets" in text else DEFAULT_BUCKETS,
        credit=reader.one_of("credit", ["closed_end", "open_end"], "closed_end"),
        clauses=MappingProxyType({k: str(v) for k, v in reader.table("clauses").text.items()}),
    )


_KNOWN_KEYS = {
    "product",
    "title",
    "currency",
    "grace_days",
    "materiality",
    "day_count",
    "allocation",
    "waterfall",
    "waterfall_after",
    "penalty",
    "caps",
    "buckets",
    "credit",
    "clauses",
}


def _switches(reader: "_Reader") -> list[WaterfallSwitch]:
    switches = []
    for entry in reader.text.get("waterfall_after", []):
        switch = _Reader(entry, reader.file, "waterfall_after.")
        switch.refuse_unknown({"past_due_days", "stage", "waterfall"})
        is_legal = "stage" in entry and switch.one_of("stage", ["legal"]) == "legal"
        days = switch.count("past_due_days", None) if "past_due_days" in entry or not is_legal else None
        switches.append(
            WaterfallSwitch(switch.waterfall("waterfall", entry.get("waterfall")), days, is_legal)
        )
    return switches


def _penalty(reader: "_Reader") -> Penalty:
    reader.refuse_unknown({"basis", "annual", "multiple", "compound", "stop_accrual"})
    annual, multiple = reader.rate("annual"), reader.rate("multiple")
    if (annual is None) == (multiple is None):
        reader.refuse(
            "annual",
            "needs either annual or multiple, and not both",
            'Write multiple = "1.5" or annual = "0.24"',
        )
    return Penalty(
        basis=reader.words("basis", BASIS_COMPONENTS, ("principal",)),
        annual=annual,
        multiple=multiple,
        compound=reader.flag("compound"),
        stop_accrual=reader.words("stop_accrual", HOLD_KINDS, ()),
    )


def _annual_cap(reader: "_Reader") -> Fraction | None:
    reader.refuse_unknown({"annual_total_cost"})
    return reader.rate("annual_total_cost")


def _buckets(reader: "_Reader") -> Buckets:
    reader.refuse_unknown({"names", "from_days"})
    names, days = reader.text.get("names"), reader.text.get("from_days")
    if not isinstance(names, list) or not isinstance(days, list) or len(names) != len(days) or not names:
        reader.refuse(
            "names",
            "names and from_days must be two lists of the same length",
            'Write names = ["C", "M1"], from_days = [0, 1]',
        )
    if days[0] != 0 or any(not isinstance(d, int) for d in days) or any(b <= a for a, b in pairwise(days)):
        reader.refuse(
            "from_days", "must be whole days that begin at 0 and grow", "Write from_days = [0, 1, 31, 61]"
        )
    return Buckets(tuple(str(n) for n in names), tuple(days))


class _Reader:
    """Reads typed values out of a TOML table; every refusal names file, key and mend."""

    def __init__(self, text: Any, file: Path | str, prefix: str = "") -> None:
        self.text, self.file, self.prefix = text, file, prefix
        if not isinstance(text, Mapping):
            self.refuse("", "is not a table", "Write it as [table] with keys")

    def refuse(self, key: str, problem: str, mend: str) -> Any:
        raise TermsError(self.file, self.prefix + key, problem, mend)

    def refuse_unknown(self, known: set[str]) -> None:
        for key in self.text:
            if key not in known:
                self.refuse(key, "is not a key of terms", f"Known here: {', '.join(sorted(known))}")

    def table(self, key: str) -> "_Reader":
        return _Reader(self.text.get(key, {}), self.file, f"{key}.")

    def word(self, key: str) -> str:
        value = self.text.get(key)
        if not isinstance(value, str) or not value:
            self.refuse(key, "is missing or not text", f'Write {key} = "..."')
        return str(value)

    def one_of(self, key: str, allowed: list[str], default: str | None = None) -> str:
        value = self.text.get(key, default)
        if value not in allowed:
            self.refuse(
                key,
                "is missing" if value is None else f"{value!r} is not known",
                f"One of: {', '.join(allowed)}",
            )
        return str(value)

    def words(self, key: str, allowed: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
        values = self.text.get(key, list(default))
        if not isinstance(values, list):
            self.refuse(key, "is not a list", f"A list of: {', '.join(allowed)}")
        for value in values:
            if value not in allowed:
                self.refuse(key, f"{value!r} is not known", f"A list of: {', '.join(allowed)}")
        return tuple(dict.fromkeys(values))

    def waterfall(self, key: str, values: Any) -> tuple[str, ...]:
        if not isinstance(values, list) or not values:
            self.refuse(key, "is missing or not a list", f"A list of: {', '.join(COMPONENTS)}")
        for value in values:
            if value not in COMPONENTS:
                self.refuse(key, f"{value!r} is not a component", f"A list of: {', '.join(COMPONENTS)}")
        if len(set(values)) != len(values):
            self.refuse(key, "names a component twice", "Name each component once")
        return tuple(values) + tuple(c for c in COMPONENTS if c not in values)

    def count(self, key: str, default: int | None) -> int:
        value = self.text.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.refuse(key, "is not a whole number of days", f"Write {key} = 3")
        return int(value)

    def flag(self, key: str) -> bool:
        value = self.text.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, "is neither true nor false", f"Write {key} = true or false")
        return bool(value)

    def amount(self, key: str, currency: str) -> int:
        try:
            minor = parse_minor(str(self.text.get(key, "0")), currency)
        except ValueError as error:
            return int(self.refuse(key, str(error), f'Write {key} = "1.00"'))
        return minor if minor >= 0 else int(self.refuse(key, "is negative", "Write 0 or more"))

    def rate(self, key: str) -> Fraction | None:
        if key not in self.text:
            return None
        try:
            value = Fraction(Decimal(str(self.text[key])))
        except (InvalidOperation, ValueError, OverflowError):
            value = Fraction(-1)
        if value < 0:
            self.refuse(
                key, f"{self.text[key]!r} is not a rate", f'Write it as a fraction in text, {key} = "0.24"'
            )
        return value
