"""The API's addresses, a version each."""

from django.urls import path

from dunwell.office.api.service import api

urlpatterns = [path("v1/", api.urls)]
