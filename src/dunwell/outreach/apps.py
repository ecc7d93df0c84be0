"""Outreach as a Django app."""

from django.apps import AppConfig


class OutreachConfig(AppConfig):
    """Due work and what became of each message."""

    name = "dunwell.outreach"
    label = "outreach"
    default_auto_field = "django.db.models.BigAutoField"
