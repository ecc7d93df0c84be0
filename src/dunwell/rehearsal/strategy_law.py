"""What the law's gate allows of the people of a rehearsal, day after day, and what it learned of them since the first."""

import numpy as np
import polars as pl

from dunwell.law.gate import Gate
from dunwell.law.tables import TableRecords
from dunwell.rehearsal.debtor_world import Events
from dunwell.rehearsal.draws import Flags, Ints
from dunwell.rehearsal.strategy_setting import Setting
from dunwell.strategy.columns import CHANNELS


class DeskLaw:
    """What the gate allows of the people of a setting, and what it has learned of them since.

    ``points``: by channel the contact point at which each person is contacted, null where there is none.
    """

    def __init__(self, setting: Setting, standing: pl.DataFrame) -> None:
        self.setting = setting
        self.tables = dict(setting.tables)
        homes = setting.people.select(
            pl.col("jurisdiction").cast(pl.String), pl.col("region").cast(pl.String)
        )
        places = homes.unique(maintain_order=True).with_row_index("place")
        bound = [
            tuple(setting.law.packs_for(*home)) if home[0] is not None else ()
            for home in places.drop("place").iter_rows()
        ]
        gates = {
            packs: Gate(packs, setting.actor, known=setting.law.packs)
            for packs in dict.fromkeys(bound)
            if packs
        }
        self.gates = list(gates.values())
        numbers = {packs: number for number, packs in enumerate(gates)}
        of_place = np.array([numbers.get(packs, -1) for packs in bound], dtype=np.int64)
        rows = homes.join(places, on=homes.columns, how="left", nulls_equal=True, maintain_order="left")
        self.gate_of = of_place[rows["place"].to_numpy()]
        first = _first_points(setting.tables["contact_points"])
        ids = setting.people.select("customer_id")
        self.points = {
            channel: ids.join(
                first.filter(pl.col("channel") == channel),
                on="customer_id",
                how="left",
                maintain_order="left",
            )["contact_point_id"]
            for channel in CHANNELS
        }
        self.records = TableRecords(self.tables, standing.select("account_id", "past_due_days"))
        self.numbers = self.records.people(ids["customer_id"])
        self.point_numbers = {
            channel: self.records.points_of(points) for channel, points in self.points.items()
        }

    def allowed(
        self, standing: pl.DataFrame, persons: Ints, times: Ints, wanted: Flags, ways: list[tuple[str, str]]
    ) -> Flags:
        """For each person and treatment (whose channel and purpose are its way), whether the gate allows it at their time.

        Only what is ``wanted`` is asked. ``times``: microseconds UTC.
        """
        answer = np.ones((len(persons), len(ways)), dtype=np.bool_)
        self.records = self.records.renewed(self.tables, standing.select("account_id", "past_due_days"))
        for way in dict.fromkeys(ways):
            columns = [place for place, one in enumerate(ways) if one == way]
            rows = np.flatnonzero(wanted[:, [place + 1 for place in columns]].any(axis=1))
            if not len(rows):
                continue
            may = self._asked(persons[rows], times[rows], way)
            for column in columns:
                answer[rows, column] = may
        return answer

    def _asked(self, persons: Ints, times: Ints, way: tuple[str, str]) -> Flags:
        channel, purpose = way
        may = np.zeros(len(persons), dtype=np.bool_)
        gates, points = self.gate_of[persons], self.point_numbers[channel]
        for number, gate in enumerate(self.gates):
            mine = np.flatnonzero(gates == number)
            if len(mine):
                who = persons[mine]
                asked = self.records.attempts_to(
                    self.numbers[who], times[mine], channel, purpose, points[who]
                )
                judged = gate.judge(gate.law(self.records.zone_names), self.records.records, asked)
                is_refused = np.any(judged.refused != 0, axis=1) | (judged.flags != 0) | bool(gate.missing)
                may[mine] = ~is_refused
        return may

    def learn(self, events: Events) -> None:
        """Add a day's contacts, holds and wishes to what the gate knows."""
        for name in ("contacts", "holds", "preferences"):
            came, known = events.tables[name], self.tables[name]
            if came.height:
                columns = [column for column in known.columns if column in came.columns]
                rows = came.select(pl.col(column).cast(known.schema[column]) for column in columns)
                self.tables[name] = pl.concat([known, rows], how="diagonal")


def _first_points(points: pl.DataFrame) -> pl.DataFrame:
    """The contact point that each person is contacted at, by channel: their own, the first by its id."""
    kinds = pl.DataFrame(
        [(channel, kind, rank) for channel, usable in CHANNELS.items() for rank, kind in enumerate(usable)],
        schema=["channel", "kind", "rank"],
        orient="row",
    )
    own = points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null())
    return (
        own.select("customer_id", "contact_point_id", pl.col("kind").cast(pl.String))
        .join(kinds, on="kind")
        .sort("customer_id", "channel", "rank", "contact_point_id")
        .unique(["customer_id", "channel"], keep="first", maintain_order=True)
        .select("customer_id", "channel", "contact_point_id")
    )
