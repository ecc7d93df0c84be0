"""The model's weights are whole, and what a model says only adds."""

import json
from pathlib import Path
from typing import Any

import pytest

from dunwell.outreach.answers import understand
from dunwell.outreach.answers.signals import WEIGHTS, Signals, WeightsUnusable, read_weights
from tests.outreach.answers.speaking import AMERICAN, WEDNESDAY


class Ones:
    """An encoder for which every text is the same."""

    def encode(self, text: str | list[str]) -> Any:
        return [1.0]


SURE = Signals(Ones(), {"dispute": (5.0, 0.0)})


def test_the_shipped_weights_have_their_hash() -> None:
    weights = read_weights(WEIGHTS)
    assert {len(values) for values in weights.values()} == {513}


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    read = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    read["weights"]["stop"][0] += 1
    changed = tmp_path / "weights.json"
    changed.write_text(json.dumps(read), encoding="utf-8")
    with pytest.raises(WeightsUnusable):
        read_weights(changed)


@pytest.mark.parametrize("text", ["STOP", "my father passed away", "I'll pay 200 on Friday"])
def test_a_signal_adds_and_never_takes_away(text: str) -> None:
    alone = understand(text, WEDNESDAY, "en", AMERICAN)
    joined = understand(text, WEDNESDAY, "en", AMERICAN, SURE)
    assert joined.intents == alone.intents | {"dispute"}
    assert joined.kinds >= alone.kinds
    assert joined.promise == alone.promise
