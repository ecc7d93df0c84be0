"""The book's frames as the arrays of the gate's pass: millions of people at once, grouped by person.

The twin of ``person.PersonArrays``: the same layout, the same meaning. ``TableRecords`` groups the history once; any
number of attempts can then be held against it.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.law import arrays, codes
from dunwell.law.arrays import NEVER, NONE
from dunwell.law.grouping import grouped
from dunwell.law.kinds import FOREVER, clock
from dunwell.law.person import SELF, Preference, preference_of_tape, preference_row
from dunwell.law.zones import is_zone

Ints = NDArray[np.int64]

UNSEEN_DEBT = -2
"""The number of a debt that no record names: contacts that name their debts do not count to it."""

_MOBILE, _WORK = codes.PLACES.index("mobile"), codes.PLACES.index("work")
_NO_SOURCE = len(codes.SOURCES)
_ALWAYS = Preference(kind="not_channel")


class TableRecords:
    """Everything the tables say about the people, as arrays.

    ``tables``: typed frames by name, as the book hands them out (customers; and of accounts, contact_points, contacts, holds,
    consents, preferences, notices those there are). ``past_due``: account_id and past_due_days, where they are known.
    """

    def __init__(self, tables: Mapping[str, pl.DataFrame], past_due: pl.DataFrame | None = None) -> None:
        customers = tables["customers"]
        self._people = customers.select("customer_id").with_row_index("person")
        self._accounts = tables.get("accounts")
        self._past_due = past_due
        points = tables.get("contact_points")
        self._points = (
            pl.DataFrame(schema={"contact_point_id": pl.String, "point": pl.Int64})
            if points is None
            else points.select("contact_point_id").with_row_index("point")
        )
        contacts = _sorted(tables.get("contacts"), self._people, "at")
        self._debts = self._debt_numbers(tables, contacts)
        self._known_points(tables, contacts)
        self._contact_rows = (
            None
            if contacts is None or "contact_id" not in contacts.columns
            else contacts.select("contact_id").with_row_index("reply")
        )
        self.zone_names, zone_first, zones, has_unknown = self._zones(customers, points)
        preferences, unreadable = self._preferences(tables.get("preferences"))
        count = customers.height
        has_notices = np.full(count, int(tables.get("notices") is not None), np.int64)
        point_arrays = self._point_arrays(points)
        self.records = arrays.Records(
            arrays.People(zone_first, zones, has_unknown, unreadable, has_notices),
            point_arrays,
            self._contacts(contacts, point_arrays),
            self._states(customers, tables.get("holds")),
            preferences,
            self._consents(tables.get("consents")),
            self._notices(tables.get("notices")),
        )

    def _debt_numbers(
        self, tables: Mapping[str, pl.DataFrame], contacts: pl.DataFrame | None
    ) -> pl.DataFrame:
        """account_id, debt, owner (the person; NONE where no accounts are given)."""
        if self._accounts is not None:
            group = pl.col("group") if "group" in self._accounts.columns else pl.lit(None, pl.String)
            keyed = self._accounts.select(
                "account_id",
                "customer_id",
                pl.when(group.is_not_null())
                .then(pl.concat_str([pl.col("customer_id"), group], separator="\0"))
                .otherwise(pl.col("account_id"))
                .alias("key"),
            )
            return (
                keyed.with_columns((pl.col("key").rank("dense").cast(pl.Int64) - 1).alias("debt"))
                .join(self._people, on="customer_id", how="left", maintain_order="left")
                .select("account_id", "debt", pl.col("person").cast(pl.Int64).fill_null(NONE).alias("owner"))
            )
        lists = [
            frame["account_ids"].explode().drop_nulls()
            for frame in (contacts, tables.get("consents"), tables.get("notices"))
            if frame is not None and "account_ids" in frame.columns
        ]
        holds = tables.get("holds")
        if holds is not None and "account_id" in holds.columns:
            lists.append(holds["account_id"].drop_nulls())
        names = pl.concat([pl.Series("account_id", [], pl.String), *lists]).alias("account_id").unique()
        frame = names.sort().to_frame().with_row_index("debt")
        return frame.select(
            "account_id", pl.col("debt").cast(pl.Int64), pl.lit(NONE, pl.Int64).alias("owner")
        )

    def _known_points(self, tables: Mapping[str, pl.DataFrame], contacts: pl.DataFrame | None) -> None:
        """Number also the contact points that only a contact or a consent names."""
        named = [
            frame["contact_point_id"].drop_nulls().unique()
            for frame in (contacts, tables.get("consents"))
            if frame is not None and "contact_point_id" in frame.columns
        ]
        if not named:
            return
        seen = pl.concat(named).unique().to_frame().join(self._points, on="contact_point_id", how="anti")
        more = seen.sort("contact_point_id").with_row_index("point", offset=self._points.height)
        self._points = pl.concat(
            [
                self._points.select("contact_point_id", pl.col("point").cast(pl.Int64)),
                more.select("contact_point_id", pl.col("point").cast(pl.Int64)),
            ]
        )

    def _zones(
        self, customers: pl.DataFrame, points: pl.DataFrame | None
    ) -> tuple[tuple[str, ...], Ints, Ints, Ints]:
        """Every zone that the records of a person point to: their own, and those of their own contact points."""
        said = [customers.select("customer_id", pl.col("timezone").alias("zone"))]
        if points is not None:
            said.append(
                points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null()).select(
                    "customer_id", pl.col("timezone").alias("zone")
                )
            )
        rows = (
            pl.concat(said)
            .drop_nulls()
            .unique()
            .join(self._people, on="customer_id")
            .sort("person", "zone")
            .select("person", "zone")
        )
        names = rows["zone"].unique().sort().to_list()
        valid = [name for name in names if is_zone(name)]
        known = rows.filter(pl.col("zone").is_in(valid))
        first = _first(known["person"], customers.height)
        numbers = known["zone"].replace_strict(valid, range(len(valid)), return_dtype=pl.Int64)
        has_unknown = np.zeros(customers.height, np.int64)
        has_unknown[rows.filter(~pl.col("zone").is_in(valid))["person"].to_numpy()] = 1
        has_unknown[np.diff(first) == 0] = 1
        return tuple(valid), first, _ints(numbers), has_unknown

    def _point_arrays(self, points: pl.DataFrame | None) -> arrays.Points:
        count = (
            self._points.height + 1
        )  # the last stands for a contact point that the records have never seen
        kind, party = np.full(count, NONE, np.int64), np.full(count, NONE, np.int64)
        place, not_theirs = np.zeros(count, np.int64), np.full(count, NEVER, np.int64)
        if points is not None and points.height:
            known = slice(0, points.height)
            kind[known] = _codes(points["kind"], codes.POINT_KINDS)
            party[known] = _codes(points["party"], codes.PARTIES)
            said = _codes(points["place"], codes.PLACES)
            is_employers = party[known] == codes.PARTIES.index("employer")
            place[known] = np.where(said == NONE, np.where(is_employers, _WORK, 0), said)
            place[known][kind[known] == codes.POINT_KINDS.index("mobile")] = _MOBILE
            not_theirs[known] = _instants(points["not_theirs_from"], NEVER)
        return arrays.Points(kind, party, place, not_theirs)

    def _contacts(self, contacts: pl.DataFrame | None, points: arrays.Points) -> arrays.Contacts:
        if contacts is None:
            none = np.zeros(0, np.int64)
            first = np.zeros(self._people.height + 1, np.int64)
            return arrays.Contacts(
                first, none, none, none, none, none, none, none, np.zeros(1, np.int64), none
            )
        point = self._point_of(contacts)
        reply = np.full(contacts.height, NONE, np.int64)
        if "in_reply_to" in contacts.columns and contacts["in_reply_to"].null_count() < contacts.height:
            reply = self._reply_of(contacts)
        debt_first, debts = self._debt_lists(contacts)
        return arrays.Contacts(
            _first(contacts["person"], self._people.height),
            _instants(contacts["at"], NEVER),
            _codes(contacts["channel"], codes.CHANNELS),
            _codes(contacts["direction"], codes.DIRECTIONS),
            _parties(_codes(contacts["party"], codes.PARTIES), point, points),
            _codes(contacts["outcome"], codes.OUTCOMES),
            point,
            reply,
            debt_first,
            debts,
        )

    def _point_of(self, rows: pl.DataFrame) -> Ints:
        if "contact_point_id" not in rows.columns:
            return np.full(rows.height, NONE, np.int64)
        unseen = self._points.height
        found = rows.select("contact_point_id").join(
            self._points, on="contact_point_id", how="left", maintain_order="left"
        )
        number = pl.col("point").cast(pl.Int64).fill_null(unseen)
        return _ints(
            found.select(
                pl.when(pl.col("contact_point_id").is_null()).then(pl.lit(NONE)).otherwise(number)
            ).to_series()
        )

    def _reply_of(self, rows: pl.DataFrame) -> Ints:
        if self._contact_rows is None or "in_reply_to" not in rows.columns:
            return np.full(rows.height, NONE, np.int64)
        found = rows.select("in_reply_to").join(
            self._contact_rows,
            left_on="in_reply_to",
            right_on="contact_id",
            how="left",
            maintain_order="left",
        )
        return _ints(found["reply"].cast(pl.Int64).fill_null(NONE))

    def _debt_lists(self, rows: pl.DataFrame) -> tuple[Ints, Ints]:
        """``debt_first`` and ``debts`` of rows with a list column account_ids."""
        if "account_ids" not in rows.columns:
            return np.zeros(rows.height + 1, np.int64), np.zeros(0, np.int64)
        lengths = _ints(rows["account_ids"].list.len().fill_null(0))
        first = np.concatenate([[0], np.cumsum(lengths)])
        named = (
            rows.filter(pl.col("account_ids").list.len() > 0)
            .select(pl.col("account_ids").explode().alias("account_id"))
            .join(self._debts, on="account_id", how="left", maintain_order="left")
        )
        return first, _ints(named["debt"].fill_null(UNSEEN_DEBT))

    def _by_debt(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A row a debt that is named in account_ids; NONE where none is."""
        if "account_ids" not in rows.columns:
            return rows.with_columns(pl.lit(NONE, pl.Int64).alias("debt"))
        spread = rows.with_columns(
            pl.when(pl.col("account_ids").list.len() > 0).then(pl.col("account_ids")).alias("account_id")
        ).explode("account_id")
        return spread.join(self._debts, on="account_id", how="left", maintain_order="left").with_columns(
            pl.when(pl.col("account_id").is_null())
            .then(pl.lit(NONE))
            .otherwise(pl.col("debt").fill_null(UNSEEN_DEBT))
            .alias("debt")
        )

    def _states(self, customers: pl.DataFrame, holds: pl.DataFrame | None) -> arrays.States:
        parts = []
        if "deceased_on" in customers.columns:
            parts.append(
                customers.filter(pl.col("deceased_on").is_not_null()).select(
                    "customer_id",
                    pl.lit("deceased").alias("kind"),
                    pl.col("deceased_on").alias("from_on"),
                    pl.lit(None, pl.Date).alias("to_on"),
                    pl.lit(NONE, pl.Int64).alias("debt"),
                )
            )
        if holds is not None:
            parts.append(
                self._hold_owners(holds).select(
                    "customer_id", pl.col("kind").cast(pl.String), "from_on", "to_on", "debt"
                )
            )
        schema = {
            "customer_id": pl.String,
            "kind": pl.String,
            "from_on": pl.Date,
            "to_on": pl.Date,
            "debt": pl.Int64,
        }
        rows = _sorted(pl.concat([pl.DataFrame(schema=schema), *parts]).unique(), self._people, "from_on")
        assert rows is not None
        has_end = _ints(rows["to_on"].is_not_null().cast(pl.Int64))
        until = _ints(rows["to_on"].to_physical().cast(pl.Int64).fill_null(NEVER))
        return arrays.States(
            _first(rows["person"], self._people.height),
            _codes(rows["kind"], codes.STATES),
            _ints(rows["from_on"].to_physical().cast(pl.Int64)),
            np.ones(rows.height, np.int64),
            until,
            has_end,
            _ints(rows["debt"]),
        )

    def _hold_owners(self, holds: pl.DataFrame) -> pl.DataFrame:
        """Holds with their customer and debt, whether they name the account's row, its id or only the customer."""
        if "account_row" in holds.columns and self._accounts is not None:
            owned = self._accounts.select(
                "account_id", pl.col("customer_id").alias("owner_id")
            ).with_row_index("account_row")
            rows = holds.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
                owned, on="account_row", how="left"
            )
        else:
            rows = holds.with_columns(
                pl.col("account_id").cast(pl.String)
                if "account_id" in holds.columns
                else pl.lit(None, pl.String).alias("account_id")
            )
            if self._accounts is None:
                rows = rows.with_columns(pl.lit(None, pl.String).alias("owner_id"))
            else:
                rows = rows.join(
                    self._accounts.select("account_id", pl.col("customer_id").alias("owner_id")),
                    on="account_id",
                    how="left",
                )
        customer = pl.col("customer_id") if "customer_id" in rows.columns else pl.lit(None, pl.String)
        return (
            rows.with_columns(pl.coalesce("owner_id", customer).alias("customer_id"))
            .join(self._debts, on="account_id", how="left")
            .with_columns(
                pl.when(pl.col("account_id").is_null())
                .then(pl.lit(NONE))
                .otherwise(pl.col("debt").fill_null(UNSEEN_DEBT))
                .alias("debt")
            )
        )

    def _preferences(self, asked: pl.DataFrame | None) -> tuple[arrays.Preferences, Ints]:
        unreadable = np.zeros(self._people.height, np.int64)
        rows = _sorted(asked, self._people)
        if rows is None or not rows.height:
            empty = [np.zeros(0, np.int64)] * 10
            return arrays.Preferences(np.zeros(self._people.height + 1, np.int64), *empty), unreadable
        read: dict[tuple[str, str], tuple[int, ...] | None] = {}
        found = []
        point_numbers = (
            dict(self._points.iter_rows()) if rows["detail"].str.contains("contact_point_id").any() else {}
        )
        for kind, detail in rows.select(pl.col("kind").cast(pl.String), "detail").iter_rows():
            if (kind, detail) not in read:
                read[kind, detail] = _read(kind, detail, point_numbers, self._points.height)
            found.append(read[kind, detail])
        person = _ints(rows["person"])
        is_read = np.array([row is not None for row in found])
        unreadable[person[~is_read]] = 1
        table = np.array([row or preference_row(_ALWAYS, NONE) for row in found], np.int64)[is_read]
        first = _first(pl.Series(person[is_read]), self._people.height)
        return arrays.Preferences(first, *(np.ascontiguousarray(table[:, c]) for c in range(10))), unreadable

    def _consents(self, given: pl.DataFrame | None) -> arrays.Consents:
        rows = _sorted(given, self._people)
        if rows is None or not rows.height:
            return arrays.Consents(np.zeros(self._people.height + 1, np.int64), *[np.zeros(0, np.int64)] * 9)
        rows = self._by_debt(rows)
        source = rows["source"].fill_null("collector")
        return arrays.Consents(
            _first(rows["person"], self._people.height),
            _codes(rows["channel"], codes.CHANNELS),
            self._point_of(rows),
            _instants(rows["given_at"], NEVER),
            _instants(rows["withdrawn_at"], NEVER),
            _ints(rows["days"].cast(pl.Int64).fill_null(FOREVER)),
            _clocks(rows["hours_from"]),
            _clocks(rows["hours_to"]),
            np.where((known := _codes(source, codes.SOURCES)) == NONE, _NO_SOURCE, known),
            _ints(rows["debt"]),
        )

    def _notices(self, given: pl.DataFrame | None) -> arrays.Notices:
        rows = _sorted(given, self._people)
        if rows is None:
            return arrays.Notices(np.zeros(self._people.height + 1, np.int64), *[np.zeros(0, np.int64)] * 3)
        rows = self._by_debt(rows)
        return arrays.Notices(
            _first(rows["person"], self._people.height),
            _codes(rows["kind"], codes.NOTICES),
            _instants(rows["sent_at"], NEVER),
            _ints(rows["debt"]),
        )

    def attempts(self, frame: pl.DataFrame) -> arrays.Attempts:
        """Attempts as arrays, in their order.

        Columns: customer_id, at, channel; and where they are given account_ids, contact_point_id, party, purpose,
        in_reply_to, visitors.
        """
        people = frame.select("customer_id").join(
            self._people, on="customer_id", how="left", maintain_order="left"
        )
        person = _ints(people["person"].cast(pl.Int64).fill_null(NONE))
        point = self._point_of(frame)
        party = (
            _codes(frame["party"], codes.PARTIES) if "party" in frame.columns else np.full(frame.height, SELF)
        )
        party = _parties(np.where(party == NONE, SELF, party), point, self.records.points)
        if "purpose" in frame.columns:
            purpose = _codes(frame["purpose"].fill_null("remind"), codes.PURPOSES)
        else:
            purpose = np.zeros(frame.height, np.int64)
        visitors = frame["visitors"].cast(pl.Int64).fill_null(NONE) if "visitors" in frame.columns else None
        debt_first, debts, past_due, is_strange = self._attempt_debts(frame, person)
        return arrays.Attempts(
            person,
            _instants(frame["at"], NEVER),
            _codes(frame["channel"], codes.CHANNELS),
            party,
            purpose,
            point,
            self._reply_of(frame),
            np.full(frame.height, NONE, np.int64) if visitors is None else _ints(visitors),
            is_strange,
            debt_first,
            debts,
            past_due,
        )

    def _attempt_debts(self, frame: pl.DataFrame, person: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The debts of attempts; one that names none is about all of the person's."""
        named = pl.DataFrame({"attempt": np.arange(frame.height), "person": person})
        if "account_ids" in frame.columns:
            lists = pl.when(frame["account_ids"].list.len() > 0).then(frame["account_ids"])
            named = named.with_columns(lists.alias("account_id")).explode("account_id")
        else:
            named = named.with_columns(pl.lit(None, pl.String).alias("account_id"))
        whole = named.filter(pl.col("account_id").is_null()).drop("account_id")
        owned = self._debts.filter(pl.col("owner") != NONE)
        of_all = whole.join(owned, left_on="person", right_on="owner").select(
            "attempt", "person", "account_id"
        )
        rows = (
            pl.concat([named.drop_nulls("account_id").select("attempt", "person", "account_id"), of_all])
            .sort("attempt", maintain_order=True)
            .join(self._debts, on="account_id", how="left", maintain_order="left")
        )
        if self._past_due is not None:
            late = self._past_due.select("account_id", pl.col("past_due_days").cast(pl.Int64))
            rows = rows.join(late, on="account_id", how="left", maintain_order="left")
        else:
            rows = rows.with_columns(pl.lit(None, pl.Int64).alias("past_due_days"))
        is_strange = np.zeros(frame.height, np.int64)
        if self._accounts is not None:
            strange = rows.filter(pl.col("debt").is_null() | (pl.col("owner") != pl.col("person")))
            is_strange[strange["attempt"].to_numpy()] = 1
        return (
            _first(rows["attempt"], frame.height),
            _ints(rows["debt"].fill_null(UNSEEN_DEBT)),
            _ints(rows["past_due_days"].fill_null(NONE)),
            is_strange,
        )


def _sorted(rows: pl.DataFrame | None, people: pl.DataFrame, by: str | None = None) -> pl.DataFrame | None:
    """Rows of known people with their number, person by person and by a day or instant within each."""
    if rows is None:
        return None
    numbers = rows.select("customer_id").join(people, on="customer_id", how="left", maintain_order="left")
    owner = _ints(numbers["person"].cast(pl.Int64).fill_null(NONE))
    key = _ints(rows[by].to_physical().cast(pl.Int64)) if by else np.zeros(rows.height, np.int64)
    _, order = grouped(owner, key, people.height)
    if order is None:
        return rows.with_columns(pl.Series("person", owner))
    return rows[order].with_columns(pl.Series("person", owner[order]))


def _first(owner: pl.Series, count: int) -> Ints:
    """Where each owner's rows begin, and one entry more."""
    return np.concatenate([[0], np.cumsum(np.bincount(owner.to_numpy(), minlength=count))]).astype(np.int64)


def _ints(values: pl.Series) -> Ints:
    """Numbers in an array of its own. Always writable, whatever Polars holds: the pass is compiled anew for arrays that may not
    be written, and which of them those are would depend on the data.
    """
    return np.ascontiguousarray(values.to_numpy(writable=True), np.int64)


def _codes(values: pl.Series, words: tuple[str, ...]) -> Ints:
    """Words as numbers, NONE where there is none or it is not known."""
    if isinstance(values.dtype, pl.Enum) and values.dtype.categories.to_list() == list(words):
        return _ints(values.to_physical().cast(pl.Int64).fill_null(NONE))
    return _ints(
        values.cast(pl.String).replace_strict(
            list(words), list(range(len(words))), default=NONE, return_dtype=pl.Int64
        )
    )


def _instants(values: pl.Series, missing: int) -> Ints:
    return _ints(values.dt.timestamp("us").cast(pl.Int64).fill_null(missing))


def _clocks(values: pl.Series) -> Ints:
    """Times of day as text to microseconds; NONE where none is said."""
    known = values.drop_nulls().unique().to_list()
    return _ints(
        values.cast(pl.String).replace_strict(
            known, [clock(text) for text in known], default=NONE, return_dtype=pl.Int64
        )
    )


def _parties(party: Ints, point: Ints, points: arrays.Points) -> Ints:
    """The party a contact is with: the contact point's owner, where the records know better."""
    owner = np.where(point == NONE, NONE, points.party[point])
    return np.where((party == SELF) & (owner != NONE), owner, party)


def _read(kind: str, detail: str, points: Mapping[str, int], unseen: int) -> tuple[int, ...] | None:
    try:
        asked = preference_of_tape(kind, detail)
    except (ValueError, TypeError, AttributeError):
        return None
    point = asked.contact_point_id
    return preference_row(asked, NONE if point is None else points.get(point, unseen))
