"""What must hold of the oracle whatever the portfolio: no money is lost, and what makes no difference makes none."""

from tests.ledger.oracle import Position, Situation, position, terms_from


def position_of(situation: Situation) -> Position | None:
    return position(
        situation.account,
        situation.instalments,
        situation.payments,
        situation.charges,
        situation.holds,
        terms_from(situation.terms, situation.exponent),
        situation.as_of,
        situation.known_at,
        situation.imported_at,
    )
