"""What an answer can mean: the words in which every reader of this corner answers, and nothing else.

All of it is what a customer *said*, never what is agreed: a promise here is proposed, and becomes one only when it was
read back and confirmed.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

INTENTS = (
    *("promise", "cannot_pay", "hardship", "distress", "dispute", "already_paid", "wrong_person", "stop"),
    *("complaint", "call_later", "wants_person", "deceased", "attorney", "bankruptcy", "abusive"),
    *("question", "payment_plan", "other"),
)
"""Everything a message may hold; ``other`` stands alone, when nothing else was found."""

ACTS = (
    *("stop", "cease", "dispute", "fraud", "hardship", "pause", "complaint"),
    *("attorney", "bankruptcy", "deceased", "incapacity", "not_theirs"),
)
"""What takes effect at once: kinds of hold, and ``stop`` (no more on this channel), ``not_theirs`` (the number or
address belongs to somebody else), ``deceased`` (the state of a person)."""

Bound = Literal["on", "by", "after"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known when an answer comes: it settles readings, and never invents any.

    ``due_minor`` is what is past due, in minor units of ``currency``. ``timezone`` is the customer's (IANA), by which
    "today" is told; ``locale`` (BCP 47) says which of two readings of 02/03 comes first. ``last_purpose`` is that of our
    last message: one of the gate's purposes, or ``identify`` when it asked whether we reached the right person.
    """

    currency: str
    timezone: str
    due_minor: int | None = None
    locale: str | None = None
    last_payday: date | None = None
    last_purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One intent, the words it stands on (a span of the text as it came), and why they say so.

    ``confidence`` is the rule's own, from 0 to 1; ``rule`` names its entry in the lexicons.
    """

    intent: str
    confidence: float
    start: int
    end: int
    evidence: str
    why: str
    rule: str


@dataclass(frozen=True, slots=True)
class Part:
    """One payment as proposed: how much and when, each as far as it was said.

    ``share`` is a part of what is due (1 is all of it), ``is_rest`` what the other parts leave; ``amount_minor`` is
    then worked out where it can be. ``readings`` are the days that may be meant: one when it is clear, several when it
    is not, none when no day was said or none can be told. ``doubts`` are what must be asked before this is a promise.
    """

    amount_minor: int | None
    currency: str
    share: Fraction | None = None
    is_rest: bool = False
    is_minimum: bool = False
    readings: tuple[date, ...] = ()
    bound: Bound = "on"
    doubts: tuple[str, ...] = ()

    @property
    def pay_on(self) -> date | None:
        """The day, when only one can be meant."""
        return self.readings[0] if len(self.readings) == 1 else None

    @property
    def is_clear(self) -> bool:
        """Whether amount and day are both said, and neither is in doubt."""
        return self.amount_minor is not None and self.pay_on is not None and not self.doubts


@dataclass(frozen=True, slots=True)
class Act:
    """What takes effect at once, without waiting for a person: its kind (one of ACTS) and the words it stands on."""

    kind: str
    evidence: str
    why: str


@dataclass(frozen=True, slots=True)
class Understanding:
    """All that was understood of one message.

    ``promise`` is proposed only: it is read back to the customer, with its doubts, and counts once they confirm.
    ``needs_person`` with the reasons ``why_person``; ``is_urgent`` when somebody may come to harm.
    """

    findings: tuple[Finding, ...]
    promise: tuple[Part, ...]
    acts: tuple[Act, ...]
    why_person: tuple[str, ...]
    is_urgent: bool = False

    @property
    def intents(self) -> frozenset[str]:
        """The intents found."""
        return frozenset(finding.intent for finding in self.findings)

    @property
    def needs_person(self) -> bool:
        """Whether a person has to look at it."""
        return bool(self.why_person)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of what takes effect at once."""
        return frozenset(act.kind for act in self.acts)
