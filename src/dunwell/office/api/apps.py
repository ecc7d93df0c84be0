"""The API as a Django app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Tokens, answers kept for repeated requests, and webhooks."""

    name = "dunwell.office.api"
    label = "api"
    default_auto_field = "django.db.models.BigAutoField"
