"""A change of strategy: read as it is pasted, seen beside the one in force, decided by somebody else, and then in force."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Event as Stop
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from dunwell.journal.models import Event
from dunwell.nightly.rehearsing import choice_for, rehearsed, setting_for
from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.access.models import Staff
from dunwell.office.strategies.comparing import ANSWER, NEW, OLD, compare_next, folder_of
from dunwell.office.strategies.models import DONE, FAILED, WAITING, Proposal
from dunwell.office.strategies.proposing import dated, text_in_force
from dunwell.office.strategies.telling import draw, gap_lines, measure_lines
from dunwell.office.workplace import Workplace
from dunwell.rehearsal.effects import read_effects
from dunwell.settings import read_settings
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.text import read_strategy
from dunwell.strategy.turning import Turned
from tests.office.conftest import Office


@pytest.fixture
def shop(office: Office, ran: Path, tmp_path: Path) -> Iterator[Office]:
    """The office in a workspace of its own, which may be changed."""
    folder = tmp_path / "shop"
    shutil.copytree(ran, folder)
    own = Office(Workplace(read_settings(folder), office.clock), office.clock)
    workplace.use(own.place)
    yield own
    workplace.use(office.place)


@pytest.fixture(scope="session")
def told(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small comparison of the workspace's strategy with one that no longer calls anybody, on the workspace's own book."""
    text = (ran / "policy" / "strategy.toml").read_text(encoding="utf-8")
    file = tmp_path_factory.mktemp("proposal") / "strategy.toml"
    file.write_text(other(text), encoding="utf-8")
    strategies = [read_strategy(ran / "policy" / "strategy.toml"), read_strategy(file)]
    settings = read_settings(ran)
    setting = setting_for(settings, strategies, 75, date(2026, 11, 24))
    choice, basis = choice_for(settings, strategies[1], setting.as_of)
    answer: dict[str, Any] = json.loads(
        json.dumps(rehearsed(setting, strategies, choice, basis, copies=3, days=3))
    )
    return answer


def other(text: str) -> str:
    """The text with half of the agents' minutes."""
    return text.replace('per_day = "4200"', 'per_day = "40"').replace(
        '"By stage,', '"With fewer people: by stage,'
    )


def proposed(shop: Office, told: dict[str, Any] | None, by: str = "analyst") -> Proposal:
    """Somebody's proposal; its comparison is there when it is told."""
    text = text_in_force(shop.place)
    answer = shop.client(by).post(
        "/strategies/propose", {"text": other(text), "why": "fewer people", "once": "1"}
    )
    assert answer.status_code == 302
    made = Proposal.objects.get()
    if told is not None:
        folder = folder_of(shop.place, made)
        folder.mkdir(parents=True)
        (folder / ANSWER).write_text(json.dumps(told), encoding="utf-8")
        Proposal.objects.update(comparing=DONE, compared_at=shop.clock())
    return Proposal.objects.get()


def asked(shop: Office, told: dict[str, Any]) -> Proposal:
    made = proposed(shop, told)
    shop.client("analyst").post(f"/strategies/{made.pk}/ask")
    return Proposal.objects.get()


def test_the_page_shows_what_is_in_force(shop: Office) -> None:
    page = shop.client("auditor").get("/strategies").content.decode()
    assert "By stage, the first channel that reaches the person" in page
    assert "letter before action" in page
    assert "<textarea" not in page, "who may not propose has no form"


def test_the_page_shows_for_which_treatments_times_have_turned(shop: Office) -> None:
    file = shop.place.settings.book_folder / "run.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    client = shop.client("auditor")
    assert "something else than before" not in client.get("/strategies").content.decode()
    told["decided"]["turned"] = [Turned("reminder by sms", date(2026, 11, 2), 300.0, 0.08, 0.02).as_dict()]
    file.write_text(json.dumps(told), encoding="utf-8")
    page = client.get("/strategies").content.decode()
    assert "Treatments that bring something else than before" in page
    assert "2026-11-02" in page
    assert "8.0%" in page
    chinese = client.get("/strategies", headers={"accept-language": "zh-Hans"}).content.decode()
    assert "效果与此前不同的措施" in chinese


def test_the_page_shows_which_arms_are_stopped_in_the_readers_language(shop: Office) -> None:
    stop = Stopped("a trial", "call", "none", date(2026, 11, 20), "", "complaint", 12, 1000, 2, 1000)
    file = shop.place.settings.book_folder / "run.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    client = shop.client("auditor")
    assert "Arms that are stopped" not in client.get("/strategies").content.decode()
    told["decided"]["stopped"] = [stop.as_dict()]
    file.write_text(json.dumps(told), encoding="utf-8")
    page = client.get("/strategies").content.decode()
    assert "a trial: call" in page
    assert "guard-rail: complaints of 12 of 1,000 customers" in page
    assert "{ arm = ..., since = ..., until = ..., why = ... }" in page
    chinese = client.get("/strategies", headers={"accept-language": "zh-Hans"}).content.decode()
    assert "已停止的实验组" in chinese
    assert "护栏：投诉" in chinese


def test_a_mistake_is_told_at_once_with_its_place_and_mend_and_what_was_typed_stays(shop: Office) -> None:
    wrong = text_in_force(shop.place).replace('channel = "sms"', 'channel = "fax"', 1)
    answer = shop.client("analyst").post("/strategies/propose", {"text": wrong, "why": "faxes"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "treatment[1].channel" in page
    assert "&#x27;fax&#x27; is not known" in page
    assert "One of: sms, call" in page
    assert "channel = &quot;fax&quot;" in page
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("text", ["", "key = [", "from = 2099-01-01", None])
def test_what_cannot_be_proposed_is_not(shop: Office, text: str | None) -> None:
    now = text_in_force(shop.place)
    given = (
        now if text is None else now.replace("from = 2026-01-01", text) if text.startswith("from") else text
    )
    answer = shop.client("analyst").post("/strategies/propose", {"text": given, "why": "why not"})
    assert answer.status_code == 422
    assert not Proposal.objects.exists()


def test_a_file_is_taken_as_a_pasted_text_is_and_a_form_sent_twice_proposes_once(shop: Office) -> None:
    client, text = shop.client("team_lead"), other(text_in_force(shop.place))
    for _ in range(2):
        file = SimpleUploadedFile("draft.toml", text.encode())
        client.post("/strategies/propose", {"file": file, "text": "", "why": "fewer people", "once": "x"})
    made = Proposal.objects.get()
    assert (made.text, made.comparing, made.title[:17]) == (text, WAITING, "With fewer people")


def test_the_comparison_stands_side_by_side_with_charts_and_their_tables(
    shop: Office, told: dict[str, Any]
) -> None:
    made = proposed(shop, told)
    client = shop.client("auditor")
    page = client.get(f"/strategies/{made.pk}").content.decode()
    assert "not a forecast" in page
    assert "Capacity “collectors”, a day: from 4200 to 40" in page
    for line in [*measure_lines(told), *gap_lines(told)]:
        assert line.difference in page
    assert told["gaps"]
    for name in ("change", "groups"):
        drawn = draw(name, told)
        assert (f"/{name}.svg" in page) == (drawn is not None)
        if drawn is not None:
            assert client.get(f"/strategies/{made.pk}/{name}.svg").content.decode().startswith("<svg ")
    kept: Any = client.get(f"/strategies/{made.pk}/comparison.json")
    assert json.loads(b"".join(kept.streaming_content)) == told


def test_the_answer_is_what_the_workspaces_own_people_lived_through(told: dict[str, Any], ran: Path) -> None:
    assert told["source"] == "the book of 2026-11-23"
    assert told["customers"] == 75
    assert 0 < told["share"] < 1
    assert sum(told["assumptions"].values()) == len(read_effects())
    minutes = next(row for row in told["measures"] if row["name"] == "minutes")
    assert minutes["new"] < minutes["old"]
    assert minutes["is_sure"]


def test_a_breach_is_told_first(shop: Office, told: dict[str, Any]) -> None:
    floor = {"name": "complaints_per_thousand_max", "bound": 2.0, "old": 1.0, "new": 3.0, "state": "breached"}
    made = proposed(shop, told | {"floors": [floor]})
    page = shop.client("compliance").get(f"/strategies/{made.pk}").content.decode()
    assert page.index("It breaches what the objective does not allow") < page.index("Both lived through")


def test_a_second_person_puts_it_in_force_and_the_old_one_is_kept(shop: Office, told: dict[str, Any]) -> None:
    before, made = text_in_force(shop.place), asked(shop, told)
    form = {"decision": "approved", "reason": "the floors hold"}
    shop.client("compliance").post(f"/strategies/{made.pk}/decide", form)
    made.refresh_from_db()
    assert (made.decision, made.decided_by and made.decided_by.username) == ("approved", "compliance")
    today = shop.place.today()
    assert text_in_force(shop.place) == dated(made.text, today)
    in_force = read_strategy(shop.place.settings.root / "policy" / "strategy.toml")
    assert in_force.policy.from_on == today
    (kept,) = (shop.place.settings.root / "policy" / "earlier").iterdir()
    assert kept.read_text(encoding="utf-8") == before
    assert kept.name.startswith(f"strategy-until-{today}-")
    first, last = [
        json.loads(one.body) for one in Event.objects.filter(kind__startswith="strategy.").order_by("id")
    ]
    assert (first["by"], last["by"], last["in_force"]) == ("analyst", "compliance", in_force.hash)
    page = shop.client("administrator").get("/audit").content.decode()
    assert "a strategy was decided" in page
    assert "the floors hold" in page


def test_the_nightly_run_after_the_decision_decides_by_what_was_agreed(
    shop: Office, told: dict[str, Any]
) -> None:
    made, settings = asked(shop, told), shop.place.settings

    def minutes() -> tuple[str, bool]:
        """The agents' minutes by which the last run decided, and whether it kept to them."""
        summary = json.loads((settings.book_folder / "run.json").read_text(encoding="utf-8"))
        (one,) = [row for row in summary["decided"]["capacities"] if row["name"] == "collectors"]
        return one["per_day"], float(one["used"]) <= float(one["per_day"])

    assert minutes() == ("4200.0000", True)
    form = {"decision": "approved", "reason": "the floors hold"}
    shop.client("compliance").post(f"/strategies/{made.pk}/decide", form)
    tonight = shop.clock()
    run_day(settings, settings.tape_folder, tonight.date(), known_at=None, now=tonight)
    assert minutes() == ("40.0000", True)


def test_nobody_decides_what_they_proposed(shop: Office, told: dict[str, Any]) -> None:
    before, made = text_in_force(shop.place), asked(shop, told)
    Proposal.objects.update(proposed_by=Staff.objects.get(username="compliance"))
    client = shop.client("compliance")
    assert "somebody else must decide" in client.get(f"/strategies/{made.pk}").content.decode()
    client.post(f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": "mine"})
    assert Proposal.objects.get().decision == ""
    assert text_in_force(shop.place) == before


def test_who_may_not_approve_is_refused(shop: Office, told: dict[str, Any]) -> None:
    made = asked(shop, told)
    for role in ("analyst", "team_lead", "collector", "administrator", "auditor"):
        answer = shop.client(role).post(
            f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": "yes"}
        )
        assert answer.status_code == 403, role
    assert Proposal.objects.get().decision == ""


def test_a_refusal_changes_nothing_and_is_final(shop: Office, told: dict[str, Any]) -> None:
    before, made = text_in_force(shop.place), asked(shop, told)
    client = shop.client("compliance")
    client.post(f"/strategies/{made.pk}/decide", {"decision": "refused", "reason": "it harms"})
    client.post(f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": "or not"})
    made.refresh_from_db()
    assert (made.decision, made.reason, text_in_force(shop.place)) == ("refused", "it harms", before)


def test_a_decision_needs_a_reason_and_somebody_who_asked(shop: Office, told: dict[str, Any]) -> None:
    made, client = proposed(shop, told), shop.client("compliance")
    client.post(f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": "early"})
    shop.client("team_lead").post(f"/strategies/{made.pk}/ask")  # not the proposer
    assert Proposal.objects.get().asked_at is None
    shop.client("analyst").post(f"/strategies/{made.pk}/ask")
    client.post(f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": " "})
    assert Proposal.objects.get().decision == ""


def test_nobody_asks_before_the_comparison_was_seen(shop: Office) -> None:
    made = proposed(shop, None)
    shop.client("analyst").post(f"/strategies/{made.pk}/ask")
    assert Proposal.objects.get().asked_at is None


def test_a_comparison_with_what_is_no_longer_in_force_does_not_count(
    shop: Office, told: dict[str, Any]
) -> None:
    made = asked(shop, told)
    file = shop.place.settings.root / "policy" / "strategy.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n# changed by hand\n", encoding="utf-8")
    client = shop.client("compliance")
    client.post(f"/strategies/{made.pk}/decide", {"decision": "approved", "reason": "fine"})
    assert Proposal.objects.get().decision == ""
    assert "has changed since" in client.get(f"/strategies/{made.pk}").content.decode()
    shop.client("analyst").post(f"/strategies/{made.pk}/compare")
    again = Proposal.objects.get()
    assert (again.comparing, again.based_on, again.asked_at) == (WAITING, text_in_force(shop.place), None)


def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str) -> None:
    """A program in the place of the command that computes the comparison."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o755)
    monkeypatch.setattr("dunwell.office.beside.sys.executable", str(script))


def test_the_keeper_computes_what_waits_and_keeps_texts_and_answer(
    shop: Office, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = proposed(shop, None)
    (tmp_path / "said.json").write_text(json.dumps(told), encoding="utf-8")
    stand_in(monkeypatch, tmp_path, f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/said.json; exit 1')
    assert compare_next(shop.place, Stop())
    folder = folder_of(shop.place, made)
    words = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert words == [
        *["-m", "dunwell", "strategy", "diff"],
        *map(str, (folder / OLD, folder / NEW)),
        "--simulate",
        "--json",
    ]
    assert (folder / OLD).read_text(encoding="utf-8") == text_in_force(shop.place)
    assert (folder / NEW).read_text(encoding="utf-8") == made.text
    assert json.loads((folder / ANSWER).read_text(encoding="utf-8")) == told
    assert Proposal.objects.get().comparing == DONE
    assert not compare_next(shop.place, Stop()), "nothing waits any more"


def test_a_comparison_that_fails_says_why(
    shop: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = proposed(shop, None)
    stand_in(monkeypatch, tmp_path, 'echo "error: nobody is past due" >&2; exit 1')
    compare_next(shop.place, Stop())
    assert Proposal.objects.get().comparing == FAILED
    assert "nobody is past due" in shop.client("analyst").get(f"/strategies/{made.pk}").content.decode()


def test_a_comparison_that_is_cut_off_waits_again(
    shop: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proposed(shop, None)
    stand_in(monkeypatch, tmp_path, "sleep 60")
    stop = Stop()
    stop.set()
    compare_next(shop.place, stop)
    assert Proposal.objects.get().comparing == WAITING


def test_a_page_that_waits_asks_again_and_is_loaded_anew_when_the_answer_is_there(
    shop: Office, told: dict[str, Any]
) -> None:
    made = proposed(shop, None)
    client: Client = shop.client("analyst")
    assert "hx-trigger" in client.get(f"/strategies/{made.pk}").content.decode()
    waiting = client.get(f"/strategies/{made.pk}", headers={"HX-Request": "true"})
    assert "waits to be compared" in waiting.content.decode()
    Proposal.objects.update(comparing=DONE)
    assert client.get(f"/strategies/{made.pk}", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
