"""Text messages through a provider's HTTP interface: signed, idempotent, each sent once however often it is asked."""

import asyncio
import random
from dataclasses import replace

import pytest

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.sms.http_sender import HttpSender
from dunwell.outreach.sms.settings import HttpSettings
from tests.outreach.sms.worlds import clock, message
from tests.outreach.sms_provider import Fault, Provider, provider_running

SETTINGS = HttpSettings(
    url="",
    secret="to-provider",
    webhook_secret="from-provider",
    source="Lender",
    throughput_per_second=10_000,
    timeout_seconds=2,
)


def send(provider: Provider, messages: list[Message], **changes: object) -> list[Outcome]:
    async def scene() -> list[Outcome]:
        sender = HttpSender(replace(SETTINGS, url=provider.url, **changes), clock=clock)  # type: ignore[arg-type]
        try:
            return await sender.send(messages)
        finally:
            await sender.close()

    return asyncio.run(scene())


def test_a_message_arrives_and_its_reference_is_kept() -> None:
    with provider_running(Provider()) as provider:
        (outcome,) = send(provider, [message(1, "请致电 $5")])
    assert (outcome.certainty, outcome.provider_references) == ("accepted", ("p-0",))
    assert provider.sent == [
        {"message_id": "msg-1", "to": "+85260000001", "from": "Lender", "text": "请致电 $5", "language": "en"}
    ]


@pytest.mark.parametrize(
    ("fault", "certainty"),
    [
        (400, "refused"),
        (403, "refused"),
        (422, "refused"),
        (409, "deferred"),
        (429, "deferred"),
        (500, "deferred"),
        (503, "deferred"),
        (302, "deferred"),
        ("lost_answer", "deferred"),
        ("slow", "deferred"),
        ("half_answer", "deferred"),
    ],
)
def test_what_an_answer_means(fault: Fault, certainty: str) -> None:
    with provider_running(Provider(fault=lambda number: fault, headers={"Location": "/other"})) as provider:
        (outcome,) = send(provider, [message(1)], timeout_seconds=0.15 if fault == "slow" else 2)
    assert outcome.certainty == certainty
    assert outcome.detail
    assert "85261234567" not in outcome.detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Tue, 24 Nov 2026 08:30:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 0.0),
        ("soon", None),
        ("9" * 9, 86_400.0),
    ],
)
def test_the_provider_s_wish_when_to_come_again(value: str, seconds: float | None) -> None:
    with provider_running(Provider(fault=lambda number: 429, headers={"Retry-After": value})) as provider:
        (outcome,) = send(provider, [message(1)])
    assert outcome.retry_after_seconds == seconds
    assert outcome.detail == "the provider answered 429 (as_told)"


def test_a_wrong_secret_is_our_fault_and_not_the_message_s() -> None:
    with provider_running(Provider(secret="another")) as provider:
        (outcome,) = send(provider, [message(1)])
    assert outcome.certainty == "deferred"
    assert "Check the secret" in outcome.detail
    assert provider.sent == []


def test_what_can_never_be_sent_is_not_asked() -> None:
    with provider_running(Provider()) as provider:
        outcomes = send(provider, [Message("m-1", "12", "Hello"), Message("m-2", "85261234567", "x" * 900)])
    assert [outcome.certainty for outcome in outcomes] == ["refused", "refused"]
    assert provider.requests == 0


def test_nobody_listens() -> None:
    with provider_running(Provider()) as provider:
        pass
    (outcome,) = send(provider, [message(1)])
    assert outcome.certainty == "deferred"
    assert "ConnectError" in outcome.detail


def test_a_message_of_which_no_record_can_be_kept_is_not_sent() -> None:
    async def on_begin(message_ids: object) -> None:
        raise ConnectionError("the database is away")

    async def scene(url: str) -> list[Outcome]:
        sender = HttpSender(replace(SETTINGS, url=url), clock=clock, on_begin=on_begin)
        outcomes = await sender.send([message(1)])
        await sender.close()
        return outcomes

    with provider_running(Provider()) as provider:
        (outcome,) = asyncio.run(scene(provider.url))
    assert outcome.certainty == "deferred"
    assert provider.requests == 0


@pytest.mark.parametrize("seed", range(2))
def test_under_seeded_faults_every_message_is_sent_exactly_once(seed: int) -> None:
    chance = random.Random(seed)
    faults: list[Fault] = ["", "lost_answer", "half_answer", 500, 429, 422]

    def fault(number: int) -> Fault:
        return chance.choices(faults, (70, 8, 4, 8, 6, 4))[0]

    async def scene(url: str) -> dict[str, Outcome]:
        sender = HttpSender(replace(SETTINGS, url=url, window=6), clock=clock)
        waiting = {f"msg-{number}": message(number) for number in range(200)}
        final: dict[str, Outcome] = {}
        for _ in range(50):
            for outcome in await sender.send(list(waiting.values())):
                if outcome.certainty != "deferred":
                    final[outcome.message_id] = outcome
                    del waiting[outcome.message_id]
            if not waiting:
                break
        await sender.close()
        return final

    with provider_running(Provider(fault=fault)) as provider:
        final = asyncio.run(scene(provider.url))
    sent = [value["message_id"] for value in provider.sent]
    accepted = {message_id for message_id, outcome in final.items() if outcome.certainty == "accepted"}
    assert len(final) == 200
    assert len(accepted) > 150
    assert len(sent) == len(set(sent))
    assert accepted <= set(sent)
