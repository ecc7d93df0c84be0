"""How a lender's ids stand in addresses: ``<id:customer_id>`` in every room's list of addresses."""

from django.urls import register_converter


class LenderId:
    """A lender's id in an address, whatever letters it has."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        """The id."""
        return value.replace("~s", "/").replace("~t", "~")

    def to_url(self, value: str) -> str:
        """The id without slashes."""
        return value.replace("~", "~t").replace("/", "~s")


register_converter(LenderId, "id")
