"""Django as the tests use it: dunwell's apps on the database that DATABASE_URL names, else on SQLite in a temporary folder."""

import tempfile
from pathlib import Path

from dunwell.settings import Settings, django_settings

globals().update(django_settings(Settings(root=Path(tempfile.gettempdir()))))

SECRET_KEY = "for tests only"
