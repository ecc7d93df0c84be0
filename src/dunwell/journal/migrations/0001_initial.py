"""Events, seals and nodes of the tree, and the vault."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The first tables."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("tree_size", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("previous", models.BinaryField(max_length=32)),
                ("sealed_at", models.DateTimeField()),
                ("key_id", models.CharField(max_length=16)),
                ("signature", models.BinaryField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Subject",
            fields=[
                ("reference", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("lookup", models.CharField(max_length=64, null=True, unique=True)),
                ("wrapped_key", models.BinaryField(null=True)),
                ("master_id", models.CharField(db_index=True, max_length=40)),
                ("created_at", models.DateTimeField()),
                ("erased_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="VaultKey",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("wrapped_key", models.BinaryField()),
                ("master_id", models.CharField(max_length=40)),
            ],
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("level", models.PositiveSmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("level", "index"), name="one_node_a_subtree")
                ],
            },
        ),
        migrations.CreateModel(
            name="VaultItem",
            fields=[
                ("reference", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="journal.subject",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.CharField(max_length=36, unique=True)),
                ("kind", models.CharField(max_length=40)),
                ("happened_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("body", models.TextField()),
                ("corrects", models.CharField(max_length=36, null=True)),
                ("key", models.CharField(max_length=120, null=True, unique=True)),
                ("leaf_hash", models.BinaryField(max_length=32)),
                ("leaf_index", models.BigIntegerField(null=True, unique=True)),
                (
                    "subject",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="journal.subject",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subject", "happened_at"], name="event_of_subject"),
                    models.Index(fields=["kind", "happened_at"], name="event_of_kind"),
                    models.Index(
                        condition=models.Q(("leaf_index__isnull", True)), fields=["id"], name="event_unsealed"
                    ),
                ],
            },
        ),
    ]
