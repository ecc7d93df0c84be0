"""The kernel, the statement engine and the oracle agree on every figure; and what holds of the kernel whatever the portfolio."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from unittest.mock import patch

import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dunwell.ledger import kernel
from dunwell.ledger.positions import settle_partition
from tests.ledger.engines import (
    Reading,
    by_kernel,
    by_oracle,
    by_statement,
    frames,
    parsed_terms,
    settle_by_kernel,
)
from tests.ledger.oracle import Payment, Situation
from tests.ledger.portfolios import amounts, situations

SETTLE_EXACTLY = "dunwell.ledger.positions.settle"


def agreed(told: Situation) -> Reading | None:
    """What all three say, after holding them against each other."""
    expected = by_oracle(told)
    assert by_kernel(told) == expected
    assert by_statement(told) == expected
    return expected


# Three readings of one page ----------------------------------------------------------------------------------------


@given(situations())
def test_kernel_statement_and_oracle_agree_on_every_figure(told: Situation) -> None:
    agreed(told)


@given(situations(with_records=True))
def test_they_agree_on_what_was_known_at_an_instant(told: Situation) -> None:
    agreed(told)


@given(situations())
def test_they_agree_where_numbers_leave_64_bits(told: Situation) -> None:
    """Amounts a hundred thousand times as large: the compiled pass declines some, and nobody can tell from the figures."""
    assume(sum(row.amount for row in told.payments) < 10**9)  # positions hold 18 digits
    assume(sum(row.principal + row.interest + row.fees for row in told.instalments) < 10**9)
    agreed(enlarged(told, 100_000))


def enlarged(told: Situation, factor: int) -> Situation:
    """The same with every amount of money multiplied; materiality is left as it is."""
    return replace(
        told,
        account=replace(told.account, principal=told.account.principal * factor),
        instalments=[
            replace(
                row, principal=row.principal * factor, interest=row.interest * factor, fees=row.fees * factor
            )
            for row in told.instalments
        ],
        payments=[replace(row, amount=row.amount * factor) for row in told.payments],
        charges=[replace(row, amount=row.amount * factor) for row in told.charges],
    )


def cap_may_reach_basis(told: Situation) -> bool:
    """Whether the cap can waive what the penalty accrues on: such accounts the compiled pass leaves to exact fractions."""
    penalty = told.terms.get("penalty", {})
    waivable = {"interest", "fees"} & set(penalty.get("basis", ["principal"]))
    return (
        "caps" in told.terms
        and "penalty" in told.terms
        and (bool(waivable) or penalty.get("compound", False))
    )


@given(situations())
def test_the_compiled_pass_settles_ordinary_accounts_itself(told: Situation) -> None:
    assume(not cap_may_reach_basis(told))
    with patch(SETTLE_EXACTLY, side_effect=AssertionError("declined by the compiled pass")):
        by_kernel(told)


# What must hold of the kernel --------------------------------------------------------------------------------------


def figures_of(told: Situation) -> dict[str, int]:
    """The kernel's own row of figures by names, the penalty paid so far among them."""
    tables, terms = frames(told), parsed_terms(told)
    row = settle_partition(tables, terms, told.as_of, told.known_at, threads=1).figures[0]
    names = [name for name in vars(kernel) if name.startswith("OUT_") and name != "OUT_COUNT"]
    return {name: int(row[getattr(kernel, name)]) for name in names}


def standing(told: Situation, kind: str) -> list[Payment]:
    """Payments (or chargebacks) by as_of of which no row says that they never happened."""
    undone = {row.reverses for row in told.payments}
    return [
        row
        for row in told.payments
        if row.kind == kind and row.payment_id not in undone and row.paid_on <= told.as_of
    ]


@given(situations())
def test_every_minor_unit_paid_is_allocated_or_waits(told: Situation) -> None:
    figures = figures_of(told)
    assume(figures["OUT_STATE"] != kernel.NOT_OPENED)
    fallen_due = [row for row in told.instalments if row.due_on <= told.as_of]
    charged = [row for row in told.charges if row.charged_on <= told.as_of]
    charged_back = sum(row.amount for row in standing(told, "chargeback"))
    owed = charged_back + sum(row.principal + row.interest + row.fees for row in fallen_due)
    owed += sum(row.amount for row in charged)
    still_due = sum(
        figures[name] for name in ("OUT_DUE_PRINCIPAL", "OUT_DUE_INTEREST", "OUT_DUE_FEES", "OUT_DUE_COSTS")
    )
    allocated = owed - still_due + figures["OUT_PENALTY_PAID"]
    paid = sum(row.amount for row in standing(told, "payment"))
    waived = allocated + figures["OUT_CREDIT"] - paid  # of interest and fees, each item's share rounded
    if "caps" in told.terms:
        assert 0 <= waived <= figures["OUT_WAIVED"] + len(fallen_due) + len(charged)
    else:
        assert waived == figures["OUT_WAIVED"] == 0
    principal_paid = told.account.principal + charged_back - figures["OUT_OUTSTANDING_PRINCIPAL"]
    principal_owed = charged_back + sum(row.principal for row in fallen_due)
    assert principal_paid == principal_owed - figures["OUT_DUE_PRINCIPAL"]


@given(situations(with_records=True), st.data())
def test_the_order_in_which_rows_arrive_makes_no_difference(told: Situation, data: st.DataObject) -> None:
    other = replace(
        told,
        instalments=data.draw(st.permutations(told.instalments)),
        payments=data.draw(st.permutations(told.payments)),
        charges=data.draw(st.permutations(told.charges)),
        holds=data.draw(st.permutations(told.holds)),
    )
    assert by_kernel(other) == by_kernel(told)


@given(st.lists(situations(with_records=True), min_size=2, max_size=4))
def test_an_account_settles_alike_alone_and_among_others_again_and_again(drawn: list[Situation]) -> None:
    """A partition of many accounts gives the very bytes of its accounts one by one, and a replay gives them again."""
    first = drawn[0]
    imported_at = min(told.imported_at for told in drawn)
    many = [
        replace(told, as_of=first.as_of, known_at=first.known_at, imported_at=imported_at) for told in drawn
    ]
    together, _ = settle_by_kernel(*many)
    alone = [
        settle_by_kernel(told)[0].with_columns(account_id=pl.lit(f"a{k}"), customer_id=pl.lit(f"c{k}"))
        for k, told in enumerate(many)
    ]
    assert_frame_equal(together, pl.concat(alone), check_exact=True)
    assert bytes_of(settle_by_kernel(*many)[0]) == bytes_of(together)


def bytes_of(frame: pl.DataFrame) -> bytes:
    return frame.write_ipc(None).getvalue()


@given(situations(), st.data())
def test_splitting_a_days_payment_in_two_changes_nothing(told: Situation, data: st.DataObject) -> None:
    paid_on = data.draw(st.sampled_from([told.as_of, *(row.due_on for row in told.instalments)]))
    part, rest = data.draw(amounts()), data.draw(amounts())
    whole = [*told.payments, Payment("p20", paid_on, part + rest)]
    split = [*told.payments, Payment("p20", paid_on, part), Payment("p21", paid_on, rest)]
    assert by_kernel(replace(told, payments=split)) == by_kernel(replace(told, payments=whole))


@given(situations(), st.data())
def test_a_reversed_payment_never_happened(told: Situation, data: st.DataObject) -> None:
    paid_on = data.draw(st.sampled_from([told.as_of, *(row.due_on for row in told.instalments)]))
    payment = Payment(
        "p20", paid_on, data.draw(amounts()), data.draw(st.sampled_from(["payment", "chargeback"]))
    )
    reversed_on = paid_on + timedelta(data.draw(st.integers(0, 400)))
    reversal = Payment("r20", reversed_on, payment.amount, "reversal", reverses="p20")
    assert by_kernel(replace(told, payments=[*told.payments, payment, reversal])) == by_kernel(told)


@given(situations())
def test_without_money_past_due_days_never_fall_from_one_day_to_the_next(told: Situation) -> None:
    """No hold pauses them. Under a cap they may fall: penalty that accrues can bring it to waive what was due before."""
    assume("caps" not in told.terms)
    tomorrow = replace(told, as_of=told.as_of + timedelta(days=1))
    today_reads, tomorrow_reads = by_kernel(told), by_kernel(tomorrow)
    assume(today_reads is not None and not any(row.paid_on == tomorrow.as_of for row in told.payments))
    assert today_reads is not None
    assert tomorrow_reads is not None
    oldest = today_reads.figures["oldest_due_on"]
    if isinstance(oldest, date):
        assert tomorrow_reads.figures["past_due_days"] == (tomorrow.as_of - oldest).days
    else:
        assert tomorrow_reads.figures["past_due_days"] in (0, 1)


@given(situations(with_records=True))
def test_what_is_recorded_later_is_as_if_it_were_not_there(told: Situation) -> None:
    known_at = told.known_at or told.imported_at
    told = replace(told, known_at=known_at)

    def is_known(recorded_at: datetime | None) -> bool:
        return (recorded_at or told.imported_at) <= known_at

    dropped = replace(
        told,
        instalments=[row for row in told.instalments if is_known(row.recorded_at)],
        payments=[row for row in told.payments if is_known(row.recorded_at)],
        charges=[row for row in told.charges if is_known(row.recorded_at)],
        holds=[row for row in told.holds if is_known(row.recorded_at)],
        known_at=None,
    )
    expected = by_kernel(dropped) if is_known(told.account.recorded_at) else None
    assert by_kernel(told) == expected
