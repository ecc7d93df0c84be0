"""The report's section on scores: bands, what weighs most, and how a horizon ago's scores fared."""

from functools import partial

import polars as pl

from dunwell.nightly.report.charts import bars
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Figure, Section, Table, columns, pictured
from dunwell.nightly.scores import ScoreFigures, band_name


def scores_section(scores: ScoreFigures, language: Language) -> Section:
    """How many accounts stand in each band; forecast against actual; the reasons; how many will be late."""
    say = language.say
    lead, tables = scores_told(scores, language)
    if scores.problem or not scores.model:
        return Section("scores", say("scores.title"), lead=lead, tables=tables)
    drawn = scores.bands.select(
        label=pl.col("band").map_elements(band_name, return_dtype=pl.String),
        value=pl.col("accounts").cast(pl.Float64),
        text=pl.col("accounts").map_elements(lambda count: f"{count:,}", return_dtype=pl.String),
    )
    most = float(drawn["value"].to_numpy().max())
    draw = partial(bars, drawn, title=say("scores.chart"), domain_max=most)
    figure = Figure(say("scores.chart"), pictured([("", "", draw)]), say("scores.definition"))
    return Section("scores", say("scores.title"), lead=lead, tables=tables, figures=[figure])


def scores_named(language: Language) -> tuple[str, str]:
    """What the section is called, and what it tells."""
    return language.say("scores.title"), language.say("scores.tells")


def scores_told(scores: ScoreFigures, language: Language) -> tuple[list[str], list[Table]]:
    """The same in words and tables alone."""
    say = language.say
    ahead = _late_stock(scores, language)
    if scores.problem or not scores.model:
        return ([say("scores.problem", problem=scores.problem)] if scores.problem else []), ahead
    lead = say(
        "scores.lead",
        count=f"{scores.account_count:,}",
        model=scores.model,
        hash=scores.sha256[:12],
        meaning=scores.meaning,
    )
    told: list[list[Cell]] = [
        [
            band_name(row["band"]),
            f"{row['accounts']:,}",
            _share(row["foretold"], language),
            f"{row['accounts_then']:,}",
            _share(row["foretold_then"], language),
            _share(row["came_then"], language),
        ]
        for row in scores.bands.iter_rows(named=True)
    ]
    headings = columns(
        language, "score_band", "+accounts", "+foretold", "+accounts_then", "+foretold_then", "+came_then"
    )
    tables = [Table(say("scores.table"), headings, told, say("scores.note", days=scores.horizon_days))]
    reasons: list[list[Cell]] = [[reason, f"{accounts:,}"] for reason, accounts in scores.reasons.iter_rows()]
    if reasons:
        tables.append(Table(say("scores.reasons"), columns(language, "reason", "+accounts"), reasons))
    return [lead], [*tables, *ahead]


def _late_stock(scores: ScoreFigures, language: Language) -> list[Table]:
    """The accounts that will be 30 days late, and how such forecasts fared; nothing where the book is too young."""

    def count(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}"

    told: list[list[Cell]] = [
        [
            f"{row['months']}",
            f"{row['month_end']}",
            count(row["expected"]),
            f"{count(row['low'])} – {count(row['high'])}",
            count(row["expected_then"]),
            count(row["actual_then"]),
        ]
        for row in scores.late_stock.iter_rows(named=True)
    ]
    if not told:
        return []
    headings = columns(
        language, "+months_ahead", "month_end", "+expected", "+interval", "+expected_then", "+actual_then"
    )
    return [Table(language.say("scores.late_stock"), headings, told, language.say("scores.late_stock_note"))]


def _share(share: float | None, language: Language) -> str:
    return "–" if share is None else language.share(share, 1)
