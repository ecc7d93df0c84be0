"""Outreach's tables: due work, the providers' own names for messages, and how fast a provider may be used.

Nothing here says who a person is: people are references of the vault, accounts and contact points are pseudonyms.
"""

from django.db import models

from dunwell.journal.models import Subject


class State(models.TextChoices):
    """Where a piece of work stands. ``claimed`` is the only one in which a message may be on the wire."""

    DUE = "due"
    CLAIMED = "claimed"
    SENT = "sent"
    HELD = "held"  # the gate, the budget or the text refused it, and nothing known ends that today
    FAILED = "failed"  # not taken and will not be: a dead letter, with its reason
    UNKNOWN = "unknown"  # it may have been taken; it is not tried again
    EXPIRED = "expired"  # its day is over; the next run plans anew


class Work(models.Model):
    """One message to one person, from the moment it is due until its end is known.

    ``key`` makes planning the same contact twice plan it once. ``accounts``: pseudonyms joined by ``;``.
    ``in_reply_to``: the event of the person's own message that this answers. ``why``: the reason for
    where it stands, in words without personal data. ``in_doubt``: an earlier hand-over may have been taken (by a provider that
    takes a message id only once): until it is handed over again nobody can say.
    """

    message_id = models.CharField(primary_key=True, max_length=36)
    key = models.CharField(max_length=120, unique=True)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="work")
    channel = models.CharField(max_length=10)
    stage = models.CharField(max_length=40)
    purpose = models.CharField(max_length=10)
    contact_point = models.CharField(max_length=24, null=True)
    accounts = models.TextField()
    in_reply_to = models.CharField(max_length=36, null=True)
    priority = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    attempt_count = models.IntegerField(default=0)
    worker = models.CharField(max_length=60, null=True)
    why = models.CharField(max_length=300, default="")
    in_doubt = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        """How work is found: what is due on a channel, first things first; what a worker holds."""

        indexes = [
            models.Index(
                fields=["channel", "priority", "due_at"], name="work_due", condition=models.Q(state="due")
            ),
            models.Index(fields=["worker"], name="work_claimed", condition=models.Q(state="claimed")),
            models.Index(fields=["state"], name="work_state"),
        ]


class ProviderReference(models.Model):
    """A provider's own name for a message (or a part of it), by which its receipts speak."""

    provider = models.CharField(max_length=40)
    reference = models.CharField(max_length=120)
    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="references")

    class Meta:
        """A provider's name means one message."""

        constraints = [models.UniqueConstraint(fields=["provider", "reference"], name="one_message_a_name")]


class Pace(models.Model):
    """How much of a provider's rate is left, shared by all workers: a bucket of tokens, in thousandths."""

    provider = models.CharField(primary_key=True, max_length=40)
    tokens_milli = models.BigIntegerField()
    filled_at = models.DateTimeField()


class EarlyReceipt(models.Model):
    """A receipt that came before we knew the provider's name for the message; it waits until we do."""

    provider = models.CharField(max_length=40)
    reference = models.CharField(max_length=120)
    receipt_id = models.CharField(max_length=120)
    receipt = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        """The same receipt waits once."""

        constraints = [models.UniqueConstraint(fields=["provider", "receipt_id"], name="one_early_receipt")]
