"""``dunwell staff``: the people who may sign in to the office."""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from dunwell.cli.errors import CommandError
from dunwell.settings import read_settings


def _open_office(root: Path) -> None:
    from dunwell.office.project import set_up_office

    set_up_office(read_settings(root))
    from dunwell.office.keeping import bring_up_to_date
    from dunwell.office.workplace import workplace

    bring_up_to_date(workplace())


def add_staff(
    root: Path, username: str, role: str, jurisdictions: Iterable[str], password: str | None
) -> None:
    """Add somebody; without a password one is made and printed. Raises CommandError."""
    _open_office(root)
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from dunwell.office.access.models import Staff
    from dunwell.office.access.roles import roles

    if role not in roles():
        raise CommandError(f"there is no role {role!r}. One of: {', '.join(roles())}")
    if Staff.objects.filter(username=username).exists():
        raise CommandError(f"{username} can sign in already. Choose another name")
    given = password or secrets.token_urlsafe(12)
    person = Staff(username=username, role=role, jurisdictions=sorted(set(jurisdictions)))
    try:
        person.full_clean(exclude=["password"])
        validate_password(given, person)
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from error
    person.set_password(given)
    person.save()
    print(f"{username} may sign in as {role}" + ("" if password else f"; password: {given}"))


def list_staff(root: Path, as_json: bool) -> None:
    """Print who may sign in."""
    _open_office(root)
    from dunwell.office.access.models import Staff

    rows = [
        {
            "username": person.username,
            "role": person.role,
            "team": person.team.name if person.team else None,
            "jurisdictions": person.jurisdictions,
            "is_active": person.is_active,
        }
        for person in Staff.objects.select_related("team").order_by("username")
    ]
    if as_json:
        print(json.dumps({"staff": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        print(
            f"{row['username']:<20} {row['role']:<14} {row['team'] or '':<16}"
            + ("" if row["is_active"] else " (off)")
        )
    print(f"{len(rows)} may sign in")


def add_samples(root: Path) -> None:
    """Add one person of each role, named after it, and print the one password of them all. Raises CommandError."""
    _open_office(root)
    from dunwell.office.access.models import Staff, Team
    from dunwell.office.access.roles import roles

    if Staff.objects.exists():
        raise CommandError("people can sign in here already. Samples are for a workspace to try things in")
    password = secrets.token_urlsafe(9)
    team = Team.objects.create(name="First team")
    for role in roles():
        Staff.objects.create_user(
            role, password=password, role=role, team=team, languages=["en", "zh"], is_sample=True
        )
    print(f"Sign in as {', '.join(roles())}; the password of each: {password}")
