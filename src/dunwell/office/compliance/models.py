"""Reviews: what somebody found in a message or a note that was drawn for review. Reports that were counted beside the pages."""

from django.db import models

from dunwell.office.access.models import Staff

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


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


class CountedReport(models.Model):
    """The regulator's report of a span of days, counted beside the pages (``counting``). ``scope``: whose customers it counts;
    ``state``: waiting, running, done or failed, ``problem`` says why; ``rows``: as ``rows_of`` gives them; ``counted_at``: as of
    when.
    """

    first_on = models.DateField()
    last_on = models.DateField()
    scope = models.TextField()
    asked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="counted_reports")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, default=WAITING)
    counted_at = models.DateTimeField(null=True)
    rows = models.JSONField(default=list)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        """One for the same days and customers."""

        constraints = [
            models.UniqueConstraint(fields=["first_on", "last_on", "scope"], name="one_report_of_days")
        ]

    def __str__(self) -> str:
        return f"{self.first_on} to {self.last_on}"
