"""How lately and how often everybody was contacted, kept up while days pass: what the daily run counts in its tables each day.

``strategy.over_waiting.history_of`` says the same of a table of contacts; counting a day's contacts is enough for the next.
"""

from datetime import date

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.draws import Ints
from dunwell.strategy.over_waiting import CONTACTS_WITHIN_DAYS, HISTORY

_NEVER = np.iinfo(np.int64).min


class RecentContacts:
    """The contacts out of some people, by their place, up to a day.

    ``days_since``: of each the days from the last contact to ``as_of``, null for none, whenever it was. ``persons`` and
    ``days`` (numbers): the contacts within CONTACTS_WITHIN_DAYS, and perhaps some before.
    """

    def __init__(self, days_since: pl.Series, persons: Ints, days: Ints, as_of: date) -> None:
        known = days_since.is_not_null().to_numpy()
        since = days_since.fill_null(0).to_numpy().astype(np.int64)
        self._last = np.where(known, day_number(as_of) - since, _NEVER)
        self._by_day = np.zeros((CONTACTS_WITHIN_DAYS, len(days_since)), dtype=np.int16)
        self._today = day_number(as_of)
        within = days > self._today - CONTACTS_WITHIN_DAYS
        self._count(persons[within], days[within])

    def add(self, day: date, persons: Ints) -> None:
        """The contacts of a day, each person as often as they were contacted. Days come in their order, none left out."""
        self._today = day_number(day)
        self._by_day[self._today % CONTACTS_WITHIN_DAYS] = 0
        self._count(persons, np.full(len(persons), self._today, dtype=np.int64))

    def _count(self, persons: Ints, days: Ints) -> None:
        np.add.at(self._by_day, (days % CONTACTS_WITHIN_DAYS, persons), 1)
        np.maximum.at(self._last, persons, days)

    def told(self, persons: Ints) -> pl.DataFrame:
        """HISTORY of some people, as a run on the day after the last one counted knows it."""
        day = self._today + 1
        oldest = day % CONTACTS_WITHIN_DAYS  # of a day that many days ago: no longer within them
        last = self._last[persons]
        counts = self._by_day[:, persons].sum(axis=0) - self._by_day[oldest, persons]
        return pl.DataFrame(
            {
                HISTORY[0]: pl.Series(
                    np.where(last == _NEVER, np.nan, day - last.astype(np.float64))
                ).fill_nan(None),
                HISTORY[1]: counts.astype(np.float64),
            }
        )
