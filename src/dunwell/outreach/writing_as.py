"""Who writes to customers, as the texts say it: from the settings of a workspace."""

from dataclasses import fields
from typing import Any

from dunwell.outreach.facts import Sender
from dunwell.settings import Settings, SettingsError


def sender_of(settings: Settings) -> Sender:
    """Who writes, from ``[outreach]`` of dunwell.toml. Raises SettingsError."""
    table = settings.outreach
    if not settings.acts_for:
        raise SettingsError("workspace.acts_for is empty. Write the name under which customers know you")
    usual = {"lender": settings.acts_for, "creditor": settings.acts_for, "mail_to": ""}
    said = {}
    for key in ("phone", "url", *usual):
        value = table.get(key, usual.get(key))
        if not isinstance(value, str) or not (value or key == "mail_to"):
            raise SettingsError(
                f'outreach.{key} is missing. Write {key} = "..." under [outreach]: the texts name it'
            )
        said[key] = value
    advice = table.get("advice", {})
    if not isinstance(advice, dict) or not all(isinstance(text, str) for text in advice.values()):
        raise SettingsError('outreach.advice is no table of texts. Write [outreach.advice] gb = "..."')
    values: dict[str, Any] = {**said, "advice": advice}
    for one in fields(Sender):
        if not one.name.endswith("_days"):
            continue
        key, value = one.name, table.get(one.name, one.default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 365:
            raise SettingsError(f"outreach.{key} is {value!r}. Write a whole number from 1 to 365")
        values[key] = value
    return Sender(settings.acts_for, **values)
