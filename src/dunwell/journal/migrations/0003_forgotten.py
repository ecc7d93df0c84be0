"""Who was erased is known by a digest, so that they do not come back with the next tape."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table of erased customers."""

    dependencies = [("journal", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="Forgotten",
            fields=[("digest", models.CharField(max_length=64, primary_key=True, serialize=False))],
        ),
    ]
