"""Does the product's own run learn from its own log? Rounds of days in the world, values trained between them, against the same
world in which nothing is ever trained.

Every night the daily run decides with the strategy's text (lots and a hold-out in it), every day its contacts are made in the
world, and after each round `dunwell train values` learns from what the runs have kept. Beside it the same people with the same
luck live through the same days with nothing trained. Nothing sees the world's truth. Each world is a pair; the difference in
money collected, by round, has Student's interval over the worlds.
Run: ``python -m benchmarks.nightly_learning [--accounts N] [--rounds N] [--days N] [--worlds N]``.
"""

import argparse
import re
import shutil
import tempfile
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.measuring import load, say, today
from dunwell.book import Book
from dunwell.cli.simulate import live_a_day
from dunwell.cli.workspace import copy_template
from dunwell.ledger.terms import read_terms
from dunwell.nightly.learning import learn_values
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.policy_trial import t95
from dunwell.settings import Settings, read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.rates import FILE_NAME, read_rates
from dunwell.strategy.text import read_strategy

AS_OF = date(2026, 6, 30)
STRESS = 4.0


def main() -> None:
    """Live through the worlds and print the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--days", type=int, default=15, help="days a round")
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--minutes", type=int, default=150, help="agents' minutes a day")
    asked = parser.parse_args()
    leads = []
    for seed in range(asked.worlds):
        learning, cold = (
            lived(asked.accounts, asked.rounds, asked.days, asked.minutes, seed, learns=learns)
            for learns in (True, False)
        )
        leads.append(np.array(learning) - np.array(cold))
        say(
            f"world {seed}: collected by round, learning {told(learning)}; the text's order alone {told(cold)}"
        )
    rows = np.array(leads)
    say(
        f"{today()}, load {load():.1f}: {asked.accounts:,} accounts, {asked.worlds} worlds, in the strategy's currency"
    )
    for number, lead in enumerate(rows.T, start=1):
        half = t95(len(lead) - 1) * lead.std(ddof=1) / np.sqrt(len(lead)) if len(lead) > 1 else np.nan
        say(f"round {number}: {lead.mean():+,.0f} ({lead.mean() - half:+,.0f} to {lead.mean() + half:+,.0f})")


def told(amounts: list[float]) -> str:
    """Amounts in a line."""
    return ", ".join(f"{amount:,.0f}" for amount in amounts)


def lived(accounts: int, rounds: int, days: int, minutes: int, seed: int, *, learns: bool) -> list[float]:
    """The money of each round in a world; with ``learns`` values are trained after each but the last."""
    with tempfile.TemporaryDirectory() as folder:
        settings = _lender(Path(folder) / "shop", accounts, minutes)
        census = read_census(settings.tape_folder, read_terms(settings.root / "policy" / "terms"), AS_OF)
        world, money = DebtorWorld(census, read_effects(), seed, AS_OF), []
        for number in range(rounds):
            before = float(world.debts.paid_minor.sum())
            for _ in range(days):
                live_a_day(settings, world)
            money.append((float(world.debts.paid_minor.sum()) - before) / 100)
            if learns and number + 1 < rounds:
                _train(settings, days)
        return money


def _lender(folder: Path, accounts: int, minutes: int) -> Settings:
    """A workspace whose text draws lots: a tenth held out, a fifth explored."""
    copy_template(folder)
    settings = read_settings(folder)
    for example in [*settings.tape_folder.iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for terms in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(terms, folder / "policy" / "terms" / terms.name)
    file = folder / "policy" / "strategy.toml"
    wanted = file.read_text(encoding="utf-8")
    wanted = wanted.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"').replace(
        'rate = "0"', 'rate = "0.2"'
    )
    wanted = wanted.replace('per_day = "4200"', f'per_day = "{minutes}"')
    wanted = re.sub(r'^currency = "[A-Z]+"', 'currency = "USD"', wanted, flags=re.MULTILINE)
    file.write_text(wanted, encoding="utf-8")
    write_portfolio(settings.tape_folder, accounts, 11, AS_OF, jurisdictions=["us"], stress=STRESS)
    return settings


def _train(settings: Settings, window: int) -> None:
    """What ``dunwell train values`` does; a log that cannot teach yet leaves the values as they are."""
    strategy = read_strategy(settings.root / "policy" / "strategy.toml")
    day = date.fromisoformat(Book(settings.book_folder).as_of)
    rates = read_rates(settings.root / "policy" / FILE_NAME, strategy.currency, day)
    try:
        lessons = learn_values(settings, strategy, rates, max(window - 5, 1))
    except CannotEvaluate as error:
        say(f"  not trained: {error}")
        return
    shelf.save(lessons.learned, settings.root / "models" / shelf.FOLDER)
    given = lessons.learned.card["over_waiting"]
    say(f"  trained on {lessons.decision_count:,} decisions; today against waiting: {given or 'not yet'}")


if __name__ == "__main__":
    main()
