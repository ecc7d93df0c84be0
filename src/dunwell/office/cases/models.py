"""The office's tables: cases in the order of the queue, and what came in since the last run.

No personal data lies here: names, numbers and addresses stay in the book, texts in the vault.
"""

from typing import TYPE_CHECKING, ClassVar

from django.db import models

from dunwell.office.access.models import Staff, Team

if TYPE_CHECKING:
    from django.db.models import QuerySet


class CaseManager(models.Manager["Case"]):
    """Cases, and those that somebody may see."""

    def visible_to(self, staff: Staff) -> "QuerySet[Case]":
        """The cases of a person's scope: their jurisdictions, and those of their agency where they work for one."""
        cases = self.all()
        if staff.scope is not None:
            cases = cases.filter(jurisdiction__in=staff.scope)
        if staff.agency_team is not None:
            cases = cases.filter(team=staff.agency_team)
        return cases

    def open_to(self, staff: Staff) -> "QuerySet[Case]":
        """Those that somebody may take up: theirs and nobody's, but for what asks for a skill that they do not have."""
        is_free = models.Q(assigned_to__isnull=True) & models.Q(wants__in=["", *staff.skills])
        return self.visible_to(staff).filter(models.Q(assigned_to=staff) | is_free)


class Case(models.Model):
    """One customer in arrears, or whose case ended lately, or who asked for a person: as the last run and the day since left it.

    ``rank``: the place in the queue (the lowest first), ``why`` the reasons for it (names of ``queue.toml``). ``planned_at``
    and ``channel``: the contact that the run planned; ``is_held_back``, ``held_by`` and ``not_before``: what the law said to
    it; ``left_because``: why the strategy leaves the person in peace (a rule of the run's) where the law would not; ``net``: what
    the planned contact is worth over its cost and the price of what it takes, for each minute of an agent where it takes any,
    null where nothing is known of values; ``is_extra``: a call that was added during the day. ``wants``: the skill that the case
    asks for because of what its customer told, where anybody in the team has it.
    Money in major units of ``currency``, the currency of the debt that is overdue most.
    """

    customer_id = models.CharField(primary_key=True, max_length=200)
    stage = models.CharField(max_length=40)
    since = models.DateField(null=True)
    opened_on = models.DateField(null=True)
    closed_on = models.DateField(null=True)
    jurisdiction = models.CharField(max_length=20)
    language = models.CharField(max_length=35, blank=True)
    past_due_days = models.IntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    past_due_total = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    bucket = models.CharField(max_length=20, blank=True)
    account_count = models.PositiveIntegerField(default=0)
    channel = models.CharField(max_length=10, blank=True)
    treatment = models.CharField(max_length=120, blank=True)
    decision_id = models.CharField(max_length=60, blank=True)
    planned_at = models.DateTimeField(null=True)
    is_held_back = models.BooleanField(default=False)
    held_by = models.JSONField(default=list)
    not_before = models.DateTimeField(null=True)
    left_because = models.CharField(max_length=40, blank=True)
    net = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    is_extra = models.BooleanField(default=False)
    needs_person = models.BooleanField(default=False)
    is_urgent = models.BooleanField(default=False)
    broken_on = models.DateField(null=True)
    rank = models.BigIntegerField(default=0)
    why = models.JSONField(default=list)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, related_name="cases")
    assigned_to = models.ForeignKey(Staff, on_delete=models.SET_NULL, null=True, related_name="cases")
    come_back_at = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    run_id = models.CharField(max_length=60)
    wants = models.CharField(max_length=40, blank=True, default="")

    objects: ClassVar[CaseManager] = CaseManager()

    class Meta:
        """How the queue reads them."""

        indexes = [
            models.Index(fields=["assigned_to", "rank"], name="queue_of_one"),
            models.Index(fields=["team", "rank"], name="queue_of_team"),
            models.Index(fields=["jurisdiction", "rank"], name="queue_of_law"),
            models.Index(fields=["rank"], name="queue_of_all"),
            models.Index(fields=["stage", "rank"], name="queue_of_stage"),
            models.Index(
                fields=["jurisdiction", "stage", "rank"],
                name="queue_of_nobody",
                condition=models.Q(assigned_to__isnull=True) & ~models.Q(stage="closed"),
            ),
            *(
                models.Index(fields=["jurisdiction", "team"], name=name, condition=models.Q(**{column: True}))
                for name, column in (
                    ("case_waiting", "needs_person"),
                    ("case_urgent", "is_urgent"),
                    ("case_held_back", "is_held_back"),
                )
            ),
            models.Index(
                fields=["come_back_at"], name="queue_of_later", condition=models.Q(come_back_at__isnull=False)
            ),
            models.Index(fields=["wants"], name="case_wants_skill", condition=~models.Q(wants="")),
        ]

    def __str__(self) -> str:
        return self.customer_id


def values_of(cases: "QuerySet[Case]", column: str) -> list[str]:
    """The values that a column of some cases has, in order: from one to the next by its index, whatever the number of cases."""
    found: list[str] = []
    while True:
        rest = cases.filter(**{f"{column}__gt": found[-1]}) if found else cases
        following = rest.order_by(column).values_list(column, flat=True).first()
        if following is None:
            return found
        found.append(following)


class Received(models.Model):
    """A row of the tape that came in since: a payment or a hold the lender told of during the day, a promise made at the desk.

    ``row``: the table's columns as texts. It stands beside the book until a tape brings the same row.
    """

    table = models.CharField(max_length=20)
    key = models.CharField(max_length=200)
    customer_id = models.CharField(max_length=200, db_index=True)
    row = models.JSONField()
    received_at = models.DateTimeField()
    source = models.CharField(max_length=80)

    class Meta:
        """A row comes once."""

        constraints = [models.UniqueConstraint(fields=["table", "key"], name="received_once")]


class Approval(models.Model):
    """Something that one person asked for and another must agree to: a plan or a waiver above somebody's authority.

    ``kind``: what is asked (``plan``); ``subject``: whom it is about, a customer_id; ``payload``: what is to be granted, as it
    will be recorded; ``seconds``: the roles that may agree. ``decision``: empty while it waits, then ``approved`` or ``refused``.
    """

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, db_index=True)
    payload = models.JSONField()
    seconds = models.JSONField(default=list)
    why = models.CharField(max_length=300)
    asked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="asked_approvals")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="decided_approvals"
    )
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=60, unique=True)

    class Meta:
        """Those that wait are found by when they were asked; a form sent twice asks once (``key``)."""

        ordering: ClassVar[list[str]] = ["-asked_at"]
        indexes = [
            models.Index(fields=["asked_at"], name="approval_waiting", condition=models.Q(decision=""))
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.subject}"
