"""Who is right for a case: by language, law, skill and load; and a case that asks for a skill finds somebody at once.

What was told in a contact counts from that moment on: a hardship takes the case out of the queue of somebody who is not trained
for it, to somebody who is and is here; where nobody is, it waits for one of them and for nobody else.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.db.models import Count

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.tallies.following import Read, follow
from dunwell.office.workplace import Workplace

CARE = "vulnerability"
"""The skill of those who get the cases of vulnerable people."""
VULNERABLE = ("hardship", "incapacity", "breathing_space", "bankruptcy")
"""The states that make somebody a case for people trained for it."""
SKILL_OF_STATE: Mapping[str, str] = {
    **dict.fromkeys(VULNERABLE, CARE),
    **dict.fromkeys(("dispute", "fraud"), "dispute"),
    **dict.fromkeys(("attorney", "litigation"), "legal"),
    "complaint": "complaint",
}
"""The skill that a case asks for while its customer is in a state, where anybody in the team has it."""
SKILL_OF_STAGE: Mapping[str, str] = {"legal": "legal", "visit": "visit", "letter before action": "late stage"}
"""The same by stage."""

TAKE_CASES = ("collector", "team_lead")
"""The roles of those who work cases."""


@dataclass
class Worker:
    """Somebody who can take cases. ``load``: how many they have."""

    name: str
    languages: frozenset[str] = field(default_factory=frozenset)
    jurisdictions: frozenset[str] = field(default_factory=frozenset)
    skills: frozenset[str] = field(default_factory=frozenset)
    load: int = 0


@dataclass(frozen=True)
class Wanting:
    """A case that wants somebody: its language (the first part of BCP 47), jurisdiction and stage, and the states (kinds of hold)
    its customer is in.
    """

    customer_id: str
    language: str
    jurisdiction: str
    stage: str
    states: frozenset[str] = frozenset()

    @property
    def skills(self) -> frozenset[str]:
        """The skills that it asks for."""
        by_state = {SKILL_OF_STATE.get(state) for state in self.states}
        return frozenset(skill for skill in (*by_state, SKILL_OF_STAGE.get(self.stage)) if skill is not None)


def share_out(cases: Sequence[Wanting], workers: Sequence[Worker]) -> dict[str, str]:
    """Who gets which case: of those who speak the language and know the jurisdiction (no entry: any), the one with the fewest.

    A case that nobody can take stays out. The same cases and people give the same shares.
    """
    skilled = {skill for worker in workers for skill in worker.skills}
    given = {}
    for case in cases:
        wanted = case.skills & skilled
        able = [
            worker
            for worker in workers
            if (not worker.languages or case.language in worker.languages)
            and (not worker.jurisdictions or case.jurisdiction in worker.jurisdictions)
            and wanted <= worker.skills
        ]
        if able:
            least = min(able, key=lambda worker: (worker.load, worker.name))
            least.load += 1
            given[case.customer_id] = least.name
    return given


def loads_of(people: Sequence[Staff]) -> dict[int, int]:
    """How many open cases some people have; who has none is left out."""
    theirs = Case.objects.filter(assigned_to__in=people).exclude(stage="closed").order_by()
    return dict(theirs.values_list("assigned_to").annotate(Count("pk")))


def on_duty(people: Sequence[Staff], day: date) -> list[Staff]:
    """Collectors and team leads who are here today."""
    return [
        one
        for one in people
        if one.role in TAKE_CASES and (one.on_leave_until is None or one.on_leave_until < day)
    ]


def workers_of(people: Sequence[Staff]) -> list[Worker]:
    """The same people as those who can take cases; who is bound to nothing may see nobody and takes none."""
    loads = loads_of(people)
    return [
        Worker(
            one.username,
            frozenset(one.languages),
            frozenset(one.scope or ()),
            frozenset(one.skills),
            loads.get(one.pk, 0),
        )
        for one in people
        if one.scope is None or one.scope
    ]


def wanting(case: Case, states: Collection[str]) -> Wanting:
    """What a case asks for, of a customer in these states."""
    language = case.language.split("-")[0]
    return Wanting(case.pk, language, case.jurisdiction, case.stage, frozenset(states))


def states_of(place: Workplace, customer_ids: Sequence[str], day: date) -> dict[str, set[str]]:
    """The states that ask for a skill in which customers are on a day (who is in none is left out), by the records and by
    what was told in contacts, from that moment on.
    """
    found = {customer: _by_records(place, customer, day) for customer in customer_ids}
    subjects = place.journal.vault.references(customer_ids)
    told: dict[str, set[tuple[str, str, tuple[str, ...]]]] = defaultdict(set)
    rows = Event.objects.filter(
        subject_id__in=list(subjects.values()), kind__in=("hold.placed", "hold.lifted")
    ).order_by("happened_at", "id")
    for subject, event_id, kind, text in rows.values_list("subject_id", "event_id", "kind", "body"):
        body = json.loads(text)
        until = body.get("until")
        if body["hold"] not in SKILL_OF_STATE:
            continue
        held, debts = told[str(subject)], tuple(body.get("accounts", ()))
        if kind == "hold.lifted":  # the one that it names, or of the debts that it names, else all
            named = body.get("lifts")
            held -= {
                one
                for one in held
                if one[1] == body["hold"] and (one[0] == named if named else debts in ((), one[2]))
            }
        elif until is None or date.fromisoformat(until) >= day:
            held.add((event_id, body["hold"], debts))
    for customer, subject in subjects.items():
        found[customer] |= {state for _event, state, _debts in told.get(subject, ())}
    return {customer: states for customer, states in found.items() if states}


def _by_records(place: Workplace, customer_id: str, day: date) -> set[str]:
    file = place.shelf.file(customer_id)
    if file is None or not file.tables["holds"].height:
        return set()
    rows = file.tables["holds"].select("kind", "from_on", "to_on").iter_rows()
    return {
        kind
        for kind, begins, ends in rows
        if kind in SKILL_OF_STATE and begins <= day and (ends is None or ends >= day)
    }


@dataclass(frozen=True, slots=True)
class Moved:
    """A case that went to somebody trained for it (``to``: their name, empty while nobody of them is here), and the skill."""

    to: str
    skill: str


def reroute(place: Workplace, customer_id: str, by: str) -> Moved | None:
    """See that a case is with somebody who has the skill that its customer's states ask for, where anybody of its team has it.

    Nothing happens (None) where it is with such a person, or nobody of the team has the skill. ``by``: whose word it follows.
    """
    day = place.clock().date()
    with transaction.atomic():
        case = Case.objects.select_for_update().filter(pk=customer_id).first()
        if case is None:
            return None
        asked = wanting(case, states_of(place, [customer_id], day).get(customer_id, ()))
        people = _team_of(case)
        known = {skill for one in people for skill in one.skills}
        skills = {skill for state in asked.states if (skill := SKILL_OF_STATE[state]) in known}
        case.wants = CARE if CARE in skills else min(skills, default="")
        here = on_duty(people, day)
        holder = next((one for one in here if one.pk == case.assigned_to_id), None)
        if not skills or (holder is not None and skills <= set(holder.skills)):
            case.save(update_fields=["wants"])
            return None
        able = [one for one in workers_of(here) if skills <= one.skills] or [
            one for one in workers_of(here) if case.wants in one.skills
        ]
        name = share_out([asked], able).get(customer_id, "")
        to = next((one for one in here if one.username == name), None)
        was_with = case.assigned_to_id
        case.assigned_to = to
        case.team = to.team if to is not None and to.team else case.team
        case.save(update_fields=["assigned_to", "team", "wants"])
        if (to.pk if to is not None else None) == was_with:
            return None
        body = {"by": by, "to": name, "why": case.wants}
        place.journal.record([NewEvent("case.assigned", place.clock(), customer_id, body=body)])
    return Moved(name, case.wants)


def _team_of(case: Case) -> list[Staff]:
    """Who may get a case: its team's people (that of whoever has it where it is in none), else all who are in no agency."""
    people = Staff.objects.filter(is_active=True).select_related("team").order_by("username")
    team = case.team_id
    if team is None and case.assigned_to_id is not None:
        team = Staff.objects.filter(pk=case.assigned_to_id).values_list("team_id", flat=True).first()
    if team is not None:
        return list(people.filter(team=team))
    return [one for one in people if one.agency_team is None]


def reroute_told(place: Workplace, steps_max: int) -> None:
    """The same for everybody in the queue of whom a state was told since the last time, in an answer or by the lender; or was
    lifted. ``steps_max`` bounds how much of a long journal is read at once.
    """

    def see(events: Sequence[Read]) -> None:
        names = place.journal.vault.customer_ids({str(one.subject) for one in events if one.subject})
        cases = Case.objects.filter(pk__in=set(names.values())).order_by("pk")
        for customer in list(cases.values_list("pk", flat=True)):
            reroute(place, customer, "dunwell")

    kinds = ("hold.placed", "hold.lifted")
    follow("who asks for a skill", kinds, place.clock(), see, steps_max=steps_max)


def reroute_waiting(place: Workplace) -> None:
    """Look again at the cases that ask for a skill: a state may be over, somebody back from leave."""
    for customer in list(Case.objects.exclude(wants="").values_list("pk", flat=True)):
        reroute(place, customer, "dunwell")
