"""Every address of the office. Each view names its permission (``access.guard``); a test walks through them all."""

from django.urls import include, path

urlpatterns = [
    path("", include("dunwell.office.desk.urls")),
    path("", include("dunwell.office.supervision.urls")),
    path("", include("dunwell.office.compliance.urls")),
    path("", include("dunwell.office.analytics.urls")),
    path("", include("dunwell.office.strategies.urls")),
    path("account/", include("allauth.urls")),
    path("", include("dunwell.office.access.urls")),
    path("api/", include("dunwell.office.api.urls")),
    path("", include("dunwell.office.running.urls")),
    path("", include("dunwell.office.doors")),
]
handler403 = "dunwell.office.access.views.refused"
handler404 = "dunwell.office.access.views.not_found"
