"""Django's SQLite, with a short wait for the write lock (``base``)."""
