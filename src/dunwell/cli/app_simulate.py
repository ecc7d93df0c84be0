"""``dunwell simulate``: its options and help. The work lies in ``simulate``."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import AsOf, Command, Json

simulation = typer.Typer()
"""Commands of the rehearsal room, without a name of their own between."""


@simulation.command(cls=Command)
def simulate(
    days: Annotated[int, typer.Option(help="How many days to live through.", min=1)] = 14,
    accounts: Annotated[int, typer.Option(help="How many accounts to make.", min=1)] = 5_000,
    folder: Annotated[Path, typer.Option("--dir", help="Where to make the lender's workspace.")] = Path(
        "simulation"
    ),
    seed: Annotated[int, typer.Option(help="The same seed makes the same lender and the same days.")] = 7,
    as_of: AsOf = None,
    jurisdictions: Annotated[
        str, typer.Option(help="Only these countries, like us,gb; all of the rehearsal's when not given.")
    ] = "",
    stress: Annotated[
        float,
        typer.Option(
            help="Multiplies the odds of getting worse in the lender's past: 1 is as calibrated, 4 is hard."
        ),
    ] = 1.0,
    manifest: Annotated[
        bool,
        typer.Option(
            "--manifest",
            help="Also measure the world against the published figures (about a minute) and write DIR/world.json.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a made lender live through some days: every night the daily run, every day its contacts, and debtors who answer.

    The debtors are the rehearsal's: they pay, promise, keep or break it, complain and fall on hard times by declared effects
    that the run never sees. `--as-of` is the day before the first. A day's row counts contacts out, those that met the person,
    contacts in, promises, payments, cures, complaints, wishes to be left alone, hardship told, and accounts past due, 30 or
    more days past due and charged off; the table is written to DIR/simulation.parquet.

    Example: dunwell simulate --accounts 5000 --days 14 --seed 7
    """
    from dunwell.cli.simulate import simulate_days

    places = tuple(name.strip() for name in jurisdictions.split(",") if name.strip())
    raise typer.Exit(simulate_days(folder, accounts, days, seed, as_of, places, stress, manifest, as_json))


@simulation.command(cls=Command)
def rehearse(
    seeds: Annotated[int, typer.Option(help="In how many worlds; an interval needs two.", min=1)] = 6,
    accounts: Annotated[int, typer.Option(help="How many accounts to make.", min=500)] = 10_000,
    calls: Annotated[int, typer.Option(help="Calls a day that there are.", min=1)] = 25,
    days: Annotated[int, typer.Option(help="How many days to live through.", min=2)] = 60,
    times_turn: Annotated[
        bool, typer.Option("--times-turn", help="Half-way people in trouble begin to repay far more slowly.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where to write every policy's worlds (Parquet).")] = None,
    as_json: Json = False,
) -> None:
    """Whom to call first: rules, a learned rule, a policy that learns from its own days, and one who knows everything, compared.

    All have the same people, luck and calls a day. Net is the money beyond calling nobody, less 1.00 a call; the gain is over the
    best rule, with its 95 % interval over the worlds. Beside it stands what it cost people: complaints, wishes to be left
    alone, calls to people in hardship, fatigue, and how the tenth fared who find it hardest to repay.

    Example: dunwell rehearse --seeds 6 --accounts 10000 --days 60
    """
    from dunwell.cli.rehearse import rehearse_policies

    raise typer.Exit(rehearse_policies(seeds, accounts, calls, days, times_turn, out, as_json))


@simulation.command(cls=Command)
def bench(
    accounts: Annotated[
        int, typer.Option(help="How many accounts, people and customers to make.", min=1_000)
    ] = 200_000,
    rounds: Annotated[int, typer.Option(help="How often each is measured; the median is told.", min=1)] = 3,
    as_json: Json = False,
) -> None:
    """How fast this machine is: the ledger, the gate and the assignment beside what each must at least do.

    Everything is made from a seed in a temporary folder and thrown away. Ratios are taken within a round; compare them, not the
    seconds, between machines. A million accounts take some 200 MB of disk and 2 GiB of memory.

    Example: dunwell bench --accounts 1000000
    """
    from dunwell.cli.bench import bench_machine

    raise typer.Exit(bench_machine(accounts, rounds, as_json))
