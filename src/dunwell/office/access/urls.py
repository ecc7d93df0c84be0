"""The reader's language."""

from django.urls import path

from dunwell.office.access import views

urlpatterns = [path("language", views.set_language, name="set_language")]
