"""On PostgreSQL, without the indexes that Django adds to every text key for ``LIKE 'abc%'``, which nothing uses."""

from django.db import migrations

from dunwell.journal.pattern_indexes import drop_pattern_indexes


class Migration(migrations.Migration):
    """Only indexes that nothing uses."""

    dependencies = [("outreach", "0002_work_in_reply_to")]
    operations = [migrations.RunPython(drop_pattern_indexes("outreach"), migrations.RunPython.noop)]
