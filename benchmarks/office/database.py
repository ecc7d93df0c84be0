"""A PostgreSQL cluster in a folder of the benchmark's own, made when it is not there yet, and started as long as it is needed."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.postgresql import programs

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
    "effective_cache_size": "4GB",
}
"""What a server for a million cases is usually told; everything else as PostgreSQL comes, commits synced to disk included."""


@contextmanager
def cluster(folder: Path, *, is_filling: bool = False) -> Iterator[str]:
    """The server, while the context lasts; its address as DATABASE_URL has it. ``is_filling``: nothing has to survive a crash."""
    bin_folder = programs()
    assert bin_folder is not None, "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    folder.mkdir(parents=True, exist_ok=True)
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        for place in (folder, Path(name)):
            if owner is not None:
                os.chown(place, owner.pw_uid, owner.pw_gid)
            place.chmod(0o755)

        def run(*command: str) -> None:
            subprocess.run(
                [str(bin_folder / command[0]), *command[1:]],
                check=True,
                stdout=subprocess.DEVNULL,
                cwd=name,
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else [],
            )

        data = folder / "data"
        is_new = not data.is_dir()
        if is_new:
            run("initdb", "-D", str(data), "-U", "dunwell", "-A", "trust", "-E", "UTF8", "--no-locale")
        options = f"-k {name} -c listen_addresses= -c max_connections=60 " + " ".join(_options(is_filling))
        run("pg_ctl", "-D", str(data), "-w", "-t", "120", "-l", f"{name}/log", "-o", options, "start")
        try:
            if is_new:
                run("createdb", "-h", name, "-U", "dunwell", "dunwell")
            yield f"postgresql://dunwell@%2F{name.strip('/').replace('/', '%2F')}/dunwell"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "-t", "300", "stop")


def _options(is_filling: bool) -> Sequence[str]:
    filling = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    filling |= {"maintenance_work_mem": "1GB", "wal_level": "minimal", "max_wal_senders": "0"}
    return [f"-c {name}={value}" for name, value in (SETTINGS | (filling if is_filling else {})).items()]


def processes(folder: Path) -> list[int]:
    """The processes of the running server, by the postmaster's file."""
    first = int((folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
    return [first, *children(first)]


def children(parent: int) -> list[int]:
    """The processes that a process started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found
