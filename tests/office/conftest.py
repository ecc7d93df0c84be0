"""A small lender at work: a made portfolio after its nightly run, its office open, and people of every role."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from dunwell.cli.workspace import copy_template
from dunwell.journal.keys import make_keys
from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.cases.publishing import publish
from dunwell.office.workplace import Workplace
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import read_settings

AS_OF = date(2026, 11, 23)
PASSWORD = "a long enough secret"


class Clock:
    """Stands still until it is moved. Starts at noon UTC on the day after the run's."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 1,500 accounts after a nightly run; not to be changed."""
    folder = tmp_path_factory.mktemp("office") / "shop"
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    write_portfolio(folder / "tape", 1_500, 5, AS_OF, messy=False, stress=6.0)
    settings = read_settings(folder)
    run_day(settings, settings.tape_folder, AS_OF, known_at=None, now=datetime(2026, 11, 23, 20, tzinfo=UTC))
    make_keys(folder / "keys", os.urandom)
    return folder


class Browser(Client):
    """A browser whose person signs in again where the session was over: days pass in these tests."""

    def __init__(self, who: Staff) -> None:
        super().__init__()
        self.who = who
        self.force_login(who)

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        if answer.status_code == 302 and answer["Location"].startswith("/account/login/"):
            self.force_login(self.who)
            return super().request(**request)
        return answer


@dataclass
class Office:
    """The office of the small lender, its queue filled."""

    place: Workplace
    clock: Clock

    def client(self, role: str) -> Client:
        """A browser in which somebody of a role is signed in."""
        return Browser(Staff.objects.get(username=role))


@pytest.fixture
def office(ran: Path, db: None) -> Iterator[Office]:
    """The office open, one person of each role (named after it)."""
    clock = Clock()
    place = Workplace(read_settings(ran), clock)
    workplace.use(place)
    for role in roles():
        Staff.objects.create_user(role, password=PASSWORD, role=role, is_sample=True)
    publish(place)
    yield Office(place, clock)
    workplace.use(None)
    translation.deactivate()  # a page in Chinese leaves its language behind


@pytest.fixture
def own(office: Office, ran: Path, tmp_path: Path) -> Iterator[Office]:
    """The office on a copy of its workspace, whose files may be changed."""
    shutil.copytree(ran, tmp_path / "shop")
    place = Workplace(read_settings(tmp_path / "shop"), office.clock)
    workplace.use(place)
    yield Office(place, office.clock)
    workplace.use(office.place)
