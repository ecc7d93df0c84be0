"""A second opinion: a small model that has read thousands of labelled sentences, for wordings that no rule knows.

Two readers judge a piece of text for each category, and their scores are added up, with a fixed weight for what a rule found
there (its cue):

- *letters*: runs of one to five characters and of one to three words of the plain text (``spelling.plain``), each hashed
  into a bucket, weighed once a category (logistic regression);
- *meaning*, where the extra ``understanding`` is installed: the two sentence encoders' vectors as one, compared with those of the
  sentences learnt from in either language (least squares, Gaussian kernel).

All figures are data (``model/*.npz`` and ``*.json``), made by ``python -m benchmarks.train_review_model``; their content hash
is checked when they are read. The model names no words: what it suspects is for a person to look at.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from dunwell.law.language.encoder import Encoder, pair
from dunwell.law.language.spelling import plain
from dunwell.law.language.windows import windows

BUCKETS = 1 << 16
UNLAWFUL = "unlawful"
"""The model's own class beside the categories: whether a sentence is unlawful at all."""
_ANEW = "Make them anew: python -m benchmarks.train_review_model"
_CHARACTERS_MAX = 1000
"""No sentence is longer; what stands beyond is not read by the model."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cue:
    """A category that a rule found at a span of the text, in characters."""

    category: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A category the model suspects in a piece of the text (a span in characters); ``probability`` from 0 to 1."""

    category: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Limits:
    """From which probability on a piece is suspected (``suspect``), and a further category named (``also``)."""

    suspect: float
    also: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """One piece of a text: its span, how likely it is unlawful, and how likely each category."""

    start: int
    end: int
    unlawful: float
    categories: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Letters:
    """The reader of letters: a row a known bucket (the last row is zero, for unknown ones), a column a class."""

    rows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    intercepts: Floats

    def scores(self, text: str, language: str) -> Floats:
        """A score a class; 0 is on the line between yes and no."""
        buckets = np.fromiter(features(text, language), dtype=np.int64)
        total = self.weights[self.rows[buckets]].sum(axis=0, dtype=np.float64)
        scores: Floats = total / np.sqrt(max(1, buckets.size)) + self.intercepts
        return scores


@dataclass(frozen=True, slots=True)
class Meaning:
    """The reader of meaning: the encoders' vectors, seen from their ``centre``, are projected on fewer axes and compared with
    those learnt from, a row each, each of which says something for each class.
    """

    centre: npt.NDArray[np.float32]
    projection: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    intercepts: Floats
    gamma: float
    sha256: str

    def scores(self, vector: npt.NDArray[np.float32]) -> Floats:
        """A score a class; 0 is on the line between yes and no."""
        # Not "@": what is too small to share out among threads makes them wait for each other.
        shorter = np.einsum("ij,i->j", self.projection, vector - self.centre)
        alike = np.einsum("ij,j->i", self.vectors, shorter)
        distances = self.squares + float(np.einsum("i,i->", shorter, shorter)) - 2 * alike
        scores: Floats = np.exp(-self.gamma * distances) @ self.weights + self.intercepts
        return scores


@dataclass(frozen=True, slots=True)
class Model:
    """Both readers of one language, how their scores make probabilities with and without meaning, and the limits.

    ``trained_on`` is the hash of the labelled sentences it learnt from; ``sha256`` that of all its figures.
    """

    language: str
    classes: tuple[str, ...]
    letters: Letters
    meaning: Meaning
    mix_of_letters: Floats
    mix_of_both: Floats
    limits_of_letters: Limits
    limits_of_both: Limits
    trained_on: str
    sha256: str

    def probabilities(
        self, text: str, reader: Encoder | None, cued: Collection[str] = ()
    ) -> dict[str, float]:
        """The probability of ``unlawful`` and of each category; by letters alone without a reader of meaning.

        ``cued``: the categories that rules found in it.
        """
        scores = [self.letters.scores(text, self.language)]
        if reader is not None:
            scores.append(self.meaning.scores(np.asarray(reader.encode(text), dtype=np.float32)))
        scores.append(np.array([name in cued or (name == UNLAWFUL and bool(cued)) for name in self.classes]))
        scores.append(np.ones(len(self.classes)))
        mix = self.mix_of_letters if reader is None else self.mix_of_both
        total = sum(mix[:, number] * one for number, one in enumerate(scores))
        chances = 1 / (1 + np.exp(-np.asarray(total)))
        return {name: float(one) for name, one in zip(self.classes, chances, strict=True)}

    def limits(self, reader: Encoder | None) -> Limits:
        """The limits that hold with or without a reader of meaning."""
        return self.limits_of_letters if reader is None else self.limits_of_both


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model holds of each piece of a text, and by which limits."""

    judgements: tuple[Judgement, ...]
    limits: Limits
    model: str
    """The hash of the model's figures."""

    def upholds(self, start: int, end: int) -> bool:
        """Whether a piece that a rule's finding touches is suspected, the finding's own weight included."""
        return any(
            one.unlawful >= self.limits.suspect
            for one in self.judgements
            if one.start < end and start < one.end
        )

    def doubts(self, found: tuple[str, ...]) -> tuple[Doubt, ...]:
        """Categories suspected beyond those found: in each suspected piece the likeliest, and others that are likely enough."""
        doubted: dict[str, Doubt] = {}
        for one in self.judgements:
            if one.unlawful < self.limits.suspect:
                continue
            likely = sorted(one.categories.items(), key=lambda item: (-item[1], item[0]))
            for number, (name, chance) in enumerate(likely):
                is_named = number == 0 or chance >= self.limits.also
                known = doubted.get(name)
                if is_named and name not in found and (known is None or known.probability < chance):
                    doubted[name] = Doubt(name, round(chance, 4), one.start, one.end)
        return tuple(sorted(doubted.values(), key=lambda one: (-one.probability, one.category)))


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


def opinion(text: str, language: str, cues: Sequence[Cue] = ()) -> Opinion:
    """What the model holds of a text in view of what rules found, by meaning too where the encoder is installed."""
    known = model(language)
    judgements = []
    for start, end in windows(text, language):
        cued = frozenset(one.category for one in cues if one.start < end and start < one.end)
        chances = dict(_chances(text[start:end].strip(), language, cued))
        judgements.append(Judgement(start, end, chances.pop(UNLAWFUL), chances))
    return Opinion(tuple(judgements), known.limits(pair()), known.sha256)


@lru_cache(maxsize=8192)
def _chances(piece: str, language: str, cued: frozenset[str]) -> Mapping[str, float]:
    """Kept for a while: one text is reviewed in every role in which it may be sent, and greetings come in many."""
    return model(language).probabilities(piece, pair(), cued)


@cache
def model(language: str) -> Model:
    """The model shipped for a language. Raises ValueError when its files were changed after they were made."""
    told, arrays = _read(language)
    meaning = _meaning()
    if told["meaning"] != meaning.sha256:
        raise ValueError(f"model/{language}.json was not made together with model/meaning.json. {_ANEW}")
    return Model(
        language,
        tuple(told["classes"]),
        _letters(arrays),
        meaning,
        arrays["mix_of_letters"],
        arrays["mix_of_both"],
        Limits(**told["limits_of_letters"]),
        Limits(**told["limits_of_both"]),
        told["trained_on"],
        told["sha256"],
    )


def _read(name: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """One of the model's parts, as written."""
    folder = files("dunwell.law.language") / "model"
    told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(BytesIO((folder / f"{name}.npz").read_bytes()), allow_pickle=False) as read:
        arrays = {key: read[key] for key in read.files}
    if content_hash(told, arrays) != told["sha256"]:
        raise ValueError(f"model/{name}.json and .npz do not have the content they name. {_ANEW}")
    return told, arrays


def _letters(arrays: Mapping[str, npt.NDArray[Any]]) -> Letters:
    buckets, small = arrays["letter_buckets"], arrays["letter_weights"]
    rows = np.full(BUCKETS, len(buckets), dtype=np.int32)
    rows[buckets] = np.arange(len(buckets))
    weights = np.vstack([small * arrays["letter_scales"], np.zeros((1, small.shape[1]))])
    return Letters(rows, weights.astype(np.float32), arrays["letter_intercepts"])


@cache
def _meaning() -> Meaning:
    """The reader of meaning, one for both languages."""
    told, arrays = _read("meaning")
    vectors = full_size(arrays["vectors"], arrays["vector_scale"])
    return Meaning(
        arrays["centre"],
        full_size(arrays["projection"], arrays["projection_scale"]),
        vectors,
        np.einsum("ij,ij->i", vectors, vectors),
        (arrays["vector_weights"] * arrays["vector_weight_scales"]).astype(np.float32),
        arrays["vector_intercepts"],
        told["gamma"],
        told["sha256"],
    )


def full_size(
    small: npt.NDArray[np.int8], scale: npt.NDArray[np.float64] | np.float64
) -> npt.NDArray[np.float32]:
    """Figures kept as bytes, as numbers."""
    sized: npt.NDArray[np.float32] = (small * scale).astype(np.float32)
    return sized


def content_hash(told: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """The SHA-256 of everything a model consists of: what its JSON tells (but the hash itself) and its arrays."""
    digest = sha256()
    kept = {name: value for name, value in told.items() if name != "sha256"}
    digest.update(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
