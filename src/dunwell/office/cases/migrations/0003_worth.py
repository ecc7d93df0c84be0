"""What a planned contact is worth over its price, and why the strategy leaves somebody in peace."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0002_approvals")]

    operations = [
        migrations.AddField(model_name="case", name="is_extra", field=models.BooleanField(default=False)),
        migrations.AddField(
            model_name="case", name="left_because", field=models.CharField(blank=True, max_length=40)
        ),
        migrations.AddField(
            model_name="case",
            name="net",
            field=models.DecimalField(decimal_places=4, max_digits=20, null=True),
        ),
    ]
