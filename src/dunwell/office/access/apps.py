"""Access as a Django app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, teams and what they may do."""

    name = "dunwell.office.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep who has a second factor."""
        from dunwell.office.access.second_factor import watch

        watch()
