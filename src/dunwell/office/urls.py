"""Every address of the office. Each view names its permission (``access.guard``); a test walks through them all."""

from django.urls import include, path, re_path

from dunwell.office.access.views import closed

urlpatterns = [
    path("", include("dunwell.office.desk.urls")),
    path("", include("dunwell.office.supervision.urls")),
    path("", include("dunwell.office.compliance.urls")),
    path("", include("dunwell.office.analytics.urls")),
    path("", include("dunwell.office.strategies.urls")),
    # Nobody makes an account or gets in by e-mail: an administrator gives a new password.
    re_path(
        r"^account/(?:signup|email|confirm-email|password/(?:reset|set)|login/code|reauthenticate/code|3rdparty|social)(?:/|$)",
        closed,
    ),
    path("account/", include("allauth.urls")),
    path("", include("dunwell.office.access.urls")),
    path("api/", include("dunwell.office.api.urls")),
    path("", include("dunwell.office.running.urls")),
    path("", include("dunwell.office.doors")),
]
handler403 = "dunwell.office.access.views.refused"
handler404 = "dunwell.office.access.views.not_found"
