"""The labelled sentences that the language review's model learns from, read from text files.

``language_training/LANGUAGE/LABELS[.ABOUT].txt``: a sentence a line; the labels are in the file's name (``innocent``, or
categories joined by +), so that whoever adds a line sees what it is called. Lines that start with # are remarks.
Held-out sentences are never read here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import yaml

from benchmarks.language_review import SENTENCES

TRAINING = Path(__file__).with_name("language_training")
INNOCENT = "innocent"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence with the categories it was labelled with; none when it is innocent."""

    text: str
    categories: frozenset[str]


def labels_of(names: str) -> frozenset[str]:
    """Categories as written in a file's name or key: ``innocent``, or several joined by +."""
    return frozenset() if names == INNOCENT else frozenset(names.split("+"))


def written_sentences(language: str) -> list[Labelled]:
    """The sentences written for training."""
    return [
        Labelled(line, labels_of(file.name.split(".")[0]))
        for file in sorted((TRAINING / language).glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]


def wordings(language: str) -> list[Labelled]:
    """The wordings of the tests; the rules were made with them in view."""
    file = SENTENCES.parent / "wordings" / f"{language}.yaml"
    if not file.exists():
        return []
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [Labelled(text, labels_of(names)) for names, texts in read.items() for text in texts]


def training_sentences(language: str) -> list[Labelled]:
    """The sentences written for training, and the wordings of the tests."""
    return [*written_sentences(language), *wordings(language)]


def dev_sentences(language: str) -> list[Labelled]:
    """The sentences of the dev part."""
    entries = yaml.safe_load((SENTENCES / f"{language}.dev.yaml").read_text(encoding="utf-8"))
    return [Labelled(one["text"], frozenset(one["categories"])) for one in entries]


def sentences_hash(sentences: Iterable[Labelled]) -> str:
    """The SHA-256 of labelled sentences in their order."""
    digest = sha256()
    for one in sentences:
        digest.update(f"{'+'.join(sorted(one.categories))}\t{one.text}\n".encode())
    return digest.hexdigest()
