"""A complaint that is known twice has one clock."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The clock that another stands for."""

    dependencies = [("tallies", "0004_recordings_drawn")]

    operations = [
        migrations.AddField(
            model_name="complaintclock", name="same_as", field=models.CharField(max_length=36, null=True)
        ),
    ]
