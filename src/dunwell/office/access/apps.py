"""Access as a Django app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, teams and what they may do."""

    name = "dunwell.office.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep who has a second factor, and record who comes in."""
        from dunwell.office.access import entering, second_factor

        second_factor.watch()
        entering.watch()
