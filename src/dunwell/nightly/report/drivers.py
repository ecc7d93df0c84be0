"""What goes with an outcome, as a page: the subgroups that hold, how cases go, this month against last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from types import MappingProxyType

import polars as pl

from dunwell.insight.drivers import Paths, Subgroups
from dunwell.insight.scoring.measures import Figure as Estimate
from dunwell.nightly.report.charts import bars, intervals
from dunwell.nightly.report.html import page_html
from dunwell.nightly.report.language import Language, read_language
from dunwell.nightly.report.page import Cell, Column, Figure, Section, Table, Tile, columns, pictured

_ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """What the page tells. ``outcome``: a key of the words, or a table's column. ``cohorts`` sets the last period
    against the one before. ``leaves``: the same as one tree. ``chance``: the share of shuffled runs with a finding,
    of ``chance_rounds``.
    """

    as_of: date
    outcome: str
    horizon_days: int
    row_count: int
    subgroups: Subgroups
    paths: Paths | None = None
    cohorts: pl.DataFrame | None = None
    periods: tuple[str, str, float] | None = None
    chance: Estimate | None = None
    chance_rounds: int = 0
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lender: str = ""
    leaves: Subgroups | None = None


def render_drivers(findings: Findings, language: str = "en") -> str:
    """The page as one HTML text. Raises ValueError for a language that it is not written in."""
    words = read_language(language, "drivers")
    sections = [_glance(findings, words)]
    for key, is_more in (("more", True), ("less", False)):
        rows = findings.subgroups.found.filter((pl.col("difference") > 0) == is_more)
        if rows.height:
            sections.append(_subgroups_section(key, rows, words))
    if findings.leaves is not None and findings.leaves.frame.height:
        sections.append(_tree_section(findings.leaves, words))
    if findings.paths is not None and findings.paths.case_count:
        sections.append(_paths_section(findings.paths, words))
    if findings.cohorts is not None and findings.periods is not None:
        sections.append(_cohorts_section(findings.cohorts, findings.periods, words))
    share = words.share(findings.subgroups.mean, 1)
    rows_told = f"{findings.row_count:,}"
    if findings.outcome == "unrecovered":
        under = words.say("drivers.under_money", rows=rows_told, share=share)
    else:
        under = words.say("drivers.under", outcome=_outcome(findings, words), rows=rows_told, share=share)
    return page_html(words, "drivers.title", findings.as_of, sections, under=under, lender=findings.lender)


def _outcome(findings: Findings, words: Language) -> str:
    if findings.outcome in ("stays-late", "falls-30"):
        return words.say(f"drivers.{findings.outcome}", days=findings.horizon_days)
    return words.say("drivers.table", target=findings.outcome)


def _glance(findings: Findings, words: Language) -> Section:
    say, told = words.say, findings.subgroups
    level = words.share(told.search.level, 1, 0)
    found = told.found.height
    lead = [say("drivers.finding", found=found, tested=told.frame.height) if found else say("drivers.none")]
    if findings.chance is not None:
        chance = {name: words.share(getattr(findings.chance, name), 1) for name in ("value", "low", "high")}
        lead.append(
            say(
                "drivers.chance",
                share=chance["value"],
                low=chance["low"],
                high=chance["high"],
                rounds=findings.chance_rounds,
                level=level,
            )
        )
    if findings.left_out:
        lead.append(say("drivers.left_out", columns=", ".join(sorted(findings.left_out))))
    adjust = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}[told.search.adjust]
    tiles = [
        Tile(say("drivers.tile_rows"), f"{findings.row_count:,}"),
        Tile(say("drivers.tile_mean"), words.share(told.mean, 1)),
        Tile(say("drivers.tile_tested"), f"{told.frame.height:,}"),
        Tile(
            say("drivers.tile_found"),
            f"{found:,}",
            say("drivers.tile_found_note", level=level, adjust=adjust),
        ),
    ]
    return Section("glance", say("drivers.glance"), lead=lead, tiles=tiles)


def _subgroups_section(key: str, rows: pl.DataFrame, words: Language) -> Section:
    say = words.say
    shown = rows.head(_ROWS_SHOWN).with_row_index("number", 1)
    drawn = shown.select(
        pl.col("number").cast(pl.String).alias("label"), "low", "high", value=pl.col("difference")
    )
    draw = partial(intervals, drawn, title=say("drivers.effect"), axis_title=say("drivers.axis"))
    told: list[list[Cell]] = [
        [
            f"{row['number']}",
            row["subgroup"],
            f"{row['row_count']:,}",
            words.share(row["row_share"], 1),
            words.share(row["inside"], 1),
            words.share(row["outside"], 1),
            _points(row["difference"], row["low"], row["high"]),
            words.share(row["outcome_share"], 1),
            _chance(row["adjusted_p"]),
            _stability(row["same_sign_share"], row["period_count"]),
        ]
        for row in shown.iter_rows(named=True)
    ]
    headings = [
        *columns(words, "number"),
        Column(say("column.subgroup"), "prose"),
        *columns(words, "+rows_held", "+share_of_rows", "+inside", "+outside", "+difference"),
        *columns(words, "+outcome_share", "+adjusted", "+stable"),
    ]
    table = Table(say(f"drivers.{key}_table"), headings, told)
    figure = Figure(say("drivers.effect"), pictured([("", "", draw)]), say("drivers.definition"))
    return Section(key, say(f"drivers.{key}"), tables=[table], figures=[figure])


def _tree_section(leaves: Subgroups, words: Language) -> Section:
    """Every row in one leaf: those with most of the outcome first."""
    say = words.say
    told: list[list[Cell]] = [
        [
            row["subgroup"],
            f"{row['row_count']:,}",
            words.share(row["row_share"], 1),
            words.share(row["inside"], 1),
            words.share(row["outcome_share"], 1),
            _chance(row["adjusted_p"]),
            _stability(row["same_sign_share"], row["period_count"]),
        ]
        for row in leaves.frame.sort("inside", descending=True, nulls_last=True).iter_rows(named=True)
    ]
    headings = [
        Column(say("column.subgroup"), "prose"),
        *columns(words, "+rows_held", "+share_of_rows", "+inside", "+outcome_share", "+adjusted", "+stable"),
    ]
    table = Table(say("drivers.tree_table"), headings, told, say("drivers.tree_note"))
    return Section("tree", say("drivers.tree"), tables=[table])


def _paths_section(paths: Paths, words: Language) -> Section:
    say = words.say
    variants: list[list[Cell]] = [
        [
            row["path"],
            f"{row['cases']:,}",
            _between(row["cured_share"], row["low"], row["high"]),
            _days(row["median_days"]),
        ]
        for row in paths.variants.head(_ROWS_SHOWN).iter_rows(named=True)
    ]
    repeats: list[list[Cell]] = [
        [
            row["activity"],
            f"{row['nth']}",
            f"{row['count']:,}",
            _between(row["share"], row["low"], row["high"]),
            say("drivers.no_effect") if row["has_no_effect"] else "",
        ]
        for row in paths.repeats.filter(pl.len().over("activity") > 1).iter_rows(named=True)
    ]
    stalls: list[list[Cell]] = [
        [
            row["activity"],
            f"{row['cases']:,}",
            words.share(row["share"], 1),
            _days(row["median_days"]),
            _days(row["longest_days"]),
        ]
        for row in paths.stalls.head(_ROWS_SHOWN).iter_rows(named=True)
    ]
    follows: list[list[Cell]] = [
        [row["activity"], row["next_activity"], f"{row['count']:,}", _days(row["median_days"])]
        for row in paths.follows.head(2 * _ROWS_SHOWN).iter_rows(named=True)
    ]
    stalls_table = Table(
        say("drivers.stalls"),
        columns(words, "step", "+cases", "+case_share", "+median_days", "+longest_days"),
        stalls,
    )
    figures = []
    if stalls:
        drawn = paths.stalls.head(10).select(
            label="activity", value=pl.col("cases").cast(pl.Float64), text=pl.col("cases").cast(pl.String)
        )
        most = float(drawn["value"].to_numpy().max())
        draw = partial(bars, drawn, title=say("drivers.stalls_chart"), domain_max=most)
        figures.append(
            Figure(
                say("drivers.stalls"),
                pictured([("", "", draw)]),
                say("drivers.stalls_definition"),
                tables=[stalls_table],
            )
        )
    tables = [
        Table(
            say("drivers.variants", days=paths.cure_days),
            columns(words, "path", "+cases", "+cured_share", "+median_days"),
            variants,
            say("drivers.variants_note"),
        ),
        Table(
            say("drivers.repeats", days=paths.within_days),
            columns(words, "step", "+nth", "+times", "+moved", "mark"),
            repeats,
            say("drivers.repeats_note"),
        ),
    ]
    lead = [say("drivers.paths_lead", cases=f"{paths.case_count:,}", cured=f"{paths.cured_count:,}")]
    folded = [
        Table(say("drivers.follows"), columns(words, "step", "next_step", "+times", "+median_days"), follows)
    ]
    return Section("paths", say("drivers.paths"), lead=lead, tables=tables, figures=figures, folded=folded)


def _cohorts_section(cohorts: pl.DataFrame, periods: tuple[str, str, float], words: Language) -> Section:
    say = words.say
    before, now, change = periods
    lead = [say("drivers.cohorts_lead", before=before, now=now, change=_signed(change))]
    if not cohorts["has_changed"].any():
        lead.append(say("drivers.cohorts_none"))
    moved = cohorts.with_columns(size=(pl.col("mix_effect").abs() + pl.col("rate_effect").abs())).sort(
        "has_changed", "size", "column", "cell", descending=[True, True, False, False]
    )
    told: list[list[Cell]] = [
        [
            row["column"],
            row["cell"] or "–",
            f"{row['count_before']:,}",
            f"{row['count_now']:,}",
            _share_or_dash(row["rate_before"], words),
            _share_or_dash(row["rate_now"], words),
            _signed(row["mix_effect"]),
            _signed(row["rate_effect"]),
            _chance(row["adjusted_p"]),
            say("drivers.changed") if row["has_changed"] else "",
        ]
        for row in moved.head(_ROWS_SHOWN).iter_rows(named=True)
    ]
    headings = columns(
        words,
        *("column", "cell", "+count_before", "+count_now", "+rate_before", "+rate_now", "+mix", "+rate"),
        *("+adjusted", "mark"),
    )
    table = Table(say("drivers.cohorts_table"), headings, told, say("drivers.cohorts_note"))
    return Section("cohorts", say("drivers.cohorts"), lead=lead, tables=[table])


def _points(value: float, low: float, high: float) -> str:
    return f"{_signed(value)} ({_signed(low)} to {_signed(high)})"


def _signed(share: float) -> str:
    """A share as points with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _between(share: float, low: float, high: float) -> str:
    return f"{100 * share:.0f}% ({100 * low:.0f} to {100 * high:.0f})"


def _share_or_dash(share: float | None, words: Language) -> str:
    return "–" if share is None else words.share(share, 1)


def _chance(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.2g}"


def _days(days: float | None) -> str:
    return "–" if days is None else f"{days:g}"


def _stability(share: float | None, count: int) -> str:
    return "–" if share is None else f"{round(share * count)} / {count}"
