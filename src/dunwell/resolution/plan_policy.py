"""Which plans may be offered, for how long, and how often plans of a length hold, as dated text (``texts/plans.toml``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from dunwell.policy import Entry, PolicyError, PolicyText, read_policy

HOUSE_FILE = Path(__file__).parent / "texts" / "plans.toml"
EVERYWHERE = "*"
INTEREST = ("frozen", "contract")


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be offered: at most so many months, using these shares of what is left, with interest frozen or not."""

    kind: str
    months_max: int
    shares: tuple[Fraction, ...]
    interest: str
    reduced_share: Fraction
    deferral_months_max: int
    review_months: int
    conditions: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """From how many days past due which share of the debt may be taken for the whole, in how many months."""

    from_days: int
    share: Fraction
    months_max: int
    source: str


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What ``texts/plans.toml`` (or a lender's own) says on a day."""

    text: PolicyText
    day: date

    def offer(self, jurisdictions: Sequence[str], credits: Sequence[str]) -> Offer:
        """The offer for debts of these places and kinds together: the last that holds for all of them. Raises PolicyError."""
        for entry in reversed(self.text.entries("offer", self.day)):
            places = entry.values["applies_to"]
            is_for_all = EVERYWHERE in places or set(jurisdictions) <= set(places)
            if is_for_all and set(credits) <= set(entry.values["credits"]):
                return _offer(self.text, entry)
        raise PolicyError(
            self.text.file, "offer", f"none holds for all on {self.day}", 'Write one with applies_to = ["*"]'
        )

    def settlement(self, past_due_days: int) -> Settlement | None:
        """The settlement that may be offered at this age; None when it is too young for one."""
        found = [
            Settlement(
                entry.values["from_days"],
                Fraction(entry.values["share"]),
                entry.values["months_max"],
                entry.source,
            )
            for entry in self.text.entries("settlement", self.day)
            if entry.values["from_days"] <= past_due_days
        ]
        return max(found, key=lambda one: one.from_days, default=None)

    def chance(self, months: int) -> tuple[Fraction | None, str]:
        """The share of agreements of this length that held, and who counted; None where none were observed."""
        for entry in self.text.entries("length", self.day):
            if entry.values["months_from"] <= months <= entry.values["months_to"]:
                return 1 - Fraction(entry.values["broken"]), self._length_source()
        return None, f"no agreements of {months} months were observed"

    def class_effect(self, jurisdictions: Sequence[str]) -> str:
        """What a changed contract means for the class of these debts, with its source; empty where no text says so."""
        found = [
            f"{entry.values['text']} [{entry.source}]"
            for entry in self.text.entries("class_effect", self.day)
            if set(jurisdictions) & set(entry.values["applies_to"])
        ]
        return "; ".join(found)

    def help_for(self, jurisdictions: Sequence[str]) -> tuple[str, ...]:
        """Where help is to be had in these places, each with its source where it is not the house's own."""
        return tuple(
            entry.values["text"] + (f" [{entry.source}]" if "citation" in entry.values else "")
            for entry in self.text.entries("help", self.day)
            if EVERYWHERE in entry.values["applies_to"]
            or set(jurisdictions) & set(entry.values["applies_to"])
        )

    def _length_source(self) -> str:
        return self.text.entries("length", self.day)[0].source


def read_plan_policy(day: date, file: Path | None = None) -> PlanPolicy:
    """The lender's text, where there is one that holds on the day, else the house's. Raises PolicyError."""
    if file is not None and file.is_file():
        own = read_policy(file)
        if own.holds_on(day):
            return PlanPolicy(own, day)
    return PlanPolicy(read_policy(HOUSE_FILE), day)


def _offer(text: PolicyText, entry: Entry) -> Offer:
    values = entry.values
    shares = tuple(Fraction(share) for share in values["shares"])
    if not shares or not all(0 < share <= 1 for share in shares):
        raise PolicyError(
            text.file, f"{entry.key}.shares", "are not above 0 and up to 1", 'Write ["1", "0.8"]'
        )
    if values["interest"] not in INTEREST:
        raise PolicyError(
            text.file, f"{entry.key}.interest", "is not known", f"One of: {', '.join(INTEREST)}"
        )
    return Offer(
        values.get("kind", "instalments"),
        values["months_max"],
        shares,
        values["interest"],
        Fraction(values["reduced_share"]),
        values["deferral_months_max"],
        values["review_months"],
        tuple(values.get("conditions", ())),
        entry.source,
    )
