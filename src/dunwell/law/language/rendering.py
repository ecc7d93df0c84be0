"""Texts with slots, filled: what is reviewed and sent is the text a person would read."""

import re
from collections.abc import Mapping

_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class SlotError(ValueError):
    """A text with slots cannot be filled; says which slot and what is wrong."""


def render(template: str, values: Mapping[str, object]) -> str:
    """A text with its ``{slots}`` filled; ``{{`` and ``}}`` are braces. Raises SlotError naming the slot.

    A value is put in as it stands: braces in a customer's name are no slots.

    >>> render("Dear {name}, your balance is {amount}.", {"name": "A. Li", "amount": "CNY 120.00"})
    'Dear A. Li, your balance is CNY 120.00.'
    """

    def fill(match: re.Match[str]) -> str:
        found = match.group()
        if found in ("{{", "}}"):
            return found[0]
        name = match.group(1)
        if name is None:
            raise SlotError(
                f"character {match.start() + 1}: a lone {found!r}. Write {found * 2!r} for a brace"
            )
        if not name.isidentifier():
            raise SlotError(f"slot {found!r} is no name. Write letters, digits and _ between the braces")
        if name not in values:
            given = ", ".join(sorted(values)) or "none"
            raise SlotError(f"slot {found!r} has no value. Values given: {given}")
        return str(values[name])

    return _SLOT.sub(fill, template)
