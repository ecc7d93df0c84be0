"""A second opinion: a small linear model over letters and words, for wordings that no rule knows.

It reads the plain text (``spelling.plain``): runs of one to five characters and of one to three words, each hashed
into a bucket, weighed once a category. Its weights are data (``model/*.json``, made by
``python -m benchmarks.train_review_model``), their content hash is checked when they are read. It names no words, so
what it suspects is for a person to look at; the rules' findings stay the ones with clauses.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from zlib import crc32

import numpy as np
import numpy.typing as npt

from dunwell.law.language.spelling import plain

BUCKETS = 1 << 16
UNLAWFUL = "unlawful"
"""The model's own class beside the categories: whether a sentence is unlawful at all."""
_CHARACTERS_MAX = 1000
"""No sentence is longer; what stands beyond is not read by the model."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A category the model suspects and no rule found; ``probability`` from 0 to 1."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of one language: a row a known bucket (the last row is zero, for unknown ones), a column a class."""

    classes: tuple[str, ...]
    rows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float64]
    threshold: float
    sha256: str

    def probabilities(self, text: str, language: str) -> dict[str, float]:
        """The probability of each category, and of ``unlawful``."""
        buckets = np.fromiter(features(text, language), dtype=np.int64)
        if not buckets.size:
            return dict.fromkeys(self.classes, 0.0)
        scores = self.weights[self.rows[buckets]].sum(axis=0, dtype=np.float64)
        scores = scores / np.sqrt(buckets.size) + self.intercepts
        return {name: float(one) for name, one in zip(self.classes, 1 / (1 + np.exp(-scores)), strict=True)}


def features(text: str, language: str) -> Iterator[int]:
    """The buckets of a text, each once, in rising order, so that sums do not depend on chance."""
    said = f" {plain(text[:_CHARACTERS_MAX], language).text.strip()} "
    words = said.split()
    if not words:
        return
    found = {f"{said[at : at + length]}" for length in range(1, 6) for at in range(len(said) - length + 1)}
    found |= {
        "w\x00" + " ".join(words[at : at + length])
        for length in range(1, 4)
        for at in range(len(words) - length + 1)
    }
    yield from sorted({crc32(one.encode("utf-8", "surrogatepass")) % BUCKETS for one in found})


def doubts(text: str, language: str, found: tuple[str, ...]) -> tuple[Doubt, ...]:
    """Categories suspected in a text beyond those found, likeliest first; nothing unless the whole looks unlawful.

    The likeliest category is always named then, others when they pass the threshold by themselves.
    """
    known = model(language)
    probabilities = known.probabilities(text, language)
    if probabilities.pop(UNLAWFUL) < known.threshold:
        return ()
    likely = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
    named = [
        one for number, one in enumerate(likely) if (number == 0 and not found) or one[1] >= known.threshold
    ]
    return tuple(Doubt(name, round(share, 4)) for name, share in named if name not in found)


@cache
def model(language: str) -> Model:
    """The model shipped for a language. Raises ValueError when the file was changed after it was made."""
    file = files("dunwell.law.language") / "model" / f"{language}.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    stated = values.pop("sha256")
    if content_hash(values) != stated:
        raise ValueError(
            f"model/{language}.json does not have the content it names. Make it anew: "
            "python -m benchmarks.train_review_model"
        )
    classes = tuple(values["classes"])
    buckets = np.frombuffer(base64.b64decode(values["buckets"]), dtype="<u2")
    small = np.frombuffer(base64.b64decode(values["weights"]), dtype=np.int8).reshape(-1, len(classes))
    weights = np.vstack([small * np.asarray(values["scales"]), np.zeros((1, len(classes)))])
    rows = np.full(BUCKETS, len(buckets), dtype=np.int32)
    rows[buckets] = np.arange(len(buckets))
    return Model(
        classes,
        rows,
        weights.astype(np.float32),
        np.asarray(values["intercepts"], dtype=np.float64),
        float(values["threshold"]),
        stated,
    )


def content_hash(values: dict[str, object]) -> str:
    """The SHA-256 of a model's values in one written form."""
    return sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
