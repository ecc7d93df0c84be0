"""Roles and permissions, read from ``roles.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.translation import get_language

_FILE = Path(__file__).with_name("roles.toml")


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its name by language, and the permissions it has."""

    key: str
    names: Mapping[str, str]
    permissions: frozenset[str]

    @property
    def name(self) -> str:
        """Its name in the reader's language."""
        return self.names["zh" if (get_language() or "en").startswith("zh") else "en"]


@cache
def permissions() -> Mapping[str, Mapping[str, str]]:
    """Every permission there is and what it lets somebody do, by language."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))["permissions"]
    return found


@cache
def roles() -> Mapping[str, Role]:
    """Every role by its key. Raises ValueError when one names a permission that does not exist."""
    found = {}
    for key, told in tomllib.loads(_FILE.read_text(encoding="utf-8"))["roles"].items():
        unknown = sorted(set(told["may"]) - set(permissions()))
        if unknown:
            raise ValueError(f"{_FILE.name}: the role {key} may {unknown[0]!r}, which is no permission")
        found[key] = Role(key, {"en": told["en"], "zh": told["zh"]}, frozenset(told["may"]))
    return found
