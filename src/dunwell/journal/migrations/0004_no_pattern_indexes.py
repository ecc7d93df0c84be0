"""On PostgreSQL, without the indexes that Django adds to every text key for ``LIKE 'abc%'``.

Nothing here is looked up by how it begins, and each of them is written to with every event: they cost as much as the rest.
"""

from django.db import migrations

from dunwell.journal.pattern_indexes import drop_pattern_indexes


class Migration(migrations.Migration):
    """Only indexes that nothing uses."""

    dependencies = [("journal", "0003_forgotten")]
    operations = [migrations.RunPython(drop_pattern_indexes("journal"), migrations.RunPython.noop)]
