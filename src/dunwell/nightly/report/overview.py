"""The report's first sections: the day at a glance, how late the money is, how old the arrears are."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

import polars as pl

from dunwell.nightly.about import Quarantine, RunFacts
from dunwell.nightly.figures import AGE_BANDS_FROM, Figures, in_order, movements
from dunwell.nightly.numbers import amount_text
from dunwell.nightly.report.charts import bars
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Figure, Section, Table, Tile, columns, pictured


def glance_section(figures: Figures, quarantine: Quarantine, facts: RunFacts, language: Language) -> Section:
    """The day in one sentence, eight numbers and a table by currency."""
    say = language.say
    counts = figures.portfolio.row(0, named=True)
    moved = movements(figures.roll)
    lead = []
    if counts["accounts"]:
        lead.append(say("glance.late", share=language.share(counts["past_due_accounts"], counts["accounts"])))
    else:
        lead.append(say("page.empty"))
    if facts.previous_as_of and moved.height:
        fell, cured = f"{moved['fell_past_due'].sum():,}", f"{moved['cured'].sum():,}"
        lead.append(say("glance.moved", day=language.day(facts.previous_as_of), fell=fell, cured=cured))
    tables = [_currencies_table(figures, moved, facts, language)] if counts["accounts"] else []
    folded = [_statuses_table(figures, language)] if counts["all_accounts"] else []
    return Section(
        "glance",
        say("glance.title"),
        lead=lead,
        tiles=_tiles(figures, quarantine, facts, language),
        tables=tables,
        folded=folded,
    )


def buckets_section(
    figures: Figures, bucket_order: Sequence[str], facts: RunFacts, language: Language
) -> Section:
    """Delinquency by bucket: shares of outstanding principal, a panel a currency."""
    say = language.say
    if not figures.buckets.height:
        return Section("buckets", say("buckets.title"), lead=[say("page.empty")])
    order = in_order(figures.buckets, "bucket", bucket_order)
    late = (
        figures.buckets.group_by("bucket")
        .agg(pl.col("past_due_accounts").sum())
        .filter(pl.col("past_due_accounts") > 0)
    )
    drawn = in_order(late, "bucket", order)
    shown = figures.buckets.join(
        figures.currencies.select("currency", whole=pl.col("outstanding_principal")), on="currency"
    ).with_columns(
        share=pl.when(pl.col("whole") > 0)
        .then(pl.col("outstanding_principal").cast(float) / pl.col("whole").cast(float))
        .otherwise(0.0)
    )
    domain_max = float(shown.filter(pl.col("bucket").is_in(drawn))["share"].max() or 0)  # type: ignore[arg-type]  # a share
    pictures = []
    for currency, whole, late_principal in figures.currencies.select(
        "currency", "outstanding_principal", "past_due_principal"
    ).iter_rows():
        share_of = dict(shown.filter(currency=currency).select("bucket", "share").iter_rows())
        # Products name their buckets differently: a panel draws the names that its currency knows.
        own = [bucket for bucket in drawn if bucket in share_of] or drawn
        rows = pl.DataFrame(
            {
                "label": own,
                "value": [share_of.get(bucket, 0.0) for bucket in own],
                "text": [language.share(share_of.get(bucket, 0.0), 1, 2) for bucket in own],
            }
        )
        title = f"{currency}: {say('buckets.chart')}"
        note = (
            say("buckets.note", share=language.share(late_principal, whole))
            if late_principal
            else say("buckets.none")
        )
        pictures.append((currency, note, partial(bars, rows, title=title, domain_max=domain_max)))
    figure = Figure(
        say("buckets.chart"),
        pictured(pictures) if drawn else (),
        say("buckets.definition"),
        tables=[_buckets_table(figures, order, facts, language), _products_table(figures, language)],
        finding="" if drawn else say("buckets.none"),
    )
    return Section("buckets", say("buckets.title"), figures=[figure])


def ageing_section(figures: Figures, language: Language) -> Section:
    """Overdue amounts by the age of the arrears, a panel a currency."""
    say = language.say
    if not figures.ageing.height:
        return Section("ageing", say("ageing.title"), lead=[say("ageing.none")])
    bands = [first for first in AGE_BANDS_FROM if first or (figures.ageing["from_days"] == 0).any()]
    amounts = {
        (c, first): amount
        for c, first, amount in figures.ageing.select("currency", "from_days", "past_due_total").iter_rows()
    }
    accounts = {
        (c, first): count
        for c, first, count in figures.ageing.select("currency", "from_days", "accounts").iter_rows()
    }
    labels = {first: _band_label(first, language) for first in bands}
    pictures, rows = [], []
    for currency in figures.ageing["currency"].unique().sort():
        owed = [amounts.get((currency, first), Decimal(0)) for first in bands]
        total = sum(owed, Decimal(0))
        panel = pl.DataFrame(
            {
                "label": list(labels.values()),
                "value": [float(amount) for amount in owed],
                "text": [language.short(amount) for amount in owed],
            }
        )
        draw = partial(bars, panel, title=f"{currency}: {say('ageing.chart')}", domain_max=float(max(owed)))
        pictures.append((currency, say("ageing.note", amount=amount_text(total, currency)), draw))
        rows += [
            [
                currency,
                labels[first],
                f"{accounts.get((currency, first), 0):,}",
                amount_text(amount, currency),
                language.share(amount, total),
            ]
            for first, amount in zip(bands, owed, strict=True)
        ]
    note = say("ageing.small_note") if 0 in bands else ""
    headings = columns(language, "currency", "band", "+accounts", "+overdue", "+share_overdue")
    table = Table(say("ageing.table"), headings, rows, note)
    figure = Figure(
        say("ageing.chart"), pictured(pictures), f"{say('ageing.definition')} {note}".strip(), tables=[table]
    )
    return Section("ageing", say("ageing.title"), figures=[figure])


def _tiles(figures: Figures, quarantine: Quarantine, facts: RunFacts, language: Language) -> list[Tile]:
    say = language.say
    counts = figures.portfolio.row(0, named=True)
    moved = movements(figures.roll)
    off_book = counts["all_accounts"] - counts["accounts"]
    since = (
        say("glance.since_note", day=language.day(facts.previous_as_of))
        if facts.previous_as_of
        else say("glance.no_previous_note")
    )
    read_count = sum(file.read_count for file in quarantine.files)
    quarantined = say(
        "glance.quarantined_note",
        share=language.share(quarantine.row_count, read_count),
        count=f"{read_count:,}",
    )

    def of_moves(name: str) -> str:
        return f"{moved[name].sum():,}" if facts.previous_as_of else "–"

    def share_of(note: str, counted: str) -> str:
        return (
            say(note, share=language.share(counts[f"past_due_{counted}"], counts[counted]))
            if counts[counted]
            else ""
        )

    return [
        Tile(
            say("glance.accounts"),
            f"{counts['accounts']:,}",
            say("glance.accounts_note", count=f"{off_book:,}") if off_book else "",
        ),
        Tile(
            say("glance.customers"),
            f"{counts['customers']:,}",
        ),
        Tile(
            say("glance.past_due"),
            f"{counts['past_due_accounts']:,}",
            share_of("glance.past_due_note", "accounts"),
        ),
        Tile(
            say("glance.late_customers"),
            f"{counts['past_due_customers']:,}",
            share_of("glance.late_customers_note", "customers"),
        ),
        Tile(say("glance.fell"), of_moves("fell_past_due"), since),
        Tile(say("glance.cured"), of_moves("cured"), since),
        Tile(
            say("glance.quarantined"),
            f"{quarantine.row_count:,}",
            quarantined if quarantine.row_count else say("glance.quarantined_clean"),
            is_alert=bool(quarantine.row_count),
        ),
        Tile(
            say("glance.incomplete"),
            f"{counts['incomplete_accounts']:,}",
            say("glance.incomplete_note" if counts["incomplete_accounts"] else "glance.incomplete_none"),
            is_alert=bool(counts["incomplete_accounts"]),
        ),
    ]


def _currencies_table(figures: Figures, moved: pl.DataFrame, facts: RunFacts, language: Language) -> Table:
    names = [
        "currency",
        "+accounts",
        "+late_accounts",
        "+late_share",
        "+principal",
        "+overdue",
        "+late_principal_share",
    ]
    if facts.previous_as_of:
        names += ["+fell", "+cured"]
    moves = {row["currency"]: row for row in moved.iter_rows(named=True)}
    rows = []
    for row in figures.currencies.iter_rows(named=True):
        currency = row["currency"]
        cells = [
            currency,
            f"{row['accounts']:,}",
            f"{row['past_due_accounts']:,}",
            language.share(row["past_due_accounts"], row["accounts"]),
            amount_text(row["outstanding_principal"], currency),
            amount_text(row["past_due_total"], currency),
            language.share(row["past_due_principal"], row["outstanding_principal"]),
        ]
        if facts.previous_as_of:
            move = moves.get(currency, {})
            cells += [f"{move.get('fell_past_due', 0):,}", f"{move.get('cured', 0):,}"]
        rows.append(cells)
    return Table(
        language.say("glance.by_currency"),
        columns(language, *names),
        rows,
        language.say("glance.by_currency_note"),
    )


def _statuses_table(figures: Figures, language: Language) -> Table:
    rows = [
        [
            row["currency"],
            language.name("status", row["status"]),
            f"{row['accounts']:,}",
            amount_text(row["outstanding_principal"], row["currency"]),
            amount_text(row["past_due_total"], row["currency"]),
        ]
        for row in figures.statuses.iter_rows(named=True)
    ]
    headings = columns(language, "currency", "status", "+accounts", "+principal", "+overdue")
    return Table(language.say("glance.by_status"), headings, rows)


def _buckets_table(figures: Figures, order: Sequence[str], facts: RunFacts, language: Language) -> Table:
    names = ["currency", "bucket", "+accounts", "+customers", "+principal", "+share", "+overdue"]
    if facts.previous_as_of:
        names.insert(3, "+change")
    was = {
        (currency, bucket): count
        for currency, bucket, count in figures.roll.group_by("currency", "bucket_before")
        .agg(pl.col("accounts").sum())
        .iter_rows()
    }
    whole = dict(figures.currencies.select("currency", "outstanding_principal").iter_rows())
    rank = {bucket: number for number, bucket in enumerate(order)}
    rows = []
    for row in sorted(
        figures.buckets.iter_rows(named=True), key=lambda row: (row["currency"], rank[row["bucket"]])
    ):
        currency = row["currency"]
        cells = [
            currency,
            row["bucket"],
            f"{row['accounts']:,}",
            f"{row['customers']:,}",
            amount_text(row["outstanding_principal"], currency),
            language.share(row["outstanding_principal"], whole[currency], 2),
            amount_text(row["past_due_total"], currency),
        ]
        if facts.previous_as_of:
            change = row["accounts"] - was.get((currency, row["bucket"]), 0)
            cells.insert(3, f"{change:+,}".replace("-", "−") if change else "0")
        rows.append(cells)
    return Table(language.say("buckets.table"), columns(language, *names), rows)


def _products_table(figures: Figures, language: Language) -> Table:
    products = (
        figures.segments.group_by("currency", "jurisdiction", "product")
        .agg(pl.col("accounts", "past_due_accounts", "outstanding_principal", "past_due_total").sum())
        .sort("currency", "jurisdiction", "product")
    )
    rows = [
        [
            row["product"],
            language.name("jurisdiction", row["jurisdiction"]),
            row["currency"],
            f"{row['accounts']:,}",
            f"{row['past_due_accounts']:,}",
            language.share(row["past_due_accounts"], row["accounts"]),
            amount_text(row["outstanding_principal"], row["currency"]),
            amount_text(row["past_due_total"], row["currency"]),
        ]
        for row in products.iter_rows(named=True)
    ]
    headings = columns(
        language,
        "product",
        "jurisdiction",
        "currency",
        "+accounts",
        "+late_accounts",
        "+late_share",
        "+principal",
        "+overdue",
    )
    return Table(language.say("buckets.products"), headings, rows)


def _band_label(first: int, language: Language) -> str:
    if first == 0:
        return language.say("ageing.small")
    following = [other for other in AGE_BANDS_FROM if other > first]
    if not following:
        return language.say("ageing.band_last", first=first)
    return language.say("ageing.band", first=first, last=following[0] - 1)
