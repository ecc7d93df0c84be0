"""A second factor is asked of every role, set up before any other page, and asked for at each sign-in."""

import re
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.access.second_factor import roles_asked
from dunwell.office.api.tokens import make_token
from dunwell.policy import PolicyError
from tests.office.conftest import PASSWORD, Office
from tests.office.test_guard import own_pages


@pytest.fixture
def real(office: Office) -> Office:
    """The office with people who are no samples."""
    Staff.objects.update(is_sample=False)
    return office


def code_for(secret: str, before: int = 0) -> str:
    """The code a phone shows now, or so many steps of half a minute ago."""
    counters = list(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(secret, counters[len(counters) // 2] - before)))


def sign_in(client: Client, role: str) -> str:
    return str(client.post("/account/login/", {"login": role, "password": PASSWORD})["Location"])


@pytest.mark.parametrize("role", roles())
def test_whoever_has_none_sees_no_page_but_the_one_to_set_it_up(real: Office, role: str) -> None:
    client = real.client(role)
    for address, permission in own_pages():
        if permission in roles()[role].permissions:
            assert client.get(address)["Location"] == "/second-factor", address
    assert client.get("/")["Location"] == "/second-factor"
    page = client.get("/second-factor").content.decode()
    assert "/account/2fa/totp/activate/" in page
    assert "/account/2fa/webauthn/add/" in page


def test_codes_are_set_up_at_the_first_sign_in_and_asked_for_at_the_next(
    real: Office, client: Client
) -> None:
    sign_in(client, "collector")
    password = client.get("/account/2fa/totp/activate/")[
        "Location"
    ]  # asked for once more before a factor is set up
    page = client.post(password, {"password": PASSWORD}, follow=True).content.decode()
    found = re.search(r'value="([A-Z2-7]{32})"', page)
    assert found is not None
    client.post("/account/2fa/totp/activate/", {"code": code_for(found[1])})
    assert client.get("/queue").status_code == 200
    again = Client()
    assert sign_in(again, "collector") == "/account/2fa/authenticate/"
    assert again.get("/queue").status_code == 302
    assert again.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert again.get("/queue")["Location"].startswith("/account/login")


def with_factor(role: str) -> Staff:
    staff = Staff.objects.get(username=role)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return Staff.objects.get(username=role)


def test_recovery_codes_alone_are_no_second_factor(real: Office) -> None:
    staff = Staff.objects.get(username="collector")
    Authenticator.objects.create(user=staff, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert real.client("collector").get("/queue").status_code == 302
    assert with_factor("collector").has_second_factor
    assert real.client("collector").get("/queue").status_code == 200


def test_an_administrator_takes_away_what_was_lost_and_it_is_set_up_anew(real: Office) -> None:
    ann = with_factor("collector")
    with_factor("administrator")
    assert real.client("team_lead").post(f"/people/{ann.pk}/second-factor").status_code == 403
    admin = real.client("administrator")
    assert "Take away the second factor" in admin.get("/people").content.decode()
    admin.post(f"/people/{ann.pk}/second-factor")
    assert not Authenticator.objects.filter(user=ann).exists()
    assert real.client("collector").get("/queue")["Location"] == "/second-factor"
    assert "second factor taken away" in real.client("administrator").get("/audit").content.decode()


def test_a_token_is_no_sign_in(real: Office) -> None:
    _, secret = make_token("t", Staff.objects.get(username="collector"), ["case.read"], real.clock())
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/cases").status_code == 200


def test_the_lender_says_of_which_roles_it_is_asked(real: Office, tmp_path: Path) -> None:
    assert roles_asked(tmp_path) == set(roles())
    (tmp_path / "access.toml").write_text('second_factor = ["compliance", "administrator"]')
    assert roles_asked(tmp_path) == {"compliance", "administrator"}
    real.place.second_factor_roles = roles_asked(tmp_path)
    assert real.client("collector").get("/queue").status_code == 200
    assert real.client("compliance").get("/queue").status_code == 302
    (tmp_path / "access.toml").write_text('second_factor = ["everybody"]')
    with pytest.raises(PolicyError, match="list of roles"):
        roles_asked(tmp_path)
