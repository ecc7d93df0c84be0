"""The channels that a workspace has set up: for each its sender, its way to make a message, and how it is worked.

A new channel is a folder with the same few functions and an entry in ``OPENERS``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from babel.core import get_global

from dunwell.outreach.channel import Message, Receipt, Receiver, Reply, Sender
from dunwell.outreach.composing import Render
from dunwell.outreach.dispatching import Limits
from dunwell.outreach.letter.settings import LetterSettings, SettingsUnusable
from dunwell.outreach.pacing import QuietHours, Rate
from dunwell.outreach.records import Customer
from dunwell.outreach.texts import Filled, locale_of
from dunwell.settings import Settings, SettingsError

OnBegin = Callable[[Sequence[str]], Awaitable[None]]
OnInbound = Callable[[Receipt | Reply], Awaitable[None]]
Now = Callable[[], datetime]
Read = tuple[list[Receipt | Reply], list[str]]

_LETTER: Mapping[str, tuple[type, str]] = {
    "folder": (str, "Write the print folder's name as text"),
    "letterhead": (list, "Write a list of lines, the sender's name first"),
    "country": (str, "Write where letters are posted and sent when the records do not say, as two capitals"),
    "return_line": (str, "Write one line of text"),
    "envelope": (str, "Write din5008 or us10"),
    "seal": (str, "Write the name of a PNG or SVG picture"),
    "font_folders": (list, "Write a list of folders' names"),
    "workers": (int, "Write how many letters are set at once, a whole number"),
}
_WORKING = ("batch", "attempts_max", "back_off_seconds", "per_second", "burst", "quiet")


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel ready to work. ``open_sender`` makes its sender: with what to call before a message leaves, and with what
    comes in over the same connection. ``page``: what a message looks like, as a file (an e-mail's HTML, a letter's PDF).
    ``read``: what came back, from the bytes in which it arrived, and what in them cannot be read. ``unsubscribe`` and
    ``webhook``: what came back over HTTP (``views``). ``open_receiver``: what only takes in what comes over the provider's own
    connection, for ``outreach listen``.
    """

    name: str
    provider: str
    limits: Limits
    render: Render
    open_sender: Callable[[OnBegin, OnInbound], Sender]
    is_idempotent: bool = False
    page: Callable[[Message], bytes] | None = None
    read: Callable[[bytes, datetime], Read] | None = None
    unsubscribe: Callable[[str, str, bytes, datetime], Receipt | None] | None = None
    webhook: Callable[[Mapping[str, str], bytes, datetime], list[Receipt | Reply]] | None = None
    open_receiver: Callable[[OnInbound], Receiver] | None = None


Opener = Callable[[Settings, Mapping[str, Any], Mapping[str, str], Limits, Now], Opened]


def channels_set_up(settings: Settings) -> tuple[str, ...]:
    """The channels that ``[outreach]`` of dunwell.toml sets up; none of them is opened."""
    return tuple(name for name in OPENERS if settings.outreach.get(name) is not None)


def open_channel(name: str, settings: Settings, environment: Mapping[str, str], now: Now) -> Opened:
    """One of the channels that are set up, ready to work. Raises SettingsError."""
    table = settings.outreach[name]
    if not isinstance(table, Mapping):
        raise SettingsError(f"outreach.{name} is not a table. Write [outreach.{name}]")
    own = {key: value for key, value in table.items() if key not in _WORKING}
    working = {key: value for key, value in table.items() if key in _WORKING}
    return OPENERS[name](settings, own, environment, _limits(name, working), now)


def _limits(channel: str, table: Mapping[str, Any]) -> Limits:
    """How the channel is worked. Raises SettingsError."""

    def number(key: str, default: float, least: float) -> float:
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
            raise SettingsError(f"outreach.{channel}.{key} is {value!r}. Write a number from {least:g} on")
        return float(value)

    per_second = number("per_second", 0.0, 0.0)
    return Limits(
        batch=int(number("batch", 50, 1)),
        attempts_max=int(number("attempts_max", 6, 1)),
        back_off_seconds=number("back_off_seconds", 30.0, 0.0),
        rate=Rate(per_second or None, int(number("burst", 50, 1))),
        quiet=_quiet(channel, table.get("quiet")),
    )


def _quiet(channel: str, value: Any) -> QuietHours:
    if value is None:
        return QuietHours()
    mend = f'outreach.{channel}.quiet is {value!r}. Write {{ from = "20:00", to = "08:00", zone = "Europe/London" }}'
    if not isinstance(value, Mapping) or set(value) != {"from", "to", "zone"}:
        raise SettingsError(mend)
    try:
        quiet = QuietHours(time.fromisoformat(value["to"]), time.fromisoformat(value["from"]), value["zone"])
        quiet.wakes_at(datetime.fromisoformat("2026-01-01T12:00:00+00:00"))
    except (ValueError, TypeError, LookupError, OSError) as error:
        raise SettingsError(mend) from error
    return quiet


def _open_email(
    settings: Settings, table: Mapping[str, Any], environment: Mapping[str, str], limits: Limits, now: Now
) -> Opened:
    from dunwell.outreach.email import rendering
    from dunwell.outreach.email.bounces import parse_receipt
    from dunwell.outreach.email.replies import parse_reply
    from dunwell.outreach.email.sender import EmailSender
    from dunwell.outreach.email.settings import parse_email_settings
    from dunwell.outreach.email.unsubscribe import parse_unsubscribe_post

    email = parse_email_settings(table, environment, settings.root)

    def render(message_id: str, filled: Filled, address: str, customer: Customer) -> Message:
        return rendering.render(filled.text, filled.subject, filled.language, address, message_id, email)

    def read(raw: bytes, received_at: datetime) -> Read:
        found = parse_receipt(raw, email, received_at) or parse_reply(raw, email, received_at)
        return ([] if found is None else [found]), []

    return Opened(
        "email",
        f"smtp {email.host}"[:40],
        limits,
        render,
        lambda begin, _: EmailSender(email, now, begin),
        page=lambda message: message.html.encode(),
        read=read,
        unsubscribe=lambda path, kind, body, at: parse_unsubscribe_post(path, kind, body, email, at),
    )


def _open_sms(
    settings: Settings, table: Mapping[str, Any], environment: Mapping[str, str], limits: Limits, now: Now
) -> Opened:
    from dunwell.outreach.sms.http_sender import HttpSender
    from dunwell.outreach.sms.settings import SmppSettings, read_sms_settings
    from dunwell.outreach.sms.smpp_sender import SmppSender
    from dunwell.outreach.sms.webhooks import WebhookRefused, parse_webhook, read_events

    sms = read_sms_settings(table, environment, settings.root)

    def render(message_id: str, filled: Filled, address: str, customer: Customer) -> Message:
        return Message(message_id, address, filled.text, filled.language)

    if isinstance(sms, SmppSettings):
        smpp = sms

        def open_smpp(begin: OnBegin, inbound: OnInbound) -> Sender:
            return SmppSender(smpp, clock=now, on_begin=begin, on_inbound=inbound)

        def open_receiver(inbound: OnInbound) -> Receiver:
            return SmppSender(smpp, clock=now, on_inbound=inbound, only_receives=True)

        return Opened("sms", f"smpp {smpp.host}"[:40], limits, render, open_smpp, open_receiver=open_receiver)
    http = sms

    def read(raw: bytes, received_at: datetime) -> Read:
        try:
            return list(read_events(raw, received_at)), []
        except WebhookRefused as refused:
            return [], [str(refused)]

    return Opened(
        "sms",
        "http sms",
        limits,
        render,
        lambda begin, _: HttpSender(http, clock=now, on_begin=begin),
        is_idempotent=True,
        read=read,
        webhook=lambda headers, body, at: parse_webhook(headers, body, http.webhook_secret, at),
    )


def _open_letter(
    settings: Settings, table: Mapping[str, Any], environment: Mapping[str, str], limits: Limits, now: Now
) -> Opened:
    from dunwell.outreach import letter
    from dunwell.outreach.letter.sender import LetterSender

    chosen = _letter_settings(settings, table, f"{now():%Y-%m-%d}")

    def render(message_id: str, filled: Filled, address: str, customer: Customer) -> Message:
        country = _country(customer.row.get("region"), customer.row["jurisdiction"]) or chosen.country
        locale = locale_of(filled.language, customer.row["jurisdiction"])
        to = letter.address_from(customer.row.get("name") or "", address, country)
        return letter.render(message_id, filled, to, locale=locale, on=now().date())

    def read(raw: bytes, received_at: datetime) -> Read:
        found = letter.parse_receipts(raw)
        return list(found.receipts), [f"line {bad.line}: {bad.problem}" for bad in found.bad_rows]

    return Opened(
        "letter",
        "print folder",
        limits,
        render,
        lambda begin, _: LetterSender(chosen, lambda: f"{now():%Y-%m-%d}"),
        is_idempotent=True,
        page=lambda message: letter.letter_pdf(message, chosen).pdf,
        read=read,
    )


def letter_settings(settings: Settings, batch: str) -> LetterSettings:
    """The letter channel's settings for a batch of that name. Raises SettingsError."""
    table = settings.outreach.get("letter")
    if not isinstance(table, Mapping):
        raise SettingsError("letters are not set up. Write [outreach.letter] in dunwell.toml")
    own = {key: value for key, value in table.items() if key not in _WORKING}
    return _letter_settings(settings, own, batch)


def _letter_settings(settings: Settings, table: Mapping[str, Any], batch: str) -> LetterSettings:
    """``table``: without what says how the channel is worked. Files and folders are relative to the workspace."""
    strange = sorted(set(table) - set(_LETTER))
    if strange:
        raise SettingsError(
            f"outreach.letter.{strange[0]} is not known. Known: {', '.join((*_LETTER, *_WORKING))}"
        )
    for key, (kind, mend) in _LETTER.items():
        value = table.get(key, kind())
        is_texts = kind is not list or all(isinstance(one, str) for one in value)
        if not isinstance(value, kind) or isinstance(value, bool) or not is_texts:
            raise SettingsError(f"outreach.letter.{key} is {value!r}. {mend}")
    more: dict[str, Any] = {}
    if "font_folders" in table:
        more["font_folders"] = tuple(settings.root / name for name in table["font_folders"])
    if "seal" in table:
        more["seal"] = settings.root / table["seal"]
        if not more["seal"].is_file():
            raise SettingsError(f"outreach.letter.seal: {more['seal']} is no file. Name a PNG or SVG picture")
    more |= {key: table[key] for key in ("workers", "envelope") if key in table}
    try:
        return LetterSettings(
            folder=settings.print_folder,
            batch=batch,
            letterhead=tuple(table.get("letterhead", [settings.acts_for])),
            country=table.get("country", "GB"),
            return_line=table.get("return_line", ""),
            **more,
        )
    except SettingsUnusable as error:
        raise SettingsError(f"outreach.letter: {error}") from error


def _country(region: str | None, jurisdiction: str) -> str | None:
    """The country (ISO 3166-1) of a region (ISO 3166-2) or of a jurisdiction that is one; None where neither says.

    >>> _country("GB-SCT", "gb"), _country(None, "cn"), _country(None, "us-ma"), _country(None, "eu"), _country(None, "any")
    ('GB', 'CN', 'US', None, None)
    """
    for text in (region or "", jurisdiction):
        code = text.partition("-")[0].upper()
        if len(code) == 2 and code != "EU" and code in get_global("territory_currencies"):
            return code
    return None


OPENERS: Mapping[str, Opener] = {"email": _open_email, "sms": _open_sms, "letter": _open_letter}
