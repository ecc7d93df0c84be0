"""The journal's tables: events and the seals over them, and the vault that keeps personal data apart.

Nobody writes here but ``recording``, ``sealing`` and ``vault``. The database itself refuses to change or remove an event,
a seal or a node (migration 0002); that is a guard against mistakes, the hash tree is the guard against intent.
"""

from django.db import models


class Subject(models.Model):
    """A person as events name them: a random reference, and the key to what is kept of them, wrapped by a master key.

    Erased: the key and the way from the lender's customer_id to the reference are gone.
    """

    reference = models.CharField(primary_key=True, max_length=32)
    lookup = models.CharField(max_length=64, unique=True, null=True)
    wrapped_key = models.BinaryField(null=True)
    master_id = models.CharField(max_length=40, db_index=True)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)


class VaultKey(models.Model):
    """A key of the vault's own, wrapped by a master key: the one by which customers are looked up."""

    name = models.CharField(primary_key=True, max_length=20)
    wrapped_key = models.BinaryField()
    master_id = models.CharField(max_length=40)


class VaultItem(models.Model):
    """A piece of personal data, encrypted with its subject's key (AES-256-GCM; a salt before the text)."""

    reference = models.CharField(primary_key=True, max_length=32)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=40)
    sealed = models.BinaryField()
    created_at = models.DateTimeField()


class Forgotten(models.Model):
    """A customer who was erased, so that no page and no run shows them again: a digest of their customer_id under the vault's own
    key, which leads to no subject and no event.
    """

    digest = models.CharField(primary_key=True, max_length=64)


class Event(models.Model):
    """What happened, and when we learned of it. ``body`` is canonical JSON without personal data; ``key`` makes the
    recording of something that may come twice happen once; ``leaf_index`` is its place in the tree, null until sealed.
    """

    event_id = models.CharField(max_length=36, unique=True)
    kind = models.CharField(max_length=40)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True, related_name="events")
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    body = models.TextField()
    corrects = models.CharField(max_length=36, null=True)
    key = models.CharField(max_length=120, unique=True, null=True)
    leaf_hash = models.BinaryField(max_length=32)
    leaf_index = models.BigIntegerField(unique=True, null=True)

    class Meta:
        """How events are found: of a person in order, of a kind in order, those not sealed yet."""

        indexes = [
            models.Index(fields=["subject", "happened_at"], name="event_of_subject"),
            models.Index(fields=["kind", "happened_at"], name="event_of_kind"),
            models.Index(fields=["id"], name="event_unsealed", condition=models.Q(leaf_index__isnull=True)),
        ]


class Node(models.Model):
    """The hash of a full subtree of 2**level leaves, kept for every eighth level."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        """A subtree stands once."""

        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_node_a_subtree")]


class Seal(models.Model):
    """A signed head of the tree: its size and root, chained to the seal before."""

    number = models.BigIntegerField(primary_key=True)
    tree_size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=64)
