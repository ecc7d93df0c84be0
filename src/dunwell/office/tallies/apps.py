"""The tallies as a Django app."""

from django.apps import AppConfig


class TalliesConfig(AppConfig):
    """Running figures over the journal."""

    name = "dunwell.office.tallies"
    label = "tallies"
    default_auto_field = "django.db.models.BigAutoField"
