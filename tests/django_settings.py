"""Django as the tests use it: dunwell's apps on the database that DATABASE_URL names, else on SQLite in a temporary folder."""

import tempfile
from pathlib import Path

from dunwell.office.project import office_settings
from dunwell.settings import Settings

_settings = office_settings(
    Settings(root=Path(tempfile.gettempdir())), {"DUNWELL_OFFICE_SECRET": "for tests only"}
)
globals().update(_settings)
DATABASES = _settings["DATABASES"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}  # each process of the tests has its own
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # slow ones are for real passwords
