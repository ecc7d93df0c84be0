"""One portfolio for the room's tests, as calibrated, and others on demand."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dunwell.rehearsal import write_portfolio
from tests.rehearsal.portfolios import AS_OF, Portfolio


@pytest.fixture(scope="session")
def make_portfolio(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Portfolio]:
    """Makes a portfolio of so many accounts; further options as for ``write_portfolio``."""

    def make(accounts: int, seed: int = 11, as_of: date = AS_OF, **options: Any) -> Portfolio:
        folder = tmp_path_factory.mktemp("portfolio")
        return Portfolio(folder, write_portfolio(folder, accounts, seed, as_of, **options))

    return make


@pytest.fixture(scope="session")
def portfolio(make_portfolio: Callable[..., Portfolio]) -> Portfolio:
    """20,000 accounts."""
    return make_portfolio(20_000)
