"""Reviews: what somebody found in a message or a note that was drawn for review."""

from django.db import models

from dunwell.office.access.models import Staff


class Review(models.Model):
    """One reviewed event of the journal. ``share``: the chance with which it was drawn, by which rates are reckoned;
    ``findings``: categories of the language review and of the reviewer's own; ``machine``: what the review found by itself;
    ``score``: 0 to 100, as the reviewer's sheet says.
    """

    event_id = models.CharField(max_length=36, unique=True)
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=10, blank=True)
    happened_at = models.DateTimeField(db_index=True)
    share = models.FloatField()
    findings = models.JSONField(default=list)
    machine = models.JSONField(default=list)
    score = models.PositiveSmallIntegerField()
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="reviews")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.event_id
