"""The API's addresses, a version each."""

from django.urls import path

from dunwell.office.api import pages
from dunwell.office.api.service import api

urlpatterns = [
    path("v1/", api.urls),
    path("tokens", pages.tokens, name="tokens"),
    path("tokens/new", pages.new_token, name="new_token"),
    path("tokens/<int:token_id>/revoke", pages.revoke, name="revoke"),
]
