"""Strategies as a Django app."""

from django.apps import AppConfig


class StrategiesConfig(AppConfig):
    """Proposed strategies and what became of them."""

    name = "dunwell.office.strategies"
    label = "strategies"
    default_auto_field = "django.db.models.BigAutoField"
