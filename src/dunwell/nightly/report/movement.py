"""The report's sections about change: what moved since the previous run, and how each quarter's lending turns out."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl

from dunwell.nightly.about import RunFacts
from dunwell.nightly.figures import Figures, in_order, movements
from dunwell.nightly.numbers import amount_text
from dunwell.nightly.report.charts import curves, heat_map
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Column, Figure, Section, Table, columns, pictured
from dunwell.nightly.vintages import vintage_curves

QUARTERS_DRAWN = 12
MONTHS_IN_TABLE = (1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60)


def roll_section(
    figures: Figures, bucket_order: Sequence[str], facts: RunFacts, language: Language
) -> Section:
    """The roll from the previous run: who fell past due and cured, and a heat map from bucket to bucket."""
    say = language.say
    title = say("roll.title")
    if facts.previous_as_of is None:
        return Section("roll", title, lead=[say("roll.no_previous")])
    if not figures.roll.height:
        return Section("roll", title, lead=[say("page.empty")])
    bridge = _bridge_table(figures, language)
    names = figures.roll.select(bucket=pl.col("bucket_before")).vstack(
        figures.roll.select(bucket="bucket_today")
    )
    order = in_order(names, "bucket", bucket_order)
    stayed = (
        figures.roll.filter(pl.col("bucket_before").is_not_null() & pl.col("bucket_today").is_not_null())
        .group_by("bucket_before", "was_past_due", "bucket_today", "is_past_due")
        .agg(pl.col("accounts").sum())
    )
    if not stayed.height:
        return Section("roll", title, lead=[say("roll.no_common")], tables=[bridge])
    cells = (
        stayed.group_by(before="bucket_before", today="bucket_today")
        .agg(pl.col("accounts").sum())
        .with_columns(share=pl.col("accounts") / pl.col("accounts").sum().over("before"))
        .sort("before", "today")
    )
    draw = partial(heat_map, cells, order, title=say("roll.chart"), axis_title=say("roll.axis_before"))
    figure = Figure(
        say("roll.chart"),
        pictured([("", "", draw)]),
        say("roll.definition"),
        tables=[_moves_table(figures, order, language)],
        finding=_roll_finding(stayed, order, language),
        keys=[("better", say("roll.better")), ("same", say("roll.same")), ("worse", say("roll.worse"))],
    )
    return Section("roll", title, tables=[bridge], figures=[figure])


def vintages_section(figures: Figures, language: Language) -> Section:
    """Vintage curves: the share ever 30 or more days past due, a curve an opening quarter."""
    say = language.say
    shares = vintage_curves(figures.vintages)
    drawn = shares.filter("is_whole").with_columns(
        name=_quarter_names(shares.filter("is_whole")["opened_in"]),
        age=(pl.col("opened_in").rank("dense", descending=True) - 1).cast(pl.Int64),
        share="ever_late_share",
    )
    long_enough = drawn.filter(
        (pl.col("month").max().over("opened_in") > 0) & (pl.col("age") < QUARTERS_DRAWN + 4)
    )
    if not long_enough.height:
        return Section("vintages", say("vintages.title"), lead=[say("vintages.none")])
    newest = long_enough["age"].min()
    lines = (
        long_enough.with_columns(age=pl.col("age") - newest)
        .filter(pl.col("age") < QUARTERS_DRAWN)
        .sort("opened_in", "month")
    )
    draw = partial(curves, lines, title=say("vintages.chart"), axis_title=say("vintages.axis_month"))
    figure = Figure(
        say("vintages.chart"),
        pictured([("", "", draw)]),
        say("vintages.definition"),
        tables=[
            _curves_table(shares, "ever_late_share", say("vintages.table"), language),
            _curves_table(shares, "late_share", say("vintages.table_now"), language),
        ],
        finding=_vintage_finding(drawn, language),
    )
    return Section("vintages", say("vintages.title"), figures=[figure])


def _bridge_table(figures: Figures, language: Language) -> Table:
    names = (
        "currency",
        "+late_before",
        "+fell",
        "+arrived_late",
        "+cured",
        "+left_late",
        "+late_today",
        "+fell_total",
        "+cured_total",
    )
    rows = [
        [
            row["currency"],
            f"{row['past_due_before']:,}",
            _signed(row["fell_past_due"]),
            _signed(row["arrived_past_due"]),
            _signed(-row["cured"]),
            _signed(-row["left_past_due"]),
            f"{row['past_due_today']:,}",
            amount_text(row["fell_past_due_total"], row["currency"]),
            amount_text(row["cured_total"], row["currency"]),
        ]
        for row in movements(figures.roll).iter_rows(named=True)
    ]
    return Table(language.say("roll.bridge"), columns(language, *names), rows)


def _moves_table(figures: Figures, order: Sequence[str], language: Language) -> Table:
    rank: dict[str | None, int] = {None: len(order), **{name: number for number, name in enumerate(order)}}
    moves = (
        figures.roll.group_by("currency", "bucket_before", "bucket_today")
        .agg(pl.col("accounts", "outstanding_principal_before", "outstanding_principal_today").sum())
        .with_columns(share=pl.col("accounts") / pl.col("accounts").sum().over("currency", "bucket_before"))
    )
    rows = [
        [
            row["currency"],
            row["bucket_before"] or language.say("roll.new"),
            row["bucket_today"] or language.say("roll.left"),
            f"{row['accounts']:,}",
            language.share(row["share"], 1) if row["bucket_before"] else "–",
            amount_text(row["outstanding_principal_before"], row["currency"]),
            amount_text(row["outstanding_principal_today"], row["currency"]),
        ]
        for row in sorted(
            moves.iter_rows(named=True),
            key=lambda row: (row["currency"], rank[row["bucket_before"]], rank[row["bucket_today"]]),
        )
    ]
    headings = columns(
        language,
        "currency",
        "before",
        "today",
        "+accounts",
        "+row_share",
        "+principal_before",
        "+principal_today",
    )
    return Table(language.say("roll.table"), headings, rows)


def _roll_finding(stayed: pl.DataFrame, order: Sequence[str], language: Language) -> str:
    """What became of the accounts past due before, and how many of the others fell past due."""
    rank = {name: number for number, name in enumerate(order)}
    accounts = pl.col("accounts")
    is_worse = pl.col("bucket_today").replace_strict(rank) > pl.col("bucket_before").replace_strict(rank)
    was, now = pl.col("was_past_due"), pl.col("is_past_due")
    sums = stayed.select(
        was=accounts.filter(was).sum(),
        cured=accounts.filter(was & ~now).sum(),
        worse=accounts.filter(was & is_worse).sum(),
        others=accounts.filter(~was).sum(),
        fell=accounts.filter(~was & now).sum(),
    ).row(0, named=True)
    share = language.share
    return language.say(
        "roll.finding",
        cured=share(sums["cured"], sums["was"]),
        worse=share(sums["worse"], sums["was"]),
        fell=share(sums["fell"], sums["others"], 2),
    )


def _vintage_finding(drawn: pl.DataFrame, language: Language) -> str:
    """The newest quarter that has reached six months whole (or as many as any has), beside the same quarter a year earlier."""
    month = min(6, int(drawn["month"].max()))  # type: ignore[arg-type]  # whole numbers
    at_month = drawn.filter(month=month).sort("opened_in")
    latest = at_month.row(-1, named=True)
    opened: date = latest["opened_in"]
    told = language.say(
        "vintages.finding",
        quarter=quarter_name(opened),
        month=month,
        share=language.share(latest["ever_late_share"], 1),
    )
    earlier = at_month.filter(pl.col("opened_in") == date(opened.year - 1, opened.month, 1))
    if earlier.height:
        told += " " + language.say(
            "vintages.finding_year", share=language.share(earlier["ever_late_share"].item(), 1)
        )
    return told if language.code == "en" else told.replace("。 ", "。")


def _curves_table(shares: pl.DataFrame, measure: str, caption: str, language: Language) -> Table:
    """A row a quarter, newest first; columns at chosen months; empty where not every account of it has reached the month."""
    whole = shares.filter("is_whole")
    months = [month for month in MONTHS_IN_TABLE if (whole["month"] == month).any()]
    share_at = {
        (opened, month): share
        for opened, month, share in whole.select("opened_in", "month", measure).iter_rows()
    }
    quarters = shares.select("opened_in", "cohort").unique().sort("opened_in", descending=True)
    rows = []
    for opened, cohort in quarters.iter_rows():
        cells = [
            language.share(share_at[opened, month], 1) if (opened, month) in share_at else ""
            for month in months
        ]
        rows.append([quarter_name(opened), f"{cohort:,}", *cells])
    headings = [
        *columns(language, "opened", "+cohort"),
        *(Column(language.say("column.month", month=month), "number") for month in months),
    ]
    return Table(caption, headings, rows)


def _signed(count: int) -> str:
    return f"{count:+,}".replace("-", "−") if count else "0"


def quarter_name(opened_in: date) -> str:
    """A quarter by its first day: "2026 Q1"."""
    return f"{opened_in.year} Q{(opened_in.month + 2) // 3}"


def _quarter_names(quarters: pl.Series) -> pl.Series:
    return pl.Series("name", [quarter_name(opened) for opened in quarters], dtype=pl.String)
