"""What the journal takes, what it refuses, and that what was recorded stays."""

import json

import pytest
from django.db import DatabaseError, connection, transaction

from dunwell.journal.models import Event, VaultItem
from dunwell.journal.recording import EventRefused, Journal, NewEvent
from dunwell.journal.vault import Erased
from tests.journal.conftest import NOON, reply, some

pytestmark = pytest.mark.django_db


def test_an_event_holds_no_personal_data_and_the_vault_gives_it_back(journal: Journal) -> None:
    journal.record([reply("CUST-0007", "I can pay 200 on Friday")])
    event = Event.objects.get()
    said = event.body + str(event.subject_id)
    for secret in ("CUST-0007", "pay 200", "447700900123", "A1"):
        assert secret not in said
    for secret in ("CUST-0007", "pay 200", "447700900123"):  # two letters turn up in any cipher by chance
        assert all(secret.encode() not in bytes(item.sealed) for item in VaultItem.objects.all())
    item = json.loads(event.body)["personal"]["text"]["item"]
    shown = journal.reveal([item], by="anna", why="complaint 12", customer_id="CUST-0007")
    assert shown == {item: "I can pay 200 on Friday"}


def test_who_looked_at_whose_data_and_why_is_an_event(journal: Journal) -> None:
    journal.record([reply("C1", "hello")])
    item = json.loads(Event.objects.get().body)["personal"]["text"]["item"]
    journal.reveal([item], by="anna", why="complaint 12", customer_id="C1")
    looked = Event.objects.get(kind="data.read")
    assert json.loads(looked.body) == {"by": "anna", "why": "complaint 12", "items": [item]}
    assert looked.subject_id == Event.objects.get(kind="contact.replied").subject_id


def test_what_is_told_twice_is_recorded_once(journal: Journal) -> None:
    first = journal.record([reply("C1", "STOP", key="reply:1"), reply("C1", "STOP", key="reply:1")])
    second = journal.record([reply("C1", "STOP", key="reply:1")])
    assert [one.is_new for one in (*first, *second)] == [True, False, False]
    assert len({one.event_id for one in (*first, *second)}) == 1
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (NewEvent("contact.dreamt", NOON, "C1"), "there is no kind"),
        (NewEvent("contact.sent", NOON, "C1", body={"channel": "sms"}), "needs message_id"),
        (
            NewEvent("contact.sent", NOON, "C1", body={"channel": "sms", "message_id": "m", "name": "Ann"}),
            "name",
        ),
        (NewEvent("contact.replied", NOON, "C1", body={"channel": "sms"}, personal={"iban": "x"}), "iban"),
        (
            NewEvent("contact.replied", NOON, None, body={"channel": "sms"}, personal={"text": "x"}),
            "customer_id",
        ),
        (NewEvent("contact.replied", NOON.replace(tzinfo=None), "C1", body={"channel": "sms"}), "no offset"),
        (NewEvent("contact.replied", NOON, "C1", body={"channel": "sms", "language": 1.5}), "float"),
    ],
)
def test_an_event_says_only_what_its_kind_may(journal: Journal, event: NewEvent, said: str) -> None:
    with pytest.raises(EventRefused, match=said):
        journal.record([reply("C1", "kept back"), event])
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_event SET body = '{}'",
        "DELETE FROM journal_event",
        "UPDATE journal_event SET happened_at = recorded_at",
        "UPDATE journal_event SET leaf_index = 5 WHERE leaf_index IS NOT NULL",
        "DELETE FROM journal_seal",
        "UPDATE journal_seal SET tree_size = 1",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove(
    journal: Journal, signer: object, statement: str
) -> None:
    from dunwell.journal.keys import Signer
    from dunwell.journal.sealing import seal

    assert isinstance(signer, Signer)
    journal.record(some(3))
    seal(signer, NOON)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_person_erased_is_gone_until_they_are_readmitted_as_somebody_new(journal: Journal) -> None:
    journal.record([reply("C1", "my name is Ann"), reply("C2", "someone else")])
    gone = Event.objects.filter(kind="contact.replied").first()
    assert gone is not None
    item = json.loads(gone.body)["personal"]["text"]["item"]
    assert journal.erase("C1", by="dpo", why="request of 2026-11-20") > 0
    assert journal.vault.references(["C1"]) == {}
    assert journal.vault.read([item]) == {}
    with pytest.raises(Erased):
        journal.vault.open_keys({str(gone.subject_id)})
    with pytest.raises(Erased):  # what was begun before does not bring them back
        journal.record([reply("C1", "hello again")])
    assert journal.vault.references(["C1"]) == {}
    assert journal.vault.remember("C1")
    journal.record([reply("C1", "hello again")])
    assert journal.vault.references(["C1"])["C1"] != gone.subject_id
    with pytest.raises(LookupError):
        journal.erase("C9", by="dpo", why="request")


def test_accounts_of_one_person_keep_their_pseudonym_and_differ_between_persons(journal: Journal) -> None:
    journal.record([reply("C1", "a"), reply("C1", "b"), reply("C2", "c")])
    one, two, other = [json.loads(event.body)["accounts"] for event in Event.objects.order_by("id")]
    assert one == two != other
