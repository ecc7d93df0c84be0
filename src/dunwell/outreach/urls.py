"""Where the doors for what comes back over HTTP are."""

from django.urls import path

from dunwell.outreach import views

urlpatterns = [
    path("unsubscribe/<str:token>", views.unsubscribe),
    path("hooks/sms", views.sms_webhook),
]
handler404 = "dunwell.outreach.views.not_found"
