"""Figures for a monitor, in Prometheus' text format: requests, the queue, due messages, and the age of the last seal.

Answered to this machine, or to whoever knows ``DUNWELL_METRICS_TOKEN`` (``Authorization: Bearer ...``); they name nobody.
"""

import hmac
import os
from collections.abc import Iterator

from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from dunwell.journal.models import Event, Seal
from dunwell.office.access.guard import open_to_all
from dunwell.office.cases.models import Case
from dunwell.office.workplace import workplace
from dunwell.outreach.models import Work

_PROCESSES = "PROMETHEUS_MULTIPROC_DIR"
_LOCAL = ("127.0.0.1", "::1")
_OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")

own_registry = CollectorRegistry()
request_seconds = Histogram(
    "dunwell_request_seconds",
    "How long requests took, by page and answer.",
    ("page", "method", "status"),
    registry=own_registry,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


class Standing(Collector):
    """What the database says at the moment of asking."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges; while the database does not answer only that it does not."""
        answers = GaugeMetricFamily("dunwell_database_up", "Whether the database answers.")
        try:
            found = list(_standing())
        except Error:
            found = []
        answers.add_metric([], bool(found))
        yield from (answers, *found)


def _standing() -> Iterator[GaugeMetricFamily]:
    cases = GaugeMetricFamily("dunwell_cases", "Cases by stage.", labels=["stage"])
    for stage, count in Case.objects.values_list("stage").annotate(Count("pk")):
        cases.add_metric([stage], count)
    yield cases
    waiting = GaugeMetricFamily(
        "dunwell_cases_waiting_for_a_person", "Cases in which somebody asked for a person."
    )
    waiting.add_metric([], Case.objects.filter(needs_person=True).count())
    yield waiting
    work = GaugeMetricFamily(
        "dunwell_messages", "Messages by channel and state.", labels=["channel", "state"]
    )
    for channel, state, count in Work.objects.values_list("channel", "state").annotate(Count("pk")):
        work.add_metric([channel, state], count)
    yield work
    unsealed = GaugeMetricFamily("dunwell_journal_unsealed_events", "Events that no seal covers yet.")
    unsealed.add_metric([], Event.objects.filter(leaf_index__isnull=True).count())
    yield unsealed
    seal = Seal.objects.order_by("-number").first()
    if seal is not None:
        age = GaugeMetricFamily("dunwell_journal_seal_age_seconds", "Seconds since the last seal.")
        age.add_metric([], (workplace().clock() - seal.sealed_at).total_seconds())
        yield age


@open_to_all
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything there is to count."""
    token = os.environ.get("DUNWELL_METRICS_TOKEN")
    given = request.headers.get("Authorization", "")
    knows = bool(token) and hmac.compare_digest(given, f"Bearer {token}")
    is_local = (
        not token
        and request.META.get("REMOTE_ADDR") in _LOCAL
        and not any(name in request.headers for name in _OF_PROXIES)
    )
    if not (knows or is_local):
        return HttpResponseForbidden(
            "Set DUNWELL_METRICS_TOKEN and send it as a bearer token", content_type="text/plain"
        )
    registry = CollectorRegistry()
    registry.register(Standing())
    if os.environ.get(_PROCESSES):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        requests = b""
    else:
        requests = generate_latest(own_registry)
    return HttpResponse(requests + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
