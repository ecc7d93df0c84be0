"""People and teams, as an administrator keeps them; every change is an event of the journal."""

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff, Team
from dunwell.office.workplace import workplace


class Words(forms.CharField):
    """A list of words, written with commas."""

    def __init__(self, label: Any, hint: Any) -> None:
        super().__init__(required=False, label=label, help_text=hint, max_length=300)

    def prepare_value(self, value: Any) -> Any:
        """As it is written."""
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """The words, each once, in order."""
        text = super().clean(value)
        return sorted({word.strip() for word in text.split(",") if word.strip()})


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    """Who somebody is in the office."""

    jurisdictions = Words(gettext_lazy("Jurisdictions"), gettext_lazy("like gb, us; empty: all"))
    languages = Words(gettext_lazy("Languages"), gettext_lazy("like en, zh; empty: all"))
    skills = Words(
        gettext_lazy("Skills"), gettext_lazy("like legal, late stage, vulnerability, dispute, complaint")
    )

    class Meta:
        """The fields, in the order of the page."""

        model = Staff
        fields = (
            *("username", "first_name", "last_name", "role", "team", "jurisdictions", "languages", "skills"),
            *("on_leave_until", "is_active"),
        )
        labels = {
            "role": gettext_lazy("Role"),
            "team": gettext_lazy("Team"),
            "on_leave_until": gettext_lazy("On leave until"),
        }
        widgets = {"on_leave_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def clean(self) -> dict[str, Any]:
        """Somebody's jurisdictions lie within their team's, or they would see nobody."""
        cleaned: dict[str, Any] = super().clean() or {}
        team = cleaned.get("team")
        own, theirs = set(cleaned.get("jurisdictions") or ()), set(team.jurisdictions if team else ())
        if own and theirs and not own & theirs:
            self.add_error(
                "jurisdictions",
                _("The team works in %(names)s: name some of these, or none.")
                % {"names": ", ".join(sorted(theirs))},
            )
        return cleaned


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    """A team."""

    jurisdictions = Words(gettext_lazy("Jurisdictions"), gettext_lazy("like gb, us; empty: all"))

    class Meta:
        """The fields."""

        model = Team
        fields = ("name", "agency", "jurisdictions")
        labels = {"name": gettext_lazy("Team"), "agency": gettext_lazy("Agency")}


@needs("staff.manage")
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, and the teams."""
    everybody = Staff.objects.select_related("team").order_by("-is_active", "username")
    context = {"everybody": everybody, "teams": Team.objects.order_by("name"), "team_form": TeamForm()}
    return render(request, "office/people.html", context)


@needs("staff.manage")
def person(request: HttpRequest, staff_id: int = 0) -> HttpResponse:
    """Add or change somebody. A new password is made and shown once."""
    found = get_object_or_404(Staff, pk=staff_id) if staff_id else None
    form = PersonForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        if found is not None and found.pk == staff_of(request).pk and not stays_in_charge(form):
            form.add_error(None, _("You cannot take your own way in. Another administrator can."))
        else:
            return _save(request, form, is_new=found is None)
    status = 422 if request.method == "POST" else 200
    return render(request, "office/person.html", {"form": form, "person": found}, status=status)


def stays_in_charge(form: PersonForm) -> bool:
    """Whether somebody is an active administrator still after a change of themselves."""
    return bool(form.cleaned_data["is_active"]) and form.cleaned_data["role"] == "administrator"


def _save(request: HttpRequest, form: PersonForm, *, is_new: bool) -> HttpResponse:
    with transaction.atomic():
        one = form.save(commit=False)
        if is_new:
            password = secrets.token_urlsafe(12)
            one.set_password(password)
        one.save()
        change = ", ".join(form.changed_data) or "nothing"
        record(staff_of(request), "person added" if is_new else "person changed", one.username, change)
    if is_new:
        told = _("%(name)s may sign in. Password, shown only now: %(password)s")
        messages.success(request, told % {"name": one.username, "password": password})
    else:
        messages.success(request, _("Recorded."))
    return redirect("people")


@needs("staff.manage")
@require_POST
def new_password(request: HttpRequest, staff_id: int) -> HttpResponse:
    """A new password for somebody who forgot theirs; who is signed in with the old one is no more."""
    one = get_object_or_404(Staff, pk=staff_id)
    password = secrets.token_urlsafe(12)
    try:
        validate_password(password, one)
    except ValidationError:  # one in billions is too like their name
        password = secrets.token_urlsafe(24)
    with transaction.atomic():
        one.set_password(password)
        one.is_sample = False  # with a password of their own they are somebody
        one.save(update_fields=["password", "is_sample"])
        record(staff_of(request), "new password", one.username, "")
    told = _("New password of %(name)s, shown only now: %(password)s")
    messages.success(request, told % {"name": one.username, "password": password})
    return redirect("people")


@needs("staff.manage")
@require_POST
def team(request: HttpRequest) -> HttpResponse:
    """Add a team."""
    form = TeamForm(request.POST)
    if form.is_valid():
        with transaction.atomic():
            made = form.save()
            record(staff_of(request), "team added", made.name, "")
        messages.success(request, _("Recorded."))
    else:
        messages.error(request, "; ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("people")


def record(staff: Staff, what: str, about: str, change: str) -> None:
    """Keep who changed what in the journal."""
    journal = workplace().journal
    body = {"by": staff.username, "what": what, "about": about, "change": change}
    journal.record([NewEvent("office.changed", journal.clock(), body=body)])
