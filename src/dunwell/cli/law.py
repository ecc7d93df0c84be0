"""``dunwell law``: verdicts for many attempts, law cases, a pack's text, and what changed between two days."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day
from dunwell.cli.progress import prepare_kernels
from dunwell.law.overlay import LenderLaw, read_law
from dunwell.law.pack import Pack
from dunwell.law.telling import differences, rule_lines
from dunwell.settings import FILE_NAME, read_settings

if TYPE_CHECKING:
    import polars as pl

    from dunwell.book.tables import Table
    from dunwell.law.tables import TableRecords

_TABLES = (
    "customers",
    "accounts",
    "contact_points",
    "contacts",
    "holds",
    "consents",
    "preferences",
    "notices",
)
_NOT_RECORDED = datetime(1900, 1, 1, tzinfo=UTC)


def lender_law() -> LenderLaw:
    """The packs as the workspace one stands in applies them; as shipped elsewhere. Raises PolicyError."""
    here = Path.cwd()
    return read_law(here / "policy" / "law.toml" if (here / FILE_NAME).is_file() else None)


def check_attempts(
    packs: str,
    actor: str | None,
    attempts_file: Path,
    history: Path,
    tape: Path | None,
    out: Path,
    as_json: bool,
) -> int:
    """Write a verdict an attempt to ``out``; returns the exit code."""
    from dunwell.book.single import read_table
    from dunwell.law import codes
    from dunwell.law.checking import ATTEMPTS
    from dunwell.law.tables import TableRecords

    here = Path.cwd()
    settings = read_settings(here) if (here / FILE_NAME).is_file() else None
    actor = actor or (settings.actor if settings else "first_party")
    if actor not in codes.ACTORS:
        raise CommandError(f"--actor {actor!r} is not known. One of: {', '.join(codes.ACTORS)}")
    keys = [key.strip() for key in packs.split(",") if key.strip()]
    if not keys:
        raise CommandError("--packs names no pack. Write them like --packs us-reg-f,us-ma")
    if tape is not None and not tape.is_dir():
        raise CommandError(f"--tape {tape} is no folder. Name the folder that holds the lender's files")
    for file, option in ((attempts_file, "--attempts"), (history, "--history")):
        if file.is_dir():
            raise CommandError(f"{option} {file} is a folder. Name a Parquet or CSV file")
    if out.is_dir() or not out.parent.is_dir():
        raise CommandError(f"--out {out} cannot be written. Name a file in a folder that exists")
    law = lender_law()
    attempts = read_table(attempts_file, ATTEMPTS, _NOT_RECORDED)
    assert attempts is not None  # a file that is named is read or refused
    tables = _tables(tape, history, settings.tape_columns if settings else {})
    _warn_of_strangers(tape, {attempts_file, history, out})
    prepare_kernels("gate")
    records = TableRecords(tables, _days_past_due(tables))
    verdicts = _verdicts(law, keys, actor, attempts, tables["customers"], records)
    _write(verdicts, out)
    _tell(verdicts, out, as_json)
    return 0


def _verdicts(
    law: LenderLaw,
    keys: Sequence[str],
    actor: str,
    attempts: "pl.DataFrame",
    customers: "pl.DataFrame",
    records: "TableRecords",
) -> "pl.DataFrame":
    """A verdict an attempt, in their order, under the packs that are named and what the lender chose beside them: house packs
    bind by the customer's jurisdiction and region, so attempts are judged together where these are the same.
    """
    import polars as pl

    from dunwell.law.checking import check_frame
    from dunwell.law.gate import Gate

    places = ["jurisdiction", "region"]
    known = customers.select("customer_id", *(column for column in places if column in customers.columns))
    asked = attempts.with_row_index("row").join(known, on="customer_id", how="left", maintain_order="left")
    asked = asked.with_columns(pl.lit(None, pl.String).alias(c) for c in places if c not in asked.columns)
    parts = []
    for place, group in asked.partition_by(places, as_dict=True, maintain_order=True).items():
        jurisdiction, region = (None if one is None else str(one) for one in place)
        gate = Gate(law.with_own(keys, jurisdiction, region), actor, known=law.packs)
        parts.append(check_frame(gate, group, records).with_columns(group["row"]))
    if not parts:
        return check_frame(Gate(keys, actor, known=law.packs), attempts, records)
    return pl.concat(parts).sort("row").drop("row")


def _days_past_due(tables: Mapping[str, "pl.DataFrame"]) -> "pl.DataFrame | None":
    """The accounts' days past due, where the tape tells them."""
    if "accounts" not in tables:
        return None
    return tables["accounts"].select("account_id", "past_due_days").drop_nulls()


def _tables(
    tape: Path | None, history: Path, columns: Mapping[str, Mapping[str, str]]
) -> "dict[str, pl.DataFrame]":
    """What the tape says of the people, with ``history`` for its contacts. ``columns``: ours to the lender's names."""
    import polars as pl

    from dunwell.book import TABLES
    from dunwell.book.single import read_table

    nobody = {"customer_id": pl.String, "timezone": pl.String, "deceased_on": pl.Date}
    tables = {"customers": pl.DataFrame(schema=nobody)}
    for name in _TABLES:
        if name == "contacts":
            found = read_table(history, name, _NOT_RECORDED, columns.get(name))
        elif tape is not None:
            declared = _with_days_past_due(TABLES[name]) if name == "accounts" else TABLES[name]
            found = read_table(tape, declared, _NOT_RECORDED, columns.get(name), zones_as_text=True)
        else:
            continue
        if found is not None:
            tables[name] = _of_one_key(name, found)
    _refuse_holds_of_nobody(tables)
    return tables


def _with_days_past_due(accounts: "Table") -> "Table":
    """The accounts with a column more: how late the lender says that each is, for rules that depend on it."""
    from dunwell.book.tables import Column, Kind

    return replace(accounts, columns=(*accounts.columns, Column("past_due_days", Kind.COUNT)))


def _of_one_key(name: str, rows: "pl.DataFrame") -> "pl.DataFrame":
    """The rows without exact repeats. Raises CommandError when rows that differ share a key: which of them holds is not known."""
    from dunwell.book import TABLES

    key = TABLES[name].key
    if not key or rows.n_unique(key) == rows.height:
        return rows
    rows = rows.unique(maintain_order=True)
    repeated = rows.filter(rows.select(key).is_duplicated())
    if repeated.height:
        told = repeated.row(0, named=True)[key[0]]
        raise CommandError(f"{name}: {key[0]} {told!r} stands in rows that differ. Keep the row that holds")
    return rows


def _refuse_holds_of_nobody(tables: "Mapping[str, pl.DataFrame]") -> None:
    """A hold that cannot be laid to anybody would be lost, and what it forbids allowed. Raises CommandError."""
    import polars as pl

    if "holds" not in tables:
        return
    owned = tables["accounts"]["account_id"].to_list() if "accounts" in tables else []
    is_owned = pl.col("account_id").is_in(owned).fill_null(False)
    lost = tables["holds"].filter(pl.col("customer_id").is_null() & ~is_owned)["hold_id"]
    if lost.len():
        raise CommandError(
            f"holds: {lost[0]} names no customer, and no account of the tape ({lost.len()} such rows). "
            "Name its customer_id, or hand over the accounts: a hold that is lost would allow what it forbids"
        )


def _warn_of_strangers(tape: Path | None, known: Collection[Path]) -> None:
    """Say which files of a tape are no table: a misspelt ``hold.csv`` would otherwise be lost without a word."""
    from dunwell.book import TABLES

    files = sorted(file for ending in ("*.csv", "*.parquet") for file in tape.glob(ending)) if tape else []
    ours = {file.resolve() for file in known}
    strange = [file.name for file in files if file.stem not in TABLES and file.resolve() not in ours]
    if strange:
        print(f"note: not a table, and not read: {', '.join(strange)}", file=sys.stderr)


def _tell(verdicts: "pl.DataFrame", out: Path, as_json: bool) -> None:
    """Say how many attempts are allowed, and how many each rule refuses."""
    import polars as pl

    allowed = int(verdicts["allowed"].sum())
    counts = (
        verdicts.select(pl.col("reasons").list.eval(pl.element().struct.field("rule")).alias("rule"))
        .explode("rule")
        .drop_nulls()
        .group_by("rule")
        .len()
        .sort("len", "rule", descending=[True, False])
    )
    if as_json:
        told = {
            "attempts": verdicts.height,
            "allowed": allowed,
            "refused": verdicts.height - allowed,
            "by_rule": dict(counts.iter_rows()),
            "out": str(out),
        }
        print(json.dumps(told, indent=2))
        return
    print(f"{verdicts.height:,} attempts: {allowed:,} allowed, {verdicts.height - allowed:,} refused; {out}")
    for rule, count in counts.iter_rows():
        print(f"  {count:>9,}  {rule}")


def _write(verdicts: Any, out: Path) -> None:
    """Write verdicts whole or not at all, by the file's ending."""
    staging = out.with_name(f".{out.name}.new")
    try:
        if out.suffix == ".csv":
            import polars as pl

            rules = pl.col("reasons").list.eval(pl.element().struct.field("rule"))
            verdicts.with_columns(
                pl.when(rules.list.len() > 0).then(rules.list.join(";")).alias("reasons"),
                pl.col("not_before").dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"),
            ).write_csv(staging)
        elif out.suffix in (".json", ".ndjson", ".jsonl"):
            verdicts.write_ndjson(staging)
        else:
            verdicts.write_parquet(staging)
        staging.replace(out)
    finally:
        staging.unlink(missing_ok=True)


def test_cases(files: Sequence[Path], as_json: bool) -> int:
    """Run law cases and say how many passed; returns the exit code: 1 when any failed."""
    from dunwell.law.cases import CASES_FOLDER, case_files, run_cases

    missing = [file for file in files if not file.exists()]
    if missing:
        raise CommandError(f"{missing[0]} does not exist. Name a YAML file of cases, or a folder of them")
    chosen = list(files) or [
        CASES_FOLDER,
        *([own] if (own := Path.cwd() / "policy" / "cases").is_dir() else []),
    ]
    if not case_files(chosen):
        raise CommandError(f"{chosen[0]} holds no cases. Write them in a file ending in .yaml")
    prepare_kernels("gate")
    outcomes = run_cases(chosen, lender_law().packs)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    passed_count = len(outcomes) - len(failed)
    if as_json:
        told = {
            "passed": passed_count,
            "failed": len(failed),
            "cases": [outcome.as_dict() for outcome in outcomes],
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for outcome in failed:
            print(f"failed: {outcome.name} ({outcome.file}): {outcome.detail}")
        print(f"{passed_count} passed, {len(failed)} failed")
    return 1 if failed else 0


def show_pack(key: str | None, on: str | None, language: str, as_json: bool) -> int:
    """Print a pack as it stands on a day, or which packs there are."""
    law = lender_law()
    day = parse_day(on, "--on") or datetime.now(UTC).date()
    if key is None:
        for pack in law.packs.values():
            print(
                f"{pack.key:<10} {len(pack.on(day)):>3} rules  {pack.title_zh if language == 'zh' else pack.title}"
            )
        return 0
    pack = _pack(law, key)
    rules = pack.on(day)
    if as_json:
        told = {
            "pack": pack.key,
            "title": pack.title,
            "on": day.isoformat(),
            "rules": [_as_dict(rule) for rule in rules],
        }
        print(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        return 0
    print(f"{pack.title_zh if language == 'zh' else pack.title}\non {day}: {len(rules)} rules in force")
    for rule in rules:
        print()
        print("\n".join(rule_lines(rule, language)))
    return 0


def diff_pack(key: str, first: str, second: str, as_json: bool) -> int:
    """Print what changed in a pack between two days."""
    pack = _pack(lender_law(), key)
    days = (_day(first, "DAY1"), _day(second, "DAY2"))
    changes = differences(pack, *days)
    if as_json:
        told = [
            {
                "rule": change.rule,
                "what": change.what,
                "before": None if change.before is None else _as_dict(change.before),
                "after": None if change.after is None else _as_dict(change.after),
                "figures": change.figures,
            }
            for change in changes
        ]
        print(
            json.dumps(
                {"pack": key, "from": first, "to": second, "changes": told},
                ensure_ascii=False,
                indent=2,
                default=str,
            )
        )
        return 0
    print(f"{pack.title}\n{days[0]} to {days[1]}: {len(changes)} rules differ")
    for change in changes:
        print()
        rule = change.after or change.before
        if change.what != "changed" and rule is not None:
            print("\n".join([f"{change.what}: {rule_lines(rule)[0]}", *rule_lines(rule)[1:]]))
            continue
        print(f"changed: {change.rule}")
        for name, (old, new) in change.figures.items():
            print(f"  {name}:\n    was {old}\n    is  {new}")
    return 0


def _day(text: str, name: str) -> date:
    day = parse_day(text, name)
    assert day is not None
    return day


def _pack(law: LenderLaw, key: str) -> Pack:
    if key not in law.packs:
        raise CommandError(f"there is no pack {key!r}. One of: {', '.join(law.packs)}")
    return law.packs[key]


def _as_dict(rule: Any) -> dict[str, Any]:
    return {
        **rule.values,
        "id": rule.id,
        "from": rule.from_on.isoformat(),
        "until": None if rule.until_on is None else rule.until_on.isoformat(),
        "effect": rule.effect,
        "citation": rule.citation,
        "source_quality": rule.source_quality,
    }
