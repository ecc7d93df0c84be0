"""Who has a second factor, and who is a sample of whom none is asked; who has one already is found out."""

from typing import Any

from django.db import migrations, models


def find_out(apps: Any, schema_editor: Any) -> None:
    """Who set up codes or a passkey before."""
    authenticators = apps.get_model("mfa", "Authenticator").objects.filter(type__in=["totp", "webauthn"])
    owners = authenticators.values_list("user_id", flat=True)
    apps.get_model("access", "Staff").objects.filter(pk__in=list(owners)).update(has_second_factor=True)


class Migration(migrations.Migration):
    """Two marks on people."""

    dependencies = [("access", "0001_initial"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [
        migrations.AddField("staff", "has_second_factor", models.BooleanField(default=False, editable=False)),
        migrations.AddField("staff", "is_sample", models.BooleanField(default=False, editable=False)),
        migrations.RunPython(find_out, migrations.RunPython.noop),
    ]
