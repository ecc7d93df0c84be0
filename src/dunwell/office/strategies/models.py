"""Proposed strategies, each with the text it was compared with."""

from typing import ClassVar

from django.db import models

from dunwell.office.access.models import Staff

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class Proposal(models.Model):
    """A strategy's text that somebody proposes in another's place.

    ``based_on``: the text in force when it was compared, empty where there was none; ``comparing``: waiting, running, done or
    failed, ``problem`` says why it failed. ``asked_at``: since when it waits for a second person; ``decision``: empty,
    ``approved`` or ``refused``. ``key``: a form sent twice proposes once.
    """

    title = models.CharField(max_length=200)
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    based_on = models.TextField(blank=True)
    why = models.CharField(max_length=300)
    proposed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="proposals")
    proposed_at = models.DateTimeField()
    comparing = models.CharField(max_length=10, default=WAITING)
    compared_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="decided_proposals"
    )
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=60, unique=True)

    class Meta:
        """The latest first."""

        ordering: ClassVar[list[str]] = ["-proposed_at", "-pk"]

    def __str__(self) -> str:
        return self.title
