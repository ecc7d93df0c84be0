"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a socket there, gone when the test ends.

with postgresql(folder) as url:
    ...                       # url: as DATABASE_URL has it
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """The folder of the newest server's programs; None where no server is installed."""
    found = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if found and (found[-1] / "initdb").exists():
        return found[-1]
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).parent


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as: it refuses to be root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The server, while the context lasts. ``folder``: an empty one with a short path (a socket lies in it)."""
    bin_folder = programs()
    assert bin_folder is not None, "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    owner = _owner()
    if owner is not None:
        closed = next((above for above in folder.parents if not above.stat().st_mode & 0o001), None)
        assert closed is None, (
            f"{closed} is closed to {owner.pw_name}, who runs the server. Set TMPDIR to a folder open to all"
        )
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o755)

    def run(*command: str) -> None:
        as_owner = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        subprocess.run(
            [str(bin_folder / command[0]), *command[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_owner,  # type: ignore[call-overload]
        )

    data = folder / "data"
    run("initdb", "-D", str(data), "-U", "dunwell", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -c max_connections=60"
    run("pg_ctl", "-D", str(data), "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
    try:
        run("createdb", "-h", str(folder), "-U", "dunwell", "dunwell")
        yield f"postgresql://dunwell@%2F{str(folder).strip('/').replace('/', '%2F')}/dunwell"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop")


def restart(folder: Path) -> None:
    """Stop the server at once, as a crash would, and start it again."""
    bin_folder = programs()
    owner = _owner()
    assert bin_folder is not None
    for how in (
        ["-m", "immediate", "stop"],
        ["-w", "-o", f"-k {folder} -c listen_addresses= -c max_connections=60", "start"],
    ):
        subprocess.run(
            [str(bin_folder / "pg_ctl"), "-D", str(folder / "data"), "-l", str(folder / "log"), *how],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **({} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}),  # type: ignore[call-overload]
        )
