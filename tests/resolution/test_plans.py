"""Plans: exact to the minor unit, never more than is left, and patience where nothing is."""

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.policy import PolicyError
from dunwell.resolution.budget import Affordability
from dunwell.resolution.plan_policy import PlanPolicy, read_plan_policy
from dunwell.resolution.plans import Debt, Plan, PlanError, as_promise, propose_plans
from dunwell.resolution.promises import Cancelled, Received, judge_customer
from dunwell.resolution.schedules import PlanPart, even_parts, interest_on, level_parts, shared

AS_OF = date(2026, 11, 23)
HOUSE = read_plan_policy(AS_OF)
HOUSE_TEXT = Path(__file__).parents[2] / "src/dunwell/resolution/texts/plans.toml"


def left(minor: int, currency: str = "CNY", **more: object) -> Affordability:
    return Affordability(currency, 2 * minor, minor, 0, 0, minor, **more)  # type: ignore[arg-type]


def debt(owed: int = 1_200_000, account_id: str = "A1", **more: object) -> Debt:
    values = {
        "currency": "CNY",
        "principal_minor": owed,
        "annual_rate": Fraction(18, 100),
        "jurisdiction": "cn",
    }
    return Debt(account_id, owed_minor=owed, **(values | more))  # type: ignore[arg-type]


def kinds(plans: list[Plan]) -> list[str]:
    return [plan.kind for plan in plans]


def contract_policy(tmp_path: Path) -> PlanPolicy:
    """A lender whose interest runs during a plan."""
    file = tmp_path / "plans.toml"
    file.write_text(
        HOUSE_TEXT.read_text(encoding="utf-8").replace('"frozen"', '"contract"'), encoding="utf-8"
    )
    return read_plan_policy(AS_OF, file)


def test_several_plans_from_quick_to_roomy() -> None:
    plans = propose_plans([debt()], left(100_000), HOUSE, AS_OF)
    assert [(plan.months, plan.most_minor) for plan in plans] == [(12, 100_000), (15, 80_000), (20, 60_000)]
    assert [float(plan.chance or 0) for plan in plans] == [0.831, 0.801, 0.78]
    assert all(plan.total_minor == 1_200_000 and plan.cost_minor == 0 for plan in plans)
    assert plans[0].parts[0].due_on == date(2026, 12, 23)
    assert plans[0].parts[11].due_on == date(2027, 11, 23)
    assert (plans[0].grant_kind, plans[0].grant_minor, plans[0].changes_contract) == (
        "instalments",
        1_200_000,
        True,
    )
    assert "not randomised" not in plans[0].chance_source and "LendingClub" in plans[0].chance_source


def test_a_model_of_how_plans_end_tells_the_chance_where_there_is_one() -> None:
    def chance(months: int, agreed: int, owed: int, instalment: int) -> tuple[Fraction, str]:
        return Fraction(agreed, 2 * owed * months), f"{months} months of {instalment}"

    one = debt(monthly_minor=1_000)
    for plan in propose_plans([one], left(100_000), HOUSE, AS_OF, chance):
        assert plan.chance == Fraction(plan.total_minor, 2 * one.owed_minor * plan.months)
        assert plan.chance_source == f"{plan.months} months of 1000"


def test_the_last_part_takes_the_rest() -> None:
    (plan, *_) = propose_plans([debt(100_001)], left(33_334), HOUSE, AS_OF)
    assert [part.amount_minor for part in plan.parts] == [33_334, 33_334, 33_333]


def test_days_at_the_end_of_a_month() -> None:
    (plan, *_) = propose_plans([debt(3000)], left(1000), HOUSE, date(2026, 12, 31))
    assert [str(part.due_on) for part in plan.parts] == ["2027-01-31", "2027-02-28", "2027-03-31"]


def test_where_nothing_is_left_there_is_no_plan_but_patience() -> None:
    (plan,) = propose_plans([debt()], left(0), HOUSE, AS_OF)
    assert (plan.kind, plan.parts, plan.review_on) == ("forbearance", (), date(2027, 2, 23))
    assert plan.why == "nothing is left after what is protected"
    (british,) = propose_plans([debt(currency="GBP", jurisdiction="gb")], left(0, "GBP"), HOUSE, AS_OF)
    assert any("Breathing space" in line and "SI 2020/1311" in line for line in british.conditions)
    assert any("debt advice" in line for line in british.conditions)


def test_what_would_take_too_long_is_not_offered_and_says_so() -> None:
    (plan,) = propose_plans([debt(3_700_000)], left(100_000), HOUSE, AS_OF)
    assert plan.kind == "forbearance"
    assert plan.why == "1000.00 CNY a month would take 37 months; at most 36 months may be offered"


def test_a_chinese_card_may_be_paid_in_five_years() -> None:
    """商业银行信用卡业务监督管理办法 70."""
    card = debt(6_000_000, credit="open_end")
    (plan,) = propose_plans([card], left(100_000), HOUSE, AS_OF)
    assert (plan.kind, plan.months, plan.chance) == ("card_instalments", 60, None)
    assert plan.chance_source == "no agreements of 60 months were observed"
    assert "70" in plan.source and "collection stops while the plan is kept" in plan.conditions
    assert kinds(propose_plans([debt(6_000_100, credit="open_end")], left(100_000), HOUSE, AS_OF)) == [
        "forbearance"
    ]
    american = debt(6_000_000, credit="open_end", jurisdiction="us")
    assert kinds(propose_plans([american], left(100_000), HOUSE, AS_OF)) == ["forbearance"]
    assert kinds(propose_plans([card, debt(account_id="A2")], left(100_000), HOUSE, AS_OF)) == ["forbearance"]


def test_arrears_beside_the_contract() -> None:
    loan = debt(past_due_minor=90_000, past_due_days=40, monthly_minor=80_000)
    plans = propose_plans([loan], left(100_000), HOUSE, AS_OF)
    arrears = next(plan for plan in plans if plan.kind == "arrears")
    assert (arrears.months, arrears.most_minor, arrears.total_minor) == (5, 18_000, 90_000)
    assert not arrears.changes_contract and not arrears.class_effect
    assert (
        "at least special mention" in next(plan for plan in plans if plan.kind == "instalments").class_effect
    )
    assert arrears.conditions[0] == "the contract's instalments of 800.00 CNY a month go on"
    tight = propose_plans([loan], left(80_000), HOUSE, AS_OF)
    assert "arrears" not in kinds(tight)


def test_interest_that_runs_and_less_of_it(tmp_path: Path) -> None:
    plans = propose_plans([debt()], left(100_000), contract_policy(tmp_path), AS_OF)
    full = next(plan for plan in plans if plan.kind == "instalments" and plan.months == 14)
    reduced = next(plan for plan in plans if plan.kind == "interest_reduction")
    assert full.parts[0].interest_minor == 18_000  # 12,000.00 at 18 % for a month
    assert sum(part.debt_minor for part in full.parts) == 1_200_000
    assert full.cost_minor > reduced.cost_minor > 0
    assert (full.saving_minor, reduced.saving_minor) == (0, reduced.grant_minor)
    assert (
        abs(reduced.saving_minor - reduced.cost_minor) < 10
    )  # half the rate saves what it costs, but for rounding


def test_settlement_by_age_from_the_money_at_hand_or_in_parts() -> None:
    old = debt(past_due_days=400)
    plans = propose_plans([old], left(100_000, lump_sum_minor=720_000), HOUSE, AS_OF)
    settled = [plan for plan in plans if plan.kind == "settlement"]
    assert [(plan.months, plan.total_minor, plan.waived_minor) for plan in settled] == [
        (1, 720_000, 480_000),
        (8, 720_000, 480_000),
    ]
    assert (settled[0].grant_kind, settled[0].grant_minor) == ("settlement", 480_000)
    assert settled[1].saving_minor > 480_000
    young = propose_plans([debt(past_due_days=180)], left(100_000, lump_sum_minor=10**9), HOUSE, AS_OF)
    assert "settlement" not in kinds(young)
    mixed = [old, debt(account_id="A2", past_due_days=10)]
    assert "settlement" not in kinds(propose_plans(mixed, left(100_000, lump_sum_minor=10**9), HOUSE, AS_OF))
    poor = propose_plans([old], left(0, lump_sum_minor=720_000), HOUSE, AS_OF)
    assert kinds(poor) == ["settlement", "forbearance"]


def test_deferral_when_income_comes_back() -> None:
    soon = left(0, improves_on=date(2027, 2, 1), left_then_minor=100_000)
    (plan,) = propose_plans([debt()], soon, HOUSE, AS_OF)
    assert (plan.kind, plan.months, plan.parts[0].due_on) == ("deferral", 12, date(2027, 2, 1))
    assert plan.grant_kind == "deferral"
    far = left(0, improves_on=date(2027, 6, 1), left_then_minor=100_000)
    assert kinds(propose_plans([debt()], far, HOUSE, AS_OF)) == ["forbearance"]


def test_debts_of_other_currencies_are_not_added() -> None:
    with pytest.raises(PlanError, match="not all debts are"):
        propose_plans([debt(), debt(currency="USD")], left(100_000), HOUSE, AS_OF)


def test_nothing_owed_needs_no_plan() -> None:
    assert propose_plans([debt(0)], left(100_000), HOUSE, AS_OF) == []


amounts = st.integers(1, 10**8)


@given(
    debts=st.lists(
        st.builds(
            lambda owed, share, rate, days, late, monthly: debt(
                owed,
                principal_minor=owed * share // 100,
                annual_rate=Fraction(rate, 1000),
                past_due_days=days,
                past_due_minor=owed * late // 100,
                monthly_minor=monthly,
            ),
            amounts,
            st.integers(0, 100),
            st.integers(0, 600),
            st.integers(0, 500),
            st.integers(0, 100),
            st.integers(0, 10**6),
        ),
        min_size=1,
        max_size=4,
    ),
    monthly=st.integers(0, 10**7),
    others=st.integers(0, 10**8),
    lump=st.integers(0, 10**8),
    then=st.integers(0, 10**7),
    is_contract=st.booleans(),
)
def test_what_holds_of_every_plan(
    tmp_path_factory: pytest.TempPathFactory,
    debts: list[Debt],
    monthly: int,
    others: int,
    lump: int,
    then: int,
    is_contract: bool,
) -> None:
    """Sums equal the debt, no month asks for more than is left, and there is always an answer."""
    debts = [
        Debt(**{f: getattr(d, f) for f in Debt.__slots__} | {"account_id": f"A{n}"})
        for n, d in enumerate(debts)
    ]
    policy = contract_policy(tmp_path_factory.mktemp("plans")) if is_contract else HOUSE
    budget = left(monthly, shared_with_minor=others, lump_sum_minor=lump)
    budget = Affordability(
        **{f: getattr(budget, f) for f in Affordability.__slots__}
        | {"improves_on": date(2027, 1, 15), "left_then_minor": then}
    )
    owed = sum(d.owed_minor for d in debts)
    plans = propose_plans(debts, budget, policy, AS_OF)
    assert plans
    for plan in plans:
        if plan.kind == "forbearance":
            assert plan.parts == () and plan.review_on and plan.conditions
            continue
        room = budget.share_then_for(owed) if plan.kind == "deferral" else budget.share_for(owed)
        if plan.kind == "settlement" and plan.months == 1:
            room = max(room, lump)
        assert plan.most_minor <= room
        assert min(part.amount_minor for part in plan.parts) > 0
        aimed = sum(minor for _, minor in plan.debts) - plan.waived_minor
        assert sum(part.debt_minor for part in plan.parts) == aimed
        assert plan.total_minor == aimed + plan.cost_minor
        assert plan.months <= 36
        for part in plan.parts:
            assert sum(minor for _, minor in part.by_account) == part.amount_minor
            assert all(minor >= 0 for _, minor in part.by_account)
        if not plan.cost_minor and not plan.waived_minor:
            for account_id, minor in plan.debts:
                assert sum(dict(part.by_account)[account_id] for part in plan.parts) == minor
        assert plan.saving_minor >= plan.waived_minor >= 0
        days = [part.due_on for part in plan.parts]
        assert days == sorted(set(days)) and days[0] > AS_OF


@given(owed=amounts, rate=st.integers(0, 600), most=amounts, months=st.integers(1, 60))
def test_the_parts_are_as_even_and_as_few_as_they_can_be(
    owed: int, rate: int, most: int, months: int
) -> None:
    annual = Fraction(rate, 1000)
    parts = even_parts(owed, owed, annual, most, AS_OF, months)
    quick = level_parts(owed, owed, annual, most, AS_OF, months)
    assert (parts is None) == (quick is None)
    if parts and quick:
        assert len(parts) <= len(quick)
        assert parts[0].amount_minor <= most
        less = level_parts(owed, owed, annual, parts[0].amount_minor - 1, AS_OF, len(quick))
        assert less is None or len(parts) < len(quick)
        assert interest_on(parts, owed, annual) == sum(part.interest_minor for part in parts)


def test_a_part_that_does_not_cover_the_interest_is_no_plan() -> None:
    assert level_parts(100_000, 100_000, Fraction(24, 100), 2000, AS_OF, 600) is None


def test_an_agreed_plan_is_a_promise_of_many_parts_and_performed_while_it_stands() -> None:
    """What article 70 asks for: while the agreement is performed, collection stops; when it is not, it is told the day after."""
    (plan, *_) = propose_plans([debt(30_000), debt(60_000, "A2")], left(30_000), HOUSE, AS_OF)
    agreed = as_promise(plan, "A1", "PL1", datetime(2026, 11, 23, 9, tzinfo=UTC), made_by="collector 7")
    assert [(part.amount_minor, str(part.due_on)) for part in agreed.parts] == [
        (10_000, "2026-12-23"),
        (10_000, "2027-01-23"),
        (10_000, "2027-02-23"),
    ]
    paid = [Received("M1", date(2026, 12, 20), 10_000, datetime(2026, 12, 20, tzinfo=UTC))]
    ended: list[Cancelled] = []
    states = [
        judge_customer([agreed], paid, ended, day, currency="CNY")["state"].item()
        for day in (date(2026, 12, 24), date(2027, 1, 23), date(2027, 1, 24))
    ]
    assert states == ["open", "open", "partly_kept"]
    with pytest.raises(ValueError, match="nothing is promised"):
        as_promise(plan, "A9", "PL1", datetime(2026, 11, 23, 9, tzinfo=UTC))


def test_a_lenders_own_text_is_used_from_its_day_and_refused_with_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    text = HOUSE_TEXT.read_text(encoding="utf-8")
    file.write_text(text.replace("from = 2000-01-01", "from = 2027-01-01", 1), encoding="utf-8")
    assert read_plan_policy(AS_OF, file).text.from_on == date(2000, 1, 1)
    for good, bad in (
        ('"0.8"', '"1.8"'),
        ('"frozen"', '"gone"'),
        ('applies_to = ["*"]\ncredits', 'applies_to = ["x"]\ncredits'),
    ):
        file.write_text(text.replace(good, bad), encoding="utf-8")
        with pytest.raises(PolicyError):
            propose_plans([debt()], left(1), read_plan_policy(AS_OF, file), AS_OF)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=12),
)
def test_small_amounts_are_shared_without_taking_anything_back(sizes: list[int], cuts: list[int]) -> None:
    debts = [(f"A{n}", size) for n, size in enumerate(sizes)]
    whole, parts, paid = sum(sizes), [], 0
    for number, cut in enumerate(cuts, start=1):
        cut = min(cut, whole - paid)
        if cut:
            parts.append(PlanPart(number, AS_OF, cut, 0))
            paid += cut
    if paid < whole:
        parts.append(PlanPart(len(parts) + 1, AS_OF, whole - paid, 0))
    found = shared(parts, debts)
    for part in found:
        assert sum(minor for _, minor in part.by_account) == part.amount_minor
        assert min(minor for _, minor in part.by_account) >= 0
    for account_id, size in debts:
        assert sum(dict(part.by_account)[account_id] for part in found) == size
