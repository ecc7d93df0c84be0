"""The API's tables: tokens by their digest, answers to requests that may come twice, webhooks and their deliveries."""

from django.db import models

from dunwell.office.access.models import Staff


class Token(models.Model):
    """A program's way in. It acts as a person (their scope of cases) and may do no more than its ``scopes``; only the digest of
    its secret is kept.
    """

    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    acts_as = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="tokens")
    scopes = models.JSONField(default=list)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Answer(models.Model):
    """What was answered to a request that carried an Idempotency-Key; ``status`` 0 while it is being worked on."""

    key = models.CharField(primary_key=True, max_length=64)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=80, default="")
    body = models.BinaryField(default=b"")
    asked_at = models.DateTimeField(db_index=True)


class Webhook(models.Model):
    """An address that is told what happened. ``kinds``: of events (empty: all); ``told_up_to``: the last event looked at;
    ``older_secret``: the one before, which signs beside the present one until ``older_until``.
    """

    url = models.URLField(max_length=500)
    kinds = models.JSONField(default=list)
    master_id = models.CharField(max_length=40)
    wrapped_secret = models.BinaryField()
    older_secret = models.BinaryField(default=b"")
    older_until = models.DateTimeField(null=True)
    told_up_to = models.BigIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    made_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="webhooks")
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """An event on its way to an address. ``state``: due, done, or given_up after the last attempt."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=36)
    body = models.TextField()
    state = models.CharField(max_length=10, default="due")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    why = models.CharField(max_length=200, default="")

    class Meta:
        """An address is told of an event once; those that are due are found by when."""

        constraints = [models.UniqueConstraint(fields=["webhook", "event_id"], name="told_once")]
        indexes = [models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(state="due"))]
