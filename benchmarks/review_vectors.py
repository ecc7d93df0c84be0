"""The vectors of labelled sentences, kept from one training of the language review to the next: encoding is most of its work.

They lie in ``.build/review_vectors.npz``, a row a sentence, found by the sentence's hash; without the file all are encoded.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dunwell.law.language.encoder import Encoder

KEPT = Path(__file__).parents[1] / ".build" / "review_vectors.npz"
_AT_ONCE = 500

Floats = npt.NDArray[np.float64]


def vectors_of(texts: Sequence[str], reader: Encoder, kept: Path = KEPT) -> Floats:
    """A row a text, rounded so that a last digit that differs from one processor to another does no harm."""
    names = [sha256(text.encode()).hexdigest() for text in texts]
    known = _read(kept)
    new = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
    wanted = list(new)
    for begin in range(0, len(wanted), _AT_ONCE):
        some = wanted[begin : begin + _AT_ONCE]
        vectors = np.asarray(reader.encode([new[name] for name in some]), dtype=np.float32)
        known |= dict(zip(some, vectors, strict=True))
        print(f"encoded {begin + len(some)} of {len(wanted)} new sentences", flush=True)
    if wanted:
        _write(kept, known)
    found: Floats = np.stack([known[name] for name in names]).astype(np.float64).round(4)
    return found


def _read(kept: Path) -> dict[str, npt.NDArray[np.float32]]:
    if not kept.exists():
        return {}
    with np.load(kept, allow_pickle=False) as read:
        return dict(zip(read["names"].tolist(), read["vectors"], strict=True))


def _write(kept: Path, known: dict[str, npt.NDArray[np.float32]]) -> None:
    kept.parent.mkdir(exist_ok=True)
    np.savez(kept, allow_pickle=False, names=np.array(list(known)), vectors=np.stack(list(known.values())))
