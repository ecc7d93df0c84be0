"""The report's section on classification: IFRS 9 stages, asset classes by jurisdiction, default."""

from functools import partial

import polars as pl

from dunwell.nightly.figures import Figures, in_order
from dunwell.nightly.numbers import amount_text
from dunwell.nightly.report.charts import bars, stacked_bars
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Figure, Section, Table, columns, pictured

CLASS_ORDER = (
    "normal",
    "pass",
    "performing",
    "special_mention",
    "substandard",
    "doubtful",
    "loss",
    "non_performing",
)
"""Best to worst, as far as one scheme holds them; a class of another name comes last."""


def classes_section(figures: Figures, language: Language) -> Section:
    """Stages, classes and default of the accounts on the book."""
    say = language.say
    classified = figures.classes.filter(
        pl.any_horizontal(pl.col("asset_class", "ifrs_stage", "in_default").is_not_null())
    )
    if not classified.height:
        return Section("classes", say("classes.title"), lead=[say("classes.none")])
    drawn = [_stage_figure(figures, language), _class_figure(figures, language)]
    figures_drawn = [figure for figure in drawn if figure is not None]
    return Section(
        "classes", say("classes.title"), tables=[_default_table(figures, language)], figures=figures_drawn
    )


def _stage_figure(figures: Figures, language: Language) -> Figure | None:
    """Stages 2 and 3 as shares of outstanding principal, a bar a currency."""
    say = language.say
    if figures.classes["ifrs_stage"].is_null().all():
        return None
    stages = figures.classes.group_by("currency", "ifrs_stage").agg(
        pl.col("accounts", "outstanding_principal").sum()
    )
    whole = dict(stages.group_by("currency").agg(pl.col("outstanding_principal").sum()).iter_rows())
    held = {
        (c, stage): principal
        for c, stage, principal in stages.select(
            "currency", "ifrs_stage", "outstanding_principal"
        ).iter_rows()
    }
    rows = []
    for currency in sorted(whole):
        two, three = (
            float(held.get((currency, stage), 0)) / float(whole[currency]) if whole[currency] else 0.0
            for stage in (2, 3)
        )
        text = f"{language.share(two, 1)} + {language.share(three, 1)}"
        rows += [(currency, "first", two, text), (currency, "second", three, text)]
    frame = pl.DataFrame(rows, schema=["label", "part", "value", "text"], orient="row")
    domain_max = float(frame.group_by("label").agg(pl.col("value").sum())["value"].max())  # type: ignore[arg-type]  # a share
    draw = partial(stacked_bars, frame, title=say("classes.stage_chart"), domain_max=domain_max)
    table_rows = [
        [
            row["currency"],
            say("classes.unclassified")
            if row["ifrs_stage"] is None
            else say("classes.stage", stage=row["ifrs_stage"]),
            f"{row['accounts']:,}",
            amount_text(row["outstanding_principal"], row["currency"]),
            language.share(row["outstanding_principal"], whole[row["currency"]], 2),
        ]
        for row in stages.sort("currency", "ifrs_stage", nulls_last=True).iter_rows(named=True)
    ]
    headings = columns(language, "currency", "stage", "+accounts", "+principal", "+share")
    return Figure(
        say("classes.stage_chart"),
        pictured([("", "", draw)]),
        say("classes.stage_definition"),
        tables=[Table(say("classes.stage_table"), headings, table_rows)],
        keys=[("bar", say("classes.stage", stage=2)), ("bar-deep", say("classes.stage", stage=3))],
    )


def _class_figure(figures: Figures, language: Language) -> Figure | None:
    """Accounts by asset class below the best, a panel a jurisdiction."""
    say = language.say
    if figures.classes["asset_class"].is_null().all():
        return None
    counts = figures.classes.group_by("jurisdiction", "asset_class").agg(pl.col("accounts").sum())
    pictures, tops, rows = [], [], []
    for jurisdiction in sorted(counts["jurisdiction"].unique(), key=lambda key: (key is None, key)):
        held = counts.filter(pl.col("jurisdiction").eq_missing(pl.lit(jurisdiction)))
        of_class = dict(held.select("asset_class", "accounts").iter_rows())
        order: list[str | None] = list(in_order(held, "asset_class", CLASS_ORDER))
        order += [None] if None in of_class else []
        count = held["accounts"].sum()
        name = language.name("jurisdiction", jurisdiction)
        best = order[0] if order[0] in CLASS_ORDER[:3] else None
        below = [key for key in order if key is not None and key != best]
        if below:
            panel = pl.DataFrame(
                {
                    "label": [language.name("class", key) for key in below],
                    "value": [of_class[key] / count for key in below],
                    "text": [language.share(of_class[key], count, 2) for key in below],
                }
            )
            note = say(
                "classes.class_note", share=language.share(of_class.get(best, 0), count), count=f"{count:,}"
            )
            draw = partial(bars, panel, title=f"{name}: {say('classes.class_chart')}")
            pictures.append((name, note, draw))
            tops.append(max(of_class[key] / count for key in below))
        rows += [
            [
                name,
                say("classes.unclassified") if key is None else language.name("class", key),
                f"{of_class[key]:,}",
                language.share(of_class[key], count, 2),
            ]
            for key in order
        ]
    domain_max = max(tops, default=0.0)
    drawn = [(name, note, partial(draw, domain_max=domain_max)) for name, note, draw in pictures]
    headings = columns(language, "jurisdiction", "asset_class", "+accounts", "+share_accounts")
    return Figure(
        say("classes.class_chart"),
        pictured(drawn) if drawn else (),
        say("classes.class_definition"),
        tables=[Table(say("classes.class_table"), headings, rows)],
    )


def _default_table(figures: Figures, language: Language) -> Table:
    in_default = pl.col("in_default").fill_null(False)
    by_currency = figures.classes.group_by("currency").agg(
        pl.col("accounts").sum(),
        defaulted=pl.col("accounts").filter(in_default).sum(),
        principal=pl.col("outstanding_principal").filter(in_default).sum(),
        whole=pl.col("outstanding_principal").sum(),
    )
    rows = [
        [
            row["currency"],
            f"{row['defaulted']:,}",
            language.share(row["defaulted"], row["accounts"]),
            amount_text(row["principal"], row["currency"]),
            language.share(row["principal"], row["whole"]),
        ]
        for row in by_currency.sort("currency").iter_rows(named=True)
    ]
    headings = columns(language, "currency", "+in_default", "+default_share", "+principal", "+share")
    return Table(language.say("classes.default_table"), headings, rows)
