"""The desk as a Django app."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Pages for collectors; it keeps nothing of its own."""

    name = "dunwell.office.desk"
    label = "desk"
