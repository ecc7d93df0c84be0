"""Recordings of calls are drawn for review too: the draw reads its last days again. What was drawn and reviewed stays."""

from typing import Any

from django.db import migrations


def draw_again(apps: Any, schema_editor: Any) -> None:
    """Forget how far the draw had read."""
    apps.get_model("tallies", "Mark").objects.filter(name="reviews").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("tallies", "0003_sign_tallies"),
    ]

    operations = [
        migrations.RunPython(draw_again, migrations.RunPython.noop),
    ]
