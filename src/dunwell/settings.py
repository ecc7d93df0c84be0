"""One set of settings for everything, read from a workspace's ``dunwell.toml``.

A workspace is a folder of text that a lender keeps in git (``dunwell init`` makes one): settings, policy, and
the folder where tapes arrive. Every key has a default, so a file may hold only what differs. A mistake is
refused with the key and the mend.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

FILE_NAME = "dunwell.toml"
ENVIRONMENT_FILE = "environment"
"""The file in the workspace's ``keys/`` with secrets for whom no environment is set."""


class SettingsError(ValueError):
    """The settings cannot be used; says where, what is wrong and what to write instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace's settings. Paths are absolute; ``tape_columns`` maps table and column to the lender's own
    column name. ``timezone``: of the lender's place, whose day it is where no customer's is meant.

    ``partition_count`` None lets the size of the tape decide. ``outreach`` holds a table a channel, which the channel reads.
    """

    root: Path
    acts_for: str = ""
    actor: str = "first_party"
    locale: str = "en"
    timezone: str = "UTC"
    database_url: str = "sqlite:///dunwell.sqlite3"
    engine: str = "local"
    partition_count: int | None = None
    tape_folder: Path = Path("tape")
    tape_columns: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    outreach: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def database(self) -> str:
        """The database's address: ``DATABASE_URL`` of the environment before what the workspace says."""
        return os.environ.get("DATABASE_URL") or self.database_url

    @property
    def keys_folder(self) -> Path:
        """Where the workspace's secrets lie; never in git."""
        return self.root / "keys"

    @property
    def environment(self) -> Mapping[str, str]:
        """The secrets that dunwell.toml names: the environment's variables, and those of ``keys/environment`` (NAME=VALUE, a
        line each) that the environment does not have. Raises SettingsError.
        """
        file = self.keys_folder / ENVIRONMENT_FILE
        if not file.is_file():
            return os.environ
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"{file} can be read by others. Run chmod 600 {file}")
        found = {}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            name, equals, value = line.partition("=")
            if line.strip() and not line.startswith("#"):
                if not equals or not name.strip().isidentifier():
                    raise SettingsError(f"{file}, line {number}: is no NAME=VALUE. Mend it")
                found[name.strip()] = value.strip()
        return {**found, **os.environ}

    @property
    def evidence_folder(self) -> Path:
        """Where anchors and exported evidence lie."""
        return self.root / "evidence"

    @property
    def print_folder(self) -> Path:
        """Where letters are laid for the printer, and stay."""
        letters = self.outreach.get("letter", {})
        named = letters.get("folder", "print") if isinstance(letters, Mapping) else "print"
        return self.root / str(named)

    @property
    def terms_folder(self) -> Path:
        """Where the products' terms lie."""
        return self.root / "policy" / "terms"

    @property
    def book_folder(self) -> Path:
        """Where the records and the last run's results lie."""
        return self.root / "book"


_KEYS: Mapping[str, Mapping[str, tuple[str, type]]] = {
    "workspace": {
        "acts_for": ("acts_for", str),
        "actor": ("actor", str),
        "locale": ("locale", str),
        "timezone": ("timezone", str),
    },
    "database": {"url": ("database_url", str)},
    "engine": {"name": ("engine", str), "partitions": ("partition_count", int)},
}
_READ_ELSEWHERE = ("tape", "outreach")
_CHOICES = {
    "actor": ("first_party", "agency", "debt_buyer"),
    "locale": ("en", "zh"),
    "engine": ("local", "spark"),
}


def read_settings(root: Path) -> Settings:
    """The settings of the workspace at ``root``. Raises SettingsError, also when there is no dunwell.toml."""
    file = root / FILE_NAME
    if not file.is_file():
        raise SettingsError(
            f"{root} is no workspace: it has no {FILE_NAME}. Make one with `dunwell init DIR`, or go to yours"
        )
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read ({error}). Mend the TOML, saved as UTF-8") from error
    return parse_settings(text, root)


def parse_settings(text: Mapping[str, Any], root: Path) -> Settings:
    """Settings from the parsed text of dunwell.toml. Raises SettingsError."""
    file = root / FILE_NAME
    values: dict[str, Any] = {}
    for section, keys in text.items():
        if section in _READ_ELSEWHERE:
            continue
        if section not in _KEYS or not isinstance(keys, Mapping):
            raise SettingsError(
                f"{file}: [{section}] is not known. Known: {', '.join([*_KEYS, *_READ_ELSEWHERE])}"
            )
        for key, value in keys.items():
            if key not in _KEYS[section]:
                raise SettingsError(
                    f"{file}: {section}.{key} is not known. Known: {', '.join(_KEYS[section])}"
                )
            name, kind = _KEYS[section][key]
            if not isinstance(value, kind) or isinstance(value, bool):
                raise SettingsError(
                    f"{file}: {section}.{key} is {value!r}. Write {'a whole number' if kind is int else 'text'}"
                )
            if name in _CHOICES and value not in _CHOICES[name]:
                raise SettingsError(
                    f"{file}: {section}.{key} is {value!r}. One of: {', '.join(_CHOICES[name])}"
                )
            values[name] = value
    if values.get("timezone", "UTC") not in available_timezones():
        raise SettingsError(
            f"{file}: workspace.timezone is {values['timezone']!r}. Write a zone like Asia/Shanghai"
        )
    if values.get("partition_count", 1) < 1:
        raise SettingsError(
            f"{file}: engine.partitions is {values['partition_count']}. Write 1 or more, or leave it out"
        )
    folder, columns = _tape(text.get("tape", {}), file)
    outreach = text.get("outreach", {})
    if not isinstance(outreach, Mapping):
        raise SettingsError(f"{file}: outreach is not a table. Write [outreach.email]")
    return Settings(
        root=root.resolve(),
        tape_folder=(root / folder).resolve(),
        tape_columns=columns,
        outreach=outreach,
        **values,
    )


def _tape(section: Any, file: Path) -> tuple[str, Mapping[str, Mapping[str, str]]]:
    if not isinstance(section, Mapping):
        raise SettingsError(f"{file}: tape is not a table. Write it as [tape]")
    unknown = set(section) - {"folder", "columns"}
    if unknown:
        raise SettingsError(f"{file}: tape.{sorted(unknown)[0]} is not known. Known: folder, columns")
    folder, columns = section.get("folder", "tape"), section.get("columns", {})
    if not isinstance(folder, str):
        raise SettingsError(f"{file}: tape.folder is {folder!r}. Write the folder's name as text")
    if not isinstance(columns, Mapping):
        raise SettingsError(f"{file}: tape.columns is not a table. Write [tape.columns.accounts]")
    for table, names in columns.items():
        if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names.values()):
            raise SettingsError(
                f'{file}: tape.columns.{table} is not a table of texts. Write account_id = "LOAN_NO"'
            )
    return folder, columns


def django_settings(settings: Settings) -> dict[str, Any]:
    """Django's settings for a workspace: its database and dunwell's own apps. Raises SettingsError.

    SQLite writes through a log and syncs every commit, so that what was recorded survives a power cut; its transactions
    take the write lock when they begin, so that two workers wait for each other instead of failing; and what is deleted is
    written over, so that an erased person's key cannot be found in a free page.
    """
    import dj_database_url

    try:
        database = dict(dj_database_url.parse(settings.database))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as error:
        raise SettingsError(
            f"{settings.root / FILE_NAME}: database.url cannot be read. Write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    if "sqlite3" in str(database["ENGINE"]):
        database["ENGINE"] = "dunwell.journal.sqlite3"
        database["NAME"] = str(settings.root / str(database["NAME"]))
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;",
        }
    return {
        "DATABASES": {"default": database},
        "INSTALLED_APPS": ["dunwell.journal", "dunwell.outreach"],
        "ROOT_URLCONF": "dunwell.outreach.urls",
        "MIDDLEWARE": ["dunwell.outreach.views.guarded"],
        "ALLOWED_HOSTS": ["*"],  # no answer is made from the name by which the server was asked
        "APPEND_SLASH": False,
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGGING_CONFIG": None,
    }


def set_up_django(settings: Settings) -> None:
    """Make Django work on a workspace's database in this process. A second call for the same process changes nothing."""
    import django
    from django.conf import settings as django_conf

    if not django_conf.configured:
        django_conf.configure(**django_settings(settings))
        django.setup()
