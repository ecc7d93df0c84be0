"""Running figures over the journal: how far it was read and what was found. All of it can be thrown away and is made again.

No personal data lies here: people are references of the vault.
"""

from django.db import models


class Mark(models.Model):
    """How far somebody read on: the journal up to the event of that number, or (``said``) which run was published."""

    name = models.CharField(primary_key=True, max_length=40)
    event_number = models.BigIntegerField(default=0)
    said = models.CharField(max_length=80, default="")


class DayTally(models.Model):
    """The board's figures of a day (UTC) from its events up to one of that number."""

    day = models.DateField(primary_key=True)
    event_number = models.BigIntegerField()
    figures = models.JSONField()


class Drawn(models.Model):
    """A message or a note that was drawn for review; ``is_done`` once somebody reviewed it."""

    event_id = models.CharField(primary_key=True, max_length=36)
    kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField()
    is_done = models.BooleanField(default=False)

    class Meta:
        """Those that wait, the oldest first."""

        indexes = [
            models.Index(fields=["happened_at"], name="drawn_waiting", condition=models.Q(is_done=False))
        ]


class ComplaintClock(models.Model):
    """A complaint by the event that recorded it: whose, where they live, by when it must be answered, and when it was.
    ``same_as``: the clock of the same complaint, where it is known twice (``compliance.same_complaint``); this one is shown no
    more.
    """

    event_id = models.CharField(primary_key=True, max_length=36)
    subject = models.CharField(max_length=32)
    jurisdiction = models.CharField(max_length=20)
    received_at = models.DateTimeField(db_index=True)
    due_on = models.DateField()
    answered_at = models.DateTimeField(null=True)
    same_as = models.CharField(max_length=36, null=True)

    class Meta:
        """The open ones by their day; those that were answered, the latest first."""

        indexes = [
            models.Index(
                fields=["due_on", "event_id"],
                name="complaint_open",
                condition=models.Q(answered_at__isnull=True),
            ),
            models.Index(
                fields=["-answered_at"],
                name="complaint_answered",
                condition=models.Q(answered_at__isnull=False),
            ),
        ]


class Sign(models.Model):
    """An event that may be an occasion to talk about with who did it (``name``): a note with findings, a contact that was
    refused to a person and not to a machine. ``what``: the findings, or the rules.
    """

    event_id = models.CharField(primary_key=True, max_length=36)
    kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField()
    name = models.CharField(max_length=150)
    subject = models.CharField(max_length=32)
    what = models.JSONField(default=list)

    class Meta:
        """The latest first, of all and of somebody's of a kind."""

        indexes = [
            models.Index(fields=["-happened_at"], name="sign_latest"),
            models.Index(fields=["name", "kind", "-happened_at"], name="sign_of_somebody"),
        ]


class SignTally(models.Model):
    """How many signs of a kind there are of somebody (``name``) on a day (UTC)."""

    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=40)
    day = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        """One a day, kind and name."""

        constraints = [models.UniqueConstraint(fields=["name", "kind", "day"], name="sign_tally_of_a_day")]


class Refusal(models.Model):
    """That a rule refused a contact: the number of the journal's event that says so."""

    rule = models.CharField(max_length=200)
    event_number = models.BigIntegerField()

    class Meta:
        """An event says a rule once; those of a rule are found the latest first."""

        constraints = [models.UniqueConstraint(fields=["rule", "event_number"], name="refused_once")]

    def __str__(self) -> str:
        return f"{self.rule} in event {self.event_number}"
