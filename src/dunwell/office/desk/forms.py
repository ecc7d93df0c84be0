"""The forms of the desk: how a contact ended, a note, a plan; each checked against what is owed and what policy allows."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _

from dunwell.money import parse_minor
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk.contact import OUTCOMES_OF_CONTACTS, SILENT, Current, outcomes_of
from dunwell.office.desk.templatetags.shown import minor
from dunwell.office.desk.words import CAME, OUTCOMES
from dunwell.office.desk.working import Promised, PromisePart, Told, may_promise, open_promises
from dunwell.outreach.knowing import held_debts
from dunwell.policy import PolicyError

PARTS_MAX = 4
NOTE_MAX = 4000
PUT_OFF_MAX = timedelta(days=92)
"""For how long somebody may ask to be called later."""

CAME_KEYS: Mapping[str, str] = {
    "promise": "p",
    "hardship": "h",
    "dispute": "d",
    "complaint": "m",
    "later": "l",
    "stop_channel": "x",
    "stop": "z",
    "attorney": "a",
    "wrong_number": "r",
}


class LogForm(forms.Form):
    """How a contact ended, what came of it, and a note."""

    outcome = forms.ChoiceField(
        choices=[(name, OUTCOMES[name]) for name in OUTCOMES_OF_CONTACTS], widget=forms.RadioSelect
    )
    came = forms.MultipleChoiceField(
        choices=list(CAME.items()), required=False, widget=forms.CheckboxSelectMultiple
    )
    account = forms.MultipleChoiceField(required=False)
    replaces = forms.BooleanField(required=False)
    back_at = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M"])
    note = forms.CharField(required=False, max_length=NOTE_MAX, widget=forms.Textarea)
    acknowledged = forms.BooleanField(required=False)

    def __init__(self, data: Any, file: CaseFile, zone: str, contact: Current) -> None:
        """``contact``: the one that ended."""
        super().__init__(data)
        self.file, self.zone, self.contact = file, ZoneInfo(zone), contact
        accounts = file.overdue_ids
        self.account_field.choices = [(name, name) for name in accounts]
        for number in range(1, PARTS_MAX + 1):
            self.fields[f"amount_{number}"] = forms.CharField(required=False, max_length=20)
            self.fields[f"due_{number}"] = forms.DateField(required=False)
        self.promised: Promised | None = None

    @property
    def account_field(self) -> forms.MultipleChoiceField:
        """The debts that are promised to be paid."""
        field = self.fields["account"]
        assert isinstance(field, forms.MultipleChoiceField)
        return field

    def clean(self) -> dict[str, Any]:
        """Everything that depends on more than one field."""
        cleaned: dict[str, Any] = super().clean() or {}
        came = cleaned.get("came", [])
        if (outcome := cleaned.get("outcome")) and outcome not in outcomes_of(
            self.contact.channel, self.contact.direction
        ):
            self.add_error("outcome", _("A contact of this kind cannot end so. Choose another outcome."))
        if not set(came) <= set(came_of(self.contact)):
            self.add_error("came", _("We called no number, so none can be found to be somebody else's."))
        if cleaned.get("outcome") in SILENT and set(came) - {"later", "wrong_number"}:
            self.add_error(
                "came", _("Nobody was spoken to, so nothing can have been said. Choose another outcome.")
            )
        if cleaned.get("outcome") == "wrong_party" and set(came) - {"wrong_number", "later"}:
            self.add_error("came", _("This was not the customer. What others say does not bind them."))
        if "promise" in came and not self.errors.get("came"):
            self._clean_promise(cleaned)
        if "later" in came:
            self._clean_later(cleaned)
        return cleaned

    def _clean_later(self, cleaned: dict[str, Any]) -> None:
        naive: datetime | None = cleaned.get("back_at")
        if naive is None:
            if "back_at" not in self.errors:
                self.add_error("back_at", _("Say when they want to be called."))
            return
        back_at = naive.replace(tzinfo=self.zone)
        now = self.file.place.clock()
        if not now < back_at <= now + PUT_OFF_MAX:
            self.add_error("back_at", _("Choose a time from now on, within three months."))
        cleaned["back_at"] = back_at

    def _clean_promise(self, cleaned: dict[str, Any]) -> None:
        if not self.contact.passed:
            self.add_error("came", _("Confirm first who they are: a promise is the customer's own."))
            return
        if "account" in self.errors:
            return
        accounts = tuple(cleaned.get("account") or ())
        if not accounts and "accounts_shown" in self.data:
            self.add_error("account", _("Choose the debts that the promise is for."))
            return
        currencies = currency_of(self.file)
        accounts = accounts or usual_accounts(self.file)
        if len({currencies.get(name) for name in accounts}) > 1:
            told = ", ".join(f"{name} ({currencies.get(name, '?')})" for name in accounts)
            message = _("A promise is in one currency: %(accounts)s. Make one for each currency.")
            self.add_error("account", message % {"accounts": told})
            return
        currency = currencies.get(accounts[0])
        if currency is None:
            self.add_error("account", _("Nothing is owed on this account."))
            return
        parts = self._parts(cleaned, currency)
        if not parts and not self.errors:
            self.add_error("amount_1", _("Say how much they promise, and by when."))
        if any(name.startswith("amount_") for name in self.errors):
            return
        before = open_promises(self.file, accounts)
        replaced = tuple(one["promise_id"] for one in before if cleaned.get("replaces"))
        most = may_promise(self.file, accounts, replaced)
        if sum(part.amount_minor for part in parts) > most:
            message = _("That is more than is owed: at most %(most)s can be promised.") % {
                "most": minor(most, currency)
            }
            if before and not replaced:
                message += " " + _("An open promise stands for the rest; let the new one replace it.")
            self.add_error("amount_1", message)
            return
        if not self.errors:
            self.promised = Promised(accounts, currency, tuple(parts), replaced)

    def _parts(self, cleaned: dict[str, Any], currency: str) -> list[PromisePart]:
        today = self.file.place.clock().astimezone(self.zone).date()
        try:
            within = self.file.place.promise_policy.on(today).due_within_days
        except PolicyError as error:
            self.add_error("came", str(error))
            return []
        parts = []
        for number in range(1, PARTS_MAX + 1):
            text, due = cleaned.get(f"amount_{number}") or "", cleaned.get(f"due_{number}")
            if not text and due is None:
                continue
            amount = self._amount(number, text, currency)
            self._check_due(number, due, today, within)
            if amount is not None:
                parts.append(PromisePart(amount, due or today))
        days = [part.due_on for part in parts]
        if not any(name.startswith("due_") for name in self.errors) and days != sorted(set(days)):
            self.add_error("due_1", _("Give each part its own day, the earliest first."))
        return parts

    def _amount(self, number: int, text: str, currency: str) -> int | None:
        try:
            amount = parse_minor(text.replace(",", "").replace(" ", ""), currency)
        except ValueError:
            amount = 0
        if amount < 1:
            message = _("Write an amount of %(currency)s above 0, like 125.50.") % {"currency": currency}
            self.add_error(f"amount_{number}", message)
            return None
        return amount

    def _check_due(self, number: int, due: date | None, today: date, within: int) -> None:
        name = f"due_{number}"
        if due is None:
            if name not in self.errors:
                self.add_error(name, _("Say by which day."))
        elif due < today:
            self.add_error(name, _("That day is over. Choose today or later."))
        elif due > today + timedelta(days=within):
            message = _("A promise reaches at most %(days)s days ahead; make a plan for longer.")
            self.add_error(name, message % {"days": within})

    def told(self, findings: tuple[str, ...]) -> Told:
        """What the form says, once it is valid."""
        came = tuple(name for name in self.cleaned_data["came"] if name not in ("promise", "later"))
        back_at = self.cleaned_data["back_at"] if "later" in self.cleaned_data["came"] else None
        note = self.cleaned_data["note"].strip()
        return Told(self.cleaned_data["outcome"], came, self.promised, back_at, note, findings)


def came_of(contact: Current) -> Sequence[str]:
    """What may come of a contact: no number is found to be somebody else's where none was called."""
    return [name for name in CAME if name != "wrong_number" or contact.point_id is not None]


def currency_of(file: CaseFile) -> dict[str, str]:
    """The currency of each debt."""
    return dict(file.positions.select("account_id", "currency").iter_rows())


def usual_accounts(file: CaseFile) -> tuple[str, ...]:
    """The debts that a promise is for unless others are chosen: all that are overdue, in the currency of the longest overdue, but
    for those that are disputed or held on their own.
    """
    currencies = currency_of(file)
    first = currencies.get(file.overdue_ids[0])
    same = tuple(name for name in file.overdue_ids if currencies.get(name) == first)
    held = held_debts(file.person, file.place.clock())
    return tuple(name for name in same if name not in held) or same
