"""What is done about a proposed strategy: proposed, compared anew, asked for, decided. Each says why it cannot be."""

from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.strategies.models import WAITING, Proposal
from dunwell.office.strategies.proposing import (
    TEXT_BYTES_MAX,
    Read,
    dated,
    deciding,
    finish_decided,
    is_outdated,
    lay_ready,
    put_in_force,
    read_text,
    starts_too_late,
    text_in_force,
    why_not,
)
from dunwell.office.workplace import Workplace


class CannotPropose(ValueError):
    """A text cannot be proposed, or not be decided about; says why. ``read``: the text with its error, where that is it."""

    def __init__(self, why: str, read: Read | None = None) -> None:
        super().__init__(why)
        self.read = read


def propose_text(place: Workplace, staff: Staff, text: str, why: str, once: str) -> Proposal:
    """The proposal of a text; the same for the same ``once``. Raises CannotPropose."""
    read = read_text(text)
    complaint = None
    if read.strategy is None:
        complaint = _("The text cannot be used. What is wrong, where, and the mend stand above the form.")
    elif len(text) > TEXT_BYTES_MAX:
        complaint = _("The text is too long.")
    elif not why:
        complaint = _("Write why.")
    elif text == text_in_force(place):
        complaint = _("The text is the one in force.")
    elif starts_too_late(text, place.today()):
        complaint = _(
            "The text says that it holds from a later day. It takes effect with the next run: write a day that has come."
        )
    if complaint is not None or read.strategy is None:
        raise CannotPropose(complaint or "", read)
    key = once[:60] or str(uuid4())
    try:
        with transaction.atomic():
            return Proposal.objects.create(
                title=read.strategy.policy.title[:200],
                text=text,
                text_hash=read.strategy.hash,
                based_on=text_in_force(place),
                why=why[:300],
                proposed_by=staff,
                proposed_at=place.clock(),
                key=key,
            )
    except IntegrityError:
        return Proposal.objects.get(key=key)


def compare_anew(place: Workplace, proposal_id: int) -> bool:
    """Compare a proposal with the strategy that is in force now; False when it was decided. Raises Proposal.DoesNotExist."""
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
        if proposal.decision:
            return False
        proposal.based_on, proposal.comparing = text_in_force(place), WAITING
        proposal.asked_at = None
        proposal.save(update_fields=["based_on", "comparing", "asked_at"])
    return True


def ask_for_decision(place: Workplace, staff: Staff, proposal_id: int) -> bool:
    """Ask for a second person's decision: the proposer, once the comparison has been seen. False when it was asked for or decided
    before. Raises CannotPropose, Proposal.DoesNotExist.
    """
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
        no = is_outdated(proposal, place)
        if proposal.proposed_by_id != staff.pk:
            no = _("Only who proposed it asks for a decision.")
        if no is not None:
            raise CannotPropose(no)
        if proposal.decision or proposal.asked_at is not None:
            return False
        proposal.asked_at = place.clock()
        proposal.save(update_fields=["asked_at"])
        body = {
            "by": staff.username,
            "what": proposal.title,
            "proposal": str(proposal.pk),
            "hash": proposal.text_hash,
        }
        event = NewEvent("strategy.proposed", proposal.asked_at, body=body | {"why": proposal.why})
        place.journal.record([event])
    return True


def decide_about(place: Workplace, staff: Staff, proposal_id: int, decision: str, reason: str) -> None:
    """Decide, ``approved`` or ``refused``, and put in force what is agreed to. Raises CannotPropose, Proposal.DoesNotExist."""
    finish_decided(place)
    with deciding(place):
        _decide(place, staff, proposal_id, decision, reason[:300])


def _decide(place: Workplace, staff: Staff, proposal_id: int, decision: str, reason: str) -> None:
    ready = None
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
        no = why_not(proposal, staff, place)
        if no is not None:
            raise CannotPropose(no)
        now = place.clock()
        proposal.decided_by, proposal.decided_at = staff, now
        proposal.decision, proposal.reason = decision, reason
        proposal.save()
        body = {
            "by": staff.username,
            "what": proposal.title,
            "proposal": str(proposal.pk),
            "decision": decision,
            "why": proposal.reason,
            "hash": proposal.text_hash,
        }
        written = dated(proposal.text, place.today())
        in_force = read_text(written).strategy
        if decision == "approved" and in_force is not None:
            body["in_force"] = in_force.hash
        place.journal.record([NewEvent("strategy.decided", now, body=body, key=f"strategy:{proposal.pk}")])
        if decision == "approved":  # last: should it fail, nothing was decided
            ready = lay_ready(place, proposal.pk, written, place.today())
    if ready is not None:
        put_in_force(place, ready)
