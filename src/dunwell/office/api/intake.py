"""What the lender's systems tell of during the day."""

from collections.abc import Sequence

from django.http import HttpRequest
from ninja import Router
from ninja.errors import HttpError

from dunwell.office.api.shapes import Body, HoldIn, PaymentIn, RowRefused, TakenIn
from dunwell.office.api.tokens import INTAKE, Scoped, staff_of, token_of
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.scope import visible
from dunwell.office.workplace import workplace

router = Router(tags=["intake"])
_ROWS_MAX = 1000


@router.post("/payments", response=TakenIn, auth=Scoped(INTAKE))
def payments(request: HttpRequest, rows: list[PaymentIn]) -> TakenIn:
    """Payments, reversals and chargebacks, as a tape has them; the desk counts them at once. A payment_id counts once."""
    return _taken(request, "payments", rows)


@router.post("/holds", response=TakenIn, auth=Scoped(INTAKE))
def holds(request: HttpRequest, rows: list[HoldIn]) -> TakenIn:
    """Stops, disputes, pauses and other states; they bind the next contact. A hold_id counts once."""
    return _taken(request, "holds", rows)


def _taken(request: HttpRequest, table: str, rows: Sequence[Body]) -> TakenIn:
    if len(rows) > _ROWS_MAX:
        raise HttpError(422, f"{len(rows)} rows at once. Send at most {_ROWS_MAX}, or a file")
    token = token_of(request)
    given = [row.model_dump(mode="json", exclude_none=True) for row in rows]
    place, staff = workplace(), staff_of(request)
    taken = take_in(
        place, table, given, f"api {token.name}", lambda customer: bool(visible(place, staff, [customer]))
    )
    refused = [RowRefused(row=one.row, why=one.why) for one in taken.refused]
    return TakenIn(new=taken.new_count, known=taken.known_count, refused=refused)
