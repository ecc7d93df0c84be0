"""Analytics' addresses."""

from django.urls import path

from dunwell.office.analytics import foretold, pages

urlpatterns = [
    path("analytics", pages.overview, name="analytics"),
    path("analytics/foretold", foretold.foretold, name="analytics_foretold"),
    path("analytics/<str:name>.svg", pages.picture, name="analytics_picture"),
    path("analytics/<str:name>.csv", pages.sheet, name="analytics_sheet"),
    path("analytics/<str:name>", pages.section, name="analytics_section"),
]
