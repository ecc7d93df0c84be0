"""``dunwell strategy``, ``experiment`` and ``evaluate``: their options and help. The work lies in ``strategy`` and
``experiments``.
"""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import Command, Json

commands = typer.Typer()
"""Commands of the strategy room."""

strategy = typer.Typer(
    help="What to do: check the strategy's text, run its worked cases, and see what a change changes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
experiment = typer.Typer(
    help="Experiments: how many customers one needs, who gets which arm, and what it says today.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
commands.add_typer(strategy, name="strategy")
commands.add_typer(experiment, name="experiment")

Strategy = Annotated[
    Path | None, typer.Option("--strategy", help="The strategy's text; the workspace's policy/strategy.toml.")
]
Until = Annotated[
    str,
    typer.Option(
        "--until", metavar="DAY", help="The last day of which everything is known, like 2026-11-23."
    ),
]
Payments = Annotated[
    Path | None,
    typer.Option(
        help="What came in: customer_id, on, amount (Parquet or CSV); the workspace's book when not given."
    ),
]


@strategy.command("lint", cls=Command)
def strategy_lint(
    file: Annotated[
        Path | None, typer.Argument(help="The strategy's text; the workspace's policy/strategy.toml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a strategy's text whole, or say the key that is wrong and the mend; then what is likely not meant.

    Exit code: 0 when it can be used, cautions or none; 1 when it cannot.

    Example: dunwell strategy lint
    """
    from dunwell.cli.strategy import lint

    raise typer.Exit(lint(file, as_json))


@strategy.command("test", cls=Command)
def strategy_test(
    file: Annotated[
        Path | None, typer.Argument(help="The strategy's text; the workspace's policy/strategy.toml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the worked cases in a strategy's text: a customer's columns, and what must come of them. Exits 1 when any failed.

    Example: dunwell strategy test
    """
    from dunwell.cli.strategy import run_worked_cases

    raise typer.Exit(run_worked_cases(file, as_json))


Customers = Annotated[int, typer.Option(help="How many customers past due to rehearse on.", min=1)]
Days = Annotated[int, typer.Option(help="How many days to live through.", min=1)]
Seeds = Annotated[
    int, typer.Option(help="How often, each time with other luck; 2 or more give intervals.", min=1)
]


@strategy.command("diff", cls=Command)
def strategy_diff(
    old: Annotated[Path, typer.Argument(help="The strategy as it is.")],
    new: Annotated[Path, typer.Argument(help="The strategy as it would be.")],
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Live through both with the same debtors and the same luck, and compare."
        ),
    ] = False,
    days: Days = 30,
    seeds: Seeds = 8,
    customers: Customers = 1_000,
    as_json: Json = False,
) -> None:
    """What changed between two strategies, in words; and in a workspace with a book, who changes segment or treatments.

    With --simulate what each would bring and do to people, in a rehearsal on stated assumptions; exits 1 when the new breaches a
    floor of its objective.

    Example: dunwell strategy diff policy/strategy.toml draft.toml --simulate
    """
    from dunwell.cli.strategy import diff

    raise typer.Exit(diff(old, new, as_json, (customers, days, seeds) if simulate else None))


@strategy.command("simulate", cls=Command)
def strategy_simulate(
    file: Strategy = None,
    days: Days = 30,
    seeds: Seeds = 8,
    customers: Customers = 1_000,
    as_json: Json = False,
) -> None:
    """Live through some days with a strategy: debtors from the workspace's book, or made ones, in a world with known effects.

    A rehearsal on stated assumptions, not a forecast. Exits 1 when a floor of the objective is breached.

    Example: dunwell strategy simulate --days 30
    """
    from dunwell.cli.strategy import strategy_file
    from dunwell.cli.strategy_rehearsing import simulate
    from dunwell.strategy.text import read_strategy

    raise typer.Exit(simulate([read_strategy(strategy_file(file))], customers, days, seeds, as_json))


@experiment.command("size", cls=Command)
def experiment_size(
    effect: Annotated[
        float, typer.Option(help="The difference worth seeing: 0.02 for two points, or an amount.")
    ],
    base: Annotated[
        float | None, typer.Option(help="The share of untreated customers who pay, like 0.62.")
    ] = None,
    sd: Annotated[
        float | None, typer.Option(help="Instead of --base: the spread of a customer's amount.")
    ] = None,
    power: Annotated[float, typer.Option(help="The chance to see it when it is there.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="The chance to see it when it is not.")] = 0.05,
    correlation: Annotated[
        float, typer.Option(help="Of the outcome with what is known before (CUPED).")
    ] = 0.0,
    arms: Annotated[int, typer.Option(help="Arms beside the control.", min=1)] = 1,
    a_day: Annotated[float | None, typer.Option(help="Customers who come in a day.")] = None,
    outcome_days: Annotated[int, typer.Option(help="Days until an outcome is known.", min=1)] = 30,
    one_look: Annotated[
        bool, typer.Option("--one-look", help="For a single reading at the end, not one every day.")
    ] = False,
    as_json: Json = False,
) -> None:
    """How many customers an experiment needs, and how long it takes, before it starts.

    Example: dunwell experiment size --base 0.62 --effect 0.024 --a-day 300
    """
    from dunwell.cli.experiments import size

    raise typer.Exit(
        size(effect, base, sd, power, alpha, correlation, arms, a_day, outcome_days, one_look, as_json)
    )


@experiment.command("assign", cls=Command)
def experiment_assign(
    name: Annotated[str, typer.Argument(help="The experiment's name in the strategy's text.")],
    customers: Annotated[
        Path,
        typer.Option(
            help="Who may take part: customer_id, and blocked (treatments ruled out, joined by ; in CSV)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the log (Parquet, or CSV by its ending).")],
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="The day of the assignment.")],
    file: Strategy = None,
    as_json: Json = False,
) -> None:
    """Draw each customer's arm, by customer and salt: whoever draws again draws the same.

    Example: dunwell experiment assign "a text first, or a call" --customers due.csv --on 2027-01-11 --out log.parquet
    """
    from dunwell.cli.experiments import assign

    raise typer.Exit(assign(name, customers, out, on, file, as_json))


@experiment.command("read", cls=Command)
def experiment_read(
    name: Annotated[str, typer.Argument(help="The experiment's name in the strategy's text.")],
    log: Annotated[Path, typer.Option(help="The log that `dunwell experiment assign` wrote.")],
    until: Until,
    payments: Payments = None,
    harms: Annotated[
        Path | None,
        typer.Option(help="customer_id, on, event: complaint, opt_out or hardship (Parquet or CSV)."),
    ] = None,
    before: Annotated[
        str, typer.Option(help="Columns of the log that were known before (CUPED), like paid_before.")
    ] = "",
    file: Strategy = None,
    as_json: Json = False,
) -> None:
    """What an experiment says today; read it as often as you like. Exits 1 when an arm must be stopped.

    Example: dunwell experiment read "a text first, or a call" --log log.parquet --until 2027-03-01
    """
    from dunwell.cli.experiments import read

    raise typer.Exit(read(name, log, until, payments, harms, before, file, as_json))


@commands.command("evaluate", cls=Command)
def evaluate(
    decisions: Annotated[
        Path,
        typer.Option(
            help="The log, as a run keeps it: decision_id, customer_id, as_of, treatment, probability, blocked."
        ),
    ],
    until: Until,
    policy: Annotated[
        list[str],
        typer.Option(
            help="A strategy, to be repeated: even, always:TREATMENT, or NAME=FILE of decision_id, treatment, probability."
        ),
    ],
    payments: Payments = None,
    window: Annotated[int, typer.Option(help="Days after a decision whose money counts.", min=1)] = 30,
    inputs: Annotated[
        str, typer.Option(help="Columns of the log known before the decision, like past_due_days,product.")
    ] = "",
    method: Annotated[
        str, typer.Option(help="ips, snips, doubly-robust or switch; direct is not to be ranked by.")
    ] = "doubly-robust",
    with_open: Annotated[
        bool,
        typer.Option(
            "--with-open", help="Let decisions whose window is still open tell of their first days."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """What other strategies would have brought, from the log of the one that ran. Ranks none that the log cannot carry.

    Example: dunwell evaluate --decisions log.parquet --payments paid.csv --until 2026-11-23 --policy even --policy
    always:sms
    """
    from dunwell.cli.evaluating import evaluate_strategies

    raise typer.Exit(
        evaluate_strategies(decisions, until, policy, payments, window, inputs, method, with_open, as_json)
    )
