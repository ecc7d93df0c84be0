"""The desk's addresses."""

from django.urls import path

from dunwell.office.desk import queue

urlpatterns = [
    path("", queue.home, name="home"),
    path("queue", queue.queue, name="queue"),
]
