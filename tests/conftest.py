"""What all tests share: how far Hypothesis searches, and where the real data sets lie when they are at hand.

``make test`` searches the same examples every time, so that a failure is the change's own; ``make test-slow`` searches at
length and anew (``--hypothesis-profile=deep``).
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).resolve().parents[1]

settings.register_profile(
    "ci",
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "deep",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets beside the project (they may not be redistributed); the test is skipped where it is absent."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            f"the real data sets are not here ({folder} is absent); they may not be shipped with the project"
        )
    return folder
