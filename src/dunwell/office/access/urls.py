"""The reader's language, people and teams, and the audit."""

from django.urls import path

from dunwell.office.access import audit, people, second_factor, views

urlpatterns = [
    path("language", views.set_language, name="set_language"),
    path("still-here", views.still_here, name="still_here"),
    path("people", people.people, name="people"),
    path("people/new", people.person, name="new_person"),
    path("people/<int:staff_id>", people.person, name="person"),
    path("people/<int:staff_id>/password", people.new_password, name="new_password"),
    path("people/<int:staff_id>/second-factor", second_factor.take_away, name="take_away_factor"),
    path("second-factor", second_factor.set_up, name="second_factor"),
    path("people/team", people.team, name="team"),
    path("audit", audit.audit, name="audit"),
]
