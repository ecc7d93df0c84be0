"""How each section is told: its title, what its figures mean, its table and its chart, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from dunwell.money import CURRENCIES
from dunwell.nightly.losses import losses_by_stage
from dunwell.nightly.report.charts import bars, curves, heat_map, stacked_bars
from dunwell.office.analytics.counts import MONTHS_IN_TABLE, Spent, by_key, cost_table, curve_points, moves
from dunwell.office.desk.templatetags.shown import percent
from dunwell.office.desk.words import CHANNELS, STAGES

CURVES = 12
"""So many curves are drawn, the newest; the table has them all."""
RULES_DRAWN = 20
WIDTH = 900
FONTS = "system-ui, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, WenQuanYi Micro Hei, sans-serif"


@dataclass(frozen=True, slots=True)
class Told:
    """A section's words: its title, the unit of its one figure on the overview, what its figures mean."""

    title: str | Lazy
    figure: str | Lazy
    meaning: str | Lazy


TOLD: Mapping[str, Told] = {
    "roll": Told(
        _("Roll rates"),
        _("changed bucket in a day"),
        _(
            "Accounts on the book on both days, by their bucket the day before and today. The share is of the accounts that were "
            "in the bucket the day before."
        ),
    ),
    "vintages": Told(
        _("Vintages"),
        _("ever 30 days late by month 12"),
        _(
            "Of the accounts opened in a quarter, how many had been 30 or more days past due by so many months on book. "
            "A curve ends where not every account has reached the month."
        ),
    ),
    "cure": Told(
        _("Cure"),
        _("cured within 30 days"),
        _(
            "Every time an account fell past due in a month: how many were no longer past due after so many days. An account "
            "that fell past due twice counts twice. A curve ends where not every one has had so many days."
        ),
    ),
    "promises": Told(
        _("Promises"),
        _("of promises kept"),
        _(
            "Promises whose day has come, by the days that were given until then. Kept means paid in full by the day and its "
            "grace, in verified money; cancelled promises are not counted."
        ),
    ),
    "reach": Told(
        _("Right-party contact"),
        _("of calls reach the customer"),
        _(
            "Calls of the last 90 days by the hour on the customer's own clock. The share is of calls in which the customer "
            "was spoken to. Hours in which only some people were called tell of those people too. Customers whose clock is "
            "not known are left out."
        ),
    ),
    "capacity": Told(
        _("Capacity"),
        _("contacts planned for the day"),
        _(
            "Overdue customers by stage and channel: for how many a contact is planned for the day, and for how many it "
            "is held back."
        ),
    ),
    "law": Told(
        _("Law's effect"),
        _("customers held back"),
        _(
            "Contacts that were held back on the day, by rule. Several rules can hold back one contact; only those held back by "
            "one rule alone would be free without it."
        ),
    ),
    "cost": Told(
        _("Cost to collect"),
        _("of what was collected, in the currency with the most contacts"),
        _(
            "What the contacts of 90 days cost, beside what was paid in them on accounts past due. A call or visit costs the "
            "minutes that its outcome takes at an agent's price a minute, a message its price; both are the lender's "
            "(policy/costs.toml), or made up where the lender wrote none. What has no price "
            "there is counted and is not in the cost. Rent, systems and fees of agencies are not in it."
        ),
    ),
    "losses": Told(
        _("Losses to expect"),
        _("allowance, of what is owed in the currency with the most accounts"),
        _(
            "What will probably not come back of what is owed, IFRS 9's way: the chance of a default (90 days past due), times "
            "what would be owed then, times what the book's own defaults have not brought back. Stage 1 is in good standing, 2 "
            "late by 30 days, 3 in default; the allowance is the loss of twelve months in stage 1, of the whole life in 2 and 3."
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A section's figures: the columns with their kind (``text``, ``count``, ``share``, or ``amount`` in the currency that a row
    begins with), and the rows.
    """

    columns: Sequence[tuple[str | Lazy, str]]
    rows: Sequence[tuple[Any, ...]]

    def cells(self) -> list[list[tuple[str, str]]]:
        """The rows as they are shown: each cell's text and kind."""
        kinds = [kind for _heading, kind in self.columns]
        return [
            [(_shown(cell, kind, str(row[0])), kind) for cell, kind in zip(row, kinds, strict=True)]
            for row in self.rows
        ]


def _shown(cell: Any, kind: str, currency: str = "") -> str:
    """A cell as text; an amount with the decimals of its currency."""
    if cell is None:
        return "–"
    if kind == "amount":
        return f"{cell:,.{CURRENCIES.get(currency, 2)}f}"
    if kind == "count":
        return f"{cell:,}"
    return percent(cell) if kind == "share" else str(cell)


def table_of(name: str, rows: pl.DataFrame, order: Sequence[str]) -> Table:
    """A section's table. ``rows``: its counts; ``order``: the buckets, least late first."""
    share = (_("Share"), "share")
    if name == "roll":
        columns = [(_("The day before"), "text"), (_("Today"), "text"), (_("Accounts"), "count"), share]
        return Table(columns, moves(rows, order).rows())
    if name in ("vintages", "cure"):
        points = rows.with_columns(pl.col("of").cast(pl.Int64))
        if name == "vintages":
            points = points.filter(pl.col("of").is_in(MONTHS_IN_TABLE))
            names = (_("Opened in"), _("Months on book"), _("Accounts"), _("Ever 30 days late"))
        else:
            names = (_("Fell past due in"), _("Days since"), _("Times"), _("Cured"))
        columns = [*zip(names, ("text", "count", "count", "count"), strict=True), share]
        points = points.sort("key", "of", descending=[True, False])
        return Table(columns, [(_period(name, row[0]), *row[1:]) for row in points.rows()])
    if name == "promises":
        states = [
            pl.col("count").filter(pl.col("of") == state).sum().alias(state)
            for state in ("kept", "partly_kept", "broken")
        ]
        found = rows.group_by("key").agg(
            *states, (pl.col("value").sum() / pl.col("count").sum()).alias("share")
        )
        names = (_("Days given"), _("Kept"), _("Partly kept"), _("Broken"))
        columns = [*zip(names, ("text", "count", "count", "count"), strict=True), share]
        return Table(columns, found.sort(_first_number()).rows())
    if name == "reach":
        columns = [
            (_("Hour"), "text"),
            (_("Calls"), "count"),
            (_("Conversations with the customer"), "count"),
            share,
        ]
        return Table(columns, [(f"{row[0]}:00", *row[1:]) for row in by_key(rows).rows()])
    if name == "capacity":
        columns = [
            (_("Stage"), "text"),
            (_("Channel"), "text"),
            (_("Customers"), "count"),
            (_("Planned"), "count"),
            share,
        ]
        people = _by_stage(rows).rows()
        return Table(columns, [(_stage(row[0]), _channel(row[1]), *row[2:]) for row in people])
    if name == "cost":
        return _cost_table(rows)
    if name == "losses":
        return _losses_table(rows)
    columns = [
        (_("Rule"), "text"),
        (_("Clause"), "text"),
        (_("Held back"), "count"),
        (_("By this rule alone"), "count"),
        share,
    ]
    return Table(columns, rows.sort("count", "key", descending=[True, False]).rows())


def _cost_table(rows: pl.DataFrame) -> Table:
    names = (_("Currency"), _("Channel"), _("Contacts"), _("Cost"), _("Collected"))
    kinds = ("text", "text", "count", "amount", "amount")
    columns = [*zip(names, kinds, strict=True), (_("Of what was collected"), "share")]
    told = [
        (
            of.currency,
            label,
            one.count,
            _rounded(one.cost, of.currency),
            _rounded(one.collected, of.currency),
            one.share,
        )
        for of in cost_table(rows)
        for label, one in [(str(_("all")), of.whole), *((_paid_channel(one), one) for one in of.channels)]
    ]
    return Table(columns, told)


def _paid_channel(spent: Spent) -> str:
    name = _channel(spent.channel)
    return name if spent.cost is not None else str(_("%(channel)s, no price known")) % {"channel": name}


def _rounded(amount: float | None, currency: str) -> float | None:
    return None if amount is None else round(amount, CURRENCIES.get(currency, 2))


def _losses_table(rows: pl.DataFrame) -> Table:
    columns = [
        (_("Currency"), "text"),
        (_("IFRS 9 stage"), "text"),
        (_("Accounts"), "count"),
        (_("Owed, with what is not due yet"), "amount"),
        (_("Loss of twelve months"), "amount"),
        (_("Loss of the whole life"), "amount"),
        (_("Allowance"), "amount"),
        (_("Of what is owed"), "share"),
    ]
    told: list[tuple[Any, ...]] = []
    for currency, stage, accounts, *sums in losses_by_stage(rows).rows():
        unit = 10 ** CURRENCIES.get(currency, 2)
        told.append((currency, str(stage), accounts, *(one / unit for one in sums), sums[-1] / sums[0]))
    return Table(columns, told)


def _losses_bars(rows: pl.DataFrame, title: str) -> str:
    stages = losses_by_stage(rows).with_columns(
        (pl.col("allowance_minor") / pl.col("exposure_minor")).alias("value")
    )
    labels = [
        str(_("%(currency)s · stage %(stage)s")) % {"currency": currency, "stage": stage}
        for currency, stage in stages.select("currency", "stage").rows()
    ]
    texts = [f"{percent(share)}  ({count:,})" for share, count in stages.select("value", "accounts").rows()]
    shown = pl.DataFrame({"label": labels, "value": stages["value"], "text": texts})
    return bars(shown, WIDTH, title=title, domain_max=_top(shown["value"]))


def _cost_bars(rows: pl.DataFrame, title: str) -> str:
    bars_of = [
        {
            "label": f"{of.currency} · {_paid_channel(one)}",
            "value": one.share or 0.0,
            "text": f"{_shown(one.share, 'share')}  ({_shown(one.cost, 'amount', of.currency)})",
        }
        for of in cost_table(rows)
        for one in of.channels
    ]
    shown = pl.DataFrame(bars_of, schema={"label": pl.String, "value": pl.Float64, "text": pl.String})
    return bars(shown, WIDTH, title=title, domain_max=_top(shown["value"]))


def draw(name: str, rows: pl.DataFrame, order: Sequence[str]) -> str:
    """A section's chart, an SVG file of its own. ``rows``: its counts, at least one; ``order``: the buckets, least late first."""
    title = str(TOLD[name].title)
    if name == "roll":
        found = moves(rows, order)
        seen = dict.fromkeys([*found["before"], *found["today"]])
        buckets = sorted(seen, key=lambda one: order.index(one) if one in order else len(order))
        drawn = heat_map(found, buckets, WIDTH, title=title, axis_title="")
    elif name in ("vintages", "cure"):
        axis = _("months on book") if name == "vintages" else _("days since it fell past due")
        drawn = curves(_lines(name, rows), WIDTH, title=title, axis_title=str(axis))
    elif name in ("promises", "reach"):
        found = by_key(rows).sort(_first_number())
        labels = [f"{key}:00" if name == "reach" else key for key in found["key"]]
        texts = [f"{percent(share)}  ({count:,})" for share, count in found.select("share", "count").rows()]
        shown = pl.DataFrame({"label": labels, "value": found["share"], "text": texts})
        drawn = bars(shown, WIDTH, title=title, domain_max=_top(shown["value"]))
    elif name == "cost":
        drawn = _cost_bars(rows, title)
    elif name == "losses":
        drawn = _losses_bars(rows, title)
    else:
        drawn = _parts(name, rows, title)
    return drawn.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONTS}" ', 1)


def _lines(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Curves for the chart: name, age (0 for the newest), month, share; the newest CURVES that have two points."""
    points = curve_points(rows)
    if name == "cure":  # on the day itself nobody has cured yet
        starts = points.unique("key").with_columns(of=pl.lit(0, pl.Int64), share=pl.lit(0.0))
        points = pl.concat([starts, points])
    points = points.filter(pl.len().over("key") > 1) if points["of"].n_unique() > 1 else points
    return (
        points.with_columns((pl.col("key").rank("dense", descending=True) - 1).cast(pl.Int64).alias("age"))
        .filter(pl.col("age") < CURVES)
        .select(
            pl.col("key").map_elements(lambda key: _period(name, key), return_dtype=pl.String).alias("name"),
            "age",
            pl.col("of").alias("month"),
            "share",
        )
        .sort("name", "month")
    )


def _parts(name: str, rows: pl.DataFrame, title: str) -> str:
    if name == "law":
        rows = by_key(rows).sort("count", "key", descending=[True, False]).head(RULES_DRAWN)
        labels = rows["key"].to_list()
    else:
        rows = _by_stage(rows)
        labels = [
            f"{_stage(stage)} · {_channel(channel)}" for stage, channel in rows.select("key", "of").rows()
        ]
    counted = list(zip(labels, rows["value"], rows["count"], strict=True))
    parts = [
        {"label": label, "part": part, "value": size, "text": f"{value:,} / {count:,}"}
        for label, value, count in counted
        for part, size in (("first", value), ("second", count - value))
    ]
    return stacked_bars(pl.DataFrame(parts), WIDTH, title=title, domain_max=_top(rows["count"]))


def _by_stage(rows: pl.DataFrame) -> pl.DataFrame:
    """In the order of the ladder; stages that the desk has no word for come last."""
    rungs = {stage: place for place, stage in enumerate(STAGES)}
    rank = pl.col("key").replace_strict(rungs, default=len(rungs), return_dtype=pl.Int64)
    return rows.sort(rank, "key", "of")


def _top(values: pl.Series) -> float:
    return max((float(one) for one in values), default=0.0)


def _first_number() -> pl.Expr:
    return pl.col("key").str.extract(r"^(\d+)").cast(pl.Int64)


def _period(name: str, key: str) -> str:
    """A quarter by its first day, or a month as it stands."""
    return f"{key[:4]}-Q{(int(key[5:7]) + 2) // 3}" if name == "vintages" else key


def _stage(name: str) -> str:
    return str(STAGES.get(name, name.replace("_", " ")))


def _channel(name: str) -> str:
    return str(CHANNELS.get(name, name)) if name else str(_("no channel"))
