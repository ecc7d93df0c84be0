"""The office as a Django project: its settings on top of the workspace's own."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dunwell.settings import Settings, SettingsError, django_settings

SECRET_FILE = "office.key"
KNOCKS = "knocks"
"""The cache of what knocks too often to be counted in the database (``access.remembering``)."""
KNOCKS_FILE = "DUNWELL_OFFICE_KNOCKS"
"""The variable by which a server of several processes names the file in which they count together; one process needs none."""
_HERE = Path(__file__).parent


def office_settings(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Django's settings for the office of a workspace. Raises SettingsError.

    ``DUNWELL_OFFICE_HOSTS``: the names under which it is reached, joined by commas (default: this machine only);
    ``DUNWELL_OFFICE_HTTPS=1``: it stands behind TLS, cookies are only sent over it; ``DUNWELL_OFFICE_PROXIES``: how many proxies
    stand before it.
    """
    base = django_settings(settings)
    hosts = [name for name in environment.get("DUNWELL_OFFICE_HOSTS", "").split(",") if name]
    is_https = environment.get("DUNWELL_OFFICE_HTTPS") == "1"
    own = "'self'"
    kept_open = {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }  # a page takes less than a new connection would
    return base | {
        "DATABASES": {name: {**one, **kept_open} for name, one in base["DATABASES"].items()},
        "DUNWELL": settings,
        "SECRET_KEY": office_secret(settings, environment),
        "ALLOWED_HOSTS": [*hosts, "localhost", "127.0.0.1", "[::1]"],
        "CSRF_TRUSTED_ORIGINS": [f"https://{name}" for name in hosts] if is_https else [],
        "AUTH_USER_MODEL": "access.Staff",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "django.contrib.humanize",
            "django_htmx",
            "allauth",
            "allauth.account",
            "allauth.mfa",
            *base["INSTALLED_APPS"],
            "dunwell.office.access",
            "dunwell.office.cases",
            "dunwell.office.api",
            "dunwell.office.compliance",
            "dunwell.office.desk",
            "dunwell.office.strategies",
            "dunwell.office.tallies",
        ],
        "MIDDLEWARE": [
            "dunwell.office.running.logs.logged",
            "dunwell.office.api.methods.head_and_options",
            "dunwell.office.api.problems.told_as_problems",
            "django.middleware.security.SecurityMiddleware",
            "whitenoise.middleware.WhiteNoiseMiddleware",
            "csp.middleware.CSPMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "dunwell.office.access.lasting.sessions_end",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "dunwell.office.access.guard.every_page_has_a_rule",
            "dunwell.office.access.views.texts_must_be_readable",
            "dunwell.office.api.once.once",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [_HERE / "templates"],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "dunwell.office.navigation.around",
                    ],
                    "builtins": [
                        "django.templatetags.i18n",
                        "django.templatetags.static",
                        "dunwell.office.desk.templatetags.shown",
                    ],
                },
            }
        ],
        "ROOT_URLCONF": "dunwell.office.urls",
        "STATIC_URL": "/static/",
        "STATICFILES_DIRS": [_HERE / "static"],
        "WHITENOISE_USE_FINDERS": True,
        "LOCALE_PATHS": [_HERE / "locale"],
        "LANGUAGE_CODE": "zh-hans" if settings.locale == "zh" else "en",
        "LANGUAGES": [("en", "English"), ("zh-hans", "简体中文")],
        "USE_I18N": True,
        "AUTHENTICATION_BACKENDS": ["allauth.account.auth_backends.AuthenticationBackend"],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
            for name, options in (
                ("UserAttributeSimilarityValidator", {}),
                ("MinimumLengthValidator", {"min_length": 12}),
                ("CommonPasswordValidator", {}),
            )
        ],
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "/",
        "ACCOUNT_ADAPTER": "dunwell.office.access.signing_in.NoSignUp",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_LOGOUT_ON_GET": False,
        "ACCOUNT_RATE_LIMITS": {
            "login": "60/m/ip",
            "login_failed": "5/5m/key,20/5m/ip",
            "door_clicks": "60/m/ip",
            "door_webhooks": "1200/m/ip",
        },
        "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
        "MFA_PASSKEY_LOGIN_ENABLED": True,
        "MFA_TOTP_ISSUER": "dunwell",
        "MFA_TOTP_TOLERANCE": 1,  # a code typed as it changes still counts (RFC 6238, 5.2)
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": not is_https,
        "SESSION_COOKIE_AGE": 12 * 3600,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": is_https,
        "CSRF_COOKIE_SECURE": is_https,
        "CSRF_COOKIE_HTTPONLY": False,
        "SECURE_HSTS_SECONDS": 31536000 if is_https else 0,
        "SECURE_SSL_REDIRECT": is_https,
        "SECURE_REDIRECT_EXEMPT": ["^(health|ready|metrics)$"],  # asked by this machine, beside the proxy
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if is_https else None,
        "SECURE_REFERRER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "CONTENT_SECURITY_POLICY": {
            "DIRECTIVES": {
                "default-src": ["'none'"],
                "script-src": [own],
                "style-src": [own],
                "img-src": [own, "data:"],
                "font-src": [own],
                "connect-src": [own],
                "media-src": [own],
                "form-action": [own],
                "frame-ancestors": ["'none'"],
                "base-uri": ["'none'"],
            }
        },
        "CACHES": {
            "default": {
                "BACKEND": "dunwell.office.access.remembering.Remembering",
                "LOCATION": "office_remembered",
                "OPTIONS": {"MAX_ENTRIES": 100_000},
            },
            KNOCKS: _knocks(environment),
        },
        "ALLAUTH_TRUSTED_PROXY_COUNT": _proxies(environment),
    }


def _knocks(environment: Mapping[str, str]) -> dict[str, str]:
    if file := environment.get(KNOCKS_FILE):
        return {"BACKEND": "dunwell.office.access.knocking.Knocks", "LOCATION": file}
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def _proxies(environment: Mapping[str, str]) -> int:
    """How many proxies of the lender's own stand before the office; what others write into X-Forwarded-For counts for nothing."""
    text = environment.get("DUNWELL_OFFICE_PROXIES", "0")
    if not text.isdecimal():
        raise SettingsError(
            f"DUNWELL_OFFICE_PROXIES is {text!r}. Write how many proxies of your own stand before the office, like 1"
        )
    return int(text)


def office_secret(settings: Settings, environment: Mapping[str, str]) -> str:
    """What sessions are signed with: ``DUNWELL_OFFICE_SECRET``, or the workspace's own, made when it is first needed."""
    named = environment.get("DUNWELL_OFFICE_SECRET")
    if named:
        return named
    file = settings.keys_folder / SECRET_FILE
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = file.with_name(f".{SECRET_FILE}.{secrets.token_hex(4)}")
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # another process made it first: that one counts
            os.link(staging, file)
        staging.unlink()
    return file.read_text(encoding="ascii").strip()


def set_up_office(settings: Settings) -> None:
    """Make Django work as the office of a workspace in this process. A second call changes nothing."""
    import django
    from django.conf import settings as django_conf

    if not django_conf.configured:
        django_conf.configure(**office_settings(settings))
        django.setup()
