"""The kinds of events there are, and what each may say.

An event's body is plain facts: words, numbers, instants, references and lists of them. Whatever a person could be known by
goes under ``personal`` and so into the vault. A key that is not named here is refused, so that nothing slips in.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What an event of a kind says: keys it must have, keys it may have, and the personal data that goes with it."""

    means: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


_ABOUT = (
    "accounts",
    "contact_point",
    "message_id",
    "channel",
    "purpose",
    "text",
    "party",
    "source",
    "provider",
)
_VERDICT = ("packs", "rules", "reasons", "law_hash", "policy_hash", "not_before", "owes")

KINDS: Mapping[str, Kind] = {
    "contact.planned": Kind(
        "a contact was put into the work list",
        ("channel",),
        (*_ABOUT, "run", "stage", "at", "decision", "receipt", "in_reply_to"),
    ),
    "contact.permitted": Kind(
        "the gate allowed a contact, and it was claimed for sending in the same step",
        ("channel", "message_id"),
        (*_ABOUT, *_VERDICT, "worker", "attempt", "automated", "text_hash", "in_reply_to"),
        ("text", "subject", "address"),
    ),
    "contact.refused": Kind(
        "the gate, the budget or the review of the text refused a contact",
        ("channel",),
        (*_ABOUT, *_VERDICT, "attempt", "by"),
    ),
    "contact.sent": Kind("the provider took a message", ("message_id", "channel"), (*_ABOUT, "references")),
    "contact.failed": Kind(
        "a message was not taken, and will not be",
        ("message_id", "channel"),
        (*_ABOUT, "why", "attempts", "by"),
    ),
    "contact.deferred": Kind(
        "a message was not taken yet (surely, or ``in_doubt``); it will be tried again",
        ("message_id", "channel"),
        (*_ABOUT, "why", "attempt", "next_at", "in_doubt"),
    ),
    "contact.unknown": Kind(
        "it cannot be known whether a message was taken; it is not tried again",
        ("message_id", "channel"),
        (*_ABOUT, "why"),
    ),
    "contact.delivered": Kind("a message arrived", ("message_id",), _ABOUT),
    "contact.bounced": Kind("a message came back", ("message_id",), (*_ABOUT, "is_permanent", "why")),
    "contact.delayed": Kind("a message is still on its way", ("message_id",), (*_ABOUT, "why")),
    "contact.opened": Kind("a message was opened", ("message_id",), _ABOUT),
    "contact.replied": Kind(
        "the person wrote to us",
        ("channel",),
        (*_ABOUT, "in_reply_to", "intents", "needs_person", "is_urgent", "language"),
        ("text", "address"),
    ),
    "reply.assigned": Kind("somebody has an answer to deal with", ("reply", "to", "by")),
    "reply.done": Kind("an answer was dealt with", ("reply", "by"), (), ("note",)),
    "contact.made": Kind(
        "a contact that a person made or took, or that the lender's records tell of",
        ("channel", "outcome", "direction"),
        (*_ABOUT, "in_reply_to", "by"),
        ("note",),
    ),
    "consent.given": Kind("the person agreed to be contacted", ("channel",), (*_ABOUT, "days", "hours")),
    "consent.withdrawn": Kind("the person no longer agrees", ("channel",), (*_ABOUT, "address")),
    "hold.placed": Kind(
        "a state of the person or a debt that binds every contact: stop, dispute, hardship, complaint and the like",
        ("hold",),
        (*_ABOUT, "until", "needs_person", "by", "row"),
        ("text",),
    ),
    "hold.lifted": Kind(
        "such a state ended, by a person's decision; ``lifts``: the event that placed it, where not all of its kind ended",
        ("hold",),
        (*_ABOUT, "by", "lifts"),
        ("note",),
    ),
    "point.not_theirs": Kind(
        "a number or an address is somebody else's", ("contact_point",), (*_ABOUT, "address")
    ),
    "promise.proposed": Kind(
        "an answer reads like a promise; it binds nobody until it is confirmed",
        (),
        (*_ABOUT, "parts", "needs_person", "in_reply_to"),
    ),
    "promise.made": Kind(
        "the person promised to pay, and confirmed amount and day",
        ("parts",),
        (*_ABOUT, "by", "promise", "in_reply_to"),
    ),
    "plan.offered": Kind(
        "a plan was offered to the person; it binds nobody until they take it",
        ("parts", "until"),
        (*_ABOUT, "by", "currency", "plan"),
    ),
    "promise.withdrawn": Kind(
        "a promise no longer holds: taken back for a reason, or a later one took its place",
        ("promise", "reason", "by"),
        ("accounts", "superseded_by", "message_id"),
    ),
    "identity.checked": Kind(
        "whether somebody showed that they are the customer, by which facts, before anything was disclosed",
        ("passed", "facts", "by"),
        ("message_id", "channel"),
        ("verified_by",),
    ),
    "plan.agreed": Kind(
        "an arrangement was agreed, or waits for a second person",
        ("plan", "parts", "by"),
        ("accounts", "promise", "grant", "changes_contract", "approval", "seconded_by", "why", "message_id"),
    ),
    "notice.sent": Kind("a required notice went out", ("notice",), (*_ABOUT, "rule", "due_by")),
    "payment.seen": Kind(
        "a payment was seen during the day, or one was taken back (``sort``: reversal, chargeback)",
        ("payment",),
        ("accounts", "amount", "currency", "source", "sort"),
    ),
    "decision.made": Kind(
        "what was decided for a person, with all that is needed to decide it again",
        ("decision",),
        ("receipt", "run", "policy_hash", "treatment", "at", "channel"),
    ),
    "data.read": Kind("somebody looked at a person's data", ("by", "why"), ("items", "what")),
    "data.corrected": Kind(
        "a record of the person's was wrong; from now on the new value stands where the old one stood",
        ("what", "by", "why"),
        ("contact_point",),
        ("old", "new"),
    ),
    "data.erased": Kind("a person's key was destroyed", ("by", "why"), ("items",)),
    "case.assigned": Kind(
        "a case was given to somebody, or to nobody; why: the skill that it asks for", ("by", "to"), ("why",)
    ),
    "approval.decided": Kind(
        "a second person agreed to something or refused it", ("by", "approval", "decision", "why")
    ),
    "strategy.proposed": Kind(
        "somebody asked that another strategy take the place of the one in force",
        ("by", "proposal", "hash", "why"),
        ("what",),
    ),
    "strategy.decided": Kind(
        "a second person let a strategy take effect, or refused it; ``in_force`` is its hash as written",
        ("by", "proposal", "decision", "why", "hash"),
        ("what", "in_force"),
    ),
    "complaint.answered": Kind("a complaint was answered", ("complaint", "by"), ("in_time",), ("note",)),
    "office.changed": Kind(
        "somebody changed who may do what in the office", ("by", "what"), ("about", "change")
    ),
    "office.entered": Kind(
        "somebody signed in or out, changed with what they do, or tried to", ("by", "what"), ("about",)
    ),
    "office.refused": Kind("somebody was refused what they may not see or do", ("by", "what"), ("about",)),
    "file.kept": Kind(
        "a recording, a letter or a paper of the person's was kept; the vault holds its name and digest",
        ("what", "file", "by"),
        (*_ABOUT,),
        ("file",),
    ),
    "case.note": Kind("a remark on the case", ("by",), ("accounts", "message_id", "findings"), ("note",)),
    "case.put_off": Kind(
        "somebody comes back to the case at an instant", ("until", "by"), ("message_id", "why")
    ),
}
"""By name; a correction is a new event of the same kind that names the one it corrects."""
