"""What a customer was granted before, so that many small grants are judged as the large one that they are together."""

from datetime import timedelta

from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.resolution.authority import Authority, Decision, may_grant
from dunwell.resolution.given_up import given_up
from dunwell.resolution.plans import Plan


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
    """What the customer was given up in the authority's window before now, in minor units (``given_up``)."""
    since = file.place.clock() - timedelta(days=authority.within_days)
    return given_up(file.events, kind, currency, since, besides=plan_name(once))


def plan_name(once: str) -> str:
    """How the ids of a plan's promises begin."""
    return f"desk-{once}"
