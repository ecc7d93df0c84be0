"""Text messages through a provider's HTTP interface: one signed JSON request a message, safe to repeat.

The message_id goes along as the idempotency key, and the provider sends one message for one key. That is why a
time-out or an error of the provider is ``deferred`` here and not ``unknown``: the same key is asked again.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

import httpx

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.alphabet import storable
from dunwell.outreach.sms.outcomes import LOST_RETRY_SECONDS
from dunwell.outreach.sms.pacing import Pace
from dunwell.outreach.sms.preparing import OnBegin, checked, is_begun
from dunwell.outreach.sms.settings import HttpSettings
from dunwell.outreach.sms.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

_TRY_AGAIN = (401, 407, 408, 409, 425, 429)
"""Not the message's fault: our credentials, a time-out, a twin of this request under way, too many requests."""
_MAYBE_TAKEN = (408, 409, 425)
_NEVER_ASKED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
"""Errors before a byte of the request has left."""
_ANSWER_BYTES_MAX = 64 * 1024
_RETRY_AFTER_SECONDS_MAX = 86_400.0


class HttpSender:
    """A Sender for a provider that speaks the contract of docs/outreach-sms.md."""

    is_idempotent: ClassVar[bool] = True

    def __init__(
        self, settings: HttpSettings, *, clock: Callable[[], datetime], on_begin: OnBegin | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_begin = on_begin
        self._pace = Pace(settings.throughput_per_second)
        limits = httpx.Limits(max_connections=settings.window)
        self._client = httpx.AsyncClient(timeout=settings.timeout_seconds, limits=limits)

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over all of them and answer for each, in their order."""
        outcomes: dict[int, Outcome] = {}
        waiting = iter(enumerate(messages))

        async def work() -> None:
            for position, message in waiting:
                outcomes[position] = await self._send_one(message)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._settings.window, len(messages))):
                workers.create_task(work())
        return [outcomes[position] for position in range(len(messages))]

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _send_one(self, message: Message) -> Outcome:
        result = checked(message, self._settings.parts_max)
        if isinstance(result, Outcome):
            return result
        digits, _ = result
        body = json.dumps(
            {
                "message_id": message.message_id,
                "to": f"+{digits}",
                "from": self._settings.source,
                "text": message.text,
                "language": message.language,
            },
            ensure_ascii=False,
        ).encode()
        await self._pace.turn()
        if not await is_begun(message.message_id, self._on_begin):
            return Outcome(
                message.message_id,
                "deferred",
                "our own record of it could not be kept",
                retry_after_seconds=LOST_RETRY_SECONDS,
            )
        return await self._post(message.message_id, body)

    async def _post(self, message_id: str, body: bytes) -> Outcome:
        timestamp = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self._settings.secret, timestamp, body),
        }
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                async with self._client.stream(
                    "POST", self._settings.url, content=body, headers=headers
                ) as response:
                    answer = await _read_some(response)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            detail = f"the provider could not be asked ({type(error).__name__})"
            return Outcome(
                message_id,
                "deferred",
                detail,
                retry_after_seconds=LOST_RETRY_SECONDS,
                in_doubt=not isinstance(error, _NEVER_ASKED),
            )
        return self._outcome(message_id, response, answer)

    def _outcome(self, message_id: str, response: httpx.Response, answer: bytes) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return Outcome(message_id, "accepted", provider_references=_references(answer))
        detail = f"the provider answered {status} {_code(answer)}".rstrip()
        if 400 <= status < 500 and status not in _TRY_AGAIN:
            return Outcome(message_id, "refused", detail)
        if status == 401:
            detail += ". Check the secret: the provider does not know our signature"
        if status < 400:
            detail += ". Check the url: redirects are not followed"
        wait_seconds = _retry_after(response.headers.get("Retry-After", ""), self._clock())
        if status == 429 and wait_seconds is not None:
            self._pace.hold(min(wait_seconds, self._settings.timeout_seconds))
        in_doubt = status >= 500 or status in _MAYBE_TAKEN
        return Outcome(message_id, "deferred", detail, retry_after_seconds=wait_seconds, in_doubt=in_doubt)


async def _read_some(response: httpx.Response) -> bytes:
    """The beginning of the answer: enough for what we read in it, however much a provider sends."""
    answer = b""
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > _ANSWER_BYTES_MAX:
            break
    return answer[:_ANSWER_BYTES_MAX]


def _read_json(answer: bytes) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _references(answer: bytes) -> tuple[str, ...]:
    """The provider's names for the message: ``references``, a list, or ``reference``, one."""
    value = _read_json(answer)
    listed = value.get("references", [value.get("reference")])
    references = listed if isinstance(listed, list) else []
    return tuple(storable(item)[:200] for item in references if isinstance(item, str) and item)


def _code(answer: bytes) -> str:
    """The provider's ``error``, a code in one word. Sentences are left out: they may repeat the number or the text."""
    code = _read_json(answer).get("error")
    is_code = isinstance(code, str) and re.fullmatch(r"[a-z][a-z_.-]{0,60}", code, re.ASCII)
    return f"({code})" if is_code else ""


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3: seconds, or a date)."""
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        seconds = float(value)
    else:
        try:
            at = parsedate_to_datetime(value)
            seconds = at.timestamp() - now.timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(seconds, 0.0), _RETRY_AFTER_SECONDS_MAX)
