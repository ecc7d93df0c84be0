"""``dunwell law`` as people run it, in processes of its own: verdicts for files, law cases, the packs' text, an overlay."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.commands import dunwell

CUSTOMERS = "customer_id,jurisdiction,timezone\nC1,us,America/New_York\nC2,us,America/Los_Angeles\n"
ACCOUNTS = """account_id,customer_id,product,currency,principal,opened_on
A1,C1,loan,USD,1000.00,2025-01-01
A2,C1,loan,USD,1000.00,2025-01-01
A3,C2,loan,USD,1000.00,2025-01-01
"""
HOLDS = "hold_id,account_id,customer_id,kind,from_on\nH1,A2,,dispute,2026-03-01\n"
HISTORY = "contact_id,customer_id,account_ids,at,channel,outcome\n" + "".join(
    f"K{n},C1,A1;A2,2026-04-0{n}T16:00:00Z,call,no_answer\n" for n in range(1, 8)
)
ATTEMPTS = """attempt_id,customer_id,account_ids,at,channel
T1,C1,A1,2026-04-07T13:00:00-04:00,call
T2,C1,A1;A2,2026-04-20T12:00:00-04:00,call
T3,C2,A3,2026-04-20T14:00:00-04:00,call
T4,C2,,2026-04-20T08:00:00-04:00,sms
T5,C9,,2026-04-20T12:00:00-04:00,call
"""
RULES = [["us-reg-f.call-attempts"], ["us-reg-f.dispute"], [], ["us-reg-f.hours"], ["gate.unknown-customer"]]

HOLDING = """
- name: holds
  packs: [us-reg-f]
  actor: agency
  customer: {jurisdiction: us, timezones: [America/New_York]}
  attempt: {at: "2026-04-02T21:00:00-04:00", channel: call}
  expect: {allowed: false, rule: us-reg-f.hours, not_before: "2026-04-03T08:00:00-04:00"}
"""
UNREADABLE = """
- name: of a pigeon
  packs: [us-reg-f]
  customer: {timezones: [America/New_York]}
  attempt: {at: "2026-04-02T12:00:00-04:00", channel: pigeon}
  expect: {allowed: true}
"""
FAILING = HOLDING.replace("holds", "does not hold").replace("allowed: false", "allowed: true")


def _files(folder: Path) -> Path:
    """A tape, a history and attempts as a lender hands them over."""
    (folder / "tape").mkdir()
    for name, text in (("customers", CUSTOMERS), ("accounts", ACCOUNTS), ("holds", HOLDS)):
        (folder / "tape" / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "contacts.csv").write_text(HISTORY, encoding="utf-8")
    (folder / "attempts.csv").write_text(ATTEMPTS, encoding="utf-8")
    return folder


def _check(folder: Path, *more: str, out: str = "verdicts.parquet", code: int = 0) -> str:
    arguments = ("--packs", "us-reg-f", "--actor", "agency", "--attempts", "attempts.csv")
    history = ("--history", "contacts.csv", "--tape", "tape", "--out", out)
    ran = dunwell("law", "check", *arguments, *history, *more, at=folder, code=code)
    return ran.stderr if code else ran.stdout


def _rules(file: Path) -> list[list[str]]:
    return [[reason["rule"] for reason in reasons] for reasons in pl.read_parquet(file)["reasons"]]


def test_a_verdict_an_attempt_in_their_order(tmp_path: Path) -> None:
    told = json.loads(_check(_files(tmp_path), "--json"))
    assert list(told["by_rule"].values()) == [1, 1, 1, 1]
    assert told == {
        "attempts": 5,
        "allowed": 1,
        "refused": 4,
        "by_rule": dict.fromkeys(sorted(rule for rules in RULES for rule in rules), 1),
        "out": "verdicts.parquet",
    }
    verdicts = pl.read_parquet(tmp_path / "verdicts.parquet")
    assert verdicts.schema == {
        "attempt_id": pl.String,
        "allowed": pl.Boolean,
        "reasons": pl.List(
            pl.Struct({"rule": pl.String, "citation": pl.String, "effect": pl.String, "detail": pl.String})
        ),
        "not_before": pl.Datetime("us", "UTC"),
    }
    assert verdicts.columns == ["attempt_id", "allowed", "reasons", "not_before"]
    assert verdicts["attempt_id"].to_list() == ["T1", "T2", "T3", "T4", "T5"]
    assert verdicts["allowed"].to_list() == [False, False, True, False, False]
    assert _rules(tmp_path / "verdicts.parquet") == RULES
    assert [[reason["effect"] for reason in reasons] for reasons in verdicts["reasons"]] == [
        ["presumed_violation"],
        ["prohibited"],
        [],
        ["prohibited"],
        ["missing"],
    ]
    assert verdicts["not_before"].to_list() == [
        datetime(2026, 4, 8, 12, tzinfo=UTC),
        None,
        None,
        datetime(2026, 4, 20, 15, tzinfo=UTC),
        None,
    ]


@pytest.mark.slow
def test_parquet_in_gives_the_same_and_csv_out_has_the_same_rows(tmp_path: Path) -> None:
    _check(_files(tmp_path))
    lists = pl.col("account_ids").str.split(";")
    for name in ("attempts", "contacts"):
        frame = pl.read_csv(tmp_path / f"{name}.csv").with_columns(lists)
        frame.with_columns(pl.col("at").str.to_datetime(time_zone="UTC")).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    arguments = ("--packs", "us-reg-f", "--actor", "agency", "--tape", "tape")
    files = ("--attempts", "attempts.parquet", "--history", "contacts.parquet")
    dunwell("law", "check", *arguments, *files, "--out", "again.parquet", at=tmp_path)
    assert pl.read_parquet(tmp_path / "again.parquet").equals(pl.read_parquet(tmp_path / "verdicts.parquet"))
    text = _check(tmp_path, out="verdicts.csv")
    assert text.startswith("5 attempts: 1 allowed, 4 refused; verdicts.csv")
    in_csv = pl.read_csv(tmp_path / "verdicts.csv")
    assert in_csv.columns == ["attempt_id", "allowed", "reasons", "not_before"]
    assert in_csv["reasons"].to_list() == [";".join(rules) or None for rules in RULES]
    assert in_csv["not_before"][0] == "2026-04-08T12:00:00+00:00"


@pytest.mark.slow
def test_a_lenders_own_column_names_hold_for_the_history_too(tmp_path: Path) -> None:
    dunwell("init", "shop", at=tmp_path)
    shop = _files_into(tmp_path / "shop")
    (shop / "contacts.csv").write_text(HISTORY.replace("outcome", "RESULT"), encoding="utf-8")
    with (shop / "dunwell.toml").open("a", encoding="utf-8") as stream:
        stream.write('\n[tape.columns.contacts]\noutcome = "RESULT"\n')
    _check(shop)
    assert _rules(shop / "verdicts.parquet") == RULES


def test_without_a_tape_nobody_is_known(tmp_path: Path) -> None:
    _files(tmp_path)
    arguments = ("--packs", "us-reg-f", "--attempts", "attempts.csv", "--history", "contacts.csv")
    dunwell("law", "check", *arguments, "--out", "verdicts.parquet", at=tmp_path)
    assert _rules(tmp_path / "verdicts.parquet") == [["gate.unknown-customer"]] * 5


def test_a_pack_that_is_not_there_refuses_everything(tmp_path: Path) -> None:
    _check(_files(tmp_path), "--packs", "us-reg-f,atlantis")
    verdicts = pl.read_parquet(tmp_path / "verdicts.parquet")
    assert not verdicts["allowed"].any()
    assert verdicts["not_before"].null_count() == 5
    assert all("gate.unknown-pack" in rules for rules in _rules(tmp_path / "verdicts.parquet"))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "attempts.csv",
            ATTEMPTS.replace("T2,C1,A1;A2,2026-04-20T12:00:00-04:00", "T2,C1,A1;A2,2026-04-20 noon"),
            ("attempts.csv", "row 2", "at is not an instant", "Write"),
        ),
        ("attempts.csv", ATTEMPTS.replace("sms", "pigeon"), ("attempts.csv", "row 4", "channel", "call")),
        ("attempts.csv", "attempt_id,customer_id,channel\nT1,C1,call\n", ("attempts.csv", "at")),
        (
            "contacts.csv",
            HISTORY.replace("K2,C1", "K2,"),
            ("contacts.csv", "row 2", "customer_id is missing"),
        ),
        (
            "tape/holds.csv",
            HOLDS.replace("2026-03-01", "soon"),
            ("holds.csv", "row 1", "from_on is not a day", "Write the day like"),
        ),
    ],
)
def test_what_cannot_be_read_stops_with_its_place_and_mend(
    file: str, text: str, told: tuple[str, ...], tmp_path: Path
) -> None:
    """A row that is lost could allow what it forbids, so no verdict is given at all."""
    (_files(tmp_path) / file).write_text(text, encoding="utf-8")
    said = _check(tmp_path, code=1)
    assert said.startswith("error: ")
    assert [part for part in told if part not in said] == []
    assert not (tmp_path / "verdicts.parquet").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--attempts", "none.csv"), "none.csv: does not exist"),
        (("--history", "none.csv"), "none.csv: does not exist"),
        (("--attempts", "tape"), "--attempts tape is a folder"),
        (("--history", "tape"), "--history tape is a folder"),
        (("--out", "no/such/verdicts.parquet"), "Name a file in a folder that exists"),
        (("--tape", "none"), "none is no folder"),
        (("--actor", "pirate"), "One of: first_party, agency, debt_buyer"),
        (("--packs", " , "), "names no pack"),
    ],
)
def test_what_is_not_there_is_named(more: tuple[str, str], told: str, tmp_path: Path) -> None:
    said = _check(_files(tmp_path), *more, code=1)
    assert told in said
    assert not (tmp_path / "verdicts.parquet").exists()


@pytest.mark.parametrize("missing", ["account", "accounts"])
def test_a_hold_of_nobody_stops_the_command(missing: str, tmp_path: Path) -> None:
    folder = _files(tmp_path)
    if missing == "account":
        (folder / "tape" / "holds.csv").write_text(HOLDS.replace("A2", "A9"), encoding="utf-8")
    else:
        (folder / "tape" / "accounts.csv").unlink()
    said = _check(folder, code=1)
    assert "holds: H1 names no customer, and no account of the tape (1 such rows)" in said
    assert not (folder / "verdicts.parquet").exists()


@pytest.mark.parametrize(
    ("file", "row", "key"),
    [
        ("tape/customers.csv", "C1,us,America/Chicago\n", "customers: customer_id 'C1'"),
        ("tape/accounts.csv", "A3,C1,loan,USD,1000.00,2025-01-01\n", "accounts: account_id 'A3'"),
        ("contacts.csv", "K1,C1,A1,2026-04-08T16:00:00Z,call,no_answer\n", "contacts: contact_id 'K1'"),
    ],
)
def test_rows_that_share_a_key_but_differ_stop_the_command(
    file: str, row: str, key: str, tmp_path: Path
) -> None:
    with (_files(tmp_path) / file).open("a", encoding="utf-8") as stream:
        stream.write(row)
    assert f"{key} stands in rows that differ" in _check(tmp_path, code=1)


def test_exact_repeats_count_once(tmp_path: Path) -> None:
    folder = _files(tmp_path)
    for file in ("contacts.csv", "tape/customers.csv", "tape/accounts.csv", "tape/holds.csv"):
        header, *rows = (folder / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / file).write_text(header + "".join(rows) * 2, encoding="utf-8")
    _check(folder)
    assert _rules(folder / "verdicts.parquet") == RULES


def test_a_misspelt_table_is_named(tmp_path: Path) -> None:
    folder = _files(tmp_path)
    (folder / "tape" / "holds.csv").rename(folder / "tape" / "hold.csv")
    arguments = ("--packs", "us-reg-f", "--actor", "agency", "--attempts", "attempts.csv", "--tape", "tape")
    ran = dunwell("law", "check", *arguments, "--history", "contacts.csv", "--out", "out.csv", at=folder)
    assert "not a table, and not read: hold.csv" in ran.stderr


@pytest.mark.slow
def test_optional_columns_may_be_missing_or_empty(tmp_path: Path) -> None:
    folder = _files(tmp_path)
    (folder / "attempts.csv").write_text(
        "attempt_id,customer_id,at,channel,visitors,purpose,party\n"
        "T1,C1,2026-04-20T12:00:00-04:00,visit,,,\nT2,C1,2026-04-20T12:00:00-04:00,call,,notice,spouse\n",
        encoding="utf-8",
    )
    _check(folder)
    assert _rules(folder / "verdicts.parquet")[0] == ["us-reg-f.dispute"]  # about all of the person's debts
    (folder / "attempts.csv").write_text("attempt_id,customer_id,at,channel\n", encoding="utf-8")
    assert "0 attempts: 0 allowed, 0 refused" in _check(folder)
    assert pl.read_parquet(folder / "verdicts.parquet").is_empty()


def _cases(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_cases_that_hold(tmp_path: Path) -> None:
    _cases(tmp_path, one=HOLDING, two=HOLDING)
    assert dunwell("law", "test", "one.yaml", "two.yaml", at=tmp_path).stdout == "2 passed, 0 failed\n"


def test_a_case_that_cannot_be_read_fails_by_name_and_the_others_run(tmp_path: Path) -> None:
    _cases(tmp_path, all=HOLDING + UNREADABLE + FAILING, broken="just: [a")
    said = dunwell("law", "test", "all.yaml", "broken.yaml", at=tmp_path, code=1).stdout.splitlines()
    assert said[-1] == "1 passed, 3 failed"
    assert said[0].startswith("failed: of a pigeon (all.yaml): cannot be read: ")
    assert said[1].startswith("failed: does not hold (all.yaml): allowed is False (us-reg-f.hours)")
    assert "broken.yaml" in said[2]


def test_cases_for_machines(tmp_path: Path) -> None:
    _cases(tmp_path, all=HOLDING + UNREADABLE)
    told: dict[str, Any] = json.loads(
        dunwell("law", "test", "--json", "all.yaml", at=tmp_path, code=1).stdout
    )
    assert list(told) == ["passed", "failed", "cases"]
    assert (told["passed"], told["failed"]) == (1, 1)
    keys = ["name", "passed", "allowed", "reasons", "not_before", "categories", "detail"]
    assert [list(case) for case in told["cases"]] == [keys, keys]
    holds, pigeon = told["cases"]
    assert (holds["name"], holds["passed"], holds["allowed"]) == ("holds", True, False)
    assert list(holds["reasons"][0]) == ["rule", "citation", "effect", "detail"]
    assert datetime.fromisoformat(holds["not_before"]) == datetime(2026, 4, 3, 12, tzinfo=UTC)
    assert (holds["categories"], holds["detail"]) == ([], "")
    assert (pigeon["name"], pigeon["passed"], pigeon["allowed"]) == ("of a pigeon", False, None)
    assert "pigeon" in pigeon["detail"]


def test_cases_that_are_not_there(tmp_path: Path) -> None:
    _cases(tmp_path, one=HOLDING)
    assert (
        "none.yaml does not exist"
        in dunwell("law", "test", "one.yaml", "none.yaml", at=tmp_path, code=1).stderr
    )
    (tmp_path / "empty").mkdir()
    assert "holds no cases" in dunwell("law", "test", "empty", at=tmp_path, code=1).stderr


@pytest.mark.slow
def test_a_workspace_tightens_every_law_command(tmp_path: Path) -> None:
    dunwell("init", "shop", at=tmp_path)
    shop = _files_into(tmp_path / "shop")
    _cases(shop / "policy" / "cases", own=HOLDING.replace("21:00", "20:30"))
    ran = dunwell("law", "test", "policy/cases", at=shop, code=1)
    assert "allowed is True" in ran.stdout
    (shop / "policy" / "law.toml").write_text(
        '[[tighten]]\nrule = "us-reg-f.hours"\nfrom = "10:00"\nto = "20:00"\n'
        '[[tighten]]\nrule = "us-reg-f.call-attempts"\nat_most = 3\n',
        encoding="utf-8",
    )
    own = HOLDING.replace("21:00", "20:30").replace("03T08:00", "03T10:00")
    _cases(shop / "policy" / "cases", own=own)
    assert dunwell("law", "test", "policy/cases", at=shop).stdout == "1 passed, 0 failed\n"
    assert (
        "The house is stricter: from 10:00, to 20:00." in dunwell("law", "show", "us-reg-f", at=shop).stdout
    )
    _check(shop)
    assert _rules(shop / "verdicts.parquet") == RULES
    assert pl.read_parquet(shop / "verdicts.parquet")["not_before"].to_list() == [
        datetime(2026, 4, 12, 14, tzinfo=UTC),
        None,
        None,
        datetime(2026, 4, 20, 17, tzinfo=UTC),
        None,
    ]


def _files_into(shop: Path) -> Path:
    for file in (shop / "tape").glob("*"):
        file.unlink()
    (shop / "tape").rmdir()
    return _files(shop)


@pytest.mark.slow
def test_an_overlay_that_loosens_stops_every_law_command_with_both_texts(tmp_path: Path) -> None:
    dunwell("init", "shop", at=tmp_path)
    shop = _files_into(tmp_path / "shop")
    _cases(shop, one=HOLDING)
    (shop / "policy" / "law.toml").write_text(
        '[[tighten]]\nrule = "us-reg-f.hours"\nfrom = "07:00"\n', encoding="utf-8"
    )
    for arguments in (
        ("law", "test", "one.yaml"),
        ("law", "show", "us-reg-f"),
        ("law", "diff", "us-reg-f", "2021-11-29", "2021-12-01"),
    ):
        said = dunwell(*arguments, at=shop, code=1).stderr
        assert "would loosen us-reg-f.hours" in said
        assert "The pack says: opens = 08:00" in said
        assert "The overlay says: from = 07:00" in said
    assert "would loosen us-reg-f.hours" in _check(shop, code=1)
    assert not (shop / "verdicts.parquet").exists()


@pytest.mark.slow
def test_the_law_of_a_day(tmp_path: Path) -> None:
    before = json.loads(dunwell("law", "show", "cn", "--on", "2026-01-29", "--json", at=tmp_path).stdout)
    after = json.loads(dunwell("law", "show", "cn", "--on", "2026-01-30", "--json", at=tmp_path).stdout)
    rules = [{rule["id"] for rule in told["rules"]} for told in (before, after)]
    assert "cn.unanswered-tries" in rules[1] - rules[0]
    assert (after["pack"], after["on"]) == ("cn", "2026-01-30")
    listed = dunwell("law", "show", at=tmp_path).stdout
    assert [key for key in ("us-reg-f", "us-ma", "cn", "house-floor") if key not in listed] == []
    assert "联系" in dunwell("law", "show", "cn", "--language", "zh", at=tmp_path).stdout
    assert "there is no pack 'atlantis'" in dunwell("law", "show", "atlantis", at=tmp_path, code=1).stderr
    assert (
        "--on 'soon' is not a day" in dunwell("law", "show", "cn", "--on", "soon", at=tmp_path, code=1).stderr
    )


def test_what_changed_between_two_days(tmp_path: Path) -> None:
    days = ("2021-11-29", "2021-12-01")
    told = json.loads(dunwell("law", "diff", "us-reg-f", *days, "--json", at=tmp_path).stdout)
    assert (told["pack"], told["from"], told["to"]) == ("us-reg-f", *days)
    began = {change["rule"] for change in told["changes"] if change["what"] == "began"}
    assert "us-reg-f.call-attempts" in began
    text = dunwell("law", "diff", "us-reg-f", *days, at=tmp_path).stdout
    assert f"{days[0]} to {days[1]}: {len(told['changes'])} rules differ" in text
    assert all(rule in text for rule in began)
    nothing = json.loads(dunwell("law", "diff", "us-reg-f", days[1], days[1], "--json", at=tmp_path).stdout)
    assert nothing["changes"] == []


def test_each_command_helps_with_an_example(tmp_path: Path) -> None:
    listed = dunwell("law", "--help", at=tmp_path).stdout
    for name in ("check", "test", "show", "diff"):
        assert name in listed
        assert f"Example: dunwell law {name}" in dunwell("law", name, "--help", at=tmp_path).stdout
