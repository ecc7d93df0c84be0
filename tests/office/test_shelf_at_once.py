"""The book is laid out by customer once, however many of the office's processes ask for it at the same time."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from dunwell.office.cases import shelf
from dunwell.office.cases.shelf import FOLDER, Shelf


def test_who_asks_while_the_book_is_laid_out_waits_for_it(ran: Path) -> None:
    shutil.rmtree(ran / "book" / FOLDER, ignore_errors=True)
    laid_out, both_ask = shelf._build, threading.Barrier(2)
    count = 0

    def slowly(*told: object) -> None:
        nonlocal count
        count += 1
        laid_out(*told)  # type: ignore[arg-type]  # as it was called

    def ask() -> Shelf:
        both_ask.wait()
        return Shelf(ran / "book")

    with patch.object(shelf, "_build", slowly), ThreadPoolExecutor(2) as pool:
        first, second = (asked.result() for asked in [pool.submit(ask), pool.submit(ask)])
    assert count == 1
    assert first.as_of == second.as_of
