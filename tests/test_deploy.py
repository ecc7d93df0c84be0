"""What stands in deploy/: the container file's steps are run in a fresh folder, without an engine, and systemd reads the unit."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
UNIT = ROOT / "deploy" / "dunwell.service"
KNOWN = {
    *(
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "CMD",
    ),
}
_READY_S = 600


@dataclass
class Stage:
    """What follows a FROM: its name ("" for the last) and its instructions in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """What is told to an instruction, each time."""
        return [told for name, told in self.steps if name == instruction]


def stages(text: str) -> list[Stage]:
    """The stages of a container file; comments are left out and lines that go on are joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, told = line.strip().partition(" ")
        assert name in KNOWN, f"{name} is not read by these tests: teach them"
        if name == "FROM":
            image, _, alias = told.partition(" AS ")
            found.append(Stage(alias, [(name, image)]))
        else:
            found[-1].steps.append((name, told.strip()))
    return found


def copied(stage: Stage) -> Iterator[tuple[list[str], str]]:
    """What is copied from the source into a stage: the names, and where to."""
    for told in stage.all("COPY"):
        if not told.startswith("--from="):
            *names, to = shlex.split(told)
            yield names, to


def test_what_is_copied_is_there_and_is_all_that_the_build_reads() -> None:
    build, last = stages(CONTAINERFILE.read_text(encoding="utf-8"))
    names = [name for names, _ in copied(build) for name in names]
    assert all((ROOT / name).exists() for name in names), names
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    read_by_build = set(re.findall(r'^readme = "(.+)"', project, re.M))
    read_by_build |= set(re.findall(r'^license-files = \["(.+)"\]', project, re.M))
    assert read_by_build <= set(names), "hatchling reads these"
    backend = re.search(r'requires = \["(.+?)"\]', project)
    assert backend is not None
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\n{backend[1]} " in lock, "--no-build-isolation wants the build's own part among the locked"
    (venv,) = (told for told in last.all("COPY") if told.startswith(f"--from={build.name}"))
    _, whence, where = venv.split()
    assert whence == where, "the venv's scripts name the folder in which they were made"
    assert f"python -m venv {where}" in build.all("RUN")[0]
    assert any(told.startswith(f"PATH={where}/bin:") for told in last.all("ENV"))
    (one, other) = (stage.all("FROM")[0] for stage in (build, last))
    assert one == other, "the venv runs on the python that it was made with"


def test_it_ends_as_a_user_of_its_own_on_the_office() -> None:
    *_, last = stages(CONTAINERFILE.read_text(encoding="utf-8"))
    (user,) = last.all("USER")
    assert user != "root"
    assert f" {user}" in last.all("RUN")[0].partition("useradd")[2]
    assert json.loads(last.all("CMD")[0])[:2] == ["dunwell", "serve"]
    assert last.all("STOPSIGNAL") == ["SIGTERM"]
    order = [name for name, _ in last.steps]
    assert order.index("RUN") < order.index("USER"), "packages are installed by root"


@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="no apt here")
def test_the_packages_are_known_to_the_distribution() -> None:
    *_, last = stages(CONTAINERFILE.read_text(encoding="utf-8"))
    install = next(one for one in last.all("RUN")[0].split("&&") if "apt-get install" in one)
    names = [word for word in shlex.split(install)[2:] if not word.startswith("-")]
    assert names
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        pytest.skip("apt has read no lists here")
    for name in names:
        told = subprocess.run(
            ["apt-cache", "policy", name], capture_output=True, text=True, check=True
        ).stdout
        assert re.search(r"Candidate: \d", told), name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    command = re.search(r"^ExecStart=(\S+)", text, re.M)
    assert command is not None
    unit = tmp_path / UNIT.name
    unit.write_text(
        text.replace(command[1], sys.executable), encoding="utf-8"
    )  # where it will be is not here
    found = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    broken = tmp_path / "broken.service"
    broken.write_text(unit.read_text(encoding="utf-8").replace("Restart=on-failure", "Restart=maybe"))
    told = subprocess.run(["systemd-analyze", "verify", str(broken)], capture_output=True, text=True)
    assert "restart specifier" in told.stderr, "a fault would be told"


@pytest.mark.slow
def test_the_steps_make_an_office_that_serves() -> None:
    """The build's COPY and RUN in a fresh folder, then CMD and HEALTHCHECK of the last stage in a fresh workspace."""
    build, last = stages(CONTAINERFILE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        venv = last.all("COPY")[0].split()[-1]
        source = root / build.all("WORKDIR")[0].strip("/")
        source.mkdir(parents=True)
        for names, to in copied(build):
            for one in names:
                target = source / to if len(names) == 1 else source / to / one
                copy = shutil.copytree if (ROOT / one).is_dir() else shutil.copy
                copy(ROOT / one, target)
        for command in build.all("RUN"):
            here = command.replace(venv, f"{root}{venv}").replace(
                "python -m venv", f"{sys.executable} -m venv"
            )
            subprocess.run(["sh", "-ec", here], cwd=source, check=True)
        shutil.rmtree(source)  # the last stage has nothing of it
        path = f"{root}{venv}/bin:/usr/bin:/bin"
        environment = {
            name: value for name, value in os.environ.items() if name in ("HOME", "TMPDIR", "LANG")
        }
        environment |= {"PATH": path, "NUMBA_CACHE_DIR": str(root / "numba")}
        workspace = root / "workspace"
        subprocess.run(["dunwell", "init", str(workspace)], env=environment, check=True, cwd=root)
        for words in (("evidence", "keys"), ("run", "--tape", "tape/", "--as-of", "2026-11-23")):
            subprocess.run(["dunwell", *words], env=environment, check=True, cwd=workspace)
        _serves(json.loads(last.all("CMD")[0]), _health(last), environment, workspace)


def _health(last: Stage) -> list[str]:
    found = re.search(r"CMD (\[.*\])", last.all("HEALTHCHECK")[0])
    assert found is not None
    command: list[str] = json.loads(found[1])
    return command


def _serves(
    command: Sequence[str], health: Sequence[str], environment: dict[str, str], workspace: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asks = [word.replace(":8000/", f":{port}/") for word in health]
    assert asks != list(health)
    with subprocess.Popen([*command, "--port", str(port)], cwd=workspace, env=environment) as server:
        try:
            until = time.monotonic() + _READY_S
            while subprocess.run(asks, env=environment, capture_output=True).returncode:
                assert server.poll() is None, "it ended by itself"
                assert time.monotonic() < until, "it was not ready in time"
                time.sleep(1)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(90) == 0, "it ends when it is told to"
