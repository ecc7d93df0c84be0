from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outreach", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="work",
            name="in_reply_to",
            field=models.CharField(max_length=36, null=True),
        ),
    ]
