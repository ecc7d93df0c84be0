"""Values of a strategy's text read with their key, so that every mistake names its place and its mend."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from dunwell.policy import PolicyError
from dunwell.strategy.conditions import BadCondition, Condition, parse_condition

_MISSING: Any = object()


class Values:
    """A table of the text. Each key is asked for once; ``done`` refuses those that nobody asked for."""

    def __init__(self, file: str, key: str, values: Mapping[str, Any]) -> None:
        self.file, self.key, self._values = file, key, values
        self._asked: set[str] = set()
        if not isinstance(values, Mapping):
            raise PolicyError(file, key, f"{values!r} is no table", f"Write [{key}] and its keys below it")

    def text(self, name: str, default: Any = _MISSING, choices: Collection[str] = ()) -> str:
        """Text, one of the choices where there are any."""
        value = self._get(name, default, 'text like "..."')
        if value is default:
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, f"{value!r} is no text", f'Write {name} = "..."')
        if choices and value not in choices:
            raise self.error(name, f"{value!r} is not known", f"One of: {', '.join(choices)}")
        return value

    def number(
        self, name: str, default: Any = _MISSING, least: str = "0", most: str | None = None
    ) -> Decimal:
        """A number (text or bare) within bounds."""
        value = self._get(name, default, f'a number like "{least}"')
        try:
            number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < Decimal(least) or (most is not None and number > Decimal(most)):
            bounds = f"from {least}" + (f" to {most}" if most is not None else " on")
            raise self.error(
                name, f"{value!r} is no number {bounds}", f'Write {name} = "{most or least}", or what fits'
            )
        return number

    def whole(self, name: str, default: Any = _MISSING, least: int = 1) -> int:
        """A whole number."""
        value = self._get(name, default, f"a whole number like {least}")
        if type(value) is not int or value < least:
            raise self.error(
                name, f"{value!r} is no whole number from {least} on", f"Write {name} = {least}, or more"
            )
        return value

    def truth(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._get(name, default, "true or false")
        if not isinstance(value, bool):
            raise self.error(name, f"{value!r} is neither true nor false", f"Write {name} = true")
        return value

    def day(self, name: str) -> date:
        """A day."""
        value = self._get(name, _MISSING, "a day like 2026-12-01")
        if type(value) is not date:
            raise self.error(name, f"{value!r} is no day", f"Write {name} = 2026-12-01")
        return value

    def day_or_none(self, name: str) -> date | None:
        """A day, None where the key is missing."""
        return None if self._get(name, None, "a day like 2026-12-01") is None else self.day(name)

    def texts(self, name: str, default: Any = _MISSING, choices: Collection[str] = ()) -> tuple[str, ...]:
        """A list of texts, each one of the choices."""
        values = self._get(name, default, 'a list like ["..."]')
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise self.error(name, f"{values!r} is no list of texts", f'Write {name} = ["..."]')
        for value in values:
            if choices and value not in choices:
                near = get_close_matches(value, list(choices), 2) or list(choices)
                raise self.error(
                    name, f"{value!r} is not known", f"Did you mean {' or '.join(map(repr, near))}?"
                )
        return tuple(values)

    def conditions(self, name: str) -> tuple[Condition, ...]:
        """A list of conditions, empty when the key is missing."""
        found = []
        for number, text in enumerate(self.texts(name, ()), start=1):
            try:
                found.append(parse_condition(text))
            except BadCondition as bad:
                raise self.error(f"{name}[{number}]", bad.problem, bad.mend) from bad
        return tuple(found)

    def table(self, name: str) -> "Values":
        """A table inside this one, empty when it is missing."""
        return Values(self.file, self._place(name), self._get(name, {}, "a table"))

    def tables(self, name: str) -> list["Values"]:
        """A list of tables (``[[name]]``), empty when it is missing."""
        values = self._get(name, [], "a list of tables")
        if not isinstance(values, list):
            raise self.error(name, "is no list of tables", f"Write [[{self._place(name)}]] above each")
        return [
            Values(self.file, f"{self._place(name)}[{n}]", each) for n, each in enumerate(values, start=1)
        ]

    def raw(self, name: str) -> Mapping[str, Any]:
        """A table as it was read."""
        return self.table(name)._values

    def done(self, *besides: str) -> None:
        """Refuse keys that nobody asked for: a key misspelt must not be a wish unheard."""
        for name in self._values:
            if name not in self._asked and name not in besides:
                near = get_close_matches(name, self._asked, 1)
                mend = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(self._asked))}"
                raise self.error(name, "is not known", mend)

    def error(self, name: str, problem: str, mend: str) -> PolicyError:
        """The mistake of a key here."""
        return PolicyError(self.file, self._place(name), problem, mend)

    def _place(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def _get(self, name: str, default: Any, wanted: str) -> Any:
        self._asked.add(name)
        value = self._values.get(name, default)
        if value is _MISSING:
            raise self.error(name, "is missing", f"Write {name} = {wanted}")
        return value
