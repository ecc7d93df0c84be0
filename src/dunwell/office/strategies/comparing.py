"""The comparison of a proposal with the strategy in force, computed beside the pages: by the keeper, in a process of its own.

It is the command ``dunwell strategy diff OLD NEW --simulate --json``, run in the workspace; both texts and what it said are
kept in ``evidence/strategies/NUMBER``, so that anybody can run it again.
"""

import json
from pathlib import Path
from threading import Event
from typing import Any

from dunwell.office.beside import run_beside
from dunwell.office.strategies.models import DONE, FAILED, RUNNING, WAITING, Proposal
from dunwell.office.workplace import Workplace

MINUTES_MAX = 20
OLD, NEW, ANSWER = "old.toml", "new.toml", "comparison.json"


def folder_of(place: Workplace, proposal: Proposal) -> Path:
    """Where a proposal's texts and comparison are kept."""
    return place.settings.evidence_folder / "strategies" / str(proposal.pk)


def read_answer(place: Workplace, proposal: Proposal) -> dict[str, Any] | None:
    """What the comparison said; None while there is none."""
    file = folder_of(place, proposal) / ANSWER
    if proposal.comparing != DONE or not file.is_file():
        return None
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return told


def compare_next(place: Workplace, stop: Event) -> bool:
    """Compute the comparison that has waited longest; whether there was one. One that was cut off is computed anew.

    ``stop``: ends it, and it waits again.
    """
    proposal = Proposal.objects.filter(comparing__in=(WAITING, RUNNING)).order_by("proposed_at", "pk").first()
    if proposal is None:
        return False
    Proposal.objects.filter(pk=proposal.pk).update(comparing=RUNNING, compared_at=place.clock(), problem="")
    problem = _compare(place, proposal, stop)
    if stop.is_set() and problem:
        Proposal.objects.filter(pk=proposal.pk).update(comparing=WAITING)
        return True
    state = FAILED if problem else DONE
    now = place.clock()
    # Not where somebody asked meanwhile to compare with another text.
    Proposal.objects.filter(pk=proposal.pk, comparing=RUNNING, based_on=proposal.based_on).update(
        comparing=state, compared_at=now, problem=problem[:500]
    )
    return True


def _compare(place: Workplace, proposal: Proposal, stop: Event) -> str:
    """Run the command and keep what it says; an empty text, or why it failed."""
    folder = folder_of(place, proposal)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NEW).write_text(proposal.text, encoding="utf-8", newline="")
    new = str(folder / NEW)
    if proposal.based_on:
        (folder / OLD).write_text(proposal.based_on, encoding="utf-8", newline="")
        words = ["diff", str(folder / OLD), new, "--simulate", "--json"]
    else:
        words = ["simulate", "--strategy", new, "--json"]
    return run_beside(place, ["strategy", *words], folder / ANSWER, stop, MINUTES_MAX)
