"""What an approved text is: words with slots for one language, channel and stage, and who may use them from when on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from dunwell.law.pack import shipped_packs

CHANNELS = ("email", "sms", "letter")
ACTORS = ("first_party", "agency", "debt_buyer")
KINDS = ("money", "date", "name", "organisation", "phone", "url", "text")
"""What a slot may hold; ``organisation`` is who writes or is owed, and may not pose as anybody else."""

PURPOSES_BY_STAGE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "early_reminder": ("remind",),
        "reminder": ("remind", "demand"),
        "negotiation": ("remind", "demand"),
        "letter_before_action": ("demand",),
        "promise_reminder": ("remind",),
        "promise_broken": ("remind", "demand"),
        "promise_check": ("service",),
        "payment_received": ("service",),
        "plan_offer": ("service", "remind"),
        "hardship_answer": ("service",),
        "dispute_answer": ("service", "notice"),
        "stop_confirmed": ("notice",),
        "channel_stopped": ("service",),
        "validation_notice": ("notice",),
        "rights_notice": ("notice",),
        "wrong_person_answer": ("service",),
    }
)
"""The stages, each with the purposes (the gate's) that it may go under: a reminder may not slip through as service."""

STAGES = tuple(PURPOSES_BY_STAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One version of one approved text.

    ``packs``: the rule packs under which its words were reviewed; ``actors``: who may write it; ``slots``: what each
    ``{slot}`` holds; ``disclosures``: the packs' rules that it fulfils by what it says. It may be used from ``from_on``
    on, until the day before ``until_on``. ``content_hash`` is that of its file: receipts name it.
    """

    id: str
    version: int
    language: str
    channel: str
    stage: str
    purpose: str
    packs: tuple[str, ...]
    actors: tuple[str, ...]
    slots: Mapping[str, str]
    disclosures: tuple[str, ...]
    approved_by: str
    approved_on: date
    from_on: date
    until_on: date | None
    subject: str
    body: str
    file: str
    lines: "Lines"
    content_hash: str

    def holds_on(self, day: date) -> bool:
        """Whether it may be used on that day."""
        return self.from_on <= day and (self.until_on is None or day < self.until_on)


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a text's parts stand in its file: the body's first line, the subject's line and column, the slots' lines."""

    body: int
    subject: int
    subject_column: int
    slots: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text is not let out: where it stands, what is wrong and what to write instead.

    ``line`` counts from 1 in the file (0: the file as a whole); ``start`` and ``end`` are characters of that line.
    ``category`` is the language review's, or slot, placeholder, front_matter, length, subject, value, place.
    """

    file: str
    line: int
    category: str
    problem: str
    mend: str
    start: int = 0
    end: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        span = f":{self.start + 1}-{self.end}" if self.end else ""
        return f"{place}{span}: {self.category}: {self.problem}. {self.mend}"


class TextsRefused(ValueError):
    """Texts that may not be used, with every reason."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def packs_for_words(packs: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some packs that are law: the house's own bind when and whom we contact, not what a text must say."""
    known = shipped_packs()
    return tuple(pack for pack in packs if pack not in known or not known[pack].is_house_policy)
