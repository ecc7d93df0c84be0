"""``dunwell train values``: what each treatment of the strategy is worth, learned from the workspace's own log."""

import json
from datetime import date
from pathlib import Path

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.strategy import strategy_file
from dunwell.settings import read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.rates import FILE_NAME, read_rates
from dunwell.strategy.text import read_strategy
from dunwell.strategy.treatment_rates import in_words


def train_values(out: Path | None, window_days: int | None, as_json: bool) -> int:
    """Learn, save on the shelf with a card, and print what was learned. The next run uses it by itself."""
    from dunwell.nightly.learning import Lessons, learn_values

    settings = read_settings(Path.cwd())
    strategy = read_strategy(strategy_file(None))
    day = date.fromisoformat(Book(settings.book_folder).as_of)
    rates = read_rates(settings.root / "policy" / FILE_NAME, strategy.currency, day)
    folder = settings.root / "models" / shelf.FOLDER
    if out is not None and out.resolve() != folder:
        raise CommandError(f"values are used from {folder}, where a run looks for them. Leave --out out")
    lessons: Lessons = learn_values(settings, strategy, rates, window_days)
    saved = shelf.save(lessons.learned, folder)
    if as_json:
        print(
            json.dumps(
                {"folder": str(folder), "sha256": saved.sha256, **saved.card}, ensure_ascii=False, indent=2
            )
        )
        return 0
    print(
        f"{lessons.decision_count:,} decisions from {lessons.first_on} to {lessons.last_on} in which a lot had a say; "
        f"{lessons.open_count:,} more have an open window"
        + (f", {lessons.unrated_count:,} are in currencies without a rate" if lessons.unrated_count else "")
    )
    for name, value, sd, count in lessons.average.select(
        "treatment", "value", "value_sd", "decisions"
    ).iter_rows():
        told = f"{count:,} decisions" if count else "never tried: the text's prior"
        print(
            f"  {name:<36} {value:>10.2f} +- {1.96 * sd:<9.2f} {strategy.currency} over doing nothing  ({told})"
        )
    if given := lessons.learned.card["over_waiting"]:
        print(
            "today against waiting, learned from day to day (the next run decides by it): "
            + ", ".join(f"{name} ({count:,} by lot)" for name, count in given.items())
            + "; of all others by the text's prior, so that what is held against each other is over the same"
        )
    for rate in lessons.learned.rates:
        print(f"  {rate.treatment:<36} {in_words(rate)}")
    for turned in saved.turned:
        print(f"TURNED {turned.sentence}")
    print(f"saved in {folder}; the next run uses it")
    return 0
