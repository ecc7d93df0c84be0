"""Supervision's addresses."""

from django.urls import path

import dunwell.office.addresses  # noqa: F401 - addresses with a lender's id
from dunwell.office.supervision import approvals, assigning, board, coaching

urlpatterns = [
    path("board", board.board, name="board"),
    path("load", assigning.load, name="load"),
    path("load/share", assigning.share, name="share"),
    path("load/leave/<str:username>", assigning.leave, name="leave"),
    path("load/cover/<str:username>", assigning.cover, name="cover"),
    path("case/<id:customer_id>/give", assigning.give, name="give"),
    path("approvals", approvals.approvals, name="approvals"),
    path("approvals/<int:approval_id>", approvals.decide, name="decide"),
    path("coaching", coaching.coaching, name="coaching"),
]
