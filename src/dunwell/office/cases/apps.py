"""Cases as a Django app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Cases, what came in during the day, and what was done about them."""

    name = "dunwell.office.cases"
    label = "cases"
    default_auto_field = "django.db.models.BigAutoField"
