"""``[outreach.sms]`` of dunwell.toml: what may stand there, and the mend for what may not."""

import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dunwell.outreach.sms import HttpSettings, SmppSettings, SmsSettings, read_sms_settings
from dunwell.settings import SettingsError

SMPP = {
    "kind": "smpp",
    "host": "smsc.example",
    "system_id": "lender",
    "password_env": "SMSC_PASSWORD",
    "source": "Lender",
}
HTTP = {
    "kind": "http",
    "url": "https://sms.example/messages",
    "secret_env": "SMS_SECRET",
    "webhook_secret_env": "SMS_WEBHOOK_SECRET",
    "source": "+85212345678",
}
ENVIRONMENT = {
    "SMSC_PASSWORD": "hunter2",
    "SMS_SECRET": "s3cret-a",
    "SMS_WEBHOOK_SECRET": "s3cret-b",
    "LONG": "1" * 64,
}


def read(table: dict[str, Any]) -> SmsSettings:
    return read_sms_settings(table, ENVIRONMENT, Path("/workspace"))


def test_the_least_that_makes_an_smpp_account() -> None:
    settings = read(SMPP)
    assert isinstance(settings, SmppSettings)
    assert (settings.port, settings.window, settings.parts_max, settings.tls) == (2775, 10, 4, False)
    assert settings.password == "hunter2"
    assert settings.parts_file == Path("/workspace/book/sms-parts.sqlite3")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("Lender", ("Lender", 5, 0)), ("+85212345678", ("85212345678", 1, 1)), ("10690", ("10690", 3, 0))],
)
def test_a_source_shows_its_type_of_number(source: str, expected: tuple[str, int, int]) -> None:
    settings = read(SMPP | {"source": source})
    assert isinstance(settings, SmppSettings)
    assert (settings.source, settings.source_ton, settings.source_npi) == expected


def test_every_key_as_toml_has_it() -> None:
    text = """
        port = 3550
        system_type = "gw"
        source_ton = 0
        source_npi = 0
        tls = true
        tls_ca_file = "policy/smsc.pem"
        window = 50
        throughput_per_second = 80
        enquire_link_seconds = 20
        timeout_seconds = 5.5
        reconnect_seconds = 2
        throttle_seconds = 3
        queue_full_seconds = 90
        parts_max = 6
        reference_bits = 16
        validity_minutes = 0
        receipt_ids = "decimal"
        receipt_timezone = "Asia/Shanghai"
        temporary_errors = [27, "a1"]
        deferred_statuses = [0x0400]
        message_id_tag = 0x1401
        parts_file = "kept/parts.sqlite3"
        part_wait_seconds = 600
    """
    settings = read(SMPP | tomllib.loads(text))
    assert isinstance(settings, SmppSettings)
    assert settings.tls_ca_file == Path("/workspace/policy/smsc.pem")
    assert settings.parts_file == Path("/workspace/kept/parts.sqlite3")
    assert settings.receipt_timezone == ZoneInfo("Asia/Shanghai")
    assert settings.temporary_errors == ("27", "a1")
    assert (settings.deferred_statuses, settings.message_id_tag, settings.reference_bits) == (
        (0x0400,),
        0x1401,
        16,
    )


def test_an_http_provider() -> None:
    settings = read(HTTP | {"window": 3})
    assert isinstance(settings, HttpSettings)
    assert (settings.url, settings.secret, settings.webhook_secret) == (HTTP["url"], "s3cret-a", "s3cret-b")
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("table", "key", "mend"),
    [
        ({}, "kind", "Write it"),
        (SMPP | {"kind": "fax"}, "kind", "Write smpp or http"),
        (SMPP | {"kind": ["smpp"]}, "kind", "Write smpp or http"),
        (SMPP | {"host": 7}, "host", "Write text in quotes"),
        (SMPP | {"host": ""}, "host", "Write text in quotes"),
        (SMPP | {"system_id": "x" * 64}, "system_id", "at most 63"),
        (SMPP | {"port": 0}, "port", "a whole number from 1 to 65535"),
        (SMPP | {"port": True}, "port", "a whole number"),
        (SMPP | {"window": 1.5}, "window", "a whole number"),
        (SMPP | {"throughput_per_second": 0}, "throughput_per_second", "a number from 0.1"),
        (SMPP | {"timeout_seconds": float("nan")}, "timeout_seconds", "a number from 0.1"),
        (SMPP | {"tls": "yes"}, "tls", "Write true or false"),
        (SMPP | {"reference_bits": 12}, "reference_bits", "Write 8 or 16"),
        (SMPP | {"receipt_timezone": "Moon"}, "receipt_timezone", "tz database"),
        (SMPP | {"source": "A name too long"}, "source", "a name of at most 11"),
        (SMPP | {"source": "12"}, "source", "a number of 3 to 15 digits"),
        (SMPP | {"parts_max": 256}, "parts_max", "from 1 to 255"),
        (SMPP | {"message_id_tag": 5}, "message_id_tag", "whole number from 5120"),
        (SMPP | {"deferred_statuses": ["busy"]}, "deferred_statuses", "[0x0400]"),
        (SMPP | {"temporary_errors": 27}, "temporary_errors", "Write a list"),
        (SMPP | {"password_env": "MISSING"}, "password_env", "Set MISSING"),
        (SMPP | {"password_env": "LONG"}, "password_env", "at most 63"),
        (SMPP | {"password": "hunter2"}, "password", "Known: "),
        (SMPP | {"url": "https://sms.example"}, "url", "Known: "),
        (HTTP | {"url": "http://sms.example"}, "url", "https://"),
        (HTTP | {"url": "http://127.0.0.1.evil.example"}, "url", "https://"),
    ],
)
def test_a_mistake_names_its_key_and_mend(table: dict[str, Any], key: str, mend: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(table)
    assert f"outreach.sms.{key} " in str(refused.value)
    assert mend in str(refused.value)
    assert "hunter2" not in str(refused.value)
