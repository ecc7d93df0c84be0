"""What ``dunwell run`` says when it is done: a few lines and small tables for a person, the same as a dict
for a machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dunwell.nightly.about import Quarantine, RunFacts
from dunwell.nightly.decided import DecidedFigures
from dunwell.nightly.figures import Figures, in_order, movements
from dunwell.nightly.losses import LossFigures
from dunwell.nightly.numbers import amount_text, plain_amount, share_text, short_amount
from dunwell.nightly.promises import PromiseFigures
from dunwell.nightly.scores import ScoreFigures
from dunwell.nightly.worklist import WorkFigures

BUCKETS_ACROSS = 8
"""So many buckets fit side by side on a terminal."""

RULES_SHOWN = 12
"""A terminal shows so many broken rules, those with most rows; the report and the quarantine files have all.
"""


def summary_dict(
    figures: Figures,
    quarantine: Quarantine,
    facts: RunFacts,
    bucket_order: Sequence[str],
    work: WorkFigures | None = None,
    promises: PromiseFigures | None = None,
    cases: pl.DataFrame | None = None,
    scores: ScoreFigures | None = None,
    decided: DecidedFigures | None = None,
    losses: LossFigures | None = None,
) -> dict[str, Any]:
    """The summary for ``--json``: plain values only, money as decimal text, days as ISO text.

    ``movements`` is null without a previous run. Rows of quarantine name their first place and the mend.
    """
    counts = figures.portfolio.row(0, named=True)
    buckets = figures.buckets.sort(
        "currency", pl.col("bucket").replace_strict(_ranks(figures, bucket_order), return_dtype=pl.Int64)
    )
    return {
        "run_id": facts.run_id,
        "as_of": facts.as_of.isoformat(),
        "previous_as_of": facts.previous_as_of.isoformat() if facts.previous_as_of else None,
        "known_at": facts.known_at.isoformat() if facts.known_at else None,
        "policy_hash": facts.policy_hash,
        **counts,
        "currencies": _records(figures.currencies),
        "statuses": _records(figures.statuses),
        "buckets": _records(buckets),
        "ageing": _records(figures.ageing),
        "movements": _records(movements(figures.roll)) if facts.previous_as_of else None,
        "promises": None if promises is None else promises.as_dict(),
        "cases": None if cases is None else dict(cases.select("stage", "cases").iter_rows()),
        "contacts": None if work is None else _contacts_dict(work),
        "decided": None if decided is None else decided.as_dict(),
        "scores": None if scores is None else scores.as_dict(),
        "losses": None if losses is None else losses.as_dict(),
        "quarantine": {
            "rows": quarantine.row_count,
            "files": [
                {
                    "table": f.table,
                    "file": f.file,
                    "read": f.read_count,
                    "used": f.used_count,
                    "quarantined": f.quarantined_count,
                }
                for f in quarantine.files
            ],
            "rules": [
                {
                    "table": r.table,
                    "rule": r.rule,
                    "rows": r.row_count,
                    "file": r.file,
                    "row": r.row,
                    "mend": r.mend,
                }
                for r in quarantine.rules
            ],
            "unreadable": [
                {"file": u.file, "problem": u.problem, "mend": u.mend} for u in quarantine.unreadable
            ],
            "ignored": list(quarantine.ignored),
        },
        "files": dict(facts.files),
    }


def summary_text(
    figures: Figures,
    quarantine: Quarantine,
    facts: RunFacts,
    bucket_order: Sequence[str],
    work: WorkFigures | None = None,
    promises: PromiseFigures | None = None,
    cases: pl.DataFrame | None = None,
    decided: DecidedFigures | None = None,
) -> RenderableType:
    """The summary for a terminal, as something Rich can print."""
    compared = f", compared with {facts.previous_as_of}" if facts.previous_as_of else ""
    parts: list[RenderableType] = [Text(f"As of {facts.as_of}{compared}", style="bold"), Text()]
    lines = [*_count_lines(figures, facts), *_case_lines(cases), *_promise_lines(promises)]
    parts.extend(Padding(Text(line), (0, 0, 0, 2)) for line in lines)
    if figures.currencies.height:
        parts += [Text(), Text("Overdue by bucket", style="bold"), _overdue_table(figures, bucket_order)]
    if work is not None:
        parts += [Text(), *_contact_parts(work)]
    if decided is not None:
        parts += [Text(), *_decided_parts(decided)]
    parts += [Text(), *_quarantine_parts(quarantine)]
    if facts.files:
        parts += [Text(), Text("Files", style="bold"), _files_table(facts)]
    return Group(*parts)


def _count_lines(figures: Figures, facts: RunFacts) -> Iterator[str]:
    counts = figures.portfolio.row(0, named=True)
    off_book = counts["all_accounts"] - counts["accounts"]
    also = f" ({off_book:,} more closed, charged off or sold)" if off_book else ""
    yield f"{_count(counts['accounts'], 'account')} of {_count(counts['customers'], 'customer')} on the book{also}"
    late = counts["past_due_accounts"]
    share = f" ({share_text(late, counts['accounts'])})" if late else ""
    yield f"{_count(late, 'account')} past due{share}, of {_count(counts['past_due_customers'], 'customer')}"
    if facts.previous_as_of:
        moved = movements(figures.roll).sum()
        fell, cured = moved["fell_past_due"].item(), moved["cured"].item()
        yield f"{fell:,} fell past due and {cured:,} cured since {facts.previous_as_of}"
    if counts["incomplete_accounts"]:
        yield f"{_count(counts['incomplete_accounts'], 'account')} incomplete: rows of theirs are in quarantine; not contacted"


def _case_lines(cases: pl.DataFrame | None) -> Iterator[str]:
    """How many cases are open, by stage; nothing where none is."""
    if cases is None or not cases.height:
        return
    told = ", ".join(f"{count:,} {stage}" for stage, count in cases.select("stage", "cases").iter_rows())
    yield f"{_count(sum(cases['cases'].to_list()), 'open case')}: {told}"


def _promise_lines(promises: PromiseFigures | None) -> Iterator[str]:
    """How the promises stand; nothing where none was made."""
    if promises is None or not any(promises.counts.values()):
        return
    told = ", ".join(
        f"{count:,} {state.replace('_', ' ')}" for state, count in promises.counts.items() if count
    )
    ended, kept = promises.ended_count, promises.counts["kept"]
    share = f"; {share_text(kept, ended)} of those whose day has come are kept" if ended else ""
    yield f"{_count(sum(promises.counts.values()), 'promise')}: {told}{share}"


def _overdue_table(figures: Figures, bucket_order: Sequence[str]) -> RenderableType:
    """Overdue amounts, currencies down and buckets across, or the other way round where that is narrower."""
    overdue = figures.buckets.filter(pl.col("past_due_total") > 0)
    buckets = in_order(overdue, "bucket", bucket_order)
    currencies = figures.currencies["currency"].to_list()
    cell = {
        (c, b): short_amount(amount)
        for c, b, amount in overdue.select("currency", "bucket", "past_due_total").iter_rows()
    }
    total = dict(figures.currencies.select("currency", "past_due_total").iter_rows())
    late = dict(figures.currencies.select("currency", "past_due_accounts").iter_rows())
    if len(currencies) < len(buckets) and len(currencies) <= 4:
        table = _table("", *currencies)
        for bucket in buckets:
            table.add_row(bucket, *(cell.get((currency, bucket), "-") for currency in currencies))
        table.add_row("overdue", *(amount_text(total[currency], currency) for currency in currencies))
        table.add_row("accounts late", *(f"{late[currency]:,}" for currency in currencies))
    elif len(buckets) > BUCKETS_ACROSS:
        return _overdue_by_age(figures)
    else:
        table = _table("", "late", "overdue", *buckets)
        for currency in currencies:
            cells = (cell.get((currency, bucket), "-") for bucket in buckets)
            table.add_row(currency, f"{late[currency]:,}", short_amount(total[currency]), *cells)
    return Padding(table, (0, 0, 0, 2))


def _overdue_by_age(figures: Figures) -> RenderableType:
    """Overdue amounts by days past due, for portfolios whose products name too many different buckets to
    stand side by side.
    """
    ageing = figures.ageing.filter(pl.col("past_due_total") > 0)
    bands = sorted(set(ageing["from_days"]))
    names = [f"{a}-{b - 1}" if b else f"{a}+" for a, b in zip(bands, [*bands[1:], 0], strict=True)]
    cell = {
        (c, d): short_amount(amount)
        for c, d, amount in ageing.select("currency", "from_days", "past_due_total").iter_rows()
    }
    table = _table("days past due", "late", "overdue", *names)
    for currency, late, total in figures.currencies.select(
        "currency", "past_due_accounts", "past_due_total"
    ).iter_rows():
        table.add_row(
            currency, f"{late:,}", short_amount(total), *(cell.get((currency, band), "-") for band in bands)
        )
    return Padding(table, (0, 0, 0, 2))


def _contacts_dict(work: WorkFigures) -> dict[str, Any]:
    return {
        "planned": work.planned_count,
        "held_back": work.held_count,
        "planned_by": work.planned.to_dicts(),
        "held_back_by": work.held.to_dicts(),
    }


def _contact_parts(work: WorkFigures) -> Iterator[RenderableType]:
    """How many contacts the day holds, by stage and channel, and what the gate held back by which rule."""
    yield Text(
        f"{_count(work.planned_count, 'contact')} planned, {work.held_count:,} held back", style="bold"
    )
    if work.planned.height:
        table = _table("stage", "by", "contacts", left=(0, 1))
        for stage, channel, contacts in work.planned.iter_rows():
            table.add_row(stage, channel, f"{contacts:,}")
        yield Padding(table, (0, 0, 0, 2))
    if work.held.height:
        table = _table("held back by", "contacts", "clause", left=(0, 2))
        for rule, citation, contacts in work.held.head(RULES_SHOWN).iter_rows():
            table.add_row(rule, f"{contacts:,}", citation)
        yield Padding(table, (0, 0, 0, 2))
        if work.held.height > RULES_SHOWN:
            more = _count(work.held.height - RULES_SHOWN, "more rule")
            yield Padding(Text(f"and {more}; the report has them"), (0, 0, 0, 2))


def _decided_parts(decided: DecidedFigures) -> Iterator[RenderableType]:
    """What was decided: treatments by segment, the lots, and what the capacities are worth."""
    basis = {
        "text-order": "no values are known yet: the first treatment of the strategy's order",
        "priors": "by the priors of the strategy's text",
        "learned": "by what the log has taught",
    }[decided.basis]
    yield Text(f"What was decided, {basis}", style="bold")
    if decided.treatments.height:
        table = _table("segment", "treatment", "customers", left=(0, 1))
        for segment, treatment, customers in decided.treatments.iter_rows():
            table.add_row(segment, treatment, f"{customers:,}")
        yield Padding(table, (0, 0, 0, 2))
    for arm, customers in decided.arms.iter_rows():
        yield Padding(Text(f"{customers:,} {arm}"), (0, 0, 0, 2))
    for stop in decided.stopped:
        yield Padding(Text(f"STOPPED {stop.sentence}", style="bold"), (0, 0, 0, 2))
        if stop.is_by_guard_rail:
            line = f"to draw it again from a day on, write below the experiment: {stop.taken_up('DAY')}"
            yield Padding(Text(line), (0, 0, 0, 4))
    for one in decided.turned:
        yield Padding(Text(f"TURNED {one.sentence}", style="bold"), (0, 0, 0, 2))
    if decided.explored_count:
        yield Padding(Text(f"{decided.explored_count:,} drawn by lot, to learn from"), (0, 0, 0, 2))
    for sentence in decided.capacities["told_en"]:
        yield Padding(Text(sentence), (0, 0, 0, 2))
    if decided.problem:
        yield Padding(Text(f"learned values are not used: {decided.problem}"), (0, 0, 0, 2))


def _quarantine_parts(quarantine: Quarantine) -> Iterator[RenderableType]:
    read_count = sum(file.read_count for file in quarantine.files)
    if quarantine.is_clean:
        yield Text(
            f"All {read_count:,} rows of the tape were used." if read_count else "The tape holds no rows."
        )
        return
    if quarantine.row_count:
        yield Text(f"{quarantine.row_count:,} of {_count(read_count, 'row')} in quarantine", style="bold")
        table = _table("table", "rows", "rule, first place and mend", left={0, 2})
        rules = quarantine.heaviest_rules()
        for rule in rules[:RULES_SHOWN]:
            told = Text.assemble(rule.rule, " (", (rule.place, "cyan"), ")\n", (rule.mend, "dim"))
            table.add_row(rule.table, f"{rule.row_count:,}", told)
        yield Padding(table, (0, 0, 0, 2))
        if len(rules) > RULES_SHOWN:
            yield Padding(
                Text(
                    f"and {_count(len(rules) - RULES_SHOWN, 'more rule')}; the report and the quarantine files have them"
                ),
                (0, 0, 0, 2),
            )
    for file in quarantine.unreadable:
        yield Text.assemble(
            (f"{file.file} was not used: ", "bold"), f"{file.problem.rstrip('.')}. {file.mend}"
        )


def _files_table(facts: RunFacts) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, path in facts.files.items():
        table.add_row(Text(name), Text(path, style="cyan", overflow="fold"))
    return Padding(table, (0, 0, 0, 2))


def _table(*headings: str, left: Iterable[int] = (0,)) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="left" if index in left else "right", overflow="fold")
    return table


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _ranks(figures: Figures, bucket_order: Sequence[str]) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(in_order(figures.buckets, "bucket", bucket_order))}


def _records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows with money as decimal text in the row's currency."""
    return [
        {
            name: plain_amount(value, row["currency"]) if isinstance(value, Decimal) else value
            for name, value in row.items()
        }
        for row in frame.iter_rows(named=True)
    ]
