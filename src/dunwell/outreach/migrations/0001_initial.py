import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("journal", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pace",
            fields=[
                ("provider", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("tokens_milli", models.BigIntegerField()),
                ("filled_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="EarlyReceipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=40)),
                ("reference", models.CharField(max_length=120)),
                ("receipt_id", models.CharField(max_length=120)),
                ("receipt", models.TextField()),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "receipt_id"), name="one_early_receipt")
                ],
            },
        ),
        migrations.CreateModel(
            name="Work",
            fields=[
                ("message_id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=120, unique=True)),
                ("channel", models.CharField(max_length=10)),
                ("stage", models.CharField(max_length=40)),
                ("purpose", models.CharField(max_length=10)),
                ("contact_point", models.CharField(max_length=24, null=True)),
                ("accounts", models.TextField()),
                ("priority", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("due", "Due"),
                            ("claimed", "Claimed"),
                            ("sent", "Sent"),
                            ("held", "Held"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                            ("expired", "Expired"),
                        ],
                        default="due",
                        max_length=10,
                    ),
                ),
                ("attempt_count", models.IntegerField(default=0)),
                ("worker", models.CharField(max_length=60, null=True)),
                ("why", models.CharField(default="", max_length=300)),
                ("changed_at", models.DateTimeField()),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="work", to="journal.subject"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProviderReference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=40)),
                ("reference", models.CharField(max_length=120)),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="references",
                        to="outreach.work",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="work",
            index=models.Index(
                condition=models.Q(("state", "due")),
                fields=["channel", "priority", "due_at"],
                name="work_due",
            ),
        ),
        migrations.AddIndex(
            model_name="work",
            index=models.Index(
                condition=models.Q(("state", "claimed")), fields=["worker"], name="work_claimed"
            ),
        ),
        migrations.AddIndex(
            model_name="work",
            index=models.Index(fields=["state"], name="work_state"),
        ),
        migrations.AddConstraint(
            model_name="providerreference",
            constraint=models.UniqueConstraint(fields=("provider", "reference"), name="one_message_a_name"),
        ),
    ]
