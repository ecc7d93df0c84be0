"""Whether an earlier hand-over of a message may have been taken."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds work.in_doubt."""

    dependencies = [("outreach", "0003_no_pattern_indexes")]

    operations = [
        migrations.AddField("work", "in_doubt", models.BooleanField(default=False)),
    ]
