"""The journal as a Django app."""

from django.apps import AppConfig


class JournalConfig(AppConfig):
    """Append-only events and the vault."""

    name = "dunwell.journal"
    label = "journal"
    default_auto_field = "django.db.models.BigAutoField"
