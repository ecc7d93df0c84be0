"""Compliance's addresses."""

from django.urls import path

import dunwell.office.addresses  # noqa: F401 - addresses with a lender's id
from dunwell.office.compliance import complaints, decisions, evidence, packs, person, reports, reviewing

urlpatterns = [
    path("decisions", decisions.decisions, name="decisions"),
    path("decisions/<str:decision_id>/again", decisions.again, name="again"),
    path("case/<id:customer_id>/evidence", evidence.evidence, name="evidence"),
    path("case/<id:customer_id>/data", person.person, name="person_data"),
    path("case/<id:customer_id>/data/correct", person.correct, name="correct"),
    path("case/<id:customer_id>/data/erase", person.ask_erasure, name="ask_erasure"),
    path("reviews", reviewing.reviews, name="reviews"),
    path("reviews/<str:event_id>", reviewing.one, name="review_one"),
    path("reviews/<str:event_id>/sound", reviewing.sound, name="review_sound"),
    path("complaints", complaints.page, name="complaints"),
    path("complaints/<str:event_id>/answer", complaints.answer, name="answer_complaint"),
    path("reports", reports.reports, name="reports"),
    path("reports/count", reports.count_report, name="count_report"),
    path("law", packs.packs, name="packs"),
    path("law/<str:key>", packs.pack, name="pack"),
]
