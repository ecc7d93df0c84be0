"""Compliance as a Django app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Reviews of calls and messages."""

    name = "dunwell.office.compliance"
    label = "compliance"
    default_auto_field = "django.db.models.BigAutoField"
