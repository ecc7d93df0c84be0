"""What the lender tells of during the day: payments and holds, one by one or as a file; the desk sees them at once.

A row is checked as a tape's row is, stands beside the book until a tape brings it, and its customer's figures and place in the
queue are worked out anew on the spot, by the functions of the nightly run.
"""

import csv
import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from django.db import transaction

from dunwell.book import TABLES
from dunwell.book.single import RowsUnusable, typed_rows
from dunwell.journal.recording import NewEvent
from dunwell.money import CURRENCIES
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.publishing import new_case, place_in_queue
from dunwell.office.cases.routing import reroute
from dunwell.office.workplace import Workplace

TAKEN_IN = ("payments", "holds")
"""The tables whose rows may come in during the day."""

_KEYS = {"payments": "payment_id", "holds": "hold_id"}
_WORDS = {"payments": ("paid_on", "amount_minor", "kind", "reverses"), "holds": ("kind", "from_on", "to_on")}
"""What a row says, beside its id and whose it is."""
_AHEAD = timedelta(hours=14)
"""So far ahead of UTC a day begins somewhere (Kiritimati): money of the customer's own day is taken."""
_FOLDER = "intake"
_NAME_MAX = 100
_CELL_MAX = 200
_BYTES_MAX = 256 << 20


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that could not be used: its number (the first is 1), the rule it broke and the mend."""

    row: int
    why: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some rows: how many are new, how many were known, and which were refused."""

    new_count: int
    known_count: int
    refused: tuple[Refused, ...]
    customer_ids: tuple[str, ...]


def take_in(
    place: Workplace,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    source: str,
    sees: Callable[[str], bool] = lambda customer_id: True,
) -> Taken:
    """Take in rows of a table; the good ones count from now on, each bad one is told with its mend. ``sees``: whether who sends
    them may see a customer; others are as good as not in the book. Raises ValueError for a table that does not come in during
    the day.
    """
    if table not in TAKEN_IN:
        raise ValueError(f"{table!r} does not come in during the day. One of: {', '.join(TAKEN_IN)}")
    now = place.clock()
    refused, customers = [], []
    new_count = known_count = 0
    for number, given in enumerate(rows, 1):
        row = {name: None if value in (None, "") else str(value) for name, value in given.items()}
        try:
            _check_cells(table, row)
            customer, currency = _owner(place, table, row, sees)
            typed = _check(
                table, row, currency, now, _paid(place, customer, row) if row.get("reverses") else frozenset()
            )
            is_known = _is_known(place, table, row, typed, customer)
        except RowsUnusable as error:
            refused.append(Refused(number, str(error)))
            continue
        if is_known:
            known_count += 1
            continue
        with transaction.atomic():
            kept = {name: value for name, value in row.items() if value is not None}
            key = str(row[_KEYS[table]])
            kept_row, is_new = Received.objects.get_or_create(
                table=table,
                key=key,
                defaults={"customer_id": customer, "row": kept, "received_at": now, "source": source[:80]},
            )
            if is_new:
                place.journal.record([_event(table, row, customer, currency, now, source)])
        if kept_row.customer_id != customer:  # somebody else's came in while this one was checked
            refused.append(Refused(number, _of_another(table, key)))
            continue
        new_count, known_count = new_count + is_new, known_count + (not is_new)
        customers.append(customer)
    told = tuple(dict.fromkeys(customers))
    for customer in told:
        refresh(place, customer)
        if table == "holds":
            reroute(place, customer, "dunwell")
    return Taken(new_count, known_count, tuple(refused), told)


def _check_cells(table: str, row: Mapping[str, str | None]) -> None:
    """Refuse what no database keeps. Raises RowsUnusable."""
    for name, value in row.items():
        if value is not None and ("\0" in value or len(value) > _CELL_MAX):
            raise RowsUnusable(
                f"{table}: {name} has a NUL or more than {_CELL_MAX} characters. Send what the lender's records say"
            )


def _owner(
    place: Workplace, table: str, row: Mapping[str, str | None], sees: Callable[[str], bool]
) -> tuple[str, str | None]:
    """Whose row it is, and the currency of the account it names. Raises RowsUnusable."""
    account = row.get("account_id")
    if account is None:
        customer = row.get("customer_id")
        if table != "holds" or customer is None:
            raise RowsUnusable(f"{table}: account_id is missing. Name the account that the row is about")
        if place.shelf.file(customer) is None or not sees(customer):
            raise RowsUnusable(
                f"{table}: customer_id {customer!r} is not in the book. Send the customer with the tape first"
            )
        return customer, None
    owner = place.shelf.owner(account)
    if owner is None or not sees(owner):
        raise RowsUnusable(
            f"{table}: account_id {account!r} is not in the book. Send the account with the tape first"
        )
    file = place.shelf.file(owner)
    assert file is not None
    accounts = file.tables["accounts"]
    return owner, accounts.filter(pl.col("account_id") == account)["currency"][0]


def _paid(place: Workplace, customer: str, row: Mapping[str, str | None]) -> frozenset[str]:
    """The payments of the row's account that a reversal may name."""
    tables = CaseFile(place, customer).tables
    accounts = (
        tables["accounts"].with_row_index("account_row").filter(pl.col("account_id") == row.get("account_id"))
    )
    rows = tables["payments"].join(accounts.select("account_row"), on="account_row", how="semi")
    return frozenset(rows.filter(pl.col("kind") != "reversal")["payment_id"])


def _check(
    table: str, row: Mapping[str, str | None], currency: str | None, now: datetime, paid: frozenset[str]
) -> pl.DataFrame:
    """The row as the book would hold it. Raises RowsUnusable."""
    typed = typed_rows(table, [row], now, CURRENCIES[currency] if currency else 0)
    if table != "payments":
        return typed
    if typed["paid_on"][0] > (now + _AHEAD).date():
        raise RowsUnusable(
            f"payments: paid_on {typed['paid_on'][0]} has not come yet. Send the day on which the money came"
        )
    if typed["kind"][0] == "reversal" and typed["reverses"][0] not in paid:
        raise RowsUnusable(
            "payments: reverses an unknown payment. Name a payment of this account that stands in the book or came in before"
        )
    return typed


def _is_known(
    place: Workplace, table: str, row: Mapping[str, str | None], typed: pl.DataFrame, customer: str
) -> bool:
    """Whether the row stands in the book or came in before. Raises RowsUnusable where another row has its id: what came in is
    not changed, and nobody is to think that it was.
    """
    key, words = _KEYS[table], list(_WORDS[table])
    name, says = row[key], typed.select(words).row(0)
    file = place.shelf.file(customer)
    assert file is not None, "whose row it is was looked up just now"
    held = file.tables[table].filter(pl.col(key) == name)
    told = Received.objects.filter(table=table, key=name).first()
    if held.height:
        about = file.tables["accounts"]["account_id"].gather(held["account_row"]).to_list()
        is_same = held.select(words).row(0) == says and row.get("account_id") in (None, *about)
    elif told is not None and told.customer_id == customer:
        account, accounts = told.row.get("account_id"), file.tables["accounts"]
        currencies = dict(accounts.select("account_id", "currency").iter_rows())
        decimals = CURRENCIES[currencies[account]] if account else 0
        before = typed_rows(table, [told.row], told.received_at, decimals)
        is_same = before.select(words).row(0) == says and account == row.get("account_id")
    elif told is None and not place.shelf.has_row(table, str(name)):
        return False
    else:
        raise RowsUnusable(_of_another(table, str(name)))
    if not is_same:
        raise RowsUnusable(
            f"{table}: {key} {name!r} stands already and says something else. Reverse a payment and send another; "
            "what else is to change comes with the next tape"
        )
    return True


def _of_another(table: str, name: str) -> str:
    return (
        f"{table}: {_KEYS[table]} {name!r} stands already and is of another customer. An id is of one row in the whole book: "
        "send this one under its own"
    )


def _event(
    table: str, row: Mapping[str, str | None], customer: str, currency: str | None, now: datetime, source: str
) -> NewEvent:
    accounts = (str(row["account_id"]),) if row.get("account_id") else ()
    key = key_of(table, str(row[_KEYS[table]]))
    if table == "payments":
        body = {"payment": row["payment_id"], "amount": row["amount"], "currency": currency, "source": source}
        if row.get("kind") in ("reversal", "chargeback"):
            body["sort"] = row["kind"]
        return NewEvent("payment.seen", now, customer, accounts=accounts, body=body, key=key)
    body = {"hold": row["kind"], "source": source, "row": row["hold_id"]}
    if row.get("to_on"):
        body["until"] = row["to_on"]
    return NewEvent("hold.placed", now, customer, accounts=accounts, body=body, key=key)


def key_of(table: str, name: str) -> str:
    """The key under which the journal records a row of that id once."""
    return f"intake:{table}:{name if len(name) <= _NAME_MAX else sha256(name.encode()).hexdigest()}"


def refresh(place: Workplace, customer_id: str) -> None:
    """Work a customer's case out anew: figures, stage and place in the queue, as of this moment."""
    with transaction.atomic():
        _refresh(place, Case.objects.select_for_update().filter(pk=customer_id).first(), customer_id)


def _refresh(place: Workplace, case: Case | None, customer_id: str) -> None:
    file = CaseFile(place, customer_id)
    stage = file.stage
    if case is None and stage is None:
        return
    case = case or new_case(place, customer_id)
    assert case is not None, "the file was read just now"
    late = file.positions.filter(pl.col("past_due_days") > 0).sort("past_due_total", descending=True)
    if stage is not None:
        case.stage, case.since = stage["stage"], stage["since"]
        case.opened_on, case.closed_on = stage["opened_on"], stage["closed_on"]
        case.account_count = len(stage["account_ids"])
    case.past_due_days = int(late.select(pl.col("past_due_days").max()).item() or 0)
    case.past_due_total = late["past_due_total"][0] if late.height else 0
    case.currency = late["currency"][0] if late.height else case.currency
    case.bucket = late["bucket"][0] if late.height else case.bucket
    if not late.height:
        case.channel, case.planned_at, case.treatment = "", None, ""
        case.is_held_back, case.held_by, case.not_before = False, [], None
        case.left_because, case.net = "", None
    case.broken_on = file.promises.select(pl.col("broken_on").max()).item() if late.height else None
    place_in_queue(case, place.clock())
    case.save()


def take_in_files(place: Workplace) -> int:
    """Take in what lies in the workspace's ``intake`` folder (``payments*.csv``, ``holds*.csv``, whole under that name); how many
    rows are new. Each file moves to ``intake/done``; the rows that were refused lie beside it with their reasons.
    """
    folder = place.settings.root / _FOLDER
    count = 0
    for file in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        table = next((name for name in TAKEN_IN if file.name.startswith(name)), None)
        if table is None or not file.is_file():
            continue
        count += _take_in_file(place, table, file)
    return count


def _take_in_file(place: Workplace, table: str, file: Path) -> int:
    done = file.parent / "done"
    done.mkdir(exist_ok=True)
    stamp = place.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = done / f"{file.stem}-{stamp}.csv"
    try:
        if file.stat().st_size > _BYTES_MAX:
            raise csv.Error(f"it has more than {_BYTES_MAX >> 20} MB")
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
    except PermissionError:
        return 0  # it stays until it may be read
    except (UnicodeDecodeError, csv.Error) as error:
        shutil.move(file, target)
        _tell(target, [{"row": "", "why": f"the file cannot be read ({error}). Save it as UTF-8 CSV"}])
        return 0
    known = {column.name for column in TABLES[table].columns}
    taken = take_in(
        place,
        table,
        [{name: value for name, value in row.items() if name in known} for row in rows],
        f"file {file.name}",
    )
    shutil.move(file, target)
    if taken.refused:
        _tell(target, [{"row": one.row, "why": one.why} for one in taken.refused])
    return taken.new_count


def _tell(target: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with target.with_suffix(".refused.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=["row", "why"])
        writer.writeheader()
        writer.writerows(rows)
