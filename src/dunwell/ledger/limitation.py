"""The limitation clock: until when a claim can be enforced, and what set the clock anew, as dated, cited
text.

Each file in ``limitation_texts/`` says for a jurisdiction (and region) how long the period is, from when it
runs, and which events interrupt it: a demand that reached the person, a payment, a promise to pay, a suit.
Where no text is held there is no day, and the reason says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.promised import spread
from dunwell.calendars import DAY_MAX, add_years, day_number, day_of
from dunwell.ledger import classification_kernel as walk
from dunwell.ledger.arrays import Kinds, account_kinds, known, offsets, standing_payments, worked_out
from dunwell.policy import PolicyError, PolicyText, in_force, read_policies

LIMITATION_FOLDER = Path(__file__).parent / "limitation_texts"
EVENT_KINDS = ("demand", "payment", "promise", "suit")
"""What may interrupt the period; which of them do is text."""

_TALKS, _WRITES = ("call", "visit"), ("letter", "sms", "email", "app")


@cache
def limitation_texts() -> tuple[PolicyText, ...]:
    """The texts that come with dunwell."""
    return read_policies(LIMITATION_FOLDER)


@dataclass(frozen=True, slots=True)
class Limitation:
    """Each account's end of the limitation period (day numbers, -1: none), the text that says so and the
    event that counted last.
    """

    ends_on: NDArray[np.int32]
    text_of: NDArray[np.int64]
    last_event: NDArray[np.int64]
    begins_on: NDArray[np.int32]
    event_on: NDArray[np.int32]
    event_until: NDArray[np.int32]
    event_kind: NDArray[np.int64]
    as_of: date
    texts: tuple[PolicyText, ...]
    kinds: Kinds
    is_owed: NDArray[np.bool_]

    def column(self) -> pl.Series:
        """``limitation_ends_on`` as days."""
        days = pl.Series(self.ends_on).cast(pl.Date)
        return days.zip_with(pl.Series(self.ends_on != walk.NO_DAY), pl.Series([None], dtype=pl.Date))

    def reason(self, account: int) -> dict[str, Any]:
        """Why one account's claim ends when it does: value, sentence, source."""
        number = int(self.text_of[account])
        if number < 0:
            where = self.kinds.of_account(account).jurisdiction or "a customer without a jurisdiction"
            return {"value": None, "why": f"no limitation text is held for {where}", "source": None}
        text = self.texts[number]
        told = {"value": None, "source": text.source, "source_quality": text.source_quality}
        if not self.is_owed[account]:
            return told | {"why": "nothing is owed"}
        if self.ends_on[account] == walk.NO_DAY:
            return told | {"why": "no instalment is known from whose due date it would run"}
        ends_on = day_of(int(self.ends_on[account]))
        return told | {"value": ends_on.isoformat(), "why": self._why(text, account, ends_on)}

    def _why(self, text: PolicyText, account: int, ends_on: date) -> str:
        begins_on, event = day_of(int(self.begins_on[account])), int(self.last_event[account])
        years, years_at_most = text.values["years"], text.values.get("years_at_most", 0)
        if years_at_most > years and ends_on == add_years(begins_on, years_at_most):
            return f"{years_at_most} years, the most, from the last instalment's due date, {begins_on}"
        if event < 0:
            return f"{years} years from the last instalment's due date, {begins_on}"
        return f"{years} years from the {self._event(event, text)}"

    def _event(self, event: int, text: PolicyText) -> str:
        """The event that counted last, in words: what it was and of which day."""
        kind, on = EVENT_KINDS[self.event_kind[event]], day_of(int(self.event_on[event]))
        if kind not in text.values.get("runs_from_end_of", []):
            return f"{kind} of {on}"
        if self.event_until[event] > day_number(self.as_of):
            return f"{kind} of {on} at the earliest: it is pending, and they run anew from its end"
        return f"end of the {kind} of {on}, {day_of(int(self.event_until[event]))}"


def limitation(
    tables: Mapping[str, pl.DataFrame],
    is_owed: NDArray[np.bool_],
    as_of: date,
    known_at: datetime | None = None,
    texts: Sequence[PolicyText] | None = None,
    *,
    kinds: Kinds | None = None,
) -> Limitation:
    """The limitation clock of every account of a partition. ``is_owed``: whether anything is; nothing owed
    has no clock. ``texts``: those that come with dunwell, when None. ``kinds``: those of the accounts, where they are
    known already. Raises PolicyError.
    """
    texts = limitation_texts() if texts is None else texts
    for text in texts:
        _check(text)
    held = tuple(in_force(texts, as_of))
    accounts = tables["accounts"]
    kinds = kinds or account_kinds(tables)
    text_of = kinds.numbers(lambda kind: _text_of(held, kind.jurisdiction, kind.region))
    begins = _last_due(known(tables["instalments"], known_at), accounts.height)
    begins = np.where(is_owed, begins, walk.NO_DAY).astype(np.int32)
    clocks = None
    if tables["promises"].height or tables["contacts"].height:
        zones = pl.Series([*(text.values.get("timezone") for text in held), None], dtype=pl.String)
        clocks = zones.gather(np.where(text_of < 0, len(held), text_of).astype(np.uint32))
    events = interruptions(tables, known_at, begins, clocks)
    ends, last = walk.empty_days(accounts.height), np.full(accounts.height, -1, np.int64)
    event_on, event_until, event_kind = (
        _one_type(events[name].to_physical().to_numpy()) for name in ("on", "until", "kind")
    )
    if held:
        walk.limitation_ends(
            begins,
            text_of,
            np.array([t.values["years"] for t in held], np.int64),
            np.array([t.values.get("years_at_most", 0) for t in held], np.int64),
            offsets(events, accounts.height),
            event_on,
            event_until,
            event_kind,
            _kinds(held, "interrupted_by"),
            _kinds(held, "revived_by"),
            _kinds(held, "runs_from_end_of"),
            day_number(as_of),
            ends,
            last,
        )
    return Limitation(
        ends,
        text_of,
        last,
        begins,
        event_on,
        event_until,
        event_kind,
        as_of,
        held,
        kinds,
        is_owed,
    )


def _one_type(column: NDArray[Any]) -> NDArray[Any]:
    """A column that cannot be written to, as most of Polars' come: the compiled walk is made anew for each type that it meets."""
    same = column.view()
    same.flags.writeable = False
    return same


def _kinds(texts: Sequence[PolicyText], key: str) -> NDArray[np.bool_]:
    """Which kinds of event each text names under a key, a row a text."""
    return np.array([[kind in text.values.get(key, []) for kind in EVENT_KINDS] for text in texts], np.bool_)


def interruptions(
    tables: Mapping[str, pl.DataFrame],
    known_at: datetime | None = None,
    begins_on: NDArray[np.int32] | None = None,
    clocks: pl.Series | None = None,
) -> pl.DataFrame:
    """What may set the clock anew: account_row, on, until (the last day of a suit, far away while it is pending;
    else ``on``), kind (an index of EVENT_KINDS), by account and day.

    A demand counts when it reached the person: writing that was delivered, a talk that took place. A contact
    that names no account counts for every account of the person. A payment counts unless it was reversed.
    Days are those of the customer's clock; where it is not told, of ``clocks`` (an account a row), and by UTC
    where that does not tell either. ``begins_on``: when each account's period begins (-1: it has none); what
    was over before is left out, for it changes nothing.
    """
    payments = standing_payments(known(tables["payments"], known_at)).select(
        "account_row", on="paid_on", counts=pl.col("kind") == "payment"
    )
    suits = known(tables["holds"], known_at).filter(pl.col("kind") == "litigation")
    parts = [_events(payments, "payment", begins_on)]
    if suits.height:
        told = suits.select("account_row", on="from_on", until=pl.col("to_on").fill_null(DAY_MAX))
        parts.append(_events(told, "suit", begins_on))
    if tables["promises"].height:
        promises = spread(known(tables["promises"], known_at), tables["accounts"])
        promises = promises.select("account_row", "made_at")
        zones = _accounts_with_zones(tables, clocks).select("account_row", "timezone")
        made = promises.join(zones, on="account_row", maintain_order="left")
        made = made.select("account_row", on=_local_day("made_at", made["timezone"]))
        parts.append(_events(made, "promise", begins_on))
    if tables["contacts"].height:
        contacts = known(tables["contacts"], known_at)
        parts.append(_events(_demands(contacts, _accounts_with_zones(tables, clocks)), "demand", begins_on))
    filled = [part for part in parts if part.height] or parts[:1]
    events = pl.concat(filled)
    return events.sort("account_row", "on", "kind") if len(filled) > 1 else events.sort("account_row", "on")


def _events(rows: pl.DataFrame, kind: str, begins_on: NDArray[np.int32] | None) -> pl.DataFrame:
    """Rows of account_row, on and perhaps until as events of a kind, without those over before the period begins
    (and those of which ``counts`` is false, where there is such a column).
    """
    account, on = rows["account_row"].cast(pl.UInt32), rows["on"]
    until = rows["until"] if "until" in rows.columns else on
    events = pl.DataFrame(
        {
            "account_row": account,
            "on": on,
            "until": until,
            "kind": pl.Series(np.full(rows.height, EVENT_KINDS.index(kind), np.int64)),
        }
    )
    kept = rows["counts"].to_numpy() if "counts" in rows.columns else np.ones(rows.height, np.bool_)
    if begins_on is not None:
        begins = begins_on[account.to_numpy()]
        kept = kept & (until.to_physical().to_numpy() >= begins) & (begins >= 0)
    return events if kept.all() else events.filter(pl.Series(kept))


def _accounts_with_zones(tables: Mapping[str, pl.DataFrame], clocks: pl.Series | None) -> pl.DataFrame:
    """account_row, account_id, customer_id and the timezone: the customer's, else that of ``clocks`` (null: not
    told).
    """
    customers = tables["customers"]
    if "timezone" not in customers.columns:
        customers = customers.with_columns(timezone=pl.lit(None, dtype=pl.String))
    accounts = tables["accounts"].select("account_id", "customer_id").with_row_index("account_row")
    zones = customers.select("customer_id", "timezone")
    accounts = accounts.join(zones, on="customer_id", how="left", maintain_order="left")
    if clocks is None:
        return accounts
    return accounts.with_columns(timezone=pl.col("timezone").fill_null(clocks))


def _local_day(column: str, zones: pl.Series) -> pl.Expr:
    """The day of an instant on each row's own clock; by UTC where no zone is told."""
    day = pl.col(column).dt.date()
    for zone in zones.drop_nulls().unique().sort():
        day = (
            pl.when(pl.col("timezone") == zone)
            .then(pl.col(column).dt.convert_time_zone(zone).dt.date())
            .otherwise(day)
        )
    return day


def _demands(contacts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """account_row and day of each demand that reached the person; ``accounts`` as _accounts_with_zones gives them."""
    channel, outcome = pl.col("channel").cast(pl.String), pl.col("outcome").cast(pl.String)
    reached = worked_out(
        contacts.lazy()
        .filter(
            pl.col("direction").cast(pl.String) == "out",
            pl.col("party").cast(pl.String) == "self",
            (channel.is_in(_WRITES) & outcome.is_in(["delivered", "opened", "replied"]))
            | (channel.is_in(_TALKS) & (outcome == "conversation")),
        )
        .select("customer_id", "account_ids", "at")
    ).lazy()
    owned, columns = accounts.lazy(), ("account_row", "at", "timezone")
    named = reached.filter(pl.col("account_ids").is_not_null()).explode("account_ids")
    of_all = reached.filter(pl.col("account_ids").is_null())
    demands = worked_out(
        pl.concat(
            [
                named.join(owned, left_on="account_ids", right_on="account_id").select(columns),
                of_all.join(owned, on="customer_id").select(columns),
            ]
        )
    )
    return demands.select("account_row", on=_local_day("at", demands["timezone"]))


def _check(text: PolicyText) -> None:
    """Refuse a text that lacks what the clock needs. Raises PolicyError."""
    if type(text.values.get("years")) is not int or text.values["years"] < 1:
        raise PolicyError(text.file, "years", "is not a whole number of years", "Write years = 3")
    if text.values.get("begins") != "last_instalment":
        raise PolicyError(
            text.file,
            "begins",
            f"{text.values.get('begins')!r} is not known",
            'Write begins = "last_instalment"',
        )
    for key in ("applies_to", "regions", "interrupted_by", "revived_by"):
        if not isinstance(text.values.get(key), list):
            raise PolicyError(text.file, key, "is not a list", f'Write {key} = ["..."]')
    for key in ("interrupted_by", "revived_by", "runs_from_end_of"):
        strangers = set(text.values.get(key, ())) - set(EVENT_KINDS)
        if strangers:
            raise PolicyError(
                text.file, key, f"{sorted(strangers)} is not known", f"Any of: {', '.join(EVENT_KINDS)}"
            )
    try:
        ZoneInfo(str(text.values.get("timezone", "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        raise PolicyError(
            text.file, "timezone", "is no IANA zone", 'Write timezone = "Asia/Shanghai"'
        ) from None


def _text_of(texts: Sequence[PolicyText], jurisdiction: str | None, region: str | None) -> int:
    """The text that holds for a place: the last of those that name its region, else of those for all regions; -1: none does."""
    chosen = -1
    for is_regional in (False, True):
        for k, text in enumerate(texts):
            regions = text.values["regions"]
            if ("*" in regions) is is_regional or jurisdiction not in text.values["applies_to"]:
                continue
            if not is_regional or region in regions:
                chosen = k
    return chosen


def _last_due(instalments: pl.DataFrame, account_count: int) -> NDArray[np.int32]:
    """The due day of each account's last instalment, NO_DAY where there is none."""
    ends = offsets(instalments, account_count)
    due = instalments["due_on"].to_physical().to_numpy()
    last: NDArray[np.int32] = walk.empty_days(account_count)
    has_any = ends[1:] > ends[:-1]
    last[has_any] = due[ends[1:][has_any] - 1]
    return last
