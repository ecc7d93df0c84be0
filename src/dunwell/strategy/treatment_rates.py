"""What else a thousand contacts bring, as a lender's own log taught it: the complaints, opt-outs and cures by which floors bind.

The text says a figure for each treatment (``expects``); the log moves it, and the floors count with the side that errs towards
the customer: more complaints and opt-outs than seen, fewer cures. Where the text says nothing of an event, nothing is learned of
it: what binds is the text's choice.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from dunwell.strategy.text import Strategy

PRIOR_CONTACTS = 500
"""So many contacts the text's figure is worth; fewer of the log's own leave it as it is."""
PRIOR_SPREAD = math.sqrt(2 * 0.25 / PRIOR_CONTACTS)
"""How unsure the text's figure of what a treatment adds is, as a share: as if so many had been seen with it, as many without."""
_CAREFUL = 1.2816
"""Standard deviations towards the careful side: the true rate lies beyond it with a chance of one in ten."""
_THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class TreatmentRate:
    """Of a treatment and an event (EXPECTED), for a thousand contacts: what the text ``told``, what text and log say together
    (``mean``), and with what floors count (``counted``). ``contacts``: the log's, of which ``events`` were followed by one (None
    where it was not counted but held against those who were left in peace).
    """

    treatment: str
    event: str
    told: float
    contacts: int
    events: int | None
    mean: float
    counted: float

    @property
    def is_learned(self) -> bool:
        """Whether the log has moved it."""
        return self.contacts >= PRIOR_CONTACTS


def in_words(rate: TreatmentRate) -> str:
    """Where a rate comes from, in a sentence."""
    told = f"{rate.event.removesuffix('_per_thousand').replace('_', '-')} of a thousand contacts: the text says {rate.told:g}"
    if not rate.is_learned:
        return f"{told}, and counts, since the log has only {rate.contacts:,} contacts"
    return f"{told}, the log {rate.mean:.2f} by {rate.contacts:,} contacts; the daily run counts {rate.counted:.2f}"


def rate_of_events(treatment: str, event: str, told: float, contacts: int, events: int) -> TreatmentRate:
    """The rate of an event that should be rare: the share of contacts followed by one, drawn to the text's figure as if that had
    been seen in PRIOR_CONTACTS, and the upper end of E. Wilson's interval (JASA 22, 1927).

    >>> rate = rate_of_events("call", "complaints_per_thousand", told=1.0, contacts=9500, events=28)
    >>> round(rate.mean, 2), round(rate.counted, 2)
    (2.85, 3.62)
    """
    count = contacts + PRIOR_CONTACTS
    share = (events + PRIOR_CONTACTS * told / 1000) / count
    half = _CAREFUL * math.sqrt(share * (1 - share) / count + (_CAREFUL / (2 * count)) ** 2)
    upper = (share + _CAREFUL**2 / (2 * count) + half) / (1 + _CAREFUL**2 / count)
    counted = 1000 * upper if contacts >= PRIOR_CONTACTS else told
    return TreatmentRate(treatment, event, told, contacts, events, 1000 * share, counted)


def rate_of_effect(
    treatment: str, event: str, told: float, contacts: int, mean: float, spread: float
) -> TreatmentRate:
    """The rate of an event that is wanted, by what the treatment adds to it (``mean``, ``spread``: shares): its lower end."""
    careful = max(1000 * (mean - _CAREFUL * spread), 0.0)
    return TreatmentRate(
        treatment,
        event,
        told,
        contacts,
        None,
        1000 * mean,
        careful if contacts >= PRIOR_CONTACTS else told,
    )


def with_rates(strategy: Strategy, rates: Iterable[TreatmentRate]) -> Strategy:
    """The strategy with what was learned in the place of the text's figures, of what the text says anything."""
    learned = {(one.treatment, one.event): one for one in rates if one.is_learned}
    if not learned:
        return strategy
    treatments = tuple(
        replace(
            treatment,
            expects={
                event: _figure(learned[treatment.name, event].counted)
                if (treatment.name, event) in learned
                else told
                for event, told in treatment.expects.items()
            },
        )
        for treatment in strategy.treatments
    )
    return replace(strategy, treatments=treatments)


def _figure(per_thousand: float) -> Decimal:
    return min(Decimal(per_thousand).quantize(_THOUSANDTH), Decimal(1000))
