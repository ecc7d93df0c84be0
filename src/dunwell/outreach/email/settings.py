"""The settings of the e-mail channel: the ``[outreach.email]`` table of a workspace's dunwell.toml.

Secrets never stand in the file: it names the environment variables that hold them. A mistake is refused with the
key and the mend, before a single message is touched.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from dunwell.outreach.email.addresses import domain_of, ensure_address, ensure_domain, has_control_characters
from dunwell.settings import SettingsError

Starttls = Literal["required", "opportunistic", "none"]

SECRET_LENGTH_MIN = 32
"""Characters of the sealing secret: 128 bits where they are hexadecimal."""

_T = TypeVar("_T")
_TABLE = "outreach.email"
_KEYS = (
    *("host", "port", "starttls", "ca_file", "local_hostname", "user", "password_env"),
    *("from_address", "from_name", "reply_to", "return_path_domain", "postal_address"),
    *("unsubscribe_url", "secret_env", "former_secret_envs", "dkim"),
    *("connection_count", "messages_per_connection_max", "timeout_seconds"),
)


@dataclass(frozen=True, slots=True)
class DkimSettings:
    """One key that signs: the DNS name of its public half is ``SELECTOR._domainkey.DOMAIN`` (RFC 6376 section 3.6.2.1)."""

    domain: str
    selector: str
    key_file: Path


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """How e-mail leaves the house and how what comes back is recognised.

    ``secrets``: the first signs return paths and unsubscribe links, every one of them still verifies, so that a secret
    can be changed while old messages are about. ``timeout_seconds`` holds for each step of the conversation.
    """

    host: str
    from_address: str
    return_path_domain: str
    unsubscribe_url: str
    postal_address: str
    secrets: tuple[bytes, ...] = field(repr=False)
    port: int = 587
    starttls: Starttls = "required"
    ca_file: Path | None = None
    local_hostname: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    from_name: str = ""
    reply_to: str | None = None
    dkim: tuple[DkimSettings, ...] = ()
    connection_count: int = 4
    messages_per_connection_max: int = 100
    timeout_seconds: float = 60.0

    @property
    def message_id_domain(self) -> str:
        """What stands behind the @ of our Message-IDs."""
        return domain_of(self.from_address)


def parse_email_settings(
    table: Mapping[str, Any], environment: Mapping[str, str], root: Path
) -> EmailSettings:
    """The channel's settings from its table, the environment variables it names, and the workspace's folder, to which
    its files are relative. Raises SettingsError, which names the key and the mend.
    """
    for key in table:
        if key not in _KEYS:
            raise _error(key, "is not known", f"Known: {', '.join(sorted(_KEYS))}")
    from_address = _address(table, "from_address", _text(table, "from_address"))
    reply_to = _text(table, "reply_to", "")
    settings = EmailSettings(
        host=_host(table),
        port=_whole_number(table, "port", 587, 1, 65535),
        starttls=_starttls(table),
        ca_file=_file(root, table, "ca_file"),
        local_hostname=_text(table, "local_hostname", "") or None,
        user=_text(table, "user", "") or None,
        password=_password(table, environment),
        from_address=from_address,
        from_name=_text(table, "from_name", ""),
        reply_to=_address(table, "reply_to", reply_to) if reply_to else None,
        return_path_domain=_domain(table),
        postal_address=_text(table, "postal_address", has_lines=True),
        unsubscribe_url=_unsubscribe_url(table),
        secrets=_secrets(table, environment),
        dkim=_dkim(table.get("dkim", ()), from_address, root),
        connection_count=_whole_number(table, "connection_count", 4, 1, 100),
        messages_per_connection_max=_whole_number(table, "messages_per_connection_max", 100, 1, 1_000_000),
        timeout_seconds=_seconds(table, "timeout_seconds", 60.0),
    )
    _refuse_login_in_the_clear(settings)
    return settings


def _error(key: str, wrong: str, mend: str) -> SettingsError:
    return SettingsError(f"{_TABLE}.{key} {wrong}. {mend}")


def _value(table: Mapping[str, Any], key: str, kind: type[_T], mend: str) -> _T:
    value = table[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _error(key, f"is {value!r}", mend)
    return value


def _text(table: Mapping[str, Any], key: str, default: str | None = None, *, has_lines: bool = False) -> str:
    if key not in table:
        if default is None:
            raise _error(key, "is missing", f'Write {key} = "..."')
        return default
    value = _value(table, key, str, "Write text in quotes").strip()
    if not value and default is None:
        raise _error(key, "is empty", "Write it, it has no default")
    if has_control_characters(value.replace("\n", "") if has_lines else value):
        raise _error(key, "has a control character in it", "Write it without")
    return value


def _whole_number(table: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    mend = f"Write a whole number from {least} to {most}"
    value = _value(table, key, int, mend) if key in table else default
    if not least <= value <= most:
        raise _error(key, f"is {value}", mend)
    return value


def _seconds(table: Mapping[str, Any], key: str, default: float) -> float:
    mend = "Write seconds, more than 0 and at most 3600"
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise _error(key, f"is {value!r}", mend)
    return float(value)


def _starttls(table: Mapping[str, Any]) -> Starttls:
    value = _text(table, "starttls", "required")
    if value not in ("required", "opportunistic", "none"):
        raise _error("starttls", f"is {value!r}", "One of: required, opportunistic, none")
    return cast(Starttls, value)


def _address(table: Mapping[str, Any], key: str, value: str) -> str:
    try:
        return ensure_address(value)
    except ValueError as error:
        raise _error(
            key, f"cannot be used: {error}", 'Write one address, such as "care@lender.example"'
        ) from error


def _host(table: Mapping[str, Any]) -> str:
    host = _text(table, "host")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return ensure_domain(host, label_count_min=1)
    except ValueError as error:
        raise _error(
            "host", f"cannot be used: {error}", 'Write the relay\'s name, such as "smtp.lender.example"'
        ) from error


def _domain(table: Mapping[str, Any]) -> str:
    try:
        return ensure_domain(_text(table, "return_path_domain"))
    except ValueError as error:
        mend = 'Write the domain whose mail dunwell reads, such as "bounces.lender.example"'
        raise _error("return_path_domain", f"cannot be used: {error}", mend) from error


def _unsubscribe_url(table: Mapping[str, Any]) -> str:
    value = _text(table, "unsubscribe_url")
    mend = 'Write an https address without a query, such as "https://lender.example/unsubscribe"'
    try:
        url = urlsplit(value)
        is_plain = url.scheme == "https" and bool(url.hostname) and not url.query and not url.fragment
    except ValueError:
        is_plain = False
    if not is_plain or not value.isascii() or any(character in value for character in ' <>"'):
        raise _error("unsubscribe_url", f"is {value!r}", f"{mend} (RFC 8058 section 3.1 asks for https)")
    return value.rstrip("/")


def _variable(key: str, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise _error(key, f"names the environment variable {name}, which is not set", f"Set {name}")
    return value


def _password(table: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    has_user, has_password = bool(table.get("user")), bool(table.get("password_env"))
    if has_user != has_password:
        missing = "password_env" if has_user else "user"
        raise _error(missing, "is missing", "Write user and password_env both, or neither")
    if not has_password:
        return None
    return _variable("password_env", _text(table, "password_env"), environment)


def _secrets(table: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[bytes, ...]:
    former = table.get("former_secret_envs", ())
    if (
        not isinstance(former, Sequence)
        or isinstance(former, str)
        or not all(isinstance(n, str) for n in former)
    ):
        mend = 'Write a list of environment variables\' names, such as ["DUNWELL_EMAIL_SECRET_2025"]'
        raise _error("former_secret_envs", f"is {former!r}", mend)
    named = [("secret_env", _text(table, "secret_env")), *(("former_secret_envs", name) for name in former)]
    secrets = []
    for key, name in named:
        secret = _variable(key, name, environment).encode()
        if len(secret) < SECRET_LENGTH_MIN:
            mend = f"Put {SECRET_LENGTH_MIN} random characters or more into {name}"
            raise _error(key, f"names {name}, which is too short to sign with", mend)
        secrets.append(secret)
    return tuple(secrets)


def _file(root: Path, table: Mapping[str, Any], key: str) -> Path | None:
    value = _text(table, key, "")
    return root / value if value else None


def _dkim(value: Any, from_address: str, root: Path) -> tuple[DkimSettings, ...]:
    tables = [value] if isinstance(value, Mapping) else value
    mend = "Write [[outreach.email.dkim]] with domain, selector and key_file"
    if not isinstance(tables, Sequence) or isinstance(tables, str):
        raise _error("dkim", f"is {value!r}", mend)
    keys = []
    for number, table in enumerate(tables, start=1):
        where = f"dkim number {number}"
        if not isinstance(table, Mapping) or set(table) != {"domain", "selector", "key_file"}:
            raise _error(where, "has not just the keys it needs", mend)
        if not all(isinstance(text, str) and text for text in table.values()):
            raise _error(where, "has a value that is not text", mend)
        try:
            domain, selector = (
                ensure_domain(table["domain"]),
                ensure_domain(table["selector"], label_count_min=1),
            )
        except ValueError as error:
            raise _error(where, f"cannot be used: {error}", mend) from error
        own = domain_of(from_address)
        if own != domain and not own.endswith(f".{domain}"):
            # DMARC (RFC 7489 section 3.1.1) counts only a signature of the From address's own organisation.
            align = f"Sign with a key of {own}, the domain of from_address, or of a domain above it"
            raise _error(where, f"signs for {domain}", align)
        keys.append(DkimSettings(domain, selector, root / table["key_file"]))
    return tuple(keys)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself, where nobody listens in between.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "smtp.lender.example", "10.0.0.1")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _refuse_login_in_the_clear(settings: EmailSettings) -> None:
    # Opportunistic TLS is no protection for a password: whoever sits in between only has to leave STARTTLS out.
    if settings.user and settings.starttls != "required" and not is_loopback(settings.host):
        mend = 'Write starttls = "required", or leave user and password_env out'
        raise _error("starttls", f'is "{settings.starttls}", which could show the password to others', mend)
