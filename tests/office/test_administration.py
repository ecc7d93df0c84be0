"""People, passwords and tokens, and the audit that tells of every change."""

import re

from django.test import Client

from dunwell.office.access.models import Staff
from dunwell.office.api.models import Token
from tests.office.conftest import Office

ANN = {
    "username": "ann",
    "role": "collector",
    "jurisdictions": "gb, us",
    "languages": "",
    "skills": "legal",
    "is_active": "on",
}


def test_somebody_who_was_added_signs_in_with_the_password_shown(office: Office, client: Client) -> None:
    page = office.client("administrator").post("/people/new", ANN, follow=True).content.decode()
    found = re.search(r"shown only now: ([\w-]+)", page)
    assert found is not None
    assert Staff.objects.get(username="ann").jurisdictions == ["gb", "us"]
    answer = client.post("/account/login/", {"login": "ann", "password": found[1]})
    assert answer.status_code == 302
    assert client.get("/queue")["Location"] == "/second-factor", "a second step comes before any page"


def test_a_wrong_password_is_refused_and_tries_are_limited(office: Office, client: Client) -> None:
    answers = [client.post("/account/login/", {"login": "collector", "password": "wrong"}) for _ in range(7)]
    assert answers[0].status_code == 200
    assert client.get("/queue").status_code == 302
    assert answers[-1].status_code in (200, 429)
    last = client.post("/account/login/", {"login": "collector", "password": "a long enough secret"})
    assert last.status_code != 302, "locked out for a while, even with the right one"


def test_an_administrator_does_not_lock_themselves_out(office: Office) -> None:
    admin = Staff.objects.get(username="administrator")
    answer = office.client("administrator").post(f"/people/{admin.pk}", ANN | {"username": "administrator"})
    assert answer.status_code == 422
    admin.refresh_from_db()
    assert admin.role == "administrator"


def test_a_token_is_shown_once_and_revoked_for_good(office: Office) -> None:
    admin = office.client("administrator")
    form = {"name": "core banking", "acts_as": "collector", "scopes": "intake case.read", "days": "30"}
    page = admin.post("/api/tokens/new", form, follow=True).content.decode()
    found = re.search(r"dw_[\w-]+", page)
    assert found is not None
    assert found[0] not in admin.get("/api/tokens").content.decode()
    program = Client(headers={"authorization": f"Bearer {found[0]}"})
    assert program.get("/api/v1/me").json()["scopes"] == ["case.read", "intake"]
    admin.post(f"/api/tokens/{Token.objects.get().pk}/revoke")
    assert program.get("/api/v1/me").status_code == 401


def test_a_scope_beyond_the_person_s_role_is_not_given(office: Office) -> None:
    form = {"name": "x", "acts_as": "analyst", "scopes": "case.work", "days": "30"}
    page = office.client("administrator").post("/api/tokens/new", form, follow=True).content.decode()
    assert "cannot give" in page
    assert not Token.objects.exists()


def test_the_audit_tells_who_changed_what_and_who_looked(office: Office) -> None:
    office.client("administrator").post("/people/new", ANN)
    page = office.client("auditor").get("/audit", {"by": "administrator"}).content.decode()
    assert "person added" in page
    assert "ann" in page
    assert "person added" not in office.client("auditor").get("/audit", {"by": "nobody"}).content.decode()
