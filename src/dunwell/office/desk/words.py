"""What the desk calls things: channels, outcomes, holds, kinds of contact points, stages; in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, Lazy | str]

CHANNELS: Words = {
    "call": _("call"),
    "sms": _("text message"),
    "email": _("e-mail"),
    "letter": _("letter"),
    "visit": _("visit"),
    "app": _("app message"),
}
POINTS: Words = {
    "mobile": _("mobile"),
    "landline": _("landline"),
    "email": _("e-mail"),
    "postal": _("postal address"),
    "app": _("app"),
}
PARTIES: Words = {
    "self": _("the customer"),
    "spouse": _("spouse"),
    "guarantor": _("guarantor"),
    "reference": _("reference"),
    "employer": _("employer"),
    "attorney": _("attorney"),
    "other": _("somebody else"),
}
OUTCOMES: Words = {
    "no_answer": _("no answer"),
    "busy": _("busy"),
    "not_in_service": _("not in service"),
    "voicemail": _("voicemail"),
    "dropped": _("dropped"),
    "conversation": _("conversation"),
    "delivered": _("delivered"),
    "bounced": _("came back"),
    "opened": _("opened"),
    "replied": _("replied"),
    "wrong_party": _("wrong party"),
    "refused": _("would not talk"),
}
HOLDS: Words = {
    "pause": _("pause"),
    "dispute": _("dispute"),
    "hardship": _("hardship"),
    "breathing_space": _("breathing space"),
    "bankruptcy": _("bankruptcy"),
    "litigation": _("litigation"),
    "complaint": _("complaint"),
    "fraud": _("fraud inquiry"),
    "attorney": _("represented by an attorney"),
    "cease": _("asked not to be contacted"),
    "incapacity": _("somebody acts for them"),
    "unreachable": _("cannot be reached"),
    "deceased": _("died"),
}
STAGES: Words = {
    "early reminder": _("early reminder"),
    "reminder": _("reminder"),
    "negotiation": _("negotiation"),
    "letter before action": _("letter before action"),
    "visit": _("visit"),
    "legal": _("legal"),
    "sale": _("sale"),
    "closed": _("closed"),
}
PROMISE_STATES: Words = {
    "open": _("open"),
    "kept": _("kept"),
    "partly_kept": _("partly kept"),
    "broken": _("broken"),
    "cancelled": _("cancelled"),
}
PREFERENCES: Words = {
    "not_time": _("not at this time"),
    "only_time": _("only at this time"),
    "not_place": _("not at this place"),
    "not_channel": _("not this way"),
}
CATEGORIES: Words = {
    "threat": _("threat"),
    "abuse": _("abuse"),
    "false_authority": _("false authority"),
    "false_legal": _("false claim about the law"),
    "third_party_disclosure": _("disclosure to somebody else"),
    "shame": _("shaming"),
    "harassment": _("harassment"),
    "undue_pressure": _("undue pressure"),
    "missing_disclosure": _("something required is missing"),
    "not_limited_content": _("says too much for a voicemail"),
}
PLANS: Words = {
    "instalments": _("Instalments"),
    "interest_reduction": _("Instalments with less interest"),
    "arrears": _("Arrears beside the contract"),
    "deferral": _("Nothing now, instalments later"),
    "settlement": _("Settlement for less"),
    "forbearance": _("Patience: no payment for now"),
}


def channel_name(name: str) -> str:
    """A channel in words."""
    return str(CHANNELS.get(name, name))


def outcome_name(name: str) -> str:
    """A contact's outcome in words."""
    return str(OUTCOMES.get(name, name))


def hold_name(name: str) -> str:
    """A hold in words."""
    return str(HOLDS.get(name, name))
