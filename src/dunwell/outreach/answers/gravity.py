"""Whether a message reads like any of what must not be missed: a kernel machine on the sentence encoder's vectors.

To tell grave from innocent is easier than to tell the kinds of grave from each other, and it is what the safe side needs. The
machine (a support vector machine with a Gaussian kernel, trained by ``python -m benchmarks.answers --train``) is shipped as
figures in ``grave.npz``: no words of anybody, only vectors of sentences that were written to learn from.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIGURES = Path(__file__).with_name("grave.npz")
NAMES = ("mean", "axes", "vectors", "coefficients", "intercept", "gamma")


@dataclass(frozen=True)
class Gravity:
    """The machine: an encoder's vector, less ``mean``, along ``axes``, is held against ``vectors``."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    vectors: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    intercept: NDArray[np.float32]
    gamma: NDArray[np.float32]

    def of(self, vector: Any) -> float:
        """How grave a message reads: above 0 rather grave than not. The thresholds stand in ``signals``."""
        place = self.axes @ (np.asarray(vector, np.float32) - self.mean)
        apart = self.vectors - place
        near = np.exp(-self.gamma * np.einsum("ij,ij->i", apart, apart))
        return float(self.coefficients @ near + self.intercept[0])


def read_gravity(file: Path, digest: str) -> Gravity:
    """The machine, checked against its content hash. Raises ValueError."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in NAMES}
    if figures_hash(arrays) != digest:
        raise ValueError(f"{file.name} does not have the hash it says; install dunwell anew")
    return Gravity(**{name: array.astype(np.float32) for name, array in arrays.items()})


def figures_hash(arrays: dict[str, NDArray[Any]]) -> str:
    """The hash of the figures, whatever file holds them."""
    return sha256(b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in NAMES)).hexdigest()
