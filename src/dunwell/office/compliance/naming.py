"""Whether a kept answer names somebody who is erased: by their ids, numbers and addresses, or by a name that tells of nobody
else.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

_SHORT = 4
"""An id of fewer characters stands in many a text by chance: it names somebody under the key of an id, or in quotes, only."""
_CUSTOMER = "customer_id"


def names_person(body: bytes, customer_id: str, names: Collection[str]) -> bool:
    """Whether an answer (JSON, or any other text) names the person. ``names``: what else they are known by.

    An answer that tells of other customers and not of them is no answer about them, though one may be called as they were.

    >>> names_person(b'{"given": 7, "left": "7"}', "7", ["A1"])
    False
    >>> names_person(b'{"customer_id": "7"}', "7", ["A1"])
    True
    >>> names_person(b'{"found": [{"customer_id": "8", "name": "Ann Poe"}]}', "7", ["Ann Poe"])
    False
    """
    text = body.decode(errors="replace")
    forms = {customer_id, *names}
    try:
        told = json.loads(text)
    except ValueError:
        return _stands_in(text, forms)
    found = [
        (key, value)
        for key, value in _texts(told)
        if (value in forms and (len(value) >= _SHORT or _is_id(key))) or _stands_in(value, forms)
    ]
    if not found:
        return False
    is_theirs = any(value == customer_id or _stands_in(value, {customer_id}) for _, value in found)
    others = {value for key, value in _texts(told) if key == _CUSTOMER} - {customer_id}
    return is_theirs or not others


def _texts(told: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of an answer with the key it stands under; a key that may be an id itself too."""
    if isinstance(told, str):
        yield key, told
    elif isinstance(told, dict):
        for name, value in told.items():
            yield key, name
            yield from _texts(value, name)
    elif isinstance(told, list):
        for value in told:
            yield from _texts(value, key)


def _is_id(key: str) -> bool:
    return key.endswith(("_id", "_ids")) or key in ("accounts", "debts", "by_account")


def _stands_in(text: str, forms: Collection[str]) -> bool:
    """Whether one of the forms stands in a text as a word, or quoted where it is short."""
    for form in forms:
        if form not in text:
            continue
        if len(form) >= _SHORT:
            if re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text):
                return True
        elif repr(form) in text or f'"{form}"' in text:
            return True
    return False
