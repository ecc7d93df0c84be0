"""Night after night an experiment is drawn; complaints fall to one arm, and from the night that sees it the arm is drawn no more,
until a person takes it up again in the text.
"""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from dunwell.cli.workspace import copy_template
from dunwell.nightly.guarding import harms_of
from dunwell.nightly.replay import replay
from dunwell.nightly.report.decided import decided_section
from dunwell.nightly.report.language import read_language
from dunwell.nightly.run import RunResult, run_day
from dunwell.nightly.summary import summary_text
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import Settings, read_settings

FIRST = date(2026, 11, 23)
SMS = "early reminder by sms"
TRIAL = f"""
[[experiment]]
name = "a reminder or none"
salt = "2026-11"
starts_on = 2026-11-20
enrol_days = 60
arm = [{{ treatment = "none", share = "0.5" }}, {{ treatment = "{SMS}", share = "0.5" }}]
guard_rail = [{{ event = "complaint" }}]
"""
ARM = f"a reminder or none: {SMS}"


def night(folder: Path, day: date) -> RunResult:
    settings = read_settings(folder)
    now = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    return run_day(settings, settings.tape_folder, day, known_at=None, now=now)


def arms(folder: Path) -> pl.DataFrame:
    decisions = pl.read_parquet(read_settings(folder).book_folder / "decisions.parquet")
    return decisions.filter(pl.col("arm").is_not_null())


def complain(folder: Path, customer_ids: list[str], on: date) -> None:
    """Put a complaint of each onto the tape."""
    file = next((folder / "tape").glob("holds.*"))
    rows = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema_length=0)
    new = pl.DataFrame(
        {
            "hold_id": [f"X{number}" for number in range(len(customer_ids))],
            "customer_id": customer_ids,
            "kind": "complaint",
            "from_on": on,
            "recorded_at": datetime(on.year, on.month, on.day, 12, tzinfo=UTC),
        }
    )
    if file.suffix == ".csv":
        new = new.with_columns(
            pl.col("from_on").cast(pl.String), pl.lit(f"{on}T12:00:00Z").alias("recorded_at")
        )
        pl.concat([rows, new], how="diagonal").write_csv(file)
    else:
        pl.concat([rows, new], how="diagonal_relaxed").write_parquet(file)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose first night has been run, with nobody's complaint."""
    folder = tmp_path_factory.mktemp("guarded") / "shop"
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    write_portfolio(folder / "tape", 2_500, 5, FIRST, messy=False, stress=6.0)
    file = folder / "policy" / "strategy.toml"
    file.write_text(file.read_text(encoding="utf-8") + TRIAL, encoding="utf-8")
    assert night(folder, FIRST).decided.stopped == ()  # type: ignore[union-attr]
    return folder


@pytest.fixture(scope="module")
def harmed(before: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """The next night, when twenty of those who were reminded had complained and nobody else."""
    folder = tmp_path_factory.mktemp("harmed") / "shop"
    shutil.copytree(before, folder)
    reminded = arms(folder).filter(pl.col("arm") == ARM)["customer_id"].to_list()
    assert len(reminded) > 24
    complain(folder, reminded[:20], FIRST + timedelta(days=1))
    return folder, night(folder, FIRST + timedelta(days=1))


def test_the_arm_is_stopped_on_the_night_that_sees_the_harm(harmed: tuple[Path, RunResult]) -> None:
    folder, result = harmed
    assert result.decided is not None
    (stop,) = result.decided.stopped
    assert (stop.arm, stop.since, stop.event) == (SMS, FIRST + timedelta(days=1), "complaint")
    assert (stop.arm_events, stop.control_events) == (20, 0)
    drawn = arms(folder)
    assert ARM not in set(drawn["arm"])
    stopped = drawn.filter(pl.col("arm") == f"{ARM} (stopped)")
    assert stopped.height > 0
    assert set(stopped["treatment"]) == {"none"}
    assert set(stopped["probability"]) == {1.0}


@pytest.mark.slow
def test_it_stays_stopped_until_the_text_takes_it_up_again(
    harmed: tuple[Path, RunResult], tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(harmed[0], folder)
    (first,) = harmed[1].decided.stopped  # type: ignore[union-attr]
    later = night(folder, FIRST + timedelta(days=2))
    assert later.decided.stopped == (first,)  # type: ignore[union-attr]
    file = folder / "policy" / "strategy.toml"
    line = first.taken_up(FIRST + timedelta(days=3)).replace("...", "the text was mended")
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    again = night(folder, FIRST + timedelta(days=3))
    assert again.decided.stopped == ()  # type: ignore[union-attr]
    assert ARM in set(arms(folder)["arm"])


def test_decisions_under_a_stop_are_made_again_bit_for_bit(harmed: tuple[Path, RunResult]) -> None:
    settings = read_settings(harmed[0])
    drawn = arms(harmed[0])
    for arm in set(drawn["arm"]):
        found = replay(settings, drawn.filter(pl.col("arm") == arm)["decision_id"][0])
        assert found.is_for_certain, found.differences


def test_a_replay_goes_by_what_the_run_kept_of_the_stop(
    harmed: tuple[Path, RunResult], tmp_path: Path
) -> None:
    shutil.copytree(harmed[0], tmp_path / "shop")
    settings: Settings = read_settings(tmp_path / "shop")
    word = sorted((settings.evidence_folder / "decisions").glob("*.json"))[-1]
    about = json.loads(word.read_text(encoding="utf-8"))
    assert [one["arm"] for one in about["strategy"]["stopped"]] == [SMS]
    about["strategy"]["stopped"] = []
    word.write_text(json.dumps(about), encoding="utf-8")
    redirected = arms(tmp_path / "shop").filter(pl.col("arm").str.ends_with("(stopped)"))
    assert "arm" in replay(settings, redirected["decision_id"][0]).differences


def test_summary_and_report_tell_of_it(harmed: tuple[Path, RunResult]) -> None:
    _, result = harmed
    assert result.decided is not None
    (told,) = result.summary()["decided"]["stopped"]
    assert (told["arm"], told["since"], told["arm_events"]) == (SMS, "2026-11-24", 20)
    out = StringIO()
    shown = summary_text(
        result.figures, result.quarantine, result.facts, result.bucket_order, decided=result.decided
    )
    Console(file=out, width=250).print(shown)
    assert (
        f"STOPPED a reminder or none: '{SMS}' is stopped since 2026-11-24 by its guard-rail: complaint of 20"
        in out.getvalue()
    )
    assert f'stopped = [{{ arm = "{SMS}", since = 2026-11-24, until = DAY, why = "..." }}]' in out.getvalue()
    for code, words in (("en", "complaints of 20 of"), ("zh", "护栏：投诉")):
        language = read_language(code)
        (table,) = [
            one
            for one in decided_section(result.decided, language).tables
            if one.caption == language.say("decided.stopped")
        ]
        assert table.rows[0][:2] == [ARM, "2026-11-24"]
        assert words in str(table.rows[0][2])


@pytest.mark.slow
def test_complaints_of_both_arms_alike_stop_nothing(before: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(before, folder)
    by_arm = arms(folder).group_by("arm").agg(pl.col("customer_id").sort().head(5))
    complain(folder, by_arm["customer_id"].explode().to_list(), FIRST + timedelta(days=1))
    assert night(folder, FIRST + timedelta(days=1)).decided.stopped == ()  # type: ignore[union-attr]


def test_what_counts_as_harm() -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    tables = {
        "accounts": pl.DataFrame({"account_id": ["A1", "A2"], "customer_id": ["C1", "C2"]}),
        "holds": pl.DataFrame(
            {
                "account_row": [0, 1, 1, 0],
                "kind": ["complaint", "hardship", "cease", "fraud"],
                "from_on": [FIRST] * 4,
                "recorded_at": [at] * 4,
            }
        ),
        "consents": pl.DataFrame(
            {"customer_id": ["C1", "C2"], "withdrawn_at": [at, None], "recorded_at": [at, at]},
            schema_overrides={"withdrawn_at": pl.Datetime("us", "UTC")},
        ),
        "preferences": pl.DataFrame(
            {"customer_id": ["C2", "C2"], "kind": ["not_channel", "not_time"], "recorded_at": [at, at]}
        ),
    }
    day = at.date()
    assert sorted(harms_of(tables, None).rows()) == [
        ("C1", FIRST, "complaint"),
        ("C1", day, "opt_out"),
        ("C2", FIRST, "hardship"),
        ("C2", FIRST, "opt_out"),
        ("C2", day, "opt_out"),
    ]
    assert harms_of(tables, at - timedelta(hours=1)).height == 0
