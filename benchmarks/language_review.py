"""How well the language review does on the labelled sentences: what it finds, what it wrongly refuses, how long it takes.

Run: ``python -m benchmarks.language_review [--part dev|held_out|fresh] [--language en|zh] [--misses] [--markdown] [--time]
[--without-meaning]``.
A sentence is refused whatever the verdict calls it; a category is recalled when it is among the verdict's. Precision is
counted twice, for a verdict may name more than the label does: strictly (of the sentences where it was found, those labelled
with it), and against innocence (of those labelled with it or innocent).
What a rule asks of whole messages is not labelled, so no pack is named.
The model has learnt from dev: what it does to dev unseen, in folds, is told by ``benchmarks.train_review_model``.
``--misses`` prints sentences, and so only those of the part that may be read; held-out sentences are only counted.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from pathlib import Path
from statistics import NormalDist, median

import yaml

from dunwell.law.language import review, second_opinion

SENTENCES = Path(__file__).parents[1] / "tests" / "law" / "language" / "sentences"
PARTS = ("dev", "held_out", "fresh")
READABLE = "dev"
CATEGORIES = (
    "threat",
    "abuse",
    "false_authority",
    "false_legal",
    "third_party_disclosure",
    "shame",
    "harassment",
    "undue_pressure",
)
ON = date(2026, 11, 2)
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, the categories it was labelled with, and those the review found."""

    text: str
    labelled: frozenset[str]
    found: frozenset[str]


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; ``total`` may be 0."""

    count: int
    total: int

    def interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval (E. B. Wilson, 1927, JASA 22:209-212).

        >>> [round(end, 3) for end in Share(8, 10).interval()]
        [0.49, 0.943]
        """
        if not self.total:
            return 0.0, 1.0
        share, square = self.count / self.total, _Z * _Z
        middle = (share + square / (2 * self.total)) / (1 + square / self.total)
        spread = share * (1 - share) / self.total + square / (4 * self.total * self.total)
        half = _Z * sqrt(spread) / (1 + square / self.total)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.total:
            return "none"
        low, high = self.interval()
        return f"{self.count / self.total:.2f} ({low:.2f}-{high:.2f}), {self.count}/{self.total}"


def judge(file: Path, language: str, *, second_opinion: bool = False) -> list[Judged]:
    """The review's verdict on every sentence of a file, by its rules or with the model's second opinion."""
    return [
        Judged(
            one["text"],
            frozenset(one["categories"]),
            frozenset(
                review(
                    one["text"],
                    language=language,
                    channel=one["channel"],
                    packs=(),
                    on=ON,
                    second_opinion=second_opinion,
                ).categories
            ),
        )
        for one in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def by_category(judged: Sequence[Judged]) -> Iterator[tuple[str, Share, Share, Share, Share]]:
    """For each category: refused by whatever name, recall by name, strict precision, and precision against innocent sentences."""
    for category in CATEGORIES:
        labelled = [one for one in judged if category in one.labelled]
        found = [one for one in judged if category in one.found]
        right = sum(category in one.labelled for one in found)
        innocent = sum(not one.labelled for one in found)
        yield (
            category,
            Share(sum(bool(one.found) for one in labelled), len(labelled)),
            Share(sum(category in one.found for one in labelled), len(labelled)),
            Share(right, len(found)),
            Share(right, right + innocent),
        )


def overall(judged: Sequence[Judged]) -> list[tuple[str, Share]]:
    """Unlawful sentences refused, innocent ones let through, and unlawful ones given more than they were labelled with."""
    unlawful = [one for one in judged if one.labelled]
    innocent = [one for one in judged if not one.labelled]
    return [
        ("unlawful sentences refused", Share(sum(bool(one.found) for one in unlawful), len(unlawful))),
        ("innocent sentences let through", Share(sum(not one.found for one in innocent), len(innocent))),
        (
            "unlawful sentences given a category beyond their label",
            Share(sum(bool(one.found - one.labelled) for one in unlawful), len(unlawful)),
        ),
    ]


def table(title: str, judged: Sequence[Judged]) -> str:
    """The figures as Markdown, which reads well enough on a screen: share (95 % interval), count."""
    lines = [
        f"**{title}**, {len(judged)} sentences: share (Wilson 95 % interval), count",
        "",
        "| category | refused | recall, by name | precision, strict | precision against innocent |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(map(str, row))} |" for row in by_category(judged)]
    lines += ["", "| all sentences | share |", "|---|---|"]
    lines += [f"| {label} | {share} |" for label, share in overall(judged)]
    return "\n".join([*lines, ""])


def misses(judged: Sequence[Judged]) -> Iterator[str]:
    """What was not found or wrongly found, a line each."""
    for one in judged:
        missed = one.labelled - one.found
        wrong = one.found - one.labelled
        if missed or wrong:
            signs = [f"-{name}" for name in sorted(missed)] + [f"+{name}" for name in sorted(wrong)]
            yield f"{' '.join(signs)}: {one.text}"


def milliseconds(
    judged: Sequence[Judged], language: str, rounds: int = 3, *, second_opinion: bool = False
) -> str:
    """How long the review of one sentence takes, once the lexicons are compiled: median, and 99th percentile."""
    taken = []
    for one in [*judged] * rounds:
        begun = time.perf_counter()
        review(one.text, language=language, channel="call", packs=(), on=ON, second_opinion=second_opinion)
        taken.append((time.perf_counter() - begun) * 1e3)
    taken.sort()
    return (
        f"a sentence: median {median(taken):.2f} ms, 99th percentile {taken[int(len(taken) * 0.99)]:.2f} ms"
    )


def main() -> None:
    """Print a table for each file of sentences there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--language", choices=("en", "zh"))
    parser.add_argument(
        "--misses", action="store_true", help="print what was missed, of the readable part only"
    )
    parser.add_argument("--time", action="store_true", help="time the review of a sentence as well")
    parser.add_argument(
        "--without-meaning", action="store_true", help="as if the encoders were not installed"
    )
    parser.add_argument("--markdown", type=Path, help="write the tables to this file as well")
    asked = parser.parse_args()
    if asked.misses and asked.part != READABLE:
        parser.error(
            f"--misses prints sentences, and only those of part {READABLE} may be read: add --part {READABLE}"
        )
    if asked.without_meaning:
        vars(second_opinion)["pair"] = lambda: None
    tables = []
    for file in sorted(SENTENCES.glob("*.yaml")):
        language, part = file.name.split(".")[:2]
        if (asked.part or part) != part or (asked.language or language) != language:
            continue
        for with_model, means in ((False, "rules"), (True, "rules and second opinion")):
            judged = judge(file, language, second_opinion=with_model)
            tables.append(table(f"{language}, {part}, {means}", judged))
            print(tables[-1])
            if asked.misses:
                print("\n".join(misses(judged)))
            if asked.time:
                print(milliseconds(judged, language, second_opinion=with_model))
    if asked.markdown:
        asked.markdown.write_text("\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
