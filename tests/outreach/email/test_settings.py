"""The [outreach.email] table: defaults on the safe side, secrets from the environment, refusals that name key and mend."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dunwell.outreach.email.settings import parse_email_settings
from dunwell.settings import SettingsError
from tests.outreach.email.made import ENVIRONMENT, TABLE, made_settings

WHOLE = """\
[outreach.email]
host = "smtp.lender.example"
port = 2525
user = "lender"
password_env = "DUNWELL_SMTP_PASSWORD"
from_address = "care@mail.lender.example"
from_name = "Lender Care"
reply_to = "answers@lender.example"
return_path_domain = "bounces.lender.example"
unsubscribe_url = "https://lender.example/unsubscribe/"
postal_address = '''
Lender Ltd
1 High Street'''
secret_env = "DUNWELL_EMAIL_SECRET"
former_secret_envs = ["DUNWELL_EMAIL_SECRET_2025"]
connection_count = 8
messages_per_connection_max = 50
timeout_seconds = 20

[[outreach.email.dkim]]
domain = "lender.example"
selector = "s2026"
key_file = "keys/rsa.pem"
"""


def test_a_whole_table() -> None:
    table = tomllib.loads(WHOLE)["outreach"]["email"]
    settings = parse_email_settings(table, ENVIRONMENT, Path("/workspace"))
    assert (settings.host, settings.port, settings.starttls) == ("smtp.lender.example", 2525, "required")
    assert (settings.user, settings.password) == ("lender", "correct horse")
    assert settings.unsubscribe_url == "https://lender.example/unsubscribe"
    assert settings.postal_address == "Lender Ltd\n1 High Street"
    assert len(settings.secrets) == 2
    assert settings.dkim[0].key_file == Path("/workspace/keys/rsa.pem")
    assert settings.timeout_seconds == 20.0


def test_no_secret_shows_when_the_settings_are_printed() -> None:
    settings = made_settings(user="lender", password_env="DUNWELL_SMTP_PASSWORD")
    assert "correct horse" not in repr(settings)
    assert ENVIRONMENT["DUNWELL_EMAIL_SECRET"] not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hosts": "x"}, r"outreach\.email\.hosts is not known\. Known: .*host"),
        ({"host": None}, r"email\.host is missing\. Write host"),
        ({"host": "smtp lender"}, r"email\.host cannot be used.*smtp\.lender\.example"),
        ({"port": "587"}, r"email\.port is '587'\. Write a whole number from 1 to 65535"),
        ({"port": 0}, r"email\.port is 0"),
        ({"connection_count": True}, r"email\.connection_count is True"),
        ({"timeout_seconds": 0}, r"email\.timeout_seconds is 0\. Write seconds"),
        ({"starttls": "maybe"}, r"email\.starttls is 'maybe'\. One of: required, opportunistic, none"),
        (
            {"from_address": "Care <care@lender.example>"},
            r"email\.from_address cannot be used.*Write one address",
        ),
        ({"from_name": "Lender\r\nBcc: a@b.example"}, r"email\.from_name has a control character"),
        ({"postal_address": " "}, r"email\.postal_address is empty"),
        ({"return_path_domain": "no domain"}, r"email\.return_path_domain cannot be used"),
        ({"unsubscribe_url": "http://lender.example/u"}, r"email\.unsubscribe_url .*https.*RFC 8058"),
        ({"unsubscribe_url": "https://lender.example/u?x=1"}, r"email\.unsubscribe_url .*without a query"),
        ({"unsubscribe_url": "https://[lender/u"}, r"email\.unsubscribe_url"),
        (
            {"secret_env": "NOWHERE"},
            r"email\.secret_env names the environment variable NOWHERE, .*Set NOWHERE",
        ),
        ({"secret_env": "DUNWELL_SMTP_PASSWORD"}, r"too short to sign with\. Put 32 random"),
        ({"former_secret_envs": "X"}, r"email\.former_secret_envs is 'X'\. Write a list"),
        ({"user": "lender"}, r"email\.password_env is missing\. Write user and password_env both"),
        ({"password_env": "DUNWELL_SMTP_PASSWORD"}, r"email\.user is missing"),
        ({"dkim": {"domain": "lender.example"}}, r"email\.dkim number 1 has not just the keys"),
        (
            {"dkim": {"domain": "lender.example", "selector": 1, "key_file": "k"}},
            r"has a value that is not text",
        ),
        (
            {"dkim": {"domain": "lender.example", "selector": "s 1", "key_file": "k"}},
            r"dkim number 1 cannot be used",
        ),
        ({"dkim": "key.pem"}, r"email\.dkim is 'key\.pem'\. Write \[\[outreach\.email\.dkim\]\]"),
        (
            {"dkim": {"domain": "other.example", "selector": "s", "key_file": "k"}},
            r"signs for other\.example\. Sign with a key of lender\.example",
        ),
    ],
)
def test_a_mistake_is_refused_with_the_key_and_the_mend(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        made_settings(**changes)


@pytest.mark.parametrize("starttls", ["none", "opportunistic"])
def test_a_password_never_travels_in_the_clear(starttls: str) -> None:
    login: dict[str, Any] = {"user": "lender", "password_env": "DUNWELL_SMTP_PASSWORD", "starttls": starttls}
    with pytest.raises(SettingsError, match=r"starttls .* could show the password"):
        made_settings(host="smtp.lender.example", **login)
    assert made_settings(host="127.0.0.1", **login).user == "lender"  # nobody listens on loopback


def test_the_defaults_are_the_safe_ones() -> None:
    settings = made_settings(starttls=None)
    assert settings.starttls == "required"
    assert settings.port == 587
    assert "password" not in TABLE
