"""The desk's addresses."""

from django.urls import path

import dunwell.office.addresses  # noqa: F401 - addresses with a lender's id
from dunwell.office.desk import calls, guide, planning, queue, recordings, reviewing, screen, searching, texts

urlpatterns = [
    path("", queue.home, name="home"),
    path("queue", queue.queue, name="queue"),
    path("search", searching.search, name="search"),
    path("queue/next", queue.next_case, name="next_case"),
    path("case/<id:customer_id>", screen.case, name="case"),
    path("case/<id:customer_id>/open", screen.reveal, name="reveal"),
    path("case/<id:customer_id>/statement/<id:account_id>", screen.statement, name="statement"),
    path("case/<id:customer_id>/call", calls.start, name="start"),
    path("case/<id:customer_id>/called", calls.answer, name="answer"),
    path("case/<id:customer_id>/identity", calls.identity, name="identity"),
    path("case/<id:customer_id>/log", calls.log, name="log"),
    path("case/<id:customer_id>/not-made", calls.drop, name="drop"),
    path("case/<id:customer_id>/promise/<id:promise_id>/withdraw", calls.withdraw, name="withdraw"),
    path("case/<id:customer_id>/note", reviewing.save_note, name="note"),
    path("case/<id:customer_id>/guide", guide.guide, name="guide"),
    path("case/<id:customer_id>/plans", planning.plans, name="plans"),
    path("case/<id:customer_id>/text", texts.text, name="text"),
    path("case/<id:customer_id>/recordings", recordings.recordings, name="recordings"),
    path("case/<id:customer_id>/recordings/<str:event_id>", recordings.recording, name="recording"),
    path("case/<id:customer_id>/check", reviewing.check, name="check"),
]
