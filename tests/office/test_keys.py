"""A request under an Idempotency-Key: carried out once whoever asks at once, forgotten after a day, and told to nobody else."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from dunwell.office.access.models import Staff
from dunwell.office.api.models import Answer, Token
from dunwell.office.keeping import keep
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_serve import DUNWELL, READY_SECONDS, free_port
from tests.postgresql import postgresql, programs

HARBOUR = {"name": "Harbour"}


@pytest.fixture
def program(office: Office) -> Program:
    return Program(office, "administrator")


ENDS: dict[str, tuple[int, Callable[[Office], object]]] = {
    "was revoked": (401, lambda office: Token.objects.update(revoked_at=office.clock())),
    "is past its day": (401, lambda office: Token.objects.update(expires_at=office.clock())),
    "acts as somebody who left": (401, lambda office: Staff.objects.update(is_active=False)),
    "has another scope": (403, lambda office: Token.objects.update(scopes=["intake"])),
    "acts as somebody of another role": (403, lambda office: Staff.objects.update(role="collector")),
}


@pytest.mark.parametrize(("status", "end"), ENDS.values(), ids=ENDS)
def test_an_answer_is_not_told_again_to_a_token_that(
    status: int, end: Callable[[Office], object], office: Office, program: Program
) -> None:
    assert program.post("/teams", HARBOUR, key="k").status_code == 200
    assert program.post("/teams", HARBOUR, key="k")["Idempotency-Replayed"] == "true"
    end(office)
    answer = program.post("/teams", HARBOUR, key="k")
    assert answer.status_code == status
    assert "Idempotency-Replayed" not in answer


def test_another_program_s_key_is_another(office: Office, program: Program) -> None:
    assert program.post("/teams", HARBOUR, key="k").json() == {"recorded": True}
    other = Program(office, "administrator").post("/teams", HARBOUR, key="k")
    assert other.status_code == 422, "it was carried out: there is such a team"
    assert other.json()["faults"][0]["place"] == "name"


def test_an_answer_is_kept_for_a_day_also_when_nobody_asks_again(office: Office, program: Program) -> None:
    program.post("/teams", HARBOUR, key="k")
    office.clock.move(hours=23)
    keep(office.place)
    assert program.post("/teams", HARBOUR, key="k").json() == {"recorded": True}
    office.clock.move(hours=2)
    keep(office.place)
    assert not Answer.objects.exists()
    assert program.post("/teams", HARBOUR, key="k").status_code == 422


def test_a_page_for_people_knows_no_keys(office: Office) -> None:
    """It is told who asks by a cookie, which two people under one key would not differ in."""
    pages = office.client("administrator")
    for _ in range(2):
        answer = pages.post("/api/tokens/new", {}, headers={"Idempotency-Key": "k"})
        assert "Idempotency-Replayed" not in answer
    assert not Answer.objects.exists()


_MAKE_TOKEN = """
from pathlib import Path
from dunwell.office.project import set_up_office
from dunwell.settings import read_settings
set_up_office(read_settings(Path.cwd()))
from dunwell.office.access.models import Staff
from dunwell.office.api.tokens import make_token, scopes_of
from dunwell.office.workplace import clock
staff = Staff.objects.create_user("feed", password="a long enough secret", role="administrator")
print(make_token("feed", staff, scopes_of(staff), clock())[1])
"""


@contextmanager
def serving(shop: Path, environment: dict[str, str]) -> Iterator[str]:
    """The office as people start it; its address."""
    port = free_port()
    command = [*DUNWELL, "serve", "--no-worker", "--port", str(port)]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/api/v1"
        process.terminate()
        assert process.wait(60) == 0


def once_however_many_ask(shop: Path, environment: dict[str, str]) -> None:
    many = 12
    barrier = Barrier(many)
    with serving(shop, environment) as address:
        made = [sys.executable, "-c", _MAKE_TOKEN]
        ran = subprocess.run(made, cwd=shop, capture_output=True, text=True, env=environment)
        assert ran.returncode == 0, ran.stderr
        headers = {"Authorization": f"Bearer {ran.stdout.strip()}", "Idempotency-Key": "k"}

        def ask(address: str, team: dict[str, str]) -> httpx.Response:
            return httpx.post(f"{address}/teams", json=team, headers=headers, timeout=READY_SECONDS)

        def at_once(_number: int) -> httpx.Response:
            barrier.wait()
            return ask(address, HARBOUR)

        with ThreadPoolExecutor(many) as pool:
            answers = list(pool.map(at_once, range(many)))
        fresh = [
            one for one in answers if one.status_code == 200 and "idempotency-replayed" not in one.headers
        ]
        assert len(fresh) == 1, [(one.status_code, one.text) for one in answers]
        assert {one.status_code for one in answers} <= {200, 409}
        assert ask(address, HARBOUR).json() == {"recorded": True}
        assert ask(address, {"name": "Other"}).status_code == 422
    with serving(shop, environment) as address:
        again = ask(address, HARBOUR)
        assert (again.json(), again.headers["idempotency-replayed"]) == ({"recorded": True}, "true")
        teams = httpx.get(f"{address}/teams", headers=headers, timeout=READY_SECONDS).json()["teams"]
        assert json.dumps(teams).count("Harbour") == 1


@pytest.mark.slow
def test_many_threads_of_one_process_carry_a_key_out_once_and_a_restart_keeps_the_answer(
    ran: Path, tmp_path: Path
) -> None:
    shutil.copytree(ran, tmp_path / "shop")
    once_however_many_ask(tmp_path / "shop", dict(os.environ))


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")
def test_several_processes_on_postgresql_carry_a_key_out_once_and_a_restart_keeps_the_answer(
    ran: Path, tmp_path: Path
) -> None:
    shutil.copytree(ran, tmp_path / "shop")
    with tempfile.TemporaryDirectory(prefix="pg") as folder, postgresql(Path(folder)) as url:
        once_however_many_ask(tmp_path / "shop", os.environ | {"DATABASE_URL": url})
