"""Plans a customer can afford: instalments, arrears beside the contract, deferral, less interest, settlement, or patience.

``propose_plans`` makes several from what is left each month. None ever asks for more than that in any month; where nothing
can be afforded there is no plan but forbearance, and where help is to be had.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from dunwell.calendars import add_months
from dunwell.money import format_minor
from dunwell.resolution.budget import Affordability
from dunwell.resolution.plan_policy import Offer, PlanPolicy
from dunwell.resolution.promises import Part, Promise
from dunwell.resolution.schedules import PlanPart, even_parts, interest_on, shared

Chance = Callable[[int, int, int, int], tuple[Fraction | None, str]]
"""Tells the chance that a plan is kept and from what that is known, of its months, its total, what is owed, and the
contract's instalments a month."""


class PlanError(ValueError):
    """Plans cannot be made of what was given; says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed on one account. ``owed_minor``: to settle it whole; ``past_due_minor``: of it, what is late by now;
    ``monthly_minor``: the contract's next instalment, 0 when there is none.
    """

    account_id: str
    currency: str
    owed_minor: int
    principal_minor: int
    annual_rate: Fraction = Fraction(0)
    past_due_minor: int = 0
    past_due_days: int = 0
    monthly_minor: int = 0
    credit: str = "closed_end"
    jurisdiction: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal. ``cost_minor``: interest on top of the debt; ``saving_minor``: what the customer saves against the contract;
    ``chance``: that it holds, by a model or by its length (None: not known). ``grant_kind`` and ``grant_minor``: what
    must be granted (``authority.may_grant``). ``changes_contract``: it is a restructuring for classification
    (``class_effect``).
    """

    kind: str
    currency: str
    debts: tuple[tuple[str, int], ...]
    parts: tuple[PlanPart, ...]
    why: str
    source: str
    waived_minor: int = 0
    saving_minor: int = 0
    chance: Fraction | None = None
    chance_source: str = ""
    grant_kind: str = ""
    grant_minor: int = 0
    changes_contract: bool = False
    class_effect: str = ""
    review_on: date | None = None
    conditions: tuple[str, ...] = ()

    @property
    def months(self) -> int:
        """How many parts there are."""
        return len(self.parts)

    @property
    def total_minor(self) -> int:
        """Everything the customer would pay."""
        return sum(part.amount_minor for part in self.parts)

    @property
    def cost_minor(self) -> int:
        """Interest on top of the debt."""
        return sum(part.interest_minor for part in self.parts)

    @property
    def most_minor(self) -> int:
        """The largest part."""
        return max((part.amount_minor for part in self.parts), default=0)


def propose_plans(
    debts: Sequence[Debt],
    affordability: Affordability,
    policy: PlanPolicy,
    as_of: date,
    chance: Chance | None = None,
) -> list[Plan]:
    """Plans for one customer's debts together, the quickest first; never below the protected minimum, never more than is left.

    When none can be afforded, or none but a settlement, the last is of kind ``forbearance``: no payment, the day of review, and
    where help is to be had.
    ``chance``: where the lender has a model of how plans end; else the policy's table by length tells.
    Raises PlanError where the debts are of several currencies, or of another than the budget.
    """
    owed = [debt for debt in debts if debt.owed_minor > 0]
    if {debt.currency for debt in owed} - {affordability.currency}:
        raise PlanError(
            f"the budget is in {affordability.currency} and not all debts are. Make plans for each currency apart"
        )
    if not owed:
        return []
    maker = _Maker(owed, affordability, policy, as_of, chance)
    plans = [*maker.settlements(), *maker.instalments(), *maker.arrears(), *maker.deferrals()]
    plans.sort(key=lambda plan: (plan.months, plan.total_minor, plan.kind))
    can_pay_whole = any(plan.kind != "settlement" for plan in plans)
    return plans if can_pay_whole else [*plans, maker.forbearance()]


def as_promise(
    plan: Plan,
    account_id: str,
    promise_id: str,
    agreed_at: datetime,
    *,
    contact_id: str | None = None,
    made_by: str | None = None,
) -> Promise:
    """An agreed plan as one account's promise of many parts: it is performed as long as that promise is open or kept.

    Parts of which the account has no share are left out. Raises ValueError where it has none at all.
    """
    shares = [(dict(part.by_account).get(account_id, 0), part.due_on) for part in plan.parts]
    parts = tuple(Part(minor, due_on) for minor, due_on in shares if minor > 0)
    return Promise(promise_id, agreed_at, parts, contact_id, made_by)


class _Maker:
    """One customer's debts, what is left for them each month, and the offer that holds."""

    def __init__(
        self,
        debts: list[Debt],
        affordability: Affordability,
        policy: PlanPolicy,
        as_of: date,
        chance: Chance | None,
    ) -> None:
        self.chance = chance
        self.debts, self.affordability, self.policy, self.as_of = debts, affordability, policy, as_of
        self.places = sorted({debt.jurisdiction for debt in debts})
        self.offer: Offer = policy.offer(self.places, sorted({debt.credit for debt in debts}))
        self.owed = sum(debt.owed_minor for debt in debts)
        self.principal = sum(min(debt.principal_minor, debt.owed_minor) for debt in debts)
        # One rate for all debts together: that of their principal.
        weighted = sum(min(d.principal_minor, d.owed_minor) * d.annual_rate for d in debts)
        self.rate = Fraction(weighted) / self.principal if self.principal else Fraction(0)
        self.left = affordability.share_for(self.owed)
        self.first_due_on = add_months(as_of, 1)

    def instalments(self) -> Iterator[Plan]:
        """The whole debt in parts, using all that is left or leaving room; where interest runs, also with less of it."""
        rates = [("frozen", Fraction(0))]
        if self.offer.interest == "contract":
            rates = [("contract", self.rate), ("reduced", self.rate * self.offer.reduced_share)]
        for name, rate in rates:
            lengths = set()
            for share in self.offer.shares:
                most = int(self.left * share)
                parts = self._parts(
                    self.owed, self.principal, rate, most, self.first_due_on, self.offer.months_max
                )
                if parts is None or len(parts) in lengths:
                    continue
                lengths.add(len(parts))
                is_reduced = name == "reduced"
                why = f"{self._money(most)} a month of the {self._money(self.left)} that is left"
                yield self._plan(
                    "interest_reduction" if is_reduced else self.offer.kind, parts, why, is_reduced=is_reduced
                )

    def arrears(self) -> Iterator[Plan]:
        """What is late in parts, beside the contract's own instalments, which go on."""
        late = sum(debt.past_due_minor for debt in self.debts)
        contract = sum(debt.monthly_minor for debt in self.debts)
        room = self.left - contract
        if not 0 < late < self.owed or not contract or room <= 0:
            return
        # Interest on the arrears would be the ledger's own; the plan itself adds none.
        parts = self._parts(late, 0, Fraction(0), room, self.first_due_on, self.offer.months_max)
        if parts is None:
            return
        goes_on = f"the contract's instalments of {self._money(contract)} a month go on"
        debts = tuple((debt.account_id, debt.past_due_minor) for debt in self.debts if debt.past_due_minor)
        chance, source = self._chance(parts)
        yield Plan(
            "arrears",
            self.affordability.currency,
            debts,
            shared(parts, debts),
            f"{self._money(room)} a month is left beside the contract's instalments",
            self.offer.source,
            chance=chance,
            chance_source=source,
            grant_kind="instalments",
            grant_minor=late,
            conditions=(goes_on, *self.offer.conditions),
        )

    def settlements(self) -> Iterator[Plan]:
        """Less than the whole for the whole: at once from money at hand, or in a few parts."""
        allowed = self.policy.settlement(min(debt.past_due_days for debt in self.debts))
        if allowed is None:
            return
        amount = -(-self.owed * allowed.share // 1)
        ways = [(self.left, allowed.months_max, f"{self._money(self.left)} a month is left")]
        if self.affordability.lump_sum_minor >= amount:
            ways.append((amount, 1, "from the money at hand"))
        for most, months_max, why in ways:
            parts = self._parts(amount, 0, Fraction(0), most, self.first_due_on, months_max)
            if parts is None:
                continue
            given_up = self.owed - amount
            yield self._plan("settlement", parts, why, waived=given_up, source=allowed.source)

    def deferrals(self) -> Iterator[Plan]:
        """Nothing until the customer's income is back, then the whole in parts."""
        starts_on = self.affordability.improves_on
        latest = add_months(self.as_of, self.offer.deferral_months_max)
        if starts_on is None or not self.as_of < starts_on <= latest:
            return
        most = self.affordability.share_then_for(self.owed)
        first = max(starts_on, self.first_due_on)
        parts = self._parts(self.owed, self.principal, Fraction(0), most, first, self.offer.months_max)
        if parts is not None:
            why = f"{self._money(most)} a month is expected from {starts_on}; nothing is asked for before"
            yield self._plan("deferral", parts, why)

    def forbearance(self) -> Plan:
        """No plan can be afforded: patience, a day of review, and where help is to be had."""
        months = f"at most {self.offer.months_max} months may be offered"
        why = "nothing is left after what is protected"
        if self.left > 0:
            why = f"{self._money(self.left)} a month would take {-(-self.owed // self.left)} months; {months}"
        return Plan(
            "forbearance",
            self.affordability.currency,
            self._debts(),
            (),
            why,
            self.offer.source,
            review_on=add_months(self.as_of, self.offer.review_months),
            conditions=self.policy.help_for(self.places),
        )

    def _parts(
        self, debt: int, principal: int, rate: Fraction, most: int, first_due_on: date, months_max: int
    ) -> tuple[PlanPart, ...] | None:
        return even_parts(debt, principal, rate, most, first_due_on, months_max) if most > 0 else None

    def _plan(
        self,
        kind: str,
        parts: tuple[PlanPart, ...],
        why: str,
        *,
        waived: int = 0,
        is_reduced: bool = False,
        source: str | None = None,
    ) -> Plan:
        """A plan for the whole debt, with what it saves, its chance, and what must be granted."""
        contract = interest_on(parts, self.principal, self.rate)
        saved = max(contract - sum(part.interest_minor for part in parts), 0)
        chance, chance_source = self._chance(parts)
        grants = {
            "settlement": ("settlement", waived),
            "interest_reduction": ("interest_reduction", saved),
            "deferral": ("deferral", self.owed),
        }
        grant_kind, grant_minor = grants.get(kind, ("instalments", self.owed))
        is_changed = len(parts) > 1 or is_reduced or waived > 0
        return Plan(
            kind,
            self.affordability.currency,
            self._debts(),
            shared(parts, self._debts()),
            why,
            source or self.offer.source,
            waived_minor=waived,
            saving_minor=waived + saved,
            chance=chance,
            chance_source=chance_source,
            grant_kind=grant_kind,
            grant_minor=grant_minor,
            changes_contract=is_changed,
            class_effect=self.policy.class_effect(self.places) if is_changed else "",
            conditions=self.offer.conditions,
        )

    def _chance(self, parts: Sequence[PlanPart]) -> tuple[Fraction | None, str]:
        """That a plan of these parts is kept, and from what that is known."""
        if self.chance is None:
            return self.policy.chance(len(parts))
        agreed = sum(part.amount_minor for part in parts)
        return self.chance(len(parts), agreed, self.owed, sum(debt.monthly_minor for debt in self.debts))

    def _debts(self) -> tuple[tuple[str, int], ...]:
        return tuple((debt.account_id, debt.owed_minor) for debt in self.debts)

    def _money(self, minor: int) -> str:
        return f"{format_minor(minor, self.affordability.currency)} {self.affordability.currency}"
