"""Whose customers somebody may see, for pages and figures that do not open a case: by their jurisdictions, and by their agency
where they work for one.
"""

from collections.abc import Collection

from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.workplace import Workplace

_PART = 500


def visible(place: Workplace, staff: Staff, customer_ids: Collection[str]) -> set[str]:
    """Those of some customers whom somebody may see, with a case or without, as ``may_see`` says of one. Raises NoBook."""
    wanted = sorted(set(customer_ids))
    if not staff.is_bound:
        return set(wanted)
    if staff.agency_team is not None:
        seen: set[str] = set()
        for start in range(0, len(wanted), _PART):
            theirs = Case.objects.visible_to(staff).filter(pk__in=wanted[start : start + _PART])
            seen.update(theirs.values_list("pk", flat=True))
        wanted = sorted(seen)
    if staff.scope is None:
        return set(wanted)
    return {one for one in wanted if place.shelf.jurisdiction(one) in staff.scope}


def visible_subjects(place: Workplace, staff: Staff, subjects: Collection[str]) -> dict[str, str]:
    """Those of some people (references of the vault) whom somebody may see, with their customer_id. Raises NoBook."""
    owners = place.journal.vault.customer_ids(set(subjects))
    if not staff.is_bound:
        return owners
    seen = visible(place, staff, set(owners.values()))
    return {subject: customer for subject, customer in owners.items() if customer in seen}
