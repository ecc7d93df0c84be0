"""On whom a strategy is rehearsed: people past due from the lender's book, or made ones, with what the text and the law ask about
them.

The same people, with the same records, for every strategy that is compared; a strategy's capacities shrink with the part of the
portfolio that was taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from dunwell.book import Book, Tape
from dunwell.insight.features import features
from dunwell.insight.training import with_groups
from dunwell.law.overlay import LenderLaw
from dunwell.ledger import Terms, positions, read_terms
from dunwell.rehearsal.moving_in import Census, census_of
from dunwell.rehearsal.portfolio import write_portfolio
from dunwell.rehearsal.world import TERMS_FOLDER, read_world
from dunwell.strategy.columns import FEATURE_COLUMNS, customer_columns
from dunwell.strategy.over_waiting import HISTORY, history_of

CONTACT_DAYS = 62
"""Contacts of so many days before are remembered: more than any shipped rule looks back."""
GROUPINGS = ("age", "region", "language")
"""The groups among which a change is held to be fair: those of the score cards, and the region."""
MADE_STRESS = 6.0
_MADE_ACCOUNTS_EACH = 16
"""Accounts made for each customer past due that is wanted: at this stress about one in fifteen is."""

_LAW_TABLES = ("contact_points", "contacts", "holds", "consents", "preferences", "notices")
_ORDER_SEED = 97


class Setting(NamedTuple):
    """People past due as of a day.

    ``census``: them, as a world takes them. ``people``: a row each in the census's order, with every column that a strategy may
    ask about (``strategy.columns``), GROUPINGS under names that begin with ``group_``, and the days since the last contact out
    (of HISTORY).
    ``tables``: their records, as the gate reads them. ``share``: the part of the portfolio's customers past due that they are.
    ``copies``: how often everybody is there (``copied``), each time with another nature and luck; ``people`` has then their
    lender's id as ``own_id``.
    """

    census: Census
    people: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    terms: Mapping[str, Terms]
    law: LenderLaw
    actor: str
    as_of: date
    share: float
    source: str
    copies: int = 1


class NobodyPastDue(ValueError):
    """There is nobody to rehearse a strategy on."""


def setting_of_book(
    book: Book,
    terms: Mapping[str, Terms],
    law: LenderLaw,
    actor: str,
    customers: int,
    asked: frozenset[str],
) -> Setting:
    """At most so many customers past due from a book, drawn by a hash of their ids; partitions are read until there are enough.

    ``asked``: the columns that the strategies look at; features are worked out where one is among them. Raises NobodyPastDue.
    """
    as_of = date.fromisoformat(book.as_of)
    parts, late = [], 0
    for number in range(book.partition_count):
        parts.append(_part(book.partition(number).tables, terms, as_of, asked))
        late += parts[-1].late.len()
        if late >= customers:
            break
    everybody = late * book.partition_count / len(parts)
    return _setting(parts, terms, law, actor, as_of, customers, everybody, f"the book of {as_of}")


def setting_of_made(
    currency: str,
    law: LenderLaw,
    actor: str,
    as_of: date,
    customers: int,
    seed: int,
    asked: frozenset[str],
) -> Setting:
    """About so many made customers past due, of the countries whose products are in a currency (of all where none is).

    They stand for the whole portfolio: capacities are taken as they are. Raises NobodyPastDue.
    """
    terms = read_terms(TERMS_FOLDER)
    world = read_world()
    places = {product.country for product in world.products if product.terms.currency == currency}
    homes = tuple(world.countries[place].jurisdiction for place in sorted(places))
    with TemporaryDirectory() as folder:
        place = Path(folder)
        write_portfolio(
            place, customers * _MADE_ACCOUNTS_EACH, seed, as_of, jurisdictions=homes, stress=MADE_STRESS
        )
        parts = [_part(tables, terms, as_of, asked) for tables in _tape_tables(place, terms, as_of)]
    late = sum(part.late.len() for part in parts)
    kept = min(late, customers)
    return _setting(parts, terms, law, actor, as_of, customers, kept, "made debtors")


def copied(setting: Setting, copies: int) -> Setting:
    """The same people so many times, one copy after another: who they are and what they owe is the same, their hidden nature and
    their luck are drawn anew for each. A day of many copies at once takes far less time than many days of one.
    """
    marks = [f"{number:03d}§" for number in range(copies)]
    accounts, debts = setting.census.accounts, setting.census.accounts.height
    schedule = setting.census.schedule
    kind = schedule.schema["debt"]
    census = Census(
        pl.concat([_marked(setting.census.customers, mark) for mark in marks]),
        pl.concat([_marked(accounts, mark) for mark in marks]),
        pl.concat(
            schedule.with_columns((pl.col("debt") + number * debts).cast(kind)) for number in range(copies)
        ),
    )
    people = setting.people.with_columns(own_id="customer_id")
    return setting._replace(
        census=census,
        people=pl.concat([_marked(people, mark) for mark in marks]),
        tables={
            name: pl.concat([_marked(rows, mark) for mark in marks]) for name, rows in setting.tables.items()
        },
        copies=copies,
    )


_IDS = ("customer_id", "account_id", "contact_point_id", "hold_id")
_NAMED_POINT = r'("contact_point_id"\s*:\s*")'


def _marked(rows: pl.DataFrame, mark: str) -> pl.DataFrame:
    """Rows whose every id begins with a mark."""
    marked = [(pl.lit(mark) + pl.col(name)).alias(name) for name in _IDS if name in rows.columns]
    if "account_ids" in rows.columns:
        marked.append(pl.col("account_ids").list.eval(pl.lit(mark) + pl.element()))
    if "detail" in rows.columns:  # a wish may name a contact point
        marked.append(pl.col("detail").str.replace_all(_NAMED_POINT, "${1}" + mark))
    return rows.with_columns(marked)


def _tape_tables(
    folder: Path, terms: Mapping[str, Terms], as_of: date
) -> Iterator[Mapping[str, pl.DataFrame]]:
    tape = Tape(
        folder,
        products={product: text.currency for product, text in terms.items()},
        products_needing_rate=[product for product, text in terms.items() if text.needs_contract_rate],
        imported_at=datetime.combine(as_of, datetime.min.time(), UTC),
    )
    with tape:
        for partition in tape.partitions():
            yield partition.tables


class _Part(NamedTuple):
    """A partition's people past due: their ids, and the tables narrowed to them."""

    late: pl.Series
    census: Census
    people: pl.DataFrame
    tables: dict[str, pl.DataFrame]


def _part(
    tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], as_of: date, asked: frozenset[str]
) -> _Part:
    owed = positions(tables, terms, as_of).frame
    made = features(tables, terms, as_of) if asked & FEATURE_COLUMNS else None
    columns = customer_columns(owed, tables, made)
    tables = _of_customers(tables, columns["customer_id"])
    groups = with_groups(
        tables["accounts"].select("account_id", "customer_id").with_columns(origin=pl.lit(as_of)), tables
    ).unique("customer_id", keep="first", maintain_order=True)
    people = columns.join(
        groups.select("customer_id", group_age="age", group_language="language"), on="customer_id", how="left"
    ).with_columns(group_region=pl.col("region"))
    census = _only(census_of([tables], terms, as_of), columns["customer_id"])
    people = people.join(census.customers.select("customer_id"), on="customer_id", how="semi")
    history = history_of(tables["contacts"], people["customer_id"], as_of).select(HISTORY[0])
    return _Part(
        people["customer_id"],
        census,
        people.hstack(history),
        _records(tables, people["customer_id"], as_of),
    )


def _of_customers(tables: Mapping[str, pl.DataFrame], wanted: pl.Series) -> dict[str, pl.DataFrame]:
    """A partition's tables with the rows of some customers alone, accounts numbered anew: few are past due, and what is asked of
    them need not be worked out for all.
    """
    named = wanted.unique().to_frame("customer_id")
    kept = (
        tables["accounts"]
        .with_row_index("account_row")
        .join(named, on="customer_id", how="semi", maintain_order="left")
    )
    rows_now = kept.select("account_row").with_row_index("row_now")
    narrowed = dict(tables, accounts=kept.drop("account_row"))
    for name, rows in tables.items():
        if name == "accounts":
            continue
        if "account_row" not in rows.columns:
            if "customer_id" in rows.columns:
                narrowed[name] = rows.join(named, on="customer_id", how="semi", maintain_order="left")
            continue
        kind = rows.schema["account_row"]
        found = rows.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
            rows_now, on="account_row", how="left", maintain_order="left"
        )
        is_theirs = pl.col("row_now").is_not_null()
        if "customer_id" in rows.columns:
            is_theirs |= pl.col("customer_id").is_in(named["customer_id"].implode())
        narrowed[name] = (
            found.filter(is_theirs)
            .with_columns(pl.col("row_now").cast(kind).alias("account_row"))
            .drop("row_now")
        )
    return narrowed


def _records(tables: Mapping[str, pl.DataFrame], wanted: pl.Series, as_of: date) -> dict[str, pl.DataFrame]:
    """What the gate reads of these customers. Rows name accounts by their id: a row number holds for a whole table only."""
    accounts = tables["accounts"].select("account_id", "customer_id").with_row_index("account_row")
    narrowed = {}
    for name in ("customers", "accounts", *_LAW_TABLES):
        rows = tables[name]
        if "account_row" in rows.columns:
            owned = rows.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
                accounts.rename({"customer_id": "owner_id"}),
                on="account_row",
                how="left",
                maintain_order="left",
            )
            own = [pl.col("customer_id")] if "customer_id" in rows.columns else []
            rows = owned.with_columns(customer_id=pl.coalesce(*own, "owner_id")).drop(
                "account_row", "owner_id"
            )
        narrowed[name] = rows.join(
            wanted.to_frame("customer_id"), on="customer_id", how="semi", maintain_order="left"
        )
    begins = datetime.combine(as_of - timedelta(days=CONTACT_DAYS), datetime.min.time(), UTC)
    narrowed["contacts"] = (
        narrowed["contacts"].filter(pl.col("at") >= begins).drop("contact_id", "in_reply_to")
    )
    return narrowed


def _setting(
    parts: list[_Part],
    terms: Mapping[str, Terms],
    law: LenderLaw,
    actor: str,
    as_of: date,
    customers: int,
    everybody: float,
    source: str,
) -> Setting:
    found = pl.concat([part.late for part in parts])
    if not found.len():
        raise NobodyPastDue(f"nobody is past due in {source}: there is nobody to rehearse a strategy on")
    drawn = found.sort().to_frame("customer_id").sort(pl.col("customer_id").hash(_ORDER_SEED)).head(customers)
    wanted = drawn["customer_id"].sort()
    census = _only(_together([part.census for part in parts]), wanted)
    people = census.customers.select("customer_id").join(
        pl.concat([part.people for part in parts]), on="customer_id", how="left", maintain_order="left"
    )
    tables = {
        name: pl.concat([part.tables[name] for part in parts], how="diagonal_relaxed").join(
            wanted.to_frame("customer_id"), on="customer_id", how="semi", maintain_order="left"
        )
        for name in parts[0].tables
    }
    share = min(wanted.len() / max(everybody, 1), 1.0)
    return Setting(census, people, tables, terms, law, actor, as_of, share, source)


def _only(census: Census, wanted: pl.Series) -> Census:
    """The part of a census that some customers are."""
    named = wanted.to_frame("customer_id")
    customers = census.customers.join(named, on="customer_id", how="semi", maintain_order="left")
    kept = census.accounts.with_row_index("debt").join(
        named, on="customer_id", how="semi", maintain_order="left"
    )
    places = kept.select(pl.col("debt").cast(census.schedule.schema["debt"])).with_row_index("place")
    schedule = census.schedule.join(places, on="debt", how="inner", maintain_order="left")
    return Census(
        customers,
        kept.drop("debt"),
        schedule.with_columns(debt=pl.col("place").cast(census.schedule.schema["debt"])).drop("place"),
    )


def _together(parts: Iterable[Census]) -> Census:
    """Several censuses of different people as one, in order of customer and account."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    accounts = pl.concat([part.accounts for part in parts]).sort("customer_id", "account_id")
    places = accounts.select("account_id").with_row_index("place")
    schedules = [
        part.schedule.join(
            part.accounts.select("account_id")
            .with_row_index("debt")
            .cast({"debt": part.schedule.schema["debt"]}),
            on="debt",
        )
        for part in parts
    ]
    schedule = pl.concat(schedules).join(places, on="account_id")
    return Census(
        pl.concat([part.customers for part in parts]).sort("customer_id"),
        accounts,
        schedule.with_columns(debt=pl.col("place"))
        .drop("place", "account_id")
        .sort("debt", "due_on", "number"),
    )
