"""``dunwell strategy simulate`` and ``diff --simulate``: strategies lived through before they ship."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer

from dunwell.cli.errors import CommandError
from dunwell.cli.progress import prepare_kernels
from dunwell.law.overlay import read_law
from dunwell.nightly.offers import Valuer
from dunwell.nightly.rehearsing import choice_for, choice_with, made_setting, rehearsed, setting_for
from dunwell.rehearsal.effects import EFFECTS_FILE
from dunwell.rehearsal.strategy_run import Choice
from dunwell.rehearsal.strategy_setting import NobodyPastDue, Setting
from dunwell.settings import FILE_NAME, read_settings
from dunwell.strategy.text import Strategy

UNITS = {
    "net": "net of cost, {currency} a customer",
    "repaid": "repaid of what was past due",
    "cured": "no longer past due",
    "cost": "cost, {currency} a customer",
    "minutes": "agent minutes a customer",
    "contacts": "contacts a customer",
    "complaints": "who complain, of 1,000",
    "opt-outs": "who opt out, of 1,000",
    "contacts in hardship": "contacts in hardship, of 1,000",
    "fatigue": "tired of contact at the end",
    "hardest tenth: repaid": "hardest tenth: repaid",
    "hardest tenth: contacts": "hardest tenth: contacts a customer",
    "hardest tenth: complaints": "hardest tenth: who complain, of 1,000",
    "hardest tenth: fatigue": "hardest tenth: tired of contact",
}
"""What each measure is called, with its unit; ``cash CUR`` besides."""

_BASES = {
    "text-order": "nothing is known of values, so the text's order decides: the first treatment, those latest first",
    "priors": "values are the text's priors less cost",
    "learned": "values are those that were learned (models/values), and the text's priors where nothing was",
}


def simulate(strategies: Sequence[Strategy], customers: int, days: int, seeds: int, as_json: bool) -> int:
    """Rehearse one strategy, or the old and the new, and print what came of it; 1 when the new breaches a floor."""
    prepare_kernels("ledger", "gate", "world")
    if not as_json:
        print("rehearsing ...", flush=True)
    try:
        setting, choice, basis = _setting(strategies, customers)
    except NobodyPastDue as error:
        raise CommandError(str(error)) from error
    told = rehearsed(setting, strategies, choice, basis, copies=seeds, days=days)
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(told)
    return int(any(floor["state"] == "breached" for floor in told["floors"]))


def _setting(strategies: Sequence[Strategy], customers: int) -> tuple[Setting, Choice, str]:
    """The workspace's own people and its way to decide; or made people, the law of a new workspace, and the text alone."""
    here, today, new = Path.cwd(), datetime.now(UTC).date(), strategies[-1]
    if (here / FILE_NAME).is_file():
        settings = read_settings(here)
        setting = setting_for(settings, strategies, customers, today)
        return setting, *choice_for(settings, new, setting.as_of)
    law = read_law(Path(str(files("dunwell.cli") / "new_workspace" / "policy" / "law.toml")))
    setting = made_setting(law, "first_party", strategies, customers, today)
    rates = {new.currency: 1.0}
    return setting, choice_with(rates, None), Valuer(new, rates, None).basis


def show(told: Mapping[str, Any]) -> None:
    """Print a rehearsal's answer: breaches first, then a line a measure, then the groups."""
    for floor in told["floors"]:
        if floor["state"] == "breached":
            bound = f"{'at least' if floor['name'].endswith('_min') else 'at most'} {floor['bound']:g}"
            typer.secho(f"BREACHED {floor['name']}: {floor['new']:.4g}, {bound}", fg="red", bold=True)
    count = told["assumptions"]
    print(
        f"a rehearsal on stated assumptions, not a forecast: of the world's {sum(count.values())} effects {count['data']} are "
        f"from data, {count['paper']} from papers,\n{count['calibrated']} calibrated and {count['house']} the house's own word "
        f"({EFFECTS_FILE.name}). Intervals tell of luck, not of these."
    )
    part = "" if told["share"] >= 1 else f", {told['share']:.1%} of all; capacities are that part"
    print(
        f"{told['customers']:,} customers past due ({told['source']}{part}), {told['days']} days, {told['copies']} times over "
        "with other luck"
    )
    print(_BASES[told["basis"]])
    for floor in told["floors"]:
        if floor["state"] != "breached":
            is_open = floor["state"] == "open"
            says = f"not told in {told['days']} of {told['window_days']} days" if is_open else "kept"
            print(f"floor {floor['name']} {floor['bound']:g}: {says} ({floor['new']:.4g})")
    _show_measures(told)
    _show_groups(told)
    for name, old, new in told["treatments"]:
        before = "" if old is None else f"{old:,.0f} -> "
        print(f"  {name}: {before}{new:,.0f} for 1,000 customers")


def _show_measures(told: Mapping[str, Any]) -> None:
    is_pair = any(row["difference"] is not None for row in told["measures"])
    heads = ("old", "new", "difference") if is_pair else ("",)
    print(f"\n{'':<40}" + "".join(f"{head:>13}" for head in heads) + "   95 % interval")
    for row in told["measures"]:
        name = UNITS.get(row["name"], f"{row['name']} a customer").format(currency=told["currency"])
        figures = [row["old"], row["new"], row["difference"]] if is_pair else [row["new"]]
        line = f"{name:<40}" + "".join(f"{_figure(value, row['kind']):>13}" for value in figures)
        verdict = "   worse" if row["is_worse"] else "   better" if row["is_sure"] and row["better"] else ""
        typer.secho(line + "   " + _interval(row) + verdict, fg="red" if row["is_worse"] else None)


def _show_groups(told: Mapping[str, Any]) -> None:
    """The groups that fare otherwise than everybody else, for sure as far as luck goes; all of them are in the JSON."""
    is_pair = any(row["difference"] is not None for row in told["measures"])
    print("\ngroups beside everybody else" + (", and what the change does to the gap" if is_pair else ""))
    shown = 0
    for gap in told["gaps"]:
        row = gap["measured"]
        if row["low"] is None or row["low"] <= 0 <= row["high"]:
            continue
        shown += 1
        value = row["difference"] if is_pair else row["new"]
        before = (
            f"{_figure(row['old'], row['kind'])} -> {_figure(row['new'], row['kind'])}, " if is_pair else ""
        )
        print(
            f"  {gap['grouping']} {gap['group']} ({gap['customers']:,}): {row['name']} {before}{_figure(value, row['kind'])} "
            f"({_interval(row)})"
        )
    print(f"  {len(told['gaps'])} gaps measured, {shown} shown: those whose interval leaves out nothing")


def _figure(value: float, kind: str) -> str:
    return f"{value:.1%}" if kind == "share" else f"{value:,.2f}"


def _interval(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return "one seed tells none"
    return f"{_figure(row['low'], row['kind'])} to {_figure(row['high'], row['kind'])}"
