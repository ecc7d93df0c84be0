"""What the office calls things: channels, outcomes, holds, stages, findings, events; in the reader's language."""

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
PLACES: Words = {"home": _("home"), "work": _("work"), "other": _("another place")}
PARTIES: Words = {
    "self": _("the customer"),
    "spouse": _("spouse"),
    "guarantor": _("guarantor"),
    "reference": _("reference"),
    "employer": _("employer"),
    "attorney": _("attorney"),
    "other": _("somebody else"),
}
CONSENT_SOURCES: Words = {"creditor": _("told to the creditor"), "collector": _("told to the collector")}
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
SKILLS: Words = {
    "vulnerability": _("vulnerable people"),
    "dispute": _("disputes"),
    "complaint": _("complaints"),
    "legal": _("legal matters"),
    "visit": _("visits"),
    "late stage": _("late stage"),
}
"""The skills by which cases go to people; a lender's own keep their names."""
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
BUCKETS: Words = {"current": _("current")}
"""What the lender's buckets of days past due are called; those named by their days keep their names."""

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
NOTICES: Words = {
    "validation": _("validation notice"),
    "placement": _("notice of placement with an agency"),
    "transfer": _("notice of transfer"),
    "assignment": _("notice of assignment"),
    "rights": _("notice of rights"),
}
QUALITIES: Words = {
    "press": _("known from the press: verify"),
    "memory": _("held from memory: verify"),
}
"""Where a rule's figures come from when it is not the law's own text."""
PROMISE_STATES: Words = {
    "open": _("open"),
    "kept": _("kept"),
    "partly_kept": _("partly kept"),
    "broken": _("broken"),
    "cancelled": _("cancelled"),
}
FILES: Words = {"recording": _("a recording"), "letter": _("a letter"), "paper": _("a paper")}
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
    "wrong_facts": _("wrong facts"),
    "no_identity_check": _("identity was not checked"),
    "no_empathy": _("no empathy"),
    "any": _("any finding"),
}
CAME: Words = {
    "promise": _("A promise to pay"),
    "hardship": _("Hardship: they cannot pay, or are unwell"),
    "dispute": _("A dispute: they say it is not owed, or not so much"),
    "complaint": _("A complaint about us"),
    "later": _("Call me later"),
    "stop_channel": _("Stop contacting me this way"),
    "stop": _("Stop contacting me altogether"),
    "attorney": _("Somebody acts for them: an attorney or adviser"),
    "wrong_number": _("This number is not theirs"),
}
"""What may come of a contact, in the order of how often."""
BUDGET_FORMS: Words = {
    "A household's month": _("A household's month"),
    "Standard Financial Statement": _("Standard Financial Statement"),
    "家庭收支表": _("Household income and spending"),
}
"""The titles of the forms that come with dunwell; a lender's own keep theirs."""
PLANS: Words = {
    "instalments": _("Instalments"),
    "card_instalments": _("Instalments of a card debt"),
    "interest_reduction": _("Instalments with less interest"),
    "arrears": _("Arrears beside the contract"),
    "deferral": _("Nothing now, instalments later"),
    "settlement": _("Settlement for less"),
    "forbearance": _("Patience: no payment for now"),
}
GRANTS: Words = {
    "instalments": _("instalments"),
    "deferral": _("deferral"),
    "interest_reduction": _("interest reduction"),
    "settlement": _("settlement"),
    "waiver": _("waiver"),
    "restructuring": _("restructuring"),
    "re_age": _("re-ageing"),
}
"""What somebody's authority is asked for (``dunwell.resolution.authority``)."""
CLASSES: Words = {
    "normal": _("normal"),
    "special_mention": _("special mention"),
    "substandard": _("substandard"),
    "doubtful": _("doubtful"),
    "loss": _("loss"),
    "pass": _("pass"),
    "performing": _("performing"),
    "non_performing": _("non-performing"),
}
"""The classes of a debt (``ledger/classes``)."""
WITHDRAWALS: Words = {
    "customer_withdrew": _("The customer takes it back"),
    "circumstances_changed": _("Their circumstances changed"),
    "settled_otherwise": _("Settled in another way"),
    "recorded_wrongly": _("It was recorded wrongly"),
}
PURPOSES: Words = {
    "remind": _("reminder"),
    "demand": _("demand"),
    "notice": _("notice"),
    "service": _("service"),
    "locate": _("locating"),
}
APPROVALS: Words = {"plan": _("plan"), "erasure": _("erasure of a person")}
CORRECTED: Words = {"name": _("name"), "language": _("language"), "address": _("a number or an address")}
KINDS: Words = {
    "contact": _("contacts made"),
    "reply": _("answers dealt with"),
    "consent": _("consents"),
    "hold": _("holds"),
    "point": _("numbers that are not theirs"),
    "promise": _("promises made"),
    "plan": _("plans"),
    "identity": _("identity checks"),
    "notice": _("notices"),
    "payment": _("payments"),
    "decision": _("decisions"),
    "data": _("looks at their data, and corrections"),
    "case": _("notes and assignments"),
    "approval": _("approvals"),
    "complaint": _("complaints"),
    "file": _("recordings and papers"),
}
"""Events of a person by the first word of their kind."""
DECISIONS: Words = {"approved": _("approved"), "refused": _("not approved")}
BASES: Words = {
    "text-order": _("Nothing is known of values, so the text's order decides."),
    "priors": _("Values are the text's priors less cost."),
    "learned": _("Values are those that were learned, and the text's priors where nothing was."),
}
"""What a day's choice knows of values."""
COMPARING: Words = {
    "waiting": _("waits to be compared"),
    "running": _("is being compared"),
    "done": _("compared"),
    "failed": _("could not be compared"),
}
"""How far a proposed strategy's comparison is."""
EVENTS: Words = {
    "contact.permitted": _("message"),
    "case.note": _("note"),
    "file.kept": _("recording"),
    "data.read": _("personal data were looked at"),
    "data.corrected": _("records were corrected"),
    "data.erased": _("personal data were erased"),
    "office.changed": _("a change of people or tokens"),
    "case.assigned": _("a case was given to somebody"),
    "approval.decided": _("an approval was decided"),
    "hold.lifted": _("a hold was lifted"),
    "strategy.proposed": _("another strategy was asked for"),
    "strategy.decided": _("a strategy was decided"),
    "office.entered": _("signing in and out"),
    "office.refused": _("refused: not theirs to see or do"),
}
"""The events that are reviewed or audited."""
ACTS: Words = {
    "case opened at the desk": _("case opened at the desk"),
    "case": _("case"),
    "names, numbers, addresses and texts": _("names, numbers, addresses and texts"),
    "searched by name or number": _("searched by name or number"),
    "review": _("review"),
    "recording": _("a recording was listened to"),
    "person added": _("person added"),
    "person changed": _("person changed"),
    "new password": _("new password"),
    "second factor taken away": _("second factor taken away"),
    "readmitted after erasure": _("readmitted after erasure"),
    "team added": _("team added"),
    "token made": _("token made"),
    "token revoked": _("token revoked"),
    "case read by a program": _("case read by a program"),
    "signed in": _("signed in"),
    "signed out": _("signed out"),
    "sign-in failed": _("sign-in failed"),
    "nobody has that name": _("nobody has that name"),
    "own password changed": _("own password changed"),
    "second factor added": _("second factor added"),
    "second factor removed": _("second factor removed"),
    "second factor failed": _("second factor failed"),
    "recovery codes made anew": _("recovery codes made anew"),
    "ended token used": _("a token was used that no longer holds"),
    "a case out of their scope": _("a case out of their scope"),
}
"""What an event says somebody did, or why they looked."""
DECIDED: Words = {
    "run": _("chosen by a run"),
    "permitted": _("permitted by the gate"),
    "refused": _("refused by the gate"),
}
CHANGES: Words = {"began": _("began"), "ended": _("ended"), "changed": _("changed")}
"""What became of a rule between two days."""
SECTIONS: Words = {
    "volume": _("contacts made"),
    "hour on the customer's clock": _("hour on the customer's clock"),
    "most contacts in seven days": _("most contacts in seven days"),
    "held back": _("held back"),
    "complaint": _("complaint"),
}
COUNTED: Words = {
    "people": _("people"),
    "answered": _("answered"),
    "open": _("open complaint"),
    "answered late": _("answered late"),
    "open late": _("open and late"),
    "unknown": _("not known"),
}
"""What a report counts, beside channels and rules."""

TEXT_STAGES: Words = {
    "early_reminder": _("early reminder"),
    "reminder": _("reminder"),
    "negotiation": _("negotiation"),
    "letter_before_action": _("letter before action"),
    "promise_reminder": _("reminder of a promise"),
    "promise_broken": _("a promise was not kept"),
    "promise_check": _("please confirm your promise"),
    "payment_received": _("thanks for a payment"),
    "plan_offer": _("offer of a plan"),
    "hardship_answer": _("answer to hardship"),
    "dispute_answer": _("answer to a dispute"),
    "stop_confirmed": _("we have stopped, as asked"),
    "validation_notice": _("validation notice"),
    "rights_notice": _("notice of rights"),
    "wrong_person_answer": _("answer to somebody else"),
}
BUDGET_KINDS: Words = {
    "income": _("Comes in"),
    "fixed": _("Must go out"),
    "flexible": _("May vary"),
    "priority_arrears": _("Arrears that come first"),
}
BUDGET: Words = {
    "salary": _("salary"),
    "partner_salary": _("partner's salary"),
    "self_employment": _("self-employment"),
    "benefits": _("benefits"),
    "pensions": _("pensions"),
    "maintenance_received": _("maintenance received"),
    "other_income": _("other income"),
    "rent": _("rent"),
    "mortgage": _("mortgage"),
    "secured_loans": _("secured loans"),
    "council_tax": _("council tax"),
    "ground_rent": _("ground rent"),
    "appliance_rental": _("appliance rental"),
    "tv_licence": _("TV licence"),
    "gas": _("gas"),
    "electricity": _("electricity"),
    "other_fuel": _("other fuel"),
    "water": _("water"),
    "care_and_health": _("care and health"),
    "transport": _("transport"),
    "school": _("school"),
    "pensions_and_insurances": _("pensions and insurances"),
    "professional_costs": _("professional costs"),
    "other_essential": _("other essentials"),
    "communications_and_leisure": _("communications and leisure"),
    "food_and_housekeeping": _("food and housekeeping"),
    "personal": _("personal"),
    "housing_arrears": _("housing arrears"),
    "energy_arrears": _("energy arrears"),
    "council_tax_arrears": _("council tax arrears"),
    "court_fines": _("court fines"),
    "maintenance_arrears": _("maintenance arrears"),
    "tax_arrears": _("tax arrears"),
    "wage": _("wage"),
    "spouse_wage": _("spouse's wage"),
    "business": _("business"),
    "pension": _("pension"),
    "subsidy": _("subsidy"),
    "rent_received": _("rent received"),
    "utilities": _("utilities"),
    "property_fee": _("property fee"),
    "medical": _("medical"),
    "education": _("education"),
    "elder_care": _("care for parents"),
    "insurance": _("insurance"),
    "food": _("food"),
    "daily_goods": _("daily goods"),
    "communications": _("communications"),
    "other_living": _("other living costs"),
    "utility_arrears": _("utility arrears"),
    "court_ordered": _("ordered by a court"),
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
