"""The day's capacities and their prices, in the run's own words."""

import polars as pl
from django.utils.translation import get_language

from dunwell.office.workplace import Workplace


def capacities_told(place: Workplace) -> list[str]:
    """A sentence a capacity, in the reader's language: what was used, and what one more would be worth. None where no strategy
    decided.
    """
    file = place.settings.book_folder / "capacities.parquet"
    if not file.is_file():
        return []
    column = "told_zh" if (get_language() or "en").startswith("zh") else "told_en"
    return pl.read_parquet(file, columns=[column])[column].to_list()
