"""``dunwell insight``: the options and help of its commands. The work lies in ``insight_drivers`` and its neighbours."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import AsOf, Command, Json

room = typer.Typer(
    help="What lies behind the figures: what goes with lateness, how people behave, whether a model still holds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Table = Annotated[
    Path | None, typer.Option(help="Look in this table (Parquet or CSV) instead of the workspace's book.")
]


@room.command(cls=Command)
def drivers(
    out: Annotated[Path, typer.Option(help="The folder for the page and the frames; it is made.")] = Path(
        "drivers"
    ),
    outcome: Annotated[
        str,
        typer.Option(
            help="For the book: stays-late, falls-30, or unrecovered (the share of what was past due that did not come in)."
        ),
    ] = "stays-late",
    horizon: Annotated[int, typer.Option(help="For the book: how many days ahead.", min=1)] = 30,
    origins: Annotated[int, typer.Option(help="For the book: from how many days, 30 apart.", min=1)] = 6,
    as_of: AsOf = None,
    table: Table = None,
    target: Annotated[
        str | None, typer.Option(help="With --table: the column with the outcome, a number.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="With --table: the column that says who a row belongs to.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="With --table: the column that says when.")] = None,
    ignore: Annotated[str, typer.Option(help="Columns not to look in, like past_due_days,loan_id.")] = "",
    risk: Annotated[
        list[str] | None,
        typer.Option(
            help="The tree's direction of a column: 1 when the outcome may not fall as it rises, like days=1, or -1. May "
            "be repeated; the book's own are known."
        ),
    ] = None,
    depth: Annotated[int, typer.Option(help="At most so many conditions together.", min=1, max=4)] = 3,
    level: Annotated[float, typer.Option(help="The false discovery rate.", min=0.0001, max=0.5)] = 0.05,
    adjust: Annotated[
        str, typer.Option(help="bh (Benjamini-Hochberg) or by (Benjamini-Yekutieli, the stricter).")
    ] = "bh",
    chance: Annotated[
        int,
        typer.Option(
            help="Also look so many times with shuffled labels, and say how often anything is found.", min=0
        ),
    ] = 0,
    language: Annotated[
        str | None, typer.Option(help="The page's language: en or zh; the workspace's when not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same halves.")] = 0,
    as_json: Json = False,
) -> None:
    """What goes with lateness or with money that does not come back: a page with charts, and frames.

    Examples:
    dunwell insight drivers --outcome unrecovered --horizon 90 --chance 100

    dunwell insight drivers --table loans.csv --target bad --ignore loan_id --out why
    """
    from dunwell.cli.insight_drivers import Asked, find_drivers

    asked = Asked(
        out,
        outcome,
        horizon,
        origins,
        as_of,
        table,
        target,
        person,
        period,
        ignore,
        depth,
        level,
        adjust,
        chance,
        tuple(risk or ()),
    )
    raise typer.Exit(find_drivers(asked, language, seed, as_json))


@room.command(cls=Command)
def behaviour(
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every customer's patterns with their evidence (Parquet).")
    ] = None,
    as_json: Json = False,
) -> None:
    """How people behave towards their debts, told for their good: whom people should look after first, and whom
    a smaller plan would help. Nobody is ranked.

    Example: dunwell insight behaviour --out behaviour.parquet
    """
    from dunwell.cli.insight_behaviour import tell_behaviour

    raise typer.Exit(tell_behaviour(as_of, out, as_json))


@room.command(cls=Command)
def affordability(
    out: Annotated[Path, typer.Option(help="Where to write the estimates (Parquet, or CSV by its ending).")],
    table: Annotated[
        Path | None,
        typer.Option(
            help="People with income_minor, income_known, spending_minor, spending_known and paid_by_month_minor (numbers with "
            "blanks between), instead of the book."
        ),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What people can probably pay a month and how unsure that is: from income and spending where a table has them, and from
    what they have paid.

    Examples:
    dunwell insight affordability --out afford.parquet

    dunwell insight affordability --table people.csv --out afford.csv
    """
    from dunwell.cli.inputs import parse_day
    from dunwell.cli.insight_losses import tell_affordability

    raise typer.Exit(tell_affordability(table, parse_day(as_of, "--as-of"), out, as_json))


@room.command(cls=Command)
def card(
    what: Annotated[str, typer.Argument(help="Which: forecast, losses, affordability or calls.")],
    out: Annotated[Path, typer.Option(help="The folder to write card.html, card.md and card.json to.")],
    calls: Annotated[
        Path | None, typer.Option(help="For calls: a contact centre's calls (at, calls) by interval.")
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """The card of a forecast that is made anew each time: held against what came, with intervals, groups and limits.

    Examples:
    dunwell insight card forecast --out cards/forecast

    dunwell insight card losses --out cards/losses

    dunwell insight card calls --calls calls.csv --out cards/calls
    """
    from dunwell.cli.insight_cards import write_card

    raise typer.Exit(write_card(what, as_of, calls, out, as_json))


@room.command(cls=Command)
def promote(
    model: Annotated[Path, typer.Argument(help="The folder of a model in models/ that dunwell train saved.")],
    unmeasured_because: Annotated[
        str,
        typer.Option(
            help="Why fairness could not be measured; it is kept. A measured gap is never passed over."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Put a model to use in the daily run. Refused when its card says that it treats groups too differently.

    Example: dunwell insight promote models/late
    """
    from dunwell.cli.insight_monitor import promote_model

    raise typer.Exit(promote_model(model, unmeasured_because, as_json))


@room.command(cls=Command)
def monitor(
    model: Annotated[
        Path | None, typer.Option(help="The folder of a saved model; the one in use when not given.")
    ] = None,
    challenger: Annotated[
        Path | None, typer.Option(help="Another model, to compare on the same accounts.")
    ] = None,
    table: Table = None,
    target: Annotated[
        str | None, typer.Option(help="With --table: the column with what came of each row (0 and 1).")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="With --table: the column that says who a row belongs to.")
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Whether a model still holds: drift of its inputs, calibration against what came, champion against challenger.

    Exit code: 0 all quiet; 2 an alert fired; 1 it could not be looked at.

    Examples:
    dunwell insight monitor

    dunwell insight monitor --model models/loans --table new.csv --target defaulted --challenger models/newer
    """
    from dunwell.cli.insight_monitor import monitor_model

    raise typer.Exit(monitor_model(model, challenger, table, target, person, as_of, as_json))


@room.command(cls=Command)
def turning(
    by: Annotated[
        str, typer.Option(help="What makes a segment: columns like product or product,jurisdiction.")
    ] = "product",
    panel: Annotated[
        Path | None,
        typer.Option(
            help="A table of account_id, month (whole numbers), state and the columns of --by, instead of the book."
        ),
    ] = None,
    states: Annotated[str | None, typer.Option(help="With --panel: its states from best to worst.")] = None,
    early: Annotated[
        str | None, typer.Option(help="With --panel: the states that foretell, between good and late.")
    ] = None,
    late: Annotated[str | None, typer.Option(help="With --panel: the states that count as late.")] = None,
    as_of: AsOf = None,
    recent: Annotated[int, typer.Option(help="How many months are now.", min=1)] = 3,
    past: Annotated[int, typer.Option(help="How many months before them to compare with.", min=3)] = 12,
    level: Annotated[float, typer.Option(help="The false discovery rate.", min=0.0001, max=0.5)] = 0.05,
    chance: Annotated[
        int, typer.Option(help="Also count false alarms on so many shuffled books.", min=0)
    ] = 0,
    as_json: Json = False,
) -> None:
    """Which segments are turning before they are late: more accounts than before leave good standing, and more than
    elsewhere.

    Exit code: 0 none; 2 at least one turns; 1 it could not be looked at.

    Examples:
    dunwell insight turning --by product,jurisdiction

    dunwell insight turning --panel panel.csv --by branch --states ok,1-29,30+ --early 1-29 --late 30+ --chance 100
    """
    from dunwell.cli.insight_turning import Asked, tell_turning

    asked = Asked(by, panel, states, early, late, as_of, recent, past, level, chance)
    raise typer.Exit(tell_turning(asked, as_json))
