"""Addresses for whatever watches over the office."""

from django.urls import path

from dunwell.office.running import health, metrics

urlpatterns = [
    path("health", health.alive, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
]
