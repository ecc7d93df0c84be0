"""A strategy's text: read whole or refused with the place and the mend, and what it says done to the letter."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law.overlay import read_law
from dunwell.ledger import positions
from dunwell.nightly.worklist import plan_contacts
from dunwell.policy import PolicyError
from dunwell.strategy.columns import COLUMNS, customer_columns, made_up
from dunwell.strategy.conditions import BadCondition, all_of, in_words, parse_condition
from dunwell.strategy.differing import differences, moves
from dunwell.strategy.eligibility import eligible, eligible_matrix, first_choice, run_cases, uses
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import Strategy, read_strategy
from tests.insight.books import LAST_DAY, partition, terms

SHIPPED = Path("src/dunwell/cli/new_workspace/policy/strategy.toml")


@pytest.fixture(scope="module")
def shipped(project: Path) -> str:
    return (project / SHIPPED).read_text(encoding="utf-8")


def read(text: str, folder: Path) -> Strategy:
    file = folder / "strategy.toml"
    file.write_text(text, encoding="utf-8")
    return read_strategy(file)


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    book = partition(3000)
    return customer_columns(positions(book.tables, terms(), LAST_DAY).frame, book.tables)


def test_the_shipped_strategy_is_what_the_ladder_does(
    shipped: str, tmp_path: Path, customers: pl.DataFrame
) -> None:
    book = partition(3000)
    work = plan_contacts(
        book.tables, positions(book.tables, terms(), LAST_DAY).frame, read_law(None), "agency", LAST_DAY
    )
    reachable = work.filter(
        ~pl.col("reasons")
        .list.eval(pl.element().struct.field("rule"))
        .list.contains("house-floor.no-contact-point")
    )
    ladder = reachable.select("customer_id", treatment=pl.concat_str("stage", pl.lit(" by "), "channel"))
    strategy = read(shipped, tmp_path)
    table = eligible(strategy, customers)
    ours = table.select("customer_id", "segment", treatment=first_choice(strategy, table))
    both = (
        work.select("customer_id", "stage")
        .join(ours, on="customer_id")
        .join(ladder, on="customer_id", suffix="_ladder")
    )
    assert both.height == reachable.height > 60
    assert (both["stage"] == both["segment"]).all()
    assert (both["treatment"] == both["treatment_ladder"]).all()
    unreachable = work.join(reachable, on="customer_id", how="anti").join(ours, on="customer_id")
    assert (unreachable["treatment"] == "none").all()


def test_the_shipped_strategy_is_sound_and_its_cases_pass(shipped: str, tmp_path: Path) -> None:
    strategy = read(shipped, tmp_path)
    unheld = "no treatment says what it brings (expects), so the daily run is not held to it"
    assert cautions(strategy) == [
        f"objective.floors.complaints_per_thousand_max: {unheld}",
        f"objective.floors.opt_outs_per_thousand_max: {unheld}",
        "no hold_out: what the whole strategy brings can never be known",
    ]
    assert not [result for result in run_cases(strategy, strategy.cases) if result.problems]
    assert eligible_matrix(strategy, eligible(strategy, made_up([{"past_due_days": 3}]))).sum() == 4
    takes = uses(strategy)
    assert takes["negotiation by call"]["collectors"] == 9
    assert takes["negotiation by call"]["dialler"] == 1
    assert not any(takes["none"].values())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            '"past_due_days >= 1"',
            '"past_due_dayz >= 1"',
            "segment[1].when[1]: 'past_due_dayz' is no column. Did you mean past_due_days",
        ),
        (
            '"past_due_days >= 1"',
            '"past_due_days ~ 1"',
            "segment[1].when[1]: 'past_due_days ~ 1' is no condition. Write a column",
        ),
        ('"past_due_days >= 1"', '"past_due_days >= many"', "'many' is none. Write past_due_days >= 31"),
        ('channel = "sms"', 'channel = "fax"', "treatment[1].channel: 'fax' is not known. One of: sms"),
        ('segments = ["early reminder"]', 'segments = ["early remainder"]', "Did you mean 'early reminder'"),
        ('tone = "friendly"', 'tune = "friendly"', "treatment[1].tune: is not known. Did you mean tone"),
        ('cost = "0.05"', 'cost = "-1"', "treatment[1].cost: '-1' is no number from 0 on"),
        ('name = "reminder"', 'name = "early reminder"', "segment[2].name: 'early reminder' is there twice"),
        ('name = "reminder"', 'name = "everybody else"', "a name that dunwell itself uses"),
        ('skill = "collections"\ncost', "cost", "treatment[3].skill: is missing"),
        ('kind = "sms"', 'kind = "smses"', "capacity[3].kind: 'smses' is not known"),
        (
            '[hold_out]\nshare = "0"',
            '[hold_out]\nshare = "0.9"',
            "hold_out.share: '0.9' is no number from 0 to 0.5",
        ),
        (
            'prior = { share = "0", sd',
            'prior = { share = "0", value = "3", sd',
            "treatment[1].prior.share: stands beside a value",
        ),
        ('{ share = "0", sd = "0.05" }', '{ share = "5", sd = "0.05" }', "'5' is no number from -1 to 1"),
        ('rate = "0"', 'rate = "0.2"\nspends = "0.05"', "exploring.spends: is not known. Did you mean spend"),
        ('currency = "CNY"', 'currency = "RMB"', "currency: 'RMB' is not known"),
        (
            "complaints_per_thousand_max",
            "complaints_per_million",
            "objective.floors.complaints_per_million: is not known",
        ),
        (
            'cost = "0.05"',
            'cost = "0.05"\nexpects = { complaints_per_million = "3" }',
            "treatment[1].expects.complaints_per_million: is not known",
        ),
        (
            "customer = { past_due_days = 3 }",
            "customer = { days = 3 }",
            "case[1].customer.days: is no column",
        ),
        (
            'expect = { segment = "early reminder", first = "early reminder by sms" }',
            "expect = {}",
            "case[1].expect: says nothing",
        ),
    ],
)
def test_a_mistake_names_its_place_and_its_mend(
    shipped: str, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in shipped
    with pytest.raises(PolicyError) as refused:
        read(shipped.replace(old, new, 1), tmp_path)
    assert problem in str(refused.value)


EXPERIMENT = """
[[experiment]]
name = "a text first, or a call"
salt = "2027-01"
starts_on = 2027-01-11
enrol_days = 60
arm = [{ treatment = "none", share = "0.2" }, { treatment = "negotiation by sms", share = "0.4" },
    { treatment = "negotiation by call", share = "0.4" }]
guard_rail = [{ event = "complaint" }]
"""


def test_an_experiment_is_read_and_one_that_cannot_teach_is_refused(shipped: str, tmp_path: Path) -> None:
    (trial,) = read(shipped + EXPERIMENT, tmp_path).experiments
    assert trial.control == "none"
    assert trial.treatments == ("none", "negotiation by sms", "negotiation by call")
    assert trial.guard_rails[0].event == "complaint"
    again = EXPERIMENT.replace("a text first, or a call", "another")
    with pytest.raises(
        PolicyError, match=r"experiment\[2\].salt: '2027-01' is the salt of 'a text first, or a call' too"
    ):
        read(shipped + EXPERIMENT + again, tmp_path)
    with pytest.raises(PolicyError, match=r"experiment\[1\].arm: cannot be run.*add up to 0.8"):
        read(shipped + EXPERIMENT.replace('"0.2"', '"0.0001"').replace('"0.4"', '"0.4"'), tmp_path)


def test_a_misspelt_list_of_arms_is_named_and_not_taken_for_too_few_arms(
    shipped: str, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match=r"experiment\[1\].arms: is not known. Did you mean arm\?"):
        read(shipped + EXPERIMENT.replace("\narm = ", "\narms = "), tmp_path)


@pytest.mark.parametrize(
    ("change", "caution"),
    [
        (
            (
                '"past_due_days >= 8", "past_due_days < 31"',
                '"past_due_days >= 1", "past_due_days < 8", "bucket = M1"',
            ),
            "'reminder' is never reached",
        ),
        (
            ('segments = ["letter before action"]', 'segments = ["negotiation"]'),
            "'letter before action' has no treatment",
        ),
        (
            ('kind = "agent_minutes"\nskill = "collections"', 'kind = "agent_minutes"\nskill = "field"'),
            "of which no capacity tells",
        ),
        (
            ('"past_due_days >= 91"', '"past_due_days >= 91", "past_due_total >= 100"'),
            "whatever the currency",
        ),
        (('# spend = "0.05"', 'spend = "0.05"'), "spend without a rate: nothing is drawn by lot"),
        (('guard_rail = [{ event = "complaint" }]', ""), "no guard-rail on complaints"),
        (
            ('treatment = "negotiation by call", share', 'treatment = "reminder by call", share'),
            "no segment has in common",
        ),
        (
            ('first = "early reminder by sms"', 'first = "early reminder by call"'),
            "case 'three days late: a text message first'",
        ),
    ],
)
def test_what_is_likely_not_meant_is_said(
    shipped: str, tmp_path: Path, change: tuple[str, str], caution: str
) -> None:
    text = shipped + EXPERIMENT
    assert change[0] in text
    assert any(caution in told for told in cautions(read(text.replace(*change), tmp_path)))


ROWS: list[dict[str, Any]] = [
    {"past_due_days": 30, "bucket": "M1", "in_default": False, "jurisdiction": "cn"},
    {"past_due_days": 31, "bucket": "M2", "in_default": True},
    {"past_due_days": None},
]


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("past_due_days >= 31", [False, True, False]),
        ("past_due_days<31", [True, False, False]),
        ("past_due_days != 31", [True, False, False]),
        ("past_due_days in 30, 31.0", [True, True, False]),
        ("past_due_days is unknown", [False, False, True]),
        ("past_due_days is not unknown", [True, True, False]),
        ("bucket not in M2, M3", [True, False, False]),
        ("in_default = false", [True, False, False]),
        ("jurisdiction = cn", [True, False, False]),
        ("jurisdiction != cn", [False, False, False]),
        ("has_sms = true", [True, True, True]),
    ],
)
def test_a_condition_means_what_it_says_and_the_unknown_meets_none(text: str, met: list[bool]) -> None:
    assert made_up(ROWS).select(parse_condition(text).expr().alias("met"))["met"].to_list() == met


@pytest.mark.parametrize(
    "text",
    [
        "",
        "past_due_days",
        "bucket > M1",
        "in_default = maybe",
        "past_due_days >= NaN",
        "__import__('os') = 1",
        "past_due_days >= 1 or 1 = 1",
    ],
)
def test_anything_else_is_no_condition(text: str) -> None:
    with pytest.raises(BadCondition):
        parse_condition(text)


@given(st.text(max_size=40))
def test_no_text_does_more_than_be_read_or_refused(text: str) -> None:
    try:
        parsed = parse_condition(text)
    except BadCondition as refused:
        assert refused.mend
    else:
        assert parsed.column in COLUMNS


def test_conditions_can_be_read_aloud() -> None:
    conditions = [parse_condition("past_due_days >= 31"), parse_condition("bucket in M2, M3")]
    assert in_words(conditions) == "days past due is at least 31 and bucket is one of M2, M3"
    assert made_up(ROWS).select(all_of(conditions).alias("met"))["met"].to_list() == [False, True, False]
    assert in_words([]) == "always"


def test_features_are_columns_too(customers: pl.DataFrame) -> None:
    from dunwell.insight.features import features

    book = partition(3000)
    owed = positions(book.tables, terms(), LAST_DAY).frame
    with_features = customer_columns(owed, book.tables, features(book.tables, terms(), LAST_DAY))
    assert with_features.drop("customer_id").columns == list(COLUMNS)
    assert with_features["months_on_book"].null_count() == 0
    assert customers["months_on_book"].null_count() == customers.height
    assert (with_features["past_due_days"] > 0).all()
    assert with_features["customer_id"].is_unique().all()


def test_a_change_is_told_in_words_and_in_customers(
    shipped: str, tmp_path: Path, customers: pl.DataFrame
) -> None:
    old = read(shipped, tmp_path)
    text = shipped.replace("past_due_days < 31", "past_due_days < 61").replace(
        "past_due_days >= 31", "past_due_days >= 61"
    )
    new = read(
        text.replace('per_day = "3000"', 'per_day = "3500"').replace('title = "By', 'title = "Later, by'),
        tmp_path,
    )
    told = [str(one) for one in differences(old, new)]
    assert "capacity 'dialler': per_day from '3000' to '3500'" in told
    before, after = (f"['past_due_days >= 8', 'past_due_days < {days}']" for days in (31, 61))
    assert f"segment 'reminder': when from {before} to {after}" in told
    assert len(told) == 4
    assert not differences(old, old)
    moved = moves(old, new, customers)
    days = customers["past_due_days"]
    between = int(((days >= 31) & (days < 61)).sum())
    assert between > 10
    assert moved.changed_count == between
    assert moved.segments.rows() == [("negotiation", "reminder", between)]
    assert moved.customer_count == customers.height
    assert moves(old, old, customers).changed_count == 0


def test_a_new_treatment_and_another_order_are_told(
    shipped: str, tmp_path: Path, customers: pl.DataFrame
) -> None:
    old = read(shipped, tmp_path)
    extra = '\n[[treatment]]\nname = "a plan offered"\nchannel = "email"\nsegments = ["negotiation"]\n'
    extra += 'when = ["has_email = true"]\n'
    new = read(shipped + extra, tmp_path)
    assert [str(one) for one in differences(old, new)] == [
        "treatment 'a plan offered' is new: channel 'email', segments ['negotiation'], when ['has_email = true']"
    ]
    assert [str(one) for one in differences(new, old)] == ["treatment 'a plan offered' is gone"]
    gained = moves(old, new, customers).treatments
    assert gained["treatment"].to_list() == ["a plan offered"]
    assert gained["gained"][0] > 0 == gained["lost"][0]
    blocks = shipped.split("[[treatment]]")
    swapped = read("[[treatment]]".join([blocks[0], blocks[2], blocks[1], *blocks[3:]]), tmp_path)
    assert any(
        str(told).startswith("the order of the treatments is now: none, early reminder by email")
        for told in differences(old, swapped)
    )


def test_the_hash_is_the_texts(shipped: str, tmp_path: Path) -> None:
    assert read(shipped, tmp_path).hash == read(shipped, tmp_path).hash
    assert read(shipped, tmp_path).hash != read(shipped + "\n# reviewed\n", tmp_path).hash
