"""A decision made again: from what was known at the time, under the policy of the time, compared bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from dunwell.book import Book, Partition
from dunwell.ledger import positions
from dunwell.nightly.chosen import Made, chosen
from dunwell.nightly.decisions import decisions, inputs_digests
from dunwell.nightly.keeping import (
    decisions_of,
    earlier_of,
    kept_runs,
    market_of,
    model_of,
    read_market,
    stopped_of,
)
from dunwell.nightly.lost import Lost
from dunwell.nightly.market import settle
from dunwell.nightly.offers import offers_of
from dunwell.nightly.policies import RunPolicy, read_run_policy
from dunwell.nightly.strategist import valuer_of
from dunwell.nightly.worklist import plan_contacts
from dunwell.resolution import promises_as_of
from dunwell.settings import Settings

SHARED = (
    "treatment",
    "channel",
    "contact_point_id",
    "scheduled_at",
    "text_id",
    "value",
    "price",
    "probability",
)
"""What of a strategy's decision hangs on everybody who shared the day."""


class CannotReplay(LookupError):
    """The decision cannot be made again; says why and the mend."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision as it was kept and as it is made now, and the columns in which they differ.

    ``erased_count``: people of that day who were erased since. The day was shared with them, so what hangs on everybody
    (``SHARED``) may come out otherwise without them; where it does it stands in ``beside_erased`` and not in ``differences``.
    """

    kept: dict[str, Any]
    again: dict[str, Any]
    differences: tuple[str, ...]
    erased_count: int = 0
    beside_erased: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether they are equal, bit for bit, but for what the erased may have had a share in."""
        return not self.differences

    @property
    def is_for_certain(self) -> bool:
        """Whether they are equal in everything."""
        return not self.differences and not self.beside_erased


def replay(settings: Settings, decision_id: str) -> Replayed:
    """Make a decision again. Raises CannotReplay, NoBook, TermsError, PolicyError."""
    kept, about = _find(settings, decision_id)
    policy = _policy_then(settings, about)
    customer = kept["customer_id"].item()
    partition = _partition_of(Book(settings.book_folder), customer)
    as_of = date.fromisoformat(about["as_of"])
    known_at = None if about["known_at"] is None else datetime.fromisoformat(about["known_at"])
    partition = _as_known(partition, datetime.fromisoformat(about["knows_until"]))
    today = positions(partition.tables, policy.terms, as_of, known_at, keeps_timeline=True).frame
    promises = promises_as_of(partition.tables, as_of, known_at, policy.promised)
    then = _Then(settings, about, policy, as_of, known_at)
    decide = _by_the_ladder if about.get("strategy") is None else _by_the_strategy
    again = decide(then, partition.tables, today, promises, customer)
    differences = [name for name in kept.columns if not kept[name].equals(again[name], null_equal=True)]
    erased = int(about.get("erased", 0))
    beside = [name for name in differences if erased and name in SHARED]
    told = tuple(name for name in differences if name not in beside)
    return Replayed(kept.to_dicts()[0], again.to_dicts()[0], told, erased, tuple(beside))


@dataclass(frozen=True, slots=True)
class _Then:
    """What the decision was made under."""

    settings: Settings
    about: dict[str, Any]
    policy: RunPolicy
    as_of: date
    known_at: datetime | None


def _by_the_ladder(
    then: _Then,
    tables: Mapping[str, pl.DataFrame],
    today: pl.DataFrame,
    promises: pl.DataFrame,
    customer: str,
) -> pl.DataFrame:
    work = plan_contacts(
        tables,
        today,
        then.policy.law,
        then.about["actor"],
        then.as_of,
        known_at=then.known_at,
        lost=_lost(then.about),
        promises=promises,
    ).filter(pl.col("customer_id") == customer)
    _is_there(work, customer)
    inputs = inputs_digests(tables, today, promises, work["customer_id"], then.known_at)
    return decisions(work, inputs, then.as_of, then.known_at, then.policy.hash)


def _by_the_strategy(
    then: _Then,
    tables: Mapping[str, pl.DataFrame],
    today: pl.DataFrame,
    promises: pl.DataFrame,
    customer: str,
) -> pl.DataFrame:
    """The customer's offers are made anew and take their place in the market as it was kept; the day is settled again."""
    kept, settings = then.about["strategy"], then.settings
    sha256 = kept["model"]
    valuer, problem = valuer_of(
        then.policy, then.as_of, None if sha256 is None else model_of(settings, sha256)
    )
    market = read_market(settings, then.about["run_id"])
    if valuer is None or market is None or (sha256 is not None and valuer.learned is None):
        missing = (
            market_of(settings, then.about["run_id"]) if market is None else model_of(settings, str(sha256))
        )
        raise CannotReplay(
            f"{missing} is missing or was changed. Restore it from your copy. {problem}".strip()
        )
    offered = offers_of(
        tables,
        today,
        then.policy,
        valuer,
        then.about["actor"],
        then.as_of,
        known_at=then.known_at,
        lost=_lost(then.about),
        promises=promises,
    ).of(customer)
    _is_there(offered.people, customer)
    others = market.filter(pl.col("customer_id") != customer).drop("chances")
    settled = settle(
        valuer.strategy,
        pl.concat([others, offered.market.select(others.columns)]),
        then.as_of,
        is_cold=valuer.is_cold,
        earlier=None if (earlier := earlier_of(then.about)) is None else earlier.frame,
        stopped=stopped_of(then.about),
    )
    inputs = inputs_digests(tables, today, promises, offered.people["customer_id"], then.known_at)
    made = Made(then.as_of, then.known_at, then.policy.hash, valuer.models)
    return chosen(offered, settled, valuer.strategy, inputs, made).decisions


def _is_there(rows: pl.DataFrame, customer: str) -> None:
    if not rows.height:
        raise CannotReplay(
            f"{customer} is not overdue by the book as it is now: rows that the decision was made from are gone"
        )


def _find(settings: Settings, decision_id: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The newest run's decision of that id (a run made again decides the same) and what the run says of itself."""
    for about in reversed(kept_runs(settings)):
        file = decisions_of(settings, about["run_id"])
        found = pl.scan_parquet(file).filter(pl.col("decision_id") == decision_id).collect()
        if found.height:
            return found, about
    raise CannotReplay(
        f"no run decided {decision_id!r}, or the person was erased. Look for it in book/decisions.parquet, column decision_id"
    )


def _policy_then(settings: Settings, about: dict[str, Any]) -> RunPolicy:
    folder = settings.evidence_folder / "policy" / str(about["policy_hash"])
    if not folder.is_dir():
        raise CannotReplay(
            f"the policy {about['policy_hash'][:12]} of that run is not in {folder.parent}. Restore it from your copy"
        )
    policy = read_run_policy(folder)
    if policy.hash != about["policy_hash"]:
        raise CannotReplay(
            f"the texts that come with dunwell are not those of that run (it was made by dunwell"
            f" {about['versions'].get('dunwell')}), or {folder} was changed. Replay it with that version"
        )
    return policy


def _partition_of(book: Book, customer: str) -> Partition:
    for number in range(book.partition_count):
        partition = book.partition(number)
        if partition.tables["customers"]["customer_id"].is_in([customer]).any():
            return partition
    raise CannotReplay(f"the book does not know {customer} any more. Restore the book of that run")


def _as_known(partition: Partition, until: datetime) -> Partition:
    """The partition without what was recorded after the run; rows name their account by its place among those left."""
    is_known = pl.col("recorded_at") <= until
    placed = (
        partition.tables["accounts"].with_row_index("before").filter(is_known).with_row_index("account_row")
    )
    places = placed.select("before", pl.col("account_row").cast(pl.Int64))
    tables = {}
    for name, rows in partition.tables.items():
        left = rows.filter(is_known)
        if "account_row" in rows.columns:
            kind = rows.schema["account_row"]
            moved = left.rename({"account_row": "before"}).with_columns(pl.col("before").cast(pl.UInt32))
            left = moved.join(places, on="before", how="left", maintain_order="left")
            left = left.with_columns(pl.col("account_row").cast(kind)).select(rows.columns)
        tables[name] = left
    return Partition(partition.number, tables)


def _lost(about: dict[str, Any]) -> Lost:
    empty = Lost()
    rows = (
        pl.DataFrame(about["lost"]["rows"], schema=empty.rows.schema) if about["lost"]["rows"] else empty.rows
    )
    return Lost(rows, tuple(about["lost"]["for_all"]))
