"""The labelled sentences that the language review's model learns from, read from text files.

``language_training/LANGUAGE/LABELS[.ABOUT].txt``: a sentence a line; the labels are in the file's name (``innocent``, or
categories joined by +), so that whoever adds a line sees what it is called. Lines that start with # are remarks.
``framed.toml`` holds deeds and frames that announce a deed or do not, put together here. Held-out sentences are never
read here.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from benchmarks.language_review import SENTENCES

TRAINING = Path(__file__).with_name("language_training")
INNOCENT = "innocent"
FRAMED = "framed.toml"
DRAWN = {"announcing": 3, "menacing": 3, "innocent": 8, "neutral": 6}
"""Into how many frames of each kind a deed is put; a neutral one into as many that announce."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence with the categories it was labelled with; none when it is innocent."""

    text: str
    categories: frozenset[str]


def labels_of(names: str) -> frozenset[str]:
    """Categories as written in a file's name or key: ``innocent``, or several joined by +."""
    return frozenset() if names == INNOCENT else frozenset(names.split("+"))


def training_sentences(language: str) -> list[Labelled]:
    """The sentences written for training, and the wordings of the tests."""
    found = [
        Labelled(line, labels_of(file.name.split(".")[0]))
        for file in sorted((TRAINING / language).glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    wordings = SENTENCES.parent / "wordings" / f"{language}.yaml"
    if wordings.exists():
        for names, texts in yaml.safe_load(wordings.read_text(encoding="utf-8")).items():
            found += [Labelled(text, labels_of(names)) for text in texts]
    return found


def framed_sentences(language: str) -> Iterator[Labelled]:
    """Deeds in frames: which frames a deed is put into depends on its own text alone, so the sentences stay as they are."""
    file = TRAINING / language / FRAMED
    read: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    for names, deeds in read["deeds"].items():
        for deed in deeds:
            for kind in ("announcing", "menacing"):
                yield from (
                    Labelled(text, labels_of(names)) for text in _in_frames(deed, read, kind, DRAWN[kind])
                )
            yield from (
                Labelled(text, frozenset()) for text in _in_frames(deed, read, "innocent", DRAWN["innocent"])
            )
    for deed in read["neutral"]:
        yield from (
            Labelled(text, frozenset()) for text in _in_frames(deed, read, "announcing", DRAWN["neutral"])
        )


def _in_frames(deed: str, read: Mapping[str, Any], kind: str, count: int) -> Iterator[str]:
    for frame in _drawn(deed, read[kind], count):
        yield frame.format(deed=deed, day=_drawn(deed + frame, read["days"], 1)[0])


def _drawn(key: str, choices: Sequence[str], count: int) -> list[str]:
    """So many of the choices, as a hash of the key and of each of them orders them."""
    return sorted(choices, key=lambda one: sha256(f"{key}\t{one}".encode()).digest())[:count]


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
