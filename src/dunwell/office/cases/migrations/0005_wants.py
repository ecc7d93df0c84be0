"""The skill that a case asks for, because of what its customer told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_queue_at_size")]

    operations = [
        migrations.AddField(
            model_name="case", name="wants", field=models.CharField(blank=True, default="", max_length=40)
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=~models.Q(wants=""), fields=["wants"], name="case_wants_skill"),
        ),
    ]
