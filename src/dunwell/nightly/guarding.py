"""Guard-rails, looked at every night before a lot is drawn: what the kept decisions and the day's book say of complaints,
opt-outs and hardship, and the arms that are stopped by it.

A customer is of the arm of their first decision in the experiment, whatever came later, and counts with the arms that were open
to them on that day.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from dunwell.nightly.keeping import decisions_of, kept_runs, market_of, stopped_of
from dunwell.nightly.offers import VALUE
from dunwell.settings import Settings
from dunwell.strategy.experiments import Experiment, guard_alarms
from dunwell.strategy.experiments.design import NOTHING, STOPPED
from dunwell.strategy.experiments.stopping import Stopped, by_text, still
from dunwell.strategy.text import Strategy

HARMS: Mapping[str, type[pl.DataType]] = {"customer_id": pl.String, "on": pl.Date, "event": pl.String}
ENROLLED: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "assigned_on": pl.Date,
    "arm": pl.String,
    "blocked": pl.List(pl.String),
}

_HOLDS = {"complaint": "complaint", "hardship": "hardship", "cease": "opt_out"}
"""The event that a hold of each kind is."""


class Guard:
    """The guard-rails of the experiments that are running on a day."""

    def __init__(self, settings: Settings, strategy: Strategy, day: date, known_at: datetime | None) -> None:
        self._settings, self._day, self._known_at = settings, day, known_at
        self._running = [one for one in strategy.experiments if one.is_running(day)]
        self._runs = _runs_before(settings, day) if self._running else {}
        self._harms: list[pl.DataFrame] = []

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take note of the harms that a partition of the day's book tells of."""
        if self._runs and any(one.guard_rails for one in self._running):
            self._harms.append(harms_of(tables, self._known_at))

    def stopped(self) -> tuple[Stopped, ...]:
        """Every arm that is stopped on the day: by the text, by an earlier night, or since a guard-rail is crossed now."""
        found: list[Stopped] = []
        kept = [one for about in self._runs.values() for one in stopped_of(about) if one.is_by_guard_rail]
        for experiment in self._running:
            mine = by_text(experiment, self._day)
            shut = {one.arm for one in mine}
            mine += [one for one in still(experiment, kept, self._day) if one.arm not in shut]
            found += mine + self._crossed(experiment, {one.arm for one in mine})
        return tuple(found)

    def _crossed(self, experiment: Experiment, shut: set[str]) -> list[Stopped]:
        if not experiment.guard_rails or not self._harms:
            return []
        harms = pl.concat(self._harms)
        if not harms.height or shut >= set(experiment.treatments[1:]):
            return []
        log = self._enrolled(experiment)
        found: list[Stopped] = []
        for alarm in guard_alarms(experiment, log, harms, self._day):
            if alarm.arm not in shut:
                shut.add(alarm.arm)
                counts = (alarm.arm_events, alarm.arm_count, alarm.control_events, alarm.control_count)
                names = (experiment.name, alarm.arm, experiment.control)
                found.append(Stopped(*names, self._day, "", alarm.event, *counts))
        return found

    def _enrolled(self, experiment: Experiment) -> pl.DataFrame:
        """The customers of an experiment as of the day, with the columns of ENROLLED."""
        found = pl.DataFrame(schema=dict(ENROLLED))
        start = f"{experiment.name}: "
        for day, about in self._runs.items():
            if not experiment.is_running(day):
                continue
            rows = (
                pl.scan_parquet(decisions_of(self._settings, about["run_id"]))
                .filter(pl.col("arm").str.starts_with(start))
                .select(
                    "customer_id",
                    pl.lit(day).alias("assigned_on"),
                    pl.col("arm").str.strip_prefix(start).alias("arm"),
                )
                .collect()
                .join(found, on="customer_id", how="anti")
            )
            rows = rows.filter(pl.col("arm").str.strip_suffix(STOPPED).is_in(experiment.treatments))
            if rows.height:
                found = pl.concat([found, self._with_blocked(rows, experiment, about["run_id"])])
        return found

    def _with_blocked(self, rows: pl.DataFrame, experiment: Experiment, run_id: str) -> pl.DataFrame:
        """With the arms that were not open to each on the day, by the market that the day was decided from."""
        file = market_of(self._settings, run_id)
        market = pl.scan_parquet(file)
        valued = set(market.collect_schema().names())
        shut = [
            pl.when(pl.col(VALUE + name).is_null()).then(pl.lit(name))
            if VALUE + name in valued
            else pl.lit(name)
            for name in experiment.treatments
            if name != NOTHING
        ]
        blocked = pl.concat_list(shut).list.drop_nulls().alias("blocked")
        theirs = (
            market.join(rows.lazy().select("customer_id"), on="customer_id", how="semi")
            .select("customer_id", blocked)
            .collect()
        )
        return rows.join(theirs, on="customer_id", how="inner").select(list(ENROLLED))


def _runs_before(settings: Settings, day: date) -> dict[date, dict[str, Any]]:
    """What the runs say whose decisions a strategy made before a day, by day, the newest of each."""
    found: dict[date, dict[str, Any]] = {}
    for about in kept_runs(settings):
        of_day = date.fromisoformat(about["as_of"])
        if of_day < day and about.get("strategy") and market_of(settings, about["run_id"]).is_file():
            found[of_day] = about
    return dict(sorted(found.items()))


def harms_of(tables: Mapping[str, pl.DataFrame], known_at: datetime | None) -> pl.DataFrame:
    """What of a partition a guard-rail may count, with the columns of HARMS: holds for a complaint, hardship or a wish to be
    left in peace; consents withdrawn; channels ruled out, on the day they were recorded.
    """
    known = {
        name: rows if known_at is None else rows.filter(pl.col("recorded_at") <= known_at)
        for name, rows in tables.items()
        if name in ("holds", "consents", "preferences")
    }
    found = []
    if "holds" in known:
        owners = tables["accounts"].select("customer_id").with_row_index("account_row")
        holds = known["holds"].filter(pl.col("kind").cast(pl.String).is_in(list(_HOLDS)))
        held = holds.select(
            pl.col("account_row").cast(pl.UInt32),
            pl.col("from_on").alias("on"),
            pl.col("kind").cast(pl.String).replace_strict(_HOLDS, return_dtype=pl.String).alias("event"),
        )
        found.append(held.join(owners, on="account_row"))
    if "consents" in known:
        withdrawn = known["consents"].filter(pl.col("withdrawn_at").is_not_null())
        found.append(
            withdrawn.select("customer_id", on=pl.col("withdrawn_at").dt.date(), event=pl.lit("opt_out"))
        )
    if "preferences" in known:
        barred = known["preferences"].filter(pl.col("kind") == "not_channel")
        found.append(
            barred.select("customer_id", on=pl.col("recorded_at").dt.date(), event=pl.lit("opt_out"))
        )
    shaped = [rows.select(pl.col(name).cast(kind) for name, kind in HARMS.items()) for rows in found]
    return pl.concat(shaped) if shaped else pl.DataFrame(schema=dict(HARMS))
