"""Every effect in the world is declared, sourced, and read as it stands."""

from pathlib import Path

import pytest

from dunwell.rehearsal.effects import EFFECTS_FILE, QUALITIES, Effects, read_effects, read_figures
from dunwell.rehearsal.repayment import RepaymentProcess


def test_every_effect_says_what_it_is_and_where_it_comes_from() -> None:
    figures = read_figures()
    assert [figure.name for figure in figures] == list(Effects._fields)
    assert all(figure.about and figure.source and figure.source_quality in QUALITIES for figure in figures)
    assert all(figure.source == "house" or len(figure.source) > 10 for figure in figures)
    for figure in figures:
        if figure.source_quality in ("data", "paper"):
            assert any(year in figure.source for year in ("2015", "2018", "2019", "2020", "2022", "2025")), (
                figure.name
            )


def test_the_process_is_that_of_the_reference_where_the_text_says_so() -> None:
    effects, reference = read_effects(), RepaymentProcess()
    assert effects.return_rate == reference.return_rate
    assert (effects.jump, effects.jump_per_share) == (reference.jump, reference.jump_per_share)
    assert effects.least_share == reference.least_share
    assert effects.talk_gain == reference.effort_gain


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[jump]\nvalue = 0.02\n", ""), "effects.toml cannot be read"),
        (("[return_rate]", "[return_speed]"), "return_rate is missing"),
        (("value = 0.7\nunit", 'value = "much"\nunit'), "return_rate needs value"),
        (('source_quality = "paper"', 'source_quality = "rumour"'), "return_rate needs value"),
        (("[return_rate]", "[courage]\nvalue = 1\n\n[return_rate]"), "courage is no effect"),
    ],
)
def test_a_text_that_is_wrong_is_refused_by_name(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = EFFECTS_FILE.read_text(encoding="utf-8")
    file = tmp_path / "effects.toml"
    file.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_figures(file)
