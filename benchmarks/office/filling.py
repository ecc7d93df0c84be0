"""A million cases and ten million events, step by step: each is done once, so a filling that was cut off goes on where it was."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measuring import load, say
from benchmarks.office.database import cluster


def fill(at: Path, count: int, pattern: int, seed: int, workers: int) -> None:
    """Make the workspace and its database at a folder, or go on with them. ``pattern``: customers that are run; the rest repeats
    them. ``workers``: processes that write people and events beside each other.
    """
    steps, shop = _Steps(at, {"cases": count, "pattern": pattern, "seed": seed}), at / "shop"
    copies = -(-count // pattern)
    steps.do(f"the daily run of {pattern:,} customers", lambda: _run(at, pattern, seed))
    with cluster(at / "postgresql", is_filling=True) as url:
        os.environ["DATABASE_URL"] = url
        place = office(shop)
        from benchmarks.office import journal, portfolio
        from dunwell.office.cases.publishing import bring_in_who_wrote, publish
        from dunwell.office.cases.routing import reroute_told
        from dunwell.office.compliance.complaints import note_complaints
        from dunwell.office.compliance.refusals import note_refusals
        from dunwell.office.compliance.reviewing import draw
        from dunwell.office.supervision.coaching import note_signs

        steps.do("their queue", lambda: publish(place))
        steps.do(f"their book, {copies} times", lambda: portfolio.repeat_book(place.settings, copies))
        steps.do(f"their queue, {copies} times", lambda: portfolio.repeat_cases(copies))
        kept = at / "indexes.json"
        steps.do("keys and indexes put away", lambda: _put_away(place, kept))
        now = datetime.fromisoformat(steps.remember("now", datetime.now(UTC).isoformat()))
        with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (shop, url)) as pool:
            before = now - timedelta(days=journal.DAYS + 1)
            steps.do("the people", lambda: _all(pool.map(_people, range(copies), [before] * copies)))
            rounds = range(len(journal.ROUNDS))
            steps.do("their events", lambda: _all(pool.map(_round, rounds, [now] * len(rounds))))
        steps.do("keys and indexes", lambda: journal.restore_indexes(kept))
        steps.do("checked and sealed", lambda: journal.finish(place, now))
        steps.do("the book laid out by customer", lambda: place.shelf)
        steps.do("who wrote", lambda: bring_in_who_wrote(place))
        steps.do("complaints", lambda: note_complaints(place))
        steps.do("the draw for review", lambda: draw(place))
        steps.do("signs", lambda: note_signs(place))
        steps.do("skills asked for", lambda: reroute_told(place, 10**6))
        steps.do("refusals by rule", lambda: note_refusals(place))
        steps.do("vacuumed", journal.vacuum)


class _Steps:
    """What was done of a filling, in a file: how long each step took by the clock, and how busy the machine was."""

    def __init__(self, at: Path, asked: dict[str, int]) -> None:
        at.mkdir(parents=True, exist_ok=True)
        self._file = at / "filled.json"
        told = json.loads(self._file.read_text(encoding="utf-8")) if self._file.is_file() else {}
        if told and told["asked"] != asked:
            raise SystemExit(
                f"{at} holds a filling of {told['asked']}: `clean` it first, or name another folder"
            )
        self._told: dict[str, Any] = told or {"asked": asked, "remembered": {}, "done": {}}
        self._began = time.perf_counter()

    def do(self, name: str, act: Callable[[], Any]) -> None:
        """Do a step, unless it was done."""
        if name in self._told["done"]:
            say(f"    done  {name}")
            return
        began = time.perf_counter()
        act()
        took = round(time.perf_counter() - began)
        self._told["done"][name] = {"seconds": took, "load": round(load(), 1)}
        self._write()
        say(f"{time.perf_counter() - self._began:6.0f} s  {name} ({took} s, load {load():.0f})")

    def remember(self, name: str, value: str) -> str:
        """What was remembered under a name; ``value`` the first time."""
        found: str = self._told["remembered"].setdefault(name, value)
        self._write()
        return found

    def _write(self) -> None:
        staging = self._file.with_suffix(".tmp")
        staging.write_text(json.dumps(self._told, indent=1), encoding="utf-8")
        staging.rename(self._file)


def office(shop: Path) -> Any:
    """The workplace of the workspace, its database (DATABASE_URL) up to date."""
    from dunwell.office.project import set_up_office
    from dunwell.settings import read_settings

    set_up_office(read_settings(shop))
    from dunwell.office.keeping import bring_up_to_date
    from dunwell.office.workplace import workplace

    bring_up_to_date(workplace())
    return workplace()


def _run(at: Path, pattern: int, seed: int) -> None:
    from benchmarks.office.portfolio import make_workspace

    for name in ("shop", "postgresql"):  # what an earlier beginning left
        shutil.rmtree(at / name, ignore_errors=True)
    make_workspace(at / "shop", pattern, datetime.now(UTC).date() - timedelta(days=1), seed)


def _put_away(place: Any, kept: Path) -> None:
    from benchmarks.office.journal import begin, drop_indexes

    drop_indexes(kept)
    begin(place)


def _all(results: Iterable[int]) -> int:
    return sum(results)


def _begin(shop: Path, url: str) -> None:
    """A process of its own: the same office."""
    os.environ["DATABASE_URL"] = url
    office(shop)


def _people(number: int, at: datetime) -> int:
    from benchmarks.office.journal import write_people
    from dunwell.office.workplace import workplace

    return write_people(workplace(), number, at)


def _round(number: int, now: datetime) -> int:
    from benchmarks.office.journal import write_round

    return write_round(number, now)
