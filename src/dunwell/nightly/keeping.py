"""What a run leaves in the evidence, so that each of its decisions can be made again: the decisions, the policy and the model
they were made under, and of a strategy's day the market, the prices it started from and those it came to.

Policy and model are kept before anything is decided, and the run decides from what is kept: a text that is edited while a run
goes on is the next run's. Every file is written beside its place and moved there whole. A run counts once its word lies in
``evidence/decisions/RUN.json``; it is written into the new book first and comes there when the book has been swapped, so a run
that stops half-way has decided nothing, and one that stops just after the swap is finished by whoever looks next.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import Book, NoBook
from dunwell.insight import InsightError
from dunwell.ledger import TermsError
from dunwell.nightly.about import RunFacts
from dunwell.nightly.lost import Lost
from dunwell.nightly.policies import RunPolicy, read_run_policy
from dunwell.nightly.strategist import DayStrategy, Earlier
from dunwell.policy import PolicyError
from dunwell.settings import Settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.learned import FOLDER as VALUES

WORD = "kept.json"
"""The run's word on itself in its book, until it lies in the evidence."""


def kept_policy(settings: Settings) -> RunPolicy:
    """The workspace's policy, kept and read from where it is kept: what a run names is what it decided by, whatever is edited
    meanwhile. Raises TermsError, PolicyError.
    """
    found = read_run_policy(settings.root / "policy")
    folder = settings.evidence_folder / "policy"
    with _laid_aside(folder / ".new") as aside:
        for place, file in found.files.items():
            (aside / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, aside / place)
        copied = read_run_policy(aside)
        kept = folder / copied.hash
        if (before := _as_kept(kept)) is not None and before.hash == copied.hash:
            return before
        shutil.rmtree(kept, ignore_errors=True)
        aside.rename(kept)
    return read_run_policy(kept)


def _as_kept(folder: Path) -> RunPolicy | None:
    """A policy that an earlier run kept; None where there is none, or it was damaged since."""
    try:
        return read_run_policy(folder) if folder.is_dir() else None
    except (TermsError, PolicyError, OSError):
        return None


def kept_model(settings: Settings) -> Path | None:
    """The learned values on the shelf, kept; where they are kept. The shelf's own folder where they are damaged, which is for the
    reader to tell; None where there are none.
    """
    own = settings.root / "models" / VALUES
    if not own.is_dir():
        return None
    with _laid_aside(settings.evidence_folder / "models" / ".new") as aside:
        try:
            shutil.copytree(own, aside / VALUES)
            kept = model_of(settings, shelf.load(aside / VALUES).sha256)
        except (InsightError, OSError):
            return own
        if not _is_whole(kept):
            shutil.rmtree(kept.parent, ignore_errors=True)
            aside.rename(kept.parent)
    return kept


def _is_whole(model: Path) -> bool:
    """Whether a kept model is there as it was saved."""
    try:
        return model.is_dir() and shelf.load(model).sha256 == model.parent.name
    except InsightError:
        return False


@contextmanager
def _laid_aside(folder: Path) -> Iterator[Path]:
    """An empty folder to be filled and moved into place; what is left of it goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_decisions(
    settings: Settings,
    facts: RunFacts,
    book: Path,
    policy: RunPolicy,
    lost: Lost,
    known_at: datetime,
    strategic: DayStrategy | None = None,
) -> None:
    """Keep a run's decisions and what they were made under; they count once ``finish_keeping`` finds the run's word in the
    workspace's book.

    ``book``: the new book, not in its place yet. ``known_at``: what counts as known to the run.
    """
    about = {
        "run_id": facts.run_id,
        "as_of": facts.as_of.isoformat(),
        "known_at": None if facts.known_at is None else facts.known_at.isoformat(),
        "knows_until": known_at.isoformat(),
        "policy_hash": policy.hash,
        "actor": settings.actor,
        "versions": dict(facts.versions),
        "lost": {"rows": _that_matter(lost, book).to_dicts(), "for_all": list(lost.for_all)},
        "strategy": None if strategic is None else _strategy(settings, facts.run_id, strategic),
    }
    decisions = book / "decisions.parquet"
    _write_whole(decisions_of(settings, facts.run_id), lambda file: shutil.copy(decisions, file))
    (book / WORD).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def _that_matter(lost: Lost, book: Path) -> pl.DataFrame:
    """The lost rows that name somebody whom the book knows: those who were erased stand in the tape still, and nowhere else."""
    if not lost.rows.height:
        return lost.rows
    known = pl.scan_parquet(book / "partition=*" / "accounts.parquet")
    accounts = known.select("account_id", "customer_id").collect()
    return lost.rows.filter(
        pl.col("customer_id").is_in(accounts["customer_id"].implode()).fill_null(False)
        | pl.col("account_id").is_in(accounts["account_id"].implode()).fill_null(False)
    )


def finish_keeping(settings: Settings) -> None:
    """Let the run that the book is of count, should its word not lie in the evidence yet."""
    word = settings.book_folder / WORD
    if not word.is_file():
        return
    text = word.read_text(encoding="utf-8")
    run_id = json.loads(text)["run_id"]
    place = decisions_of(settings, run_id)
    if place.is_file() and not (about := place.with_suffix(".json")).is_file():
        _write_whole(about, lambda file: file.write_text(text, encoding="utf-8"))


def kept_runs(settings: Settings) -> list[dict[str, Any]]:
    """What every run that counts says of itself, by day and instant."""
    finish_keeping(settings)
    files = sorted((settings.evidence_folder / "decisions").glob("*.json"), key=lambda file: file.name)
    found: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [about for about in found if decisions_of(settings, about["run_id"]).is_file()]


def erase_kept(settings: Settings, customer_ids: Iterable[str]) -> None:
    """Take people out of everything that runs have kept. What the others' decisions were settled from lacks them from then on:
    their run's word counts how many (``erased``), which a replay tells.
    """
    gone = set(customer_ids)
    accounts = _accounts_of(settings, gone)
    is_theirs = pl.col("customer_id").is_in(list(gone))
    evidence = settings.evidence_folder
    evidence.mkdir(parents=True, exist_ok=True)
    with (evidence / ".erasing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for decided in sorted((evidence / "decisions").glob("*.parquet")):
            rows = pl.scan_parquet(decided)
            accounts |= set(rows.filter(is_theirs).select("account_id").collect()["account_id"].drop_nulls())
            _without(decided, is_theirs)
        words = sorted((evidence / "decisions").glob("*.json"))
        for market in sorted((evidence / "markets").glob("*.parquet")):
            if count := _without(market, is_theirs):
                for word in (one for one in words if one.stem == market.stem):
                    _amend(word, partial(_counted, count=count))
        for word in [*words, *(file for file in [settings.book_folder / WORD] if file.is_file())]:
            _amend(word, lambda about: _not_lost(about, gone, accounts))


def _accounts_of(settings: Settings, customer_ids: set[str]) -> set[str]:
    """Their accounts by the book; empty without one."""
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return set()
    found = [
        book.partition(number).tables["accounts"].filter(pl.col("customer_id").is_in(list(customer_ids)))
        for number in range(book.partition_count)
    ]
    return set(pl.concat(found)["account_id"])


def _without(file: Path, is_theirs: pl.Expr) -> int:
    """A file without some people's rows; how many went."""
    rows = pl.scan_parquet(file)
    count: int = rows.filter(is_theirs).select(pl.len()).collect().item()
    if count:
        left = rows.filter(~is_theirs.fill_null(False)).collect()
        _write_whole(file, left.write_parquet)
    return count


def _amend(file: Path, change: Callable[[dict[str, Any]], bool]) -> None:
    about = json.loads(file.read_text(encoding="utf-8"))
    if change(about):
        text = json.dumps(about, indent=1, ensure_ascii=False)
        _write_whole(file, lambda new: new.write_text(text, encoding="utf-8"))


def _counted(about: dict[str, Any], count: int) -> bool:
    about["erased"] = about.get("erased", 0) + count
    return True


def _not_lost(about: dict[str, Any], customers: set[str], accounts: set[str]) -> bool:
    """Take out the lost rows that name them."""
    rows = about["lost"]["rows"]
    left = [row for row in rows if row["customer_id"] not in customers and row["account_id"] not in accounts]
    about["lost"]["rows"] = left
    return len(left) < len(rows)


def _write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there, once it is on the disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    write(new)
    with new.open("rb+") as written:
        os.fsync(written.fileno())
    new.replace(file)


def _strategy(settings: Settings, run_id: str, strategic: DayStrategy) -> dict[str, Any]:
    """The market of a day, laid down; and what else the day was settled from, and came to."""
    chances = strategic.settled.decided.select("customer_id", "chances")
    market = strategic.market.join(chances, on="customer_id", maintain_order="left")
    _write_whole(market_of(settings, run_id), market.write_parquet)
    learned, earlier = strategic.valuer.learned, strategic.earlier
    prices = strategic.settled.capacities.select("capacity", "price")
    return {
        "currency": strategic.valuer.strategy.currency,
        "treatments": list(strategic.valuer.strategy.treatment_names),
        "model": None if learned is None else learned.sha256,
        "is_cold": strategic.settled.is_cold,
        "gap": strategic.settled.gap,
        "prices": dict(prices.iter_rows()),
        "stopped": [one.as_dict() for one in strategic.stopped],
        "earlier": None if earlier is None else {"run_id": earlier.run_id, "prices": dict(earlier.prices)},
    }


def decisions_of(settings: Settings, run_id: str) -> Path:
    """Where a run's decisions are kept; its word on itself lies beside them (``.json``)."""
    return settings.evidence_folder / "decisions" / f"{run_id}.parquet"


def market_of(settings: Settings, run_id: str) -> Path:
    """Where a run's market is kept."""
    return settings.evidence_folder / "markets" / f"{run_id}.parquet"


def model_of(settings: Settings, sha256: str) -> Path:
    """Where learned values that a run used are kept."""
    return settings.evidence_folder / "models" / sha256 / VALUES


def earlier_prices(settings: Settings, day: date) -> Earlier | None:
    """The prices of the last day before this one that a strategy decided; None where there is none.

    Not those of another run for the same day: a day that is run again is decided as it was.
    """
    for about in reversed(kept_runs(settings)):
        if date.fromisoformat(about["as_of"]) < day and (kept := about.get("strategy")):
            return Earlier(about["run_id"], _numbers(kept["prices"]))
    return None


def earlier_of(about: Mapping[str, Any]) -> Earlier | None:
    """The prices that a kept run started from."""
    told = about["strategy"]["earlier"]
    return None if told is None else Earlier(told["run_id"], _numbers(told["prices"]))


def stopped_of(about: Mapping[str, Any]) -> tuple[Stopped, ...]:
    """The arms that were stopped on the day of a kept run."""
    return tuple(Stopped.of(told) for told in about["strategy"].get("stopped", ()))


def _numbers(prices: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(price) for name, price in prices.items()}


def read_market(settings: Settings, run_id: str) -> pl.DataFrame | None:
    """A run's market; None where it is not kept."""
    file = market_of(settings, run_id)
    return pl.read_parquet(file) if file.is_file() else None
