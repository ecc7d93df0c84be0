"""Changing, removing, inserting or reordering anything is found, and so is a database rolled back after an anchor."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from dunwell.journal import verifying
from dunwell.journal.heads import Head, head_of
from dunwell.journal.keys import (
    KeysUnusable,
    LocalMasterKeys,
    Signer,
    add_master_key,
    make_keys,
    read_master_keys,
)
from dunwell.journal.models import Event
from dunwell.journal.recording import Journal
from dunwell.journal.sealing import StoredSubtrees, head, last_seal, seal
from dunwell.journal.tree import inclusion_proof, is_included
from dunwell.journal.verifying import Findings, verify
from tests.journal.conftest import NOON, some

pytestmark = pytest.mark.django_db


@contextmanager
def without_guard() -> Iterator[None]:
    """As somebody with the database's own keys: the triggers are taken away."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
    yield
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")


@contextmanager
def without_constraints() -> Iterator[None]:
    """A database that does not hold rows together (PostgreSQL: ``without_guard`` sees to it)."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA defer_foreign_keys = ON")
    yield


def run(*statements: str) -> None:
    with without_guard(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def check(journal: Journal, signer: Signer) -> Callable[..., Findings]:
    """300 events in three seals; the check of them."""
    for part in range(3):
        journal.record(some(100, start=part * 100))
        seal(signer, NOON + timedelta(minutes=part))

    def checked(*anchors: Head) -> Findings:
        return verify({signer.key_id: signer.public}, anchors, journal.vault)

    return checked


def anchor(signer: Signer) -> Head:
    newest = last_seal()
    assert newest is not None
    return head(newest, signer.public)


def test_an_untouched_journal_is_whole(check: Callable[..., Findings], signer: Signer) -> None:
    found = check(anchor(signer))
    assert found.is_whole, found.faults
    assert (found.event_count, found.sealed_count, found.seal_count, found.unsealed_count) == (300, 300, 3, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_event SET body = replace(body, 'sms', 'app') WHERE leaf_index = 150",
        "UPDATE journal_event SET kind = 'contact.made' WHERE leaf_index = 0",
        "UPDATE journal_event SET happened_at = '2026-11-23 12:00:01+00:00' WHERE leaf_index = 299",
        "UPDATE journal_event SET recorded_at = '2026-11-23 12:00:01+00:00' WHERE leaf_index = 10",
        "UPDATE journal_event SET event_id = 'x' WHERE leaf_index = 10",
        "UPDATE journal_event SET key = 'x' WHERE leaf_index = 10",
        "UPDATE journal_event SET corrects = 'x' WHERE leaf_index = 10",
        "UPDATE journal_event SET subject_id = (SELECT subject_id FROM journal_event WHERE leaf_index = 1) WHERE leaf_index = 2",
        "UPDATE journal_event SET leaf_hash = (SELECT leaf_hash FROM journal_event WHERE leaf_index = 1) WHERE leaf_index = 2",
        "DELETE FROM journal_event WHERE leaf_index = 150",
        "DELETE FROM journal_event WHERE leaf_index = 299",
        "UPDATE journal_event SET leaf_index = NULL WHERE leaf_index = 299",
        "UPDATE journal_seal SET tree_size = 301 WHERE number = 2",
        "UPDATE journal_seal SET sealed_at = '2026-11-23 12:00:01+00:00' WHERE number = 1",
        "DELETE FROM journal_seal WHERE number = 1",
        "DELETE FROM journal_seal WHERE number = 2",
        "UPDATE journal_seal SET previous = root WHERE number = 1",
        "UPDATE journal_vaultitem SET subject_id = (SELECT reference FROM journal_subject ORDER BY 1 LIMIT 1)",
        "DELETE FROM journal_vaultitem WHERE kind LIKE '%text'",
        "UPDATE journal_node SET hash = (SELECT leaf_hash FROM journal_event WHERE leaf_index = 1)",
        "DELETE FROM journal_node",
        # The people behind the events: a key destroyed without an erasure, somebody found under another's customer_id.
        "UPDATE journal_subject SET wrapped_key = NULL, lookup = NULL, erased_at = '2026-11-23 12:00:01+00:00'",
        "UPDATE journal_subject SET lookup = 'x' WHERE reference = (SELECT subject_id FROM journal_event WHERE leaf_index = 1)",
        "UPDATE journal_subject SET wrapped_key = (SELECT wrapped_key FROM journal_subject ORDER BY reference LIMIT 1)",
        "DELETE FROM journal_vaultitem WHERE kind = 'customer_id'",
    ],
)
def test_every_change_is_found(check: Callable[..., Findings], statement: str) -> None:
    run(statement)
    assert not check().is_whole


def test_somebody_taken_out_of_the_vault_without_an_erasure_is_missed(check: Callable[..., Findings]) -> None:
    reference = str(Event.objects.get(leaf_index=1).subject_id)
    with without_constraints():
        run(
            f"DELETE FROM journal_vaultitem WHERE subject_id = '{reference}'",
            f"DELETE FROM journal_subject WHERE reference = '{reference}'",
        )
        assert not check().is_whole
        run(*(f"DELETE FROM journal_event WHERE subject_id = '{reference}'",))


def test_two_events_that_change_places_are_found(check: Callable[..., Findings]) -> None:
    run(
        "UPDATE journal_event SET leaf_index = -1 WHERE leaf_index = 5",
        "UPDATE journal_event SET leaf_index = 5 WHERE leaf_index = 6",
        "UPDATE journal_event SET leaf_index = 6 WHERE leaf_index = -1",
    )
    assert not check().is_whole


def test_an_event_slipped_in_between_is_found(check: Callable[..., Findings]) -> None:
    with without_guard():
        Event.objects.filter(leaf_index=299).update(leaf_index=300)
        forged = Event.objects.get(leaf_index=298)
        forged.pk, forged.event_id, forged.leaf_index = None, "forged", 299
        forged.save(force_insert=True)
    assert not check().is_whole


def test_an_older_copy_of_the_database_is_found_by_an_anchor(
    check: Callable[..., Findings], signer: Signer
) -> None:
    handed_out = head_of(json.loads(anchor(signer).as_text()))
    run(
        "DELETE FROM journal_seal WHERE number = 2",
        "DELETE FROM journal_event WHERE leaf_index >= 200",
        "DELETE FROM journal_node",  # the first one covers 256 events
    )
    assert check().is_whole, "a rolled back copy is whole in itself"
    found = check(handed_out)
    assert not found.is_whole
    assert "rolled back" in found.faults[0]


def test_a_history_written_anew_with_the_same_key_is_found_by_an_anchor(
    check: Callable[..., Findings], signer: Signer, journal: Journal
) -> None:
    handed_out = anchor(signer)
    run(
        "DELETE FROM journal_seal",
        "DELETE FROM journal_event WHERE leaf_index >= 290",
        "DELETE FROM journal_node",
    )
    run("UPDATE journal_event SET leaf_index = NULL")
    journal.record(some(20))
    seal(signer, NOON)
    assert check().is_whole
    assert not check(handed_out).is_whole


def test_a_forged_anchor_is_called_forged(check: Callable[..., Findings], signer: Signer) -> None:
    found = check(replace(anchor(signer), tree_size=9))
    assert "false signature" in found.faults[0]


def test_every_sealed_event_has_a_proof_against_the_signed_root(
    check: Callable[..., Findings], signer: Signer
) -> None:
    newest = anchor(signer)
    trees = StoredSubtrees()
    for event in Event.objects.order_by("leaf_index")[::37]:
        assert event.leaf_index is not None
        proof = inclusion_proof(trees, event.leaf_index, newest.tree_size)
        assert is_included(bytes(event.leaf_hash), event.leaf_index, newest.tree_size, proof, newest.root)


def test_erasing_a_person_leaves_the_proof_whole(
    check: Callable[..., Findings], journal: Journal, signer: Signer
) -> None:
    handed_out = anchor(signer)
    journal.erase("C3", by="dpo", why="request")
    seal(signer, NOON)
    found = check(handed_out)
    assert found.is_whole, found.faults


def test_a_new_master_key_takes_over_and_the_old_one_can_go(
    check: Callable[..., Findings], journal: Journal
) -> None:
    both = LocalMasterKeys({"k2": bytes(32), "k1": bytes(range(32))}, os.urandom)
    rotated = Journal(both, clock=journal.clock, random=os.urandom)
    assert rotated.vault.rewrap() == 8
    assert rotated.vault.rewrap() == 0
    only_new = Journal(LocalMasterKeys({"k2": bytes(32)}, os.urandom), clock=journal.clock, random=os.urandom)
    assert len(only_new.vault.references([f"C{n}" for n in range(7)])) == 7
    assert set(only_new.vault.customer_ids(only_new.vault.references(["C1"]).values()).values()) == {"C1"}


def test_keys_in_files_are_their_owners_alone_and_can_be_added_to(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = make_keys(folder, os.urandom)
    assert all(file.stat().st_mode & 0o077 == 0 for file in made)
    assert make_keys(folder, os.urandom) == []
    assert add_master_key(folder, os.urandom) == "k2"
    assert read_master_keys(folder, {}, os.urandom).current == "k2"


def test_a_key_taken_into_use_after_older_ones_were_removed_has_a_name_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_keys(folder, os.urandom)
    add_master_key(folder, os.urandom)
    file = folder / "master.keys"
    file.write_text(file.read_text().splitlines()[0] + "\n")  # k1 was removed, as the command says one may
    assert add_master_key(folder, os.urandom) == "k3"
    assert read_master_keys(folder, {}, os.urandom).current == "k3"


def test_two_master_keys_of_one_name_are_refused(tmp_path: Path) -> None:
    one = "k1:" + "A" * 43 + "="
    with pytest.raises(KeysUnusable, match="'k1' is there twice"):
        read_master_keys(tmp_path, {"DUNWELL_MASTER_KEYS": f"{one},{one}"}, os.urandom)


def test_what_is_sealed_while_the_check_goes_on_is_no_fault(
    journal: Journal, signer: Signer, check: Callable[..., Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    look, first = verifying._check_events, iter([True])

    def while_others_work(*given: Any) -> Any:
        if next(first, False):
            journal.record(some(300, start=300))  # enough for a hash over 256 of them to be kept
            seal(signer, NOON + timedelta(hours=9))
        return look(*given)

    monkeypatch.setattr(verifying, "_check_events", while_others_work)
    found = check()
    assert found.is_whole, found.faults
    assert (found.sealed_count, found.unsealed_count) == (300, 300)
    assert check().sealed_count == 600
