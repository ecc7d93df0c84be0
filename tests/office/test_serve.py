"""The office as people start it: a process of its own, asked over HTTP, ended by a signal."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

DUNWELL = [sys.executable, "-m", "dunwell"]
READY_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shop(ran: Path, tmp_path: Path) -> Path:
    shutil.copytree(ran, tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def served(shop: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, once it says where it listens, and its address."""
    port = free_port()
    with (
        (shop / "errors").open("w") as errors,
        subprocess.Popen(
            [*DUNWELL, "serve", "--no-worker", "--port", str(port)],
            cwd=shop,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        yield process, f"http://127.0.0.1:{port}"
        process.kill()


def test_strangers_are_asked_to_sign_in_and_a_signal_ends_it_cleanly(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = served
    answer = httpx.get(f"{address}/queue", follow_redirects=True, timeout=READY_SECONDS)
    assert answer.status_code == 200
    assert 'name="password"' in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_ctrl_c_reaches_every_process_and_ends_them_without_a_word(
    served: tuple[subprocess.Popen[str], str], shop: Path
) -> None:
    process, address = served
    assert httpx.get(f"{address}/health", timeout=READY_SECONDS).status_code == 200
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) in (0, 130)
    said = (shop / "errors").read_text(encoding="utf-8")
    assert "rror" not in said, said


def test_a_port_that_is_taken_is_said(shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = subprocess.run([*DUNWELL, "serve", "--port", port], cwd=shop, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Choose another --port" in ran.stderr


def test_people_are_added_from_the_command_line(shop: Path) -> None:
    added = subprocess.run(
        [*DUNWELL, "staff", "add", "ann", "--role", "collector", "--jurisdiction", "gb"],
        cwd=shop,
        capture_output=True,
        text=True,
    )
    assert "ann may sign in as collector; password:" in added.stdout
    again = subprocess.run(
        [*DUNWELL, "staff", "add", "ann", "--role", "king"], cwd=shop, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert "there is no role 'king'" in again.stderr
