"""Make the second opinion's weights from labelled sentences that may be read, and choose its threshold by cross-validation.

Run: ``python -m benchmarks.train_review_model [--language en|zh] [--dry]`` (needs the extra ``insight``). It learns from the
dev part of the labelled sentences, the wordings of the tests and ``model/training/*.yaml``; held-out sentences are never read.
The threshold is the lowest at which, over folds of the dev part, the model lets through SHARE of the innocent sentences.
"""

import argparse
import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from benchmarks.language_review import CATEGORIES, SENTENCES, judge
from dunwell.law.language import second_opinion
from dunwell.law.language.second_opinion import BUCKETS, UNLAWFUL, content_hash, features

CLASSES = (UNLAWFUL, *CATEGORIES)
MODELS = Path(second_opinion.__file__).with_name("model")
SHARE = 0.97
"""Of innocent sentences of the folds, those that the model by itself lets through at least."""
STRENGTH = 30.0
"""Inverse of the ridge penalty (scikit-learn's C)."""

Labelled = tuple[str, frozenset[str]]


def dev_sentences(language: str) -> list[Labelled]:
    """The sentences of the dev part."""
    entries = yaml.safe_load((SENTENCES / f"{language}.dev.yaml").read_text(encoding="utf-8"))
    return [(one["text"], frozenset(one["categories"])) for one in entries]


def further_sentences(language: str) -> list[Labelled]:
    """Training sentences and the tests' wordings: category (or ``innocent``, or several joined by +) to sentences."""
    files = (MODELS / "training" / f"{language}.yaml", SENTENCES.parent / "wordings" / f"{language}.yaml")
    found: list[Labelled] = []
    for file in files:
        if file.exists():
            for names, texts in yaml.safe_load(file.read_text(encoding="utf-8")).items():
                labels = frozenset() if names == "innocent" else frozenset(names.split("+"))
                found += [(text, labels) for text in texts]
    return found


def matrix(sentences: Sequence[Labelled], language: str) -> csr_matrix:
    """A row a sentence: 1 / sqrt(count of its buckets) in each of them."""
    pointers, columns, values = [0], list[int](), list[float]()
    for text, _ in sentences:
        buckets = list(features(text, language))
        columns += buckets
        values += [1 / np.sqrt(len(buckets))] * len(buckets)
        pointers.append(len(columns))
    return csr_matrix((values, columns, pointers), shape=(len(sentences), BUCKETS))


def targets(sentences: Sequence[Labelled]) -> npt.NDArray[np.bool_]:
    """A row a sentence, a column a class."""
    return np.array([[bool(labels), *(name in labels for name in CATEGORIES)] for _, labels in sentences])


def fitted(rows: csr_matrix, wanted: npt.NDArray[np.bool_]) -> LogisticRegression:
    """One class against the rest."""
    return LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0).fit(
        rows, wanted
    )


def threshold_by_folds(language: str, dev: Sequence[Labelled], further: Sequence[Labelled]) -> float:
    """The threshold, with what the folds show printed beside it."""
    rows, more = matrix(dev, language), matrix(further, language)
    wanted = targets(dev)[:, 0]
    guessed = np.zeros(len(dev))
    for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(rows, wanted):
        both = csr_matrix(np.vstack([rows[train].toarray(), more.toarray()])) if further else rows[train]
        known = fitted(
            both, np.concatenate([wanted[train], targets(further)[:, 0]]) if further else wanted[train]
        )
        guessed[test] = known.predict_proba(rows[test])[:, 1]
    threshold = float(np.quantile(guessed[~wanted], SHARE, method="higher")) + 1e-4
    by_rules = np.array([bool(one.found) for one in judge(SENTENCES / f"{language}.dev.yaml", language)])
    suspected = guessed >= threshold
    for title, refused in (("rules", by_rules), ("model", suspected), ("both", by_rules | suspected)):
        print(
            f"{language}, folds of dev, {title}: unlawful refused {refused[wanted].mean():.3f}, "
            f"innocent let through {1 - refused[~wanted].mean():.3f}"
        )
    for share in (0.9, 0.93, 0.95, 0.98):
        print(
            f"  at {share}: model finds {(guessed >= np.quantile(guessed[~wanted], share))[wanted].mean():.3f}"
        )
    return round(threshold, 4)


def train(language: str, is_dry: bool) -> None:
    """Choose the threshold, fit on everything, write the weights."""
    dev, further = dev_sentences(language), further_sentences(language)
    threshold = threshold_by_folds(language, dev, further)
    print(f"{language}: {len(dev)} dev and {len(further)} further sentences, threshold {threshold}")
    if is_dry:
        return
    everything = [*dev, *further]
    rows, wanted = matrix(everything, language), targets(everything)
    models = [fitted(rows, wanted[:, number]) for number in range(len(CLASSES))]
    buckets = np.flatnonzero(np.asarray((rows > 0).sum(axis=0)).ravel() >= 2)
    weights = np.stack([one.coef_[0][buckets] for one in models], axis=1)
    scales = np.abs(weights).max(axis=0) / 127
    small = np.rint(weights / scales).astype(np.int8)
    values: dict[str, object] = {
        "classes": list(CLASSES),
        "buckets": base64.b64encode(buckets.astype("<u2").tobytes()).decode(),
        "weights": base64.b64encode(small.tobytes()).decode(),
        "scales": [round(float(one), 9) for one in scales],
        "intercepts": [round(float(one.intercept_[0]), 9) for one in models],
        "threshold": threshold,
    }
    written = json.dumps({**values, "sha256": content_hash(values)}, indent=1)
    (MODELS / f"{language}.json").write_text(written + "\n", encoding="utf-8")


def main() -> None:
    """Train each language asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--language", choices=("en", "zh"))
    parser.add_argument("--dry", action="store_true", help="print what the folds show, write nothing")
    asked = parser.parse_args()
    for language in ("en", "zh"):
        if (asked.language or language) == language:
            train(language, asked.dry)


if __name__ == "__main__":
    main()
