"""The vault: names, numbers, addresses and texts, encrypted with a key for each customer.

Events hold a reference to an item and a digest of it. The digest is salted with bytes that lie inside the encrypted item, so
once the customer's key is destroyed neither the item nor the digest tells anything; the proof over the events still stands.
"""

import hmac
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import OperationalError, ProgrammingError, connection, transaction

from dunwell.journal.digests import digest_of, pseudonym_of
from dunwell.journal.keys import KeyMissing, KeysUnusable, MasterKeys, Random
from dunwell.journal.models import Forgotten, Subject, VaultItem, VaultKey
from dunwell.journal.rows import insert

CUSTOMER_ID = "customer_id"
"""The kind of the item that says which of the lender's customers a subject is."""

_SALT_BYTES = 16
_LOOKUP = "lookup"
_CACHED_KEYS_MAX = 100_000


class Erased(LookupError):
    """The person was erased: nothing of them can be read or added."""


class Damaged(ValueError):
    """An item of the vault does not open: it was changed, or put in another's place."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """A piece of personal data to keep."""

    subject: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an item lies, and its salted digest (HMAC-SHA-256, hexadecimal)."""

    reference: str
    digest: str


_OUTSIDE = "outside the database"
_LOCK_PATIENCE = "10s"
_FEW = 500
"""So many erased people are looked for one by one."""


class Vault:
    """Personal data in the database, opened with the master keys. One object a process; keys are kept open in memory."""

    def __init__(self, master: MasterKeys, random: Random) -> None:
        self._master = master
        self._random = random
        self._open: dict[str, bytes] = {}
        self._pseudonym_keys: dict[str, bytes] = {}
        self._lookup_key: bytes | None = None

    @property
    def master_id(self) -> str:
        """The id of the master key that is in use."""
        return self._master.current

    # --- people

    def references(self, customer_ids: Iterable[str]) -> dict[str, str]:
        """The references of those customers that the vault knows, by customer_id."""
        lookups = {self._lookup(customer): customer for customer in customer_ids}
        found: dict[str, str] = {}
        for part in _parts(list(lookups)):
            rows = Subject.objects.filter(lookup__in=part).values_list("lookup", "reference")
            found.update((lookups[str(lookup)], reference) for lookup, reference in rows)
        return found

    def admit(self, customer_ids: Collection[str], now: datetime) -> dict[str, str]:
        """The references of these customers, made for those who are new. Raises Erased where one was erased and not remembered
        since: what was begun before an erasure does not bring the person back.
        """
        wanted = list(dict.fromkeys(customer_ids))
        with transaction.atomic():
            found = self.references(wanted)
            missing = [customer for customer in wanted if customer not in found]
            if not missing:
                return found
            if self.forgotten(missing):
                raise Erased("a customer was erased: nothing can be kept of them until they are readmitted")
            made = {customer: self._new_subject(customer, now) for customer in missing}
            Subject.objects.bulk_create(made.values(), ignore_conflicts=True)
            settled = self.references(missing)  # another worker may have been first
            ours = [customer for customer in missing if settled[customer] == made[customer].reference]
            self.keep([NewItem(settled[customer], CUSTOMER_ID, customer) for customer in ours], now)
            return found | settled

    def _new_subject(self, customer_id: str, now: datetime) -> Subject:
        reference = self._random(16).hex()
        key = self._random(32)
        self._remember(reference, key)
        return Subject(
            reference=reference,
            lookup=self._lookup(customer_id),
            wrapped_key=self._master.wrap(key, reference),
            master_id=self._master.current,
            created_at=now,
        )

    def _lookup(self, customer_id: str) -> str:
        """What a customer is found by: nobody without the vault's key can tell it from the customer_id."""
        if self._lookup_key is None:
            self._lookup_key = self._read_lookup_key()
        return hmac.new(self._lookup_key, customer_id.encode(), sha256).hexdigest()

    def _read_lookup_key(self) -> bytes:
        made = VaultKey(name=_LOOKUP, master_id=self._master.current)
        made.wrapped_key = self._master.wrap(self._random(32), _LOOKUP)
        VaultKey.objects.bulk_create([made], ignore_conflicts=True)
        row = VaultKey.objects.get(name=_LOOKUP)
        return self._master.unwrap(row.master_id, bytes(row.wrapped_key), _LOOKUP)

    # --- keys

    def open_keys(self, subjects: Collection[str]) -> None:
        """Unwrap the keys of these subjects together. Raises Erased, KeysUnusable."""
        rows = {
            reference: (master_id, wrapped)
            for part in _parts(list(set(subjects)))
            for reference, master_id, wrapped in Subject.objects.filter(reference__in=part).values_list(
                "reference", "master_id", "wrapped_key"
            )
        }
        for subject in subjects:
            master_id, wrapped = rows.get(subject, ("", None))
            if wrapped is None:
                self._forget(subject)
                raise Erased(f"{subject} was erased: nothing can be kept of them or read")
            if subject not in self._open:
                self._remember(subject, self._master.unwrap(master_id, bytes(wrapped), subject))

    def _remember(self, subject: str, key: bytes) -> None:
        if len(self._open) >= _CACHED_KEYS_MAX:
            self._open.clear()
            self._pseudonym_keys.clear()
        self._open[subject] = key

    def _forget(self, subject: str) -> None:
        self._open.pop(subject, None)
        self._pseudonym_keys.pop(subject, None)

    def pseudonym(self, subject: str, kind: str, name: str) -> str:
        """What stands in events for an account or a contact point of a person: a digest under the person's own key.

        Call ``open_keys`` before. After erasure nobody can make it again.
        """
        return pseudonym_of(self.pseudonym_key(subject), kind, name)

    def pseudonym_key(self, subject: str) -> bytes:
        """The key of a person's pseudonyms, which opens nothing else: with it a pack of evidence shows which debt is meant."""
        found = self._pseudonym_keys.get(subject)
        if found is None:
            found = self._pseudonym_keys[subject] = hmac.digest(self._open[subject], b"pseudonyms", "sha256")
        return found

    # --- items

    def keep(self, items: Sequence[NewItem], now: datetime) -> list[Kept]:
        """Encrypt and store; where each lies and its digest, in their order. Raises Erased, KeysUnusable."""
        self.open_keys({item.subject for item in items})
        rows, kept = [], []
        for item in items:
            reference, salt, data = self._random(16).hex(), self._random(_SALT_BYTES), item.text.encode()
            nonce = self._random(12)
            box = AESGCM(self._open[item.subject])
            sealed = nonce + box.encrypt(nonce, salt + data, _about(item.subject, reference, item.kind))
            rows.append((reference, item.subject, item.kind, sealed, now))
            kept.append(Kept(reference, digest_of(salt, item.text)))
        insert(VaultItem, ("reference", "subject_id", "kind", "sealed", "created_at"), rows)
        return kept

    def read(self, references: Collection[str]) -> dict[str, tuple[str, bytes]]:
        """Text and salt of items, by reference; erased ones are left out. Only the journal calls this: it records who looked."""
        rows = [
            row for part in _parts(list(references)) for row in VaultItem.objects.filter(reference__in=part)
        ]
        alive = set(
            Subject.objects.filter(
                reference__in={row.subject_id for row in rows}, wrapped_key__isnull=False
            ).values_list("reference", flat=True)
        )
        rows = [row for row in rows if row.subject_id in alive]
        self.open_keys({row.subject_id for row in rows})
        return {row.reference: self._opened(row) for row in rows}

    def _opened(self, row: VaultItem) -> tuple[str, bytes]:
        """Text and salt of an item whose subject's key is open. Raises Damaged."""
        return self._opened_item(row.subject_id, row.reference, row.kind, bytes(row.sealed))

    def _opened_item(self, subject: str, reference: str, kind: str, sealed: bytes) -> tuple[str, bytes]:
        try:
            box = AESGCM(self._open[subject])
            plain = box.decrypt(sealed[:12], sealed[12:], _about(subject, reference, kind))
        except InvalidTag as error:
            raise Damaged(f"item {reference} of the vault was changed: restore the database") from error
        return plain[_SALT_BYTES:].decode(), plain[:_SALT_BYTES]

    def seal_bytes(self, subject: str, about: str, data: bytes) -> bytes:
        """Bytes encrypted with the person's key, to be kept outside the database. ``about``: what they are; they open as nothing
        else. Raises Erased, KeysUnusable.
        """
        self.open_keys([subject])
        nonce = self._random(12)
        return nonce + AESGCM(self._open[subject]).encrypt(nonce, data, _about(subject, about, _OUTSIDE))

    def open_bytes(self, subject: str, about: str, sealed: bytes) -> bytes:
        """What ``seal_bytes`` encrypted. Raises Damaged where it was changed, Erased, KeysUnusable."""
        self.open_keys([subject])
        try:
            box = AESGCM(self._open[subject])
            return box.decrypt(sealed[:12], sealed[12:], _about(subject, about, _OUTSIDE))
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"{about} was changed: restore it from the backup") from error

    def examine(self, references: Collection[str]) -> tuple[dict[str, str], set[str]]:
        """The digests of items as they lie in the vault, and those that do not open; for the verifier, which shows no text."""
        digests, damaged = {}, set()
        for part in _parts(list(references)):
            rows = list(VaultItem.objects.filter(reference__in=part, subject__wrapped_key__isnull=False))
            self.open_keys({row.subject_id for row in rows})
            for row in rows:
                try:
                    text, salt = self._opened(row)
                except Damaged:
                    damaged.add(row.reference)
                else:
                    digests[row.reference] = digest_of(salt, text)
        return digests, damaged

    def examine_people(self, subjects: Collection[str]) -> set[str]:
        """Those of some subjects who were not erased and whose key does not open, or who are not found by the customer_id that is
        kept of them. Raises KeyMissing.
        """
        wrong: set[str] = set()
        for part in _parts(list(subjects)):
            lookups: dict[str, str | None] = {}
            for row in Subject.objects.filter(reference__in=part, wrapped_key__isnull=False):
                lookups[row.reference] = row.lookup
                try:
                    wrapped = bytes(cast(bytes, row.wrapped_key))
                    self._remember(row.reference, self._master.unwrap(row.master_id, wrapped, row.reference))
                except KeyMissing:
                    raise
                except KeysUnusable:
                    lookups.pop(row.reference)
                    wrong.add(row.reference)
            named: set[str] = set()
            for item in VaultItem.objects.filter(subject_id__in=list(lookups), kind=CUSTOMER_ID):
                try:
                    if self._lookup(self._opened(item)[0]) == lookups[item.subject_id]:
                        named.add(item.subject_id)
                except Damaged:
                    continue
            wrong |= lookups.keys() - named
        return wrong

    def customer_ids(self, subjects: Collection[str]) -> dict[str, str]:
        """The lender's customer_id of subjects that are not erased, by reference."""
        found = {}
        for part in _parts(list(subjects)):
            rows = VaultItem.objects.filter(subject_id__in=part, kind=CUSTOMER_ID)
            rows = rows.filter(subject__wrapped_key__isnull=False)
            columns = ("subject_id", "reference", "sealed", "subject__master_id", "subject__wrapped_key")
            for subject, reference, sealed, master_id, wrapped in rows.values_list(*columns):
                if subject not in self._open:
                    self._remember(subject, self._master.unwrap(master_id, bytes(wrapped), subject))
                found[subject] = self._opened_item(subject, reference, CUSTOMER_ID, bytes(sealed))[0]
        return found

    # --- the ends

    def erase(self, subject: str, now: datetime) -> int:
        """Destroy a person's key and everything kept of them; how many items went. Nothing happens a second time."""
        with transaction.atomic():
            count, _ = VaultItem.objects.filter(subject_id=subject).delete()
            Subject.objects.filter(reference=subject, erased_at__isnull=True).update(
                lookup=None, wrapped_key=None, erased_at=now
            )
        self._forget(subject)
        return count

    def scrub(self) -> bool:
        """Write over what erased keys were in the database's own files; whether that is done. Outside any transaction.

        SQLite's file was written over at once, its log is emptied here. PostgreSQL keeps a row as it was until something takes
        its place: the table of the keys is written anew, for which nobody may use it (some seconds for a million people). It is
        not done where others do not let go of it, or read what was before: call it again.
        """
        if connection.in_atomic_block:
            return False
        return _scrub_postgresql() if connection.vendor == "postgresql" else _scrub_sqlite()

    def forget(self, customer_id: str) -> None:
        """Let nobody meet this customer again: rooms that show people ask ``forgotten``."""
        Forgotten.objects.get_or_create(digest=self._trace(customer_id))

    def remember(self, customer_id: str) -> bool:
        """Let a customer who was erased be met again as a new one (a new loan, say); whether they had been forgotten."""
        count, _ = Forgotten.objects.filter(digest=self._trace(customer_id)).delete()
        return count > 0

    def forgotten(self, customer_ids: Iterable[str]) -> set[str]:
        """Those of these customers who were erased."""
        asked = list(customer_ids)
        if len(asked) <= _FEW:
            traces = {self._trace(customer): customer for customer in asked}
            found = Forgotten.objects.filter(digest__in=list(traces)).values_list("digest", flat=True)
            return {traces[digest] for digest in found} if traces else set()
        gone = set(Forgotten.objects.values_list("digest", flat=True))
        return {customer for customer in asked if self._trace(customer) in gone} if gone else set()

    def is_forgotten(self, customer_id: str) -> bool:
        """Whether this customer was erased."""
        return Forgotten.objects.filter(digest=self._trace(customer_id)).exists()

    def _trace(self, customer_id: str) -> str:
        return self._lookup(f"forgotten\0{customer_id}")

    def rewrap(self) -> int:
        """Wrap every key with the current master key, so that older ones can be thrown away; how many were rewrapped.

        May be stopped and called again. A batch is one transaction.
        """
        count = 0
        for row in VaultKey.objects.exclude(master_id=self._master.current):
            key = self._master.unwrap(row.master_id, bytes(row.wrapped_key), row.name)
            row.wrapped_key, row.master_id = self._master.wrap(key, row.name), self._master.current
            row.save(update_fields=["wrapped_key", "master_id"])
            count += 1
        while True:
            with transaction.atomic():
                rows = list(
                    Subject.objects.select_for_update()
                    .filter(wrapped_key__isnull=False)
                    .exclude(master_id=self._master.current)[:500]
                )
                for subject in rows:
                    wrapped = cast(bytes, subject.wrapped_key)
                    key = self._master.unwrap(subject.master_id, bytes(wrapped), subject.reference)
                    subject.wrapped_key = self._master.wrap(key, subject.reference)
                    subject.master_id = self._master.current
                Subject.objects.bulk_update(rows, ["wrapped_key", "master_id"])
            if not rows:
                return count
            count += len(rows)


def _scrub_sqlite() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy, *_ = cursor.fetchone()
    return not is_busy


def _scrub_postgresql() -> bool:
    table = connection.ops.quote_name(Subject._meta.db_table)
    kept: list[str] = []

    def hear(said: Any) -> None:
        # "3 dead row versions cannot be removed yet": somebody's older view of the database still shows them.
        kept.extend(re.findall(r"^\d+", said.message_detail or "")[:1])

    with connection.cursor() as cursor:
        driver: Any = connection.connection
        driver.add_notice_handler(hear)
        try:
            cursor.execute(f"SET lock_timeout = '{_LOCK_PATIENCE}'")
            cursor.execute(f"VACUUM (FULL, VERBOSE) {table}")
        except (OperationalError, ProgrammingError):
            return False
        finally:
            driver.remove_notice_handler(hear)
            cursor.execute("RESET lock_timeout")
    return bool(kept) and not any(map(int, kept))


def _about(subject: str, reference: str, kind: str) -> bytes:
    """What the encryption is bound to, so that no item can be put in another's place."""
    return f"{subject}\0{reference}\0{kind}".encode()


def _parts(values: list[str], size: int = 500) -> Iterable[list[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))


__all__ = ["CUSTOMER_ID", "Damaged", "Erased", "Kept", "NewItem", "Vault"]
