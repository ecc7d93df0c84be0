"""How this lender's text messages travel: ``[outreach.sms]`` of dunwell.toml, read once, every mistake with its mend.

A password or secret never stands in the file: the file names the environment variable that holds it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from dunwell.outreach.sms.splitting import PARTS_AT_MOST, ReferenceBits
from dunwell.settings import SettingsError

ReceiptIds = Literal["same", "decimal", "hex"]

_SECTION = "outreach.sms"
_ALPHANUMERIC_TON, _INTERNATIONAL_TON, _NETWORK_TON, _ISDN_NPI = 5, 1, 3, 1
_TEMPORARY_ERRORS = ("6", "27", "31", "32", "33", "34")
"""Absent, busy, memory full, waiting list full, system failure (3GPP TS 29.002 section 17.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppSettings:
    """An SMPP 3.4 account at an operator or aggregator; docs/outreach-sms.md tells what each key means.

    ``system_id`` and ``password`` may be longer than the standard's 15 and 8 characters, as some providers hand out.
    """

    host: str
    system_id: str
    password: str = field(repr=False)
    source: str
    source_ton: int = _INTERNATIONAL_TON
    source_npi: int = _ISDN_NPI
    port: int = 2775
    system_type: str = ""
    tls: bool = False
    tls_ca_file: Path | None = None
    window: int = 10
    throughput_per_second: float = 10.0
    enquire_link_seconds: float = 30.0
    timeout_seconds: float = 10.0
    reconnect_seconds: float = 1.0
    throttle_seconds: float = 1.0
    queue_full_seconds: float = 60.0
    parts_max: int = 4
    reference_bits: ReferenceBits = 8
    validity_minutes: int = 240
    receipt_ids: ReceiptIds = "same"
    receipt_timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    temporary_errors: tuple[str, ...] = _TEMPORARY_ERRORS
    deferred_statuses: tuple[int, ...] = ()
    message_id_tag: int | None = None
    parts_file: Path | None = None
    part_wait_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """A provider's HTTP interface. ``secret`` signs what we send, ``webhook_secret`` what the provider sends us."""

    url: str
    secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    source: str
    window: int = 10
    throughput_per_second: float = 10.0
    timeout_seconds: float = 10.0
    parts_max: int = 4


SmsSettings = SmppSettings | HttpSettings


def read_sms_settings(
    table: Mapping[str, Any], environment: Mapping[str, str], root: Path = Path()
) -> SmsSettings:
    """Settings from the table ``[outreach.sms]``; paths are meant from ``root``. Raises SettingsError."""
    keys = _Keys(table, environment, root)
    kind = keys.choice("kind", ("smpp", "http"))
    settings = _read_smpp(keys) if kind == "smpp" else _read_http(keys)
    keys.refuse_others()
    return settings


def _read_smpp(keys: "_Keys") -> SmppSettings:
    source = keys.source()
    ton, npi = _type_of(source)
    return SmppSettings(
        host=keys.text("host"),
        port=keys.whole("port", 2775, 1, 65535),
        system_id=keys.text("system_id", longest=63),
        password=keys.secret("password_env", longest=63),
        system_type=keys.text("system_type", "", longest=12),
        source=source.removeprefix("+"),
        source_ton=keys.whole("source_ton", ton, 0, 6),
        source_npi=keys.whole("source_npi", npi, 0, 18),
        tls=keys.truth("tls", False),
        tls_ca_file=keys.path("tls_ca_file"),
        window=keys.whole("window", 10, 1, 1000),
        throughput_per_second=keys.number("throughput_per_second", 10.0, 0.1, 10_000),
        enquire_link_seconds=keys.number("enquire_link_seconds", 30.0, 0.1, 3600),
        timeout_seconds=keys.number("timeout_seconds", 10.0, 0.1, 600),
        reconnect_seconds=keys.number("reconnect_seconds", 1.0, 0.01, 600),
        throttle_seconds=keys.number("throttle_seconds", 1.0, 0.01, 600),
        queue_full_seconds=keys.number("queue_full_seconds", 60.0, 0.01, 86_400),
        parts_max=keys.whole("parts_max", 4, 1, PARTS_AT_MOST),
        reference_bits=cast(ReferenceBits, int(keys.choice("reference_bits", ("8", "16"), "8"))),
        validity_minutes=keys.whole("validity_minutes", 240, 0, 30 * 24 * 60),
        receipt_ids=cast(ReceiptIds, keys.choice("receipt_ids", ("same", "decimal", "hex"), "same")),
        receipt_timezone=keys.zone("receipt_timezone"),
        temporary_errors=tuple(str(code) for code in keys.listing("temporary_errors", _TEMPORARY_ERRORS)),
        deferred_statuses=keys.statuses("deferred_statuses"),
        message_id_tag=keys.whole("message_id_tag", 0, 0x1400, 0x3FFF) or None,
        parts_file=keys.path("parts_file", "book/sms-parts.sqlite3"),
        part_wait_seconds=keys.number("part_wait_seconds", 300.0, 0.1, 86_400),
    )


def _read_http(keys: "_Keys") -> HttpSettings:
    return HttpSettings(
        url=keys.url("url"),
        secret=keys.secret("secret_env"),
        webhook_secret=keys.secret("webhook_secret_env"),
        source=keys.source(),
        window=keys.whole("window", 10, 1, 1000),
        throughput_per_second=keys.number("throughput_per_second", 10.0, 0.1, 10_000),
        timeout_seconds=keys.number("timeout_seconds", 10.0, 0.1, 600),
        parts_max=keys.whole("parts_max", 4, 1, PARTS_AT_MOST),
    )


def _type_of(source: str) -> tuple[int, int]:
    """Type of number and numbering plan that a source address shows by its form (SMPP 3.4 sections 5.2.5, 5.2.6)."""
    if not source.removeprefix("+").isdigit():
        return _ALPHANUMERIC_TON, 0
    is_short_code = len(source) <= 6
    return (_NETWORK_TON, 0) if is_short_code else (_INTERNATIONAL_TON, _ISDN_NPI)


class _Keys:
    """The table's keys, each read once with its bounds; what is left over at the end is a mistake."""

    def __init__(self, table: Mapping[str, Any], environment: Mapping[str, str], root: Path) -> None:
        self._table = table
        self._environment = environment
        self._root = root
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None, longest: int = 255) -> str:
        value = self._value(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self._error(key, f"is {value!r}", "write text in quotes")
        if len(value) > longest or not value.isascii() or not value.isprintable():
            raise self._error(key, f"is {value!r}", f"write at most {longest} plain ASCII characters")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = str(self._value(key, default))
        if value not in choices:
            raise self._error(key, f"is {value!r}", f"write {' or '.join(choices)}")
        return value

    def number(self, key: str, default: float, least: float, most: float) -> float:
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._error(key, f"is {value!r}", f"write a number from {least} to {most}")
        return float(value)

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self._value(key, default)
        if key not in self._table:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._error(key, f"is {value!r}", f"write a whole number from {least} to {most}")
        return value

    def truth(self, key: str, default: bool) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self._error(key, f"is {value!r}", "write true or false")
        return value

    def path(self, key: str, default: str = "") -> Path | None:
        text = self.text(key, default)
        return self._root / text if text else None

    def zone(self, key: str) -> ZoneInfo:
        name = self.text(key, "UTC")
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, KeyError) as error:
            raise self._error(
                key, f"is {name!r}", "write a zone of the tz database, as Asia/Shanghai"
            ) from error

    def listing(self, key: str, default: Any) -> tuple[Any, ...]:
        value = self._value(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
            raise self._error(key, f"is {value!r}", "write a list, as [1, 2]")
        return tuple(value)

    def statuses(self, key: str) -> tuple[int, ...]:
        values = self.listing(key, ())
        if not all(isinstance(value, int) and 0 < value <= 0xFFFFFFFF for value in values):
            raise self._error(key, f"is {list(values)!r}", "write command statuses as numbers, as [0x0400]")
        return values

    def secret(self, key: str, longest: int = 4096) -> str:
        name = self.text(key)
        value = self._environment.get(name, "")
        if not value:
            raise self._error(key, f"names the environment variable {name}, which is not set", f"set {name}")
        if len(value) > longest or not value.isascii():
            raise self._error(
                key, f"names {name}, whose value does not fit", f"use at most {longest} ASCII characters"
            )
        return value

    def url(self, key: str) -> str:
        value = self.text(key, longest=2000)
        is_local = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", value)
        if not (re.match(r"https://[^/\s]+", value) or is_local):
            raise self._error(
                key, f"is {value!r}", "write an https:// address (http:// for this machine only)"
            )
        return value

    def source(self) -> str:
        value = self.text("source", longest=16)
        if not re.fullmatch(r"\+?[0-9]{3,15}|(?=.*[^0-9+])[ -~]{1,11}", value):
            raise self._error(
                "source",
                f"is {value!r}",
                "write a number of 3 to 15 digits, or a name of at most 11 characters",
            )
        return value

    def refuse_others(self) -> None:
        """Raises SettingsError at the first key that nothing reads."""
        for key in self._table:
            if key not in self._known:
                raise self._error(key, "is not known", f"known: {', '.join(self._known)}")

    def _value(self, key: str, default: Any) -> Any:
        self._known.append(key)
        if key in self._table:
            return self._table[key]
        if default is None:
            raise self._error(key, "is missing", "write it")
        return default

    def _error(self, key: str, what: str, mend: str) -> SettingsError:
        return SettingsError(f"dunwell.toml: {_SECTION}.{key} {what}. {mend[0].upper()}{mend[1:]}")
