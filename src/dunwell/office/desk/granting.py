"""What a customer was granted before, so that many small grants are judged as the large one that they are together."""

from collections import Counter
from datetime import timedelta

from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile, Happened
from dunwell.office.cases.models import Approval
from dunwell.resolution.authority import GIVES_UP, Authority, Decision, may_grant
from dunwell.resolution.plans import Plan

_A_MISTAKE = "recorded_wrongly"


def decision_on(
    file: CaseFile, plan: Plan, authority: Authority, staff: Staff, once: str = ""
) -> Decision | None:
    """Whether somebody may grant a plan; None where nothing must be granted. ``once``: the form's own token, which does not count
    beside itself.
    """
    if not plan.grant_kind:
        return None
    already = granted_before(file, plan.grant_kind, plan.currency, authority, once)
    return may_grant(authority, staff.role, plan.grant_kind, plan.grant_minor, plan.currency, already)


def granted_before(file: CaseFile, kind: str, currency: str, authority: Authority, once: str = "") -> int:
    """What the customer was given up in the authority's window before now, whoever granted it, in minor units; 0 for a kind that
    gives nothing up: an arrangement is about all their debts in a currency, so that a later one takes the place of the earlier.

    What a second person refused, or has not agreed to yet, is not granted; nor is a plan that was recorded wrongly.
    """
    if kind not in GIVES_UP:
        return 0
    since = file.place.clock() - timedelta(days=authority.within_days)
    made = Counter(_plan_of(event) for event in file.events if event.kind == "promise.made")
    taken_back = Counter(
        _plan_of(event)
        for event in file.events
        if event.kind == "promise.withdrawn" and event.body.get("reason") == _A_MISTAKE
    )
    agreed = [event for event in file.events if event.kind == "plan.agreed" and event.at > since]
    asked = {event.body["approval"] for event in agreed if event.body.get("approval")}
    seconded = {
        str(pk)
        for pk in Approval.objects.filter(pk__in=asked, decision="approved").values_list("pk", flat=True)
    }
    found = 0
    for event in agreed:
        grant, plan = event.body.get("grant") or {}, event.body.get("promise")
        is_granted = not event.body.get("approval") or event.body["approval"] in seconded
        is_mistake = plan is not None and 0 < made[plan] <= taken_back[plan]
        is_counted = not is_mistake and plan != plan_name(once)
        if grant.get("kind") in GIVES_UP and grant.get("currency") == currency and is_granted and is_counted:
            found += grant["amount_minor"]
    return found


def _plan_of(event: Happened) -> str:
    """The plan that a promise stands for, by its id; a promise that is no plan's is nobody's."""
    return str(event.body.get("promise", "")).rpartition("-")[0]


def plan_name(once: str) -> str:
    """How the ids of a plan's promises begin."""
    return f"desk-{once}"
