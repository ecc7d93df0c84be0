"""Fixtures of the e-mail tests."""

import pytest

from tests.outreach.smtp_server import Certificate, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for loopback, made once."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
