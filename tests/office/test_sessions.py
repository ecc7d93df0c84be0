"""Ways around signing in, closed: sessions from before a factor, what no process may forget, addresses that do not exist."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import caches
from django.test import Client

from dunwell.office.access.lasting import idle_of
from dunwell.office.access.models import Staff
from dunwell.office.project import office_settings
from dunwell.policy import PolicyError
from dunwell.settings import Settings, SettingsError
from tests.office.conftest import Office
from tests.office.test_second_factor import code_for, sign_in


@pytest.fixture
def real(office: Office) -> Office:
    """The office with people who are no samples."""
    Staff.objects.update(is_sample=False)
    caches["default"].clear()
    return office


def set_up(client: Client) -> str:
    """Set up codes as a person does; the secret."""
    password = client.get("/account/2fa/totp/activate/")["Location"]
    page = client.post(password, {"password": "a long enough secret"}, follow=True).content.decode()
    found = re.search(r'value="([A-Z2-7]{32})"', page)
    assert found is not None
    client.post("/account/2fa/totp/activate/", {"code": code_for(found[1])})
    return found[1]


def test_who_signed_in_by_a_password_before_the_factor_was_set_up_signs_in_again(real: Office) -> None:
    before, own = Client(), Client()
    sign_in(before, "collector")
    assert before.get("/queue")["Location"] == "/second-factor"
    sign_in(own, "collector")
    set_up(own)
    assert own.get("/queue").status_code == 200, "where it was set up one stays signed in"
    assert before.get("/queue")["Location"].startswith("/account/login")


def test_a_code_counts_for_a_step_longer_than_the_phone_shows_it_and_no_more(real: Office) -> None:
    client = Client()
    sign_in(client, "collector")
    secret = set_up(client)
    for before, where in ((2, 200), (1, 302)):
        caches["default"].clear()
        again = Client()
        sign_in(again, "collector")
        answer = again.post("/account/2fa/authenticate/", {"code": code_for(secret, before)})
        assert answer.status_code == where


def test_a_session_ends_when_its_factor_is_taken_away(real: Office) -> None:
    client = Client()
    sign_in(client, "collector")
    set_up(client)
    for factor in Authenticator.objects.all():
        factor.delete()
    assert client.get("/queue")["Location"].startswith("/account/login")


def test_a_code_is_used_once_in_all_processes(real: Office) -> None:
    client = Client()
    sign_in(client, "collector")
    secret = set_up(client)
    code, second = code_for(secret), Client()
    caches["default"].clear()
    assert sign_in(second, "collector") == "/account/2fa/authenticate/"
    second.post("/account/2fa/authenticate/", {"code": code})
    assert second.get("/queue").status_code == 200
    caches["knocks"].clear()  # another process knows nothing of what this one counted
    third = Client()
    sign_in(third, "collector")
    assert third.post("/account/2fa/authenticate/", {"code": code}).status_code == 200
    assert third.get("/queue").status_code == 302


def test_a_name_is_locked_in_all_processes(real: Office) -> None:
    for _ in range(5):
        Client().post("/account/login/", {"login": "collector", "password": "wrong"})
        caches["knocks"].clear()
    assert (
        Client()
        .post("/account/login/", {"login": "collector", "password": "a long enough secret"})
        .status_code
        == 200
    )
    assert Client().post(
        "/account/login/", {"login": "team_lead", "password": "a long enough secret"}
    ).status_code == 302  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        *("signup/", "email/", "confirm-email/", "confirm-email/x:y/", "password/reset/", "password/set/"),
        *("password/reset/key/1-x/", "password/reset/done/", "login/code/confirm/", "reauthenticate/code/"),
    ],
)
def test_nobody_gets_in_by_e_mail(real: Office, client: Client, address: str) -> None:
    assert client.get(f"/account/{address}").status_code == 404
    assert client.post(f"/account/{address}", {"email": "a@example.com"}).status_code == 404
    assert real.client("collector").post(f"/account/{address}", {"email": "a@example.com"}).status_code == 404


def test_what_a_person_needs_of_their_account_is_there(real: Office) -> None:
    client = Client()
    assert client.get("/account/login/").status_code == 200
    sign_in(client, "collector")
    set_up(client)
    for address in ("2fa/", "2fa/recovery-codes/", "password/change/", "logout/", "reauthenticate/"):
        assert client.get(f"/account/{address}").status_code in (200, 302), address


def test_no_browser_keeps_a_page_about_people(office: Office, client: Client) -> None:
    lead = office.client("team_lead")
    for address in ("/queue", "/board", "/approvals", "/account/2fa/", "/api/v1/me"):
        assert "no-store" in lead.get(address)["Cache-Control"], address


def test_a_sample_with_a_password_of_its_own_is_none_any_more(office: Office) -> None:
    one = Staff.objects.get(username="collector")
    office.client("administrator").post(f"/people/{one.pk}/password")
    one.refresh_from_db()
    assert not one.is_sample


def test_only_the_lender_s_own_proxies_say_where_somebody_is(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path)
    base = {"DUNWELL_OFFICE_SECRET": "x"}
    assert office_settings(settings, base)["ALLAUTH_TRUSTED_PROXY_COUNT"] == 0
    two = office_settings(settings, {**base, "DUNWELL_OFFICE_PROXIES": "2"})
    assert two["ALLAUTH_TRUSTED_PROXY_COUNT"] == 2
    with pytest.raises(SettingsError, match="DUNWELL_OFFICE_PROXIES"):
        office_settings(settings, {**base, "DUNWELL_OFFICE_PROXIES": "many"})


def test_the_metrics_are_closed_to_what_comes_through_a_proxy(office: Office, client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    for name in ("X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"):
        assert client.get("/metrics", headers={name: "1.2.3.4"}).status_code == 403, name


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(Staff.objects.get(username=role))
    return client


def is_in(client: Client) -> bool:
    return client.get("/queue").status_code == 200


def test_who_does_nothing_for_half_an_hour_signs_in_again(office: Office) -> None:
    client = signed_in("team_lead")
    for _ in range(4):
        assert is_in(client)
        office.clock.move(minutes=29)
    assert is_in(client)
    for _ in range(4):  # the board asks for its figures by itself: nobody need be there
        office.clock.move(minutes=10)
        client.get("/board", headers={"HX-Request": "true"})
    assert not is_in(client)


def test_nobody_stays_signed_in_for_longer_than_a_day_s_work(office: Office) -> None:
    client = signed_in("collector")
    for _ in range(12 * 3):
        assert is_in(client)
        office.clock.move(minutes=20)
    assert not is_in(client)


def test_the_lender_says_how_long_somebody_may_be_idle(tmp_path: Path) -> None:
    assert idle_of(tmp_path) == timedelta(minutes=30)
    (tmp_path / "access.toml").write_text("idle_minutes = 10\n")
    assert idle_of(tmp_path) == timedelta(minutes=10)
    for wrong in ("idle_minutes = 1", "idle_minutes = true", 'idle_minutes = "x"', "idle_minutes ="):
        (tmp_path / "access.toml").write_text(wrong)
        with pytest.raises(PolicyError, match="idle_minutes"):
            idle_of(tmp_path)
