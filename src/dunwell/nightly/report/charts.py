"""Charts as plain SVG: bars, a heat map, curves. Drawn by Vega-Lite inside the process, with no browser and no network.

Each function takes a small frame and a width in CSS pixels and gives one ``<svg>`` for the page. Colours are the names the style
sheet knows (it restyles them for the dark), text keeps one size whatever the width, so a chart is drawn anew for each width.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import altair as alt
import polars as pl
import vl_convert

INK, MUTED, GRID = "#0b0c0c", "#505a5f", "#d8dde0"
BAR, BAR_DEEP = "#1d70b8", "#12436d"
SAME = "#e6e9eb"
WORSE = ("#fbe4da", "#f5b99f", "#e58a68")
BETTER = ("#daefe6", "#a4d8c2", "#62b796")
CURVES = ("#8a959d", "#7b96b3", "#5b8fc4", "#1d70b8", "#12436d")
"""Older to newer; a curve counts from the newest back, and what is older than five takes the first."""

STEP_SHARES = (0.01, 0.05)
"""Where a heat map's tint deepens: from 1 % and from 5 % of a row."""

FONT_SIZE = 13


def bars(rows: pl.DataFrame, width: int, *, title: str, domain_max: float) -> str:
    """Horizontal bars in the frame's order, one a label, each with its value written at its end.

    ``rows``: label, value (>= 0), text. ``domain_max``: the value that fills the width.
    """
    order = rows["label"].to_list()
    label_width = max(map(text_width, order), default=0)
    text_space = max(map(text_width, rows["text"]), default=0) + 6
    plot_width = max(width - label_width - 10, 40)
    # The longest bar leaves room for the text behind it.
    domain = [0, (domain_max or 1) * plot_width / max(plot_width - text_space, 20)]
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "label:N",
            sort=order,
            title=None,
            axis=alt.Axis(minExtent=label_width + 6, maxExtent=label_width + 6),
        ),
        x=alt.X("value:Q", scale=alt.Scale(domain=domain, nice=False), axis=None),
    )
    chart = base.mark_bar(color=BAR, height=14) + base.mark_text(align="left", dx=5, color=INK).encode(
        text="text:N"
    )
    return _svg(chart.properties(width=plot_width, height=26 * len(order)), title)


def stacked_bars(rows: pl.DataFrame, width: int, *, title: str, domain_max: float) -> str:
    """Horizontal bars of parts laid end to end, in the frame's order, with the whole's text at the end.

    ``rows``: label, part ("first" or "second"), value, text (the same in every row of a label).
    """
    order = rows["label"].unique(maintain_order=True).to_list()
    label_width = max(map(text_width, order), default=0)
    text_space = max(map(text_width, rows["text"]), default=0) + 6
    plot_width = max(width - label_width - 10, 40)
    domain = [0, (domain_max or 1) * plot_width / max(plot_width - text_space, 20)]
    y = alt.Y(
        "label:N", sort=order, title=None, axis=alt.Axis(minExtent=label_width + 6, maxExtent=label_width + 6)
    )
    parts = (
        alt.Chart(rows)
        .mark_bar(height=14)
        .encode(
            y=y,
            x=alt.X("value:Q", scale=alt.Scale(domain=domain, nice=False), axis=None, stack="zero"),
            color=alt.Color(
                "part:N", scale=alt.Scale(domain=["first", "second"], range=[BAR, BAR_DEEP]), legend=None
            ),
            order=alt.Order("part:N"),
        )
    )
    whole = rows.group_by("label", "text", maintain_order=True).agg(pl.col("value").sum())
    texts = alt.Chart(whole).mark_text(align="left", dx=5, color=INK).encode(y=y, x="value:Q", text="text:N")
    return _svg((parts + texts).properties(width=plot_width, height=26 * len(order)), title)


def intervals(rows: pl.DataFrame, width: int, *, title: str, axis_title: str) -> str:
    """A dot a label with its interval, in the frame's order, beside a line at nothing.

    ``rows``: label, value, low, high (shares: 0.1 is ten points).
    """
    order = rows["label"].to_list()
    label_width = max(map(text_width, order), default=0)
    y = alt.Y(
        "label:N", sort=order, title=None, axis=alt.Axis(minExtent=label_width + 6, maxExtent=label_width + 6)
    )
    axis = alt.Axis(format="+.0%", tickCount=5, grid=True)
    base = alt.Chart(rows).encode(y=y)
    spans = base.mark_rule(color=BAR, strokeWidth=2).encode(
        x=alt.X("low:Q", title=axis_title, axis=axis), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=50, opacity=1, color=BAR_DEEP).encode(
        x=alt.X("value:Q", title=axis_title, axis=axis)
    )
    nothing = alt.Chart(pl.DataFrame({"nothing": [0.0]})).mark_rule(color=MUTED).encode(x="nothing:Q")
    plot_width = max(width - label_width - 10, 40)
    return _svg((nothing + spans + dots).properties(width=plot_width, height=22 * len(order)), title)


def heat_map(rows: pl.DataFrame, order: Sequence[str], width: int, *, title: str, axis_title: str) -> str:
    """A square of shares, each row adding up to 1: grey where nothing changed, one tint for worse (to its right), one for better.

    ``rows``: before, today (names in ``order``, least late first), share (0 to 1).
    """
    rank = {name: number for number, name in enumerate(order)}
    tinted = rows.with_columns(
        fill=pl.struct("before", "today", "share").map_elements(
            lambda cell: _tint(rank[cell["today"]] - rank[cell["before"]], cell["share"]),
            return_dtype=pl.String,
        ),
        text=pl.col("share").map_elements(_percent_text, return_dtype=pl.String),
    )
    label_width = max(map(text_width, order), default=0)
    side = max((width - label_width - 10) / max(len(order), 1), 24)
    side = min(side, 72)
    colours = [SAME, *WORSE, *BETTER]
    base = alt.Chart(tinted).encode(
        x=alt.X(
            "today:N",
            sort=list(order),
            scale=alt.Scale(domain=list(order)),
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-50 if label_width > side - 4 else 0),
        ),
        y=alt.Y(
            "before:N",
            sort=list(order),
            scale=alt.Scale(domain=list(order)),
            title=None,
            axis=alt.Axis(minExtent=label_width + 6, maxExtent=label_width + 6),
        ),
    )
    cells = base.mark_rect(stroke=None).encode(
        color=alt.Color("fill:N", scale=alt.Scale(domain=colours, range=colours), legend=None)
    )
    texts = base.mark_text(color=INK, fontSize=FONT_SIZE if side >= 40 else 11 if side >= 28 else 9).encode(
        text="text:N"
    )
    height = min(side, 34)
    chart = (cells + texts).properties(width=side * len(order), height=height * len(order))
    if axis_title:
        chart = chart.properties(
            title=alt.TitleParams(
                axis_title,
                anchor="start",
                frame="bounds",
                fontSize=12,
                fontWeight="normal",
                color=MUTED,
                offset=8,
            )
        )
    return _svg(chart, title)


def curves(rows: pl.DataFrame, width: int, *, title: str, axis_title: str) -> str:
    """Lines over months, one a name, the newest darkest, each named at its end.

    ``rows``: name, age (0 for the newest line), month, share; sorted by name and month.
    """
    names = rows.select("name", "age").unique().sort("age", descending=True)
    colour_of = {name: CURVES[max(len(CURVES) - 1 - age, 0)] for name, age in names.iter_rows()}
    last_month = int(rows["month"].max())  # type: ignore[arg-type]  # whole numbers
    label_space = max(map(text_width, names["name"]), default=0) + 4
    scale = alt.Scale(domain=list(colour_of), range=list(colour_of.values()))
    base = alt.Chart(rows).encode(
        x=alt.X(
            "month:Q",
            title=axis_title,
            scale=alt.Scale(domain=[0, max(last_month, 1)], nice=False),
            axis=alt.Axis(
                grid=False, values=list(range(0, last_month + 1, 3 if width >= 500 else 6)), format="d"
            ),
        ),
        y=alt.Y(
            "share:Q", title=None, axis=alt.Axis(format=".1%" if _top(rows) < 0.05 else ".0%", tickCount=5)
        ),
        color=alt.Color("name:N", scale=scale, legend=None),
    )
    lines = base.mark_line(strokeWidth=2, interpolate="linear")
    ends = rows.filter(pl.col("month") == pl.col("month").max().over("name"))
    dots = (
        alt.Chart(ends)
        .mark_point(filled=True, size=28, opacity=1)
        .encode(x="month:Q", y="share:Q", color=alt.Color("name:N", scale=scale, legend=None))
    )
    named = _spread(ends, width)
    texts = (
        alt.Chart(named)
        .mark_text(align="left", dx=6, color=INK, fontSize=11)
        .encode(x="month:Q", y="share:Q", text="name:N")
    )
    height = 300 if width >= 500 else 240
    return _svg((lines + dots + texts).properties(width=width - 50 - label_space, height=height), title)


def text_width(text: str) -> int:
    """About how many pixels a text takes in the charts' font: a wide character (Chinese) an em, another two thirds of it."""
    return round(sum(FONT_SIZE if ord(character) > 0x2E80 else 0.66 * FONT_SIZE for character in text))


def _spread(ends: pl.DataFrame, width: int) -> pl.DataFrame:
    """Leaves out the names of curves whose end lies too close to a newer one's end; the table has them all."""
    apart_months = max(float(ends.select(pl.col("month").max()).item()) * 62 / width, 0.0)
    apart_share = _top(ends) / 20
    kept: list[dict[str, Any]] = []
    for end in ends.sort("age").iter_rows(named=True):
        if all(
            abs(end["month"] - k["month"]) > apart_months or abs(end["share"] - k["share"]) > apart_share
            for k in kept
        ):
            kept.append(end)
    return pl.DataFrame(kept, schema=ends.schema)


def _top(rows: pl.DataFrame) -> float:
    return float(rows.select(pl.col("share").max()).item() or 0)


def _tint(steps: int, share: float) -> str:
    if not steps:
        return SAME
    return (WORSE if steps > 0 else BETTER)[sum(share >= edge for edge in STEP_SHARES)]


def _percent_text(share: float) -> str:
    percent = 100 * share
    if percent < 0.05:
        return "<0.1"
    return f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}"


def _svg(chart: alt.Chart | alt.LayerChart, title: str) -> str:
    """The chart as an image of its own for the page: transparent, named for those who do not see it, with no address in it."""
    styled = chart.configure(
        background="transparent",
        aria=False,
        padding=2,
        view=alt.ViewConfig(stroke=None),
        text=alt.MarkConfig(fontSize=FONT_SIZE, baseline="middle"),
        axis=alt.AxisConfig(
            labelFontSize=FONT_SIZE,
            titleFontSize=12,
            titleFontWeight="normal",
            titleColor=MUTED,
            labelColor=MUTED,
            labelLimit=0,
            labelPadding=6,
            domain=False,
            ticks=False,
            gridColor=GRID,
        ),
    )
    drawn = vl_convert.vegalite_to_svg(styled.to_dict(), allowed_base_urls=[])
    size = re.match(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)"', drawn)
    if size is None:
        raise ValueError(f"a chart came out without a size: {drawn[:120]}")
    head = f'<svg class="chart" role="img" aria-label="{escape(title)}" width="{size[1]}" height="{size[2]}" viewBox="{size[3]}">'
    return head + _lean(drawn[drawn.index(">") + 1 :])


def _lean(drawn: str) -> str:
    """Without what a page does not need: roles and names of parts (the picture has its own), empty paths, long decimals."""
    drawn = re.sub(r'<path[^>]*(?:class="background"|display="none")[^>]*/>', "", drawn)
    drawn = re.sub(
        r' (?:role|class|aria-[a-z]+|pointer-events|font-family|stroke-miterlimit|opacity)="[^"]*"', "", drawn
    )
    drawn = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), drawn)
    while (leaner := re.sub(r"<g(?: [^>]*)?></g>", "", drawn)) != drawn:
        drawn = leaner
    return drawn
