"""``dunwell train``, ``score`` and ``forecast``: their options and help. The work lies in ``insight``."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.app_insight_room import room
from dunwell.cli.options import AsOf, Command, Json

insight = typer.Typer()
"""Commands of the insight room, without a name of their own between."""

insight.add_typer(room, name="insight")


@insight.command(cls=Command)
def train(
    what: Annotated[
        str | None,
        typer.Argument(
            help="values: what each treatment of the strategy is worth, from the workspace's own log; used by the next run.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to save the model and its card in; values have their own.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Learn from this table (Parquet or CSV) instead of the workspace's book."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="With --table: the column with 0 and 1 that is to be foreseen.")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            help="For the book: stays-late (of accounts past due), falls-30 (of those below 30 days), pays (when and "
            "how much, 90 days ahead) or reached (whether a contact reaches the person)."
        ),
    ] = None,
    horizon: Annotated[int, typer.Option(help="For the book: how many days ahead.", min=1)] = 30,
    origins: Annotated[
        int,
        typer.Option(help="For the book: from how many days, 30 apart; it is measured on the last.", min=2),
    ] = 6,
    as_of: AsOf = None,
    model: Annotated[
        str,
        typer.Option(
            help="scorecard (points), additive (finer points), boosted (the strongest); of a table also breakage (of "
            "plans) and loss (the share of a debt that comes back after charge-off)."
        ),
    ] = "scorecard",
    groups: Annotated[
        str | None,
        typer.Option(help="With --table: a column to measure fairness by; it is not learned from."),
    ] = None,
    ignore: Annotated[str, typer.Option(help="With --table: columns to leave out, like id,notes.")] = "",
    special: Annotated[
        list[str] | None,
        typer.Option(help="Values of a column that are codes, like bureau=96,98. May be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 0,
    window: Annotated[
        int | None,
        typer.Option(help="For values: so many days of payments count; the strategy's window_days.", min=1),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a score that explains itself, measure it on rows it did not learn from, and write its card.

    Examples:
    dunwell train --outcome stays-late --horizon 30 --out models/stays-late

    dunwell train --outcome pays --out models/pays

    dunwell train --table loans.csv --target defaulted --ignore loan_id --model boosted --out models/loans

    dunwell train --table plans.csv --target broken --model breakage --as-of 2026-11-30 --out models/plans

    dunwell train --table debts.csv --target recovered_share --model loss --out models/losses

    dunwell train values
    """
    from dunwell.cli.errors import CommandError
    from dunwell.cli.insight import train as train_model
    from dunwell.cli.train_values import train_values

    if what is not None:
        if what != "values":
            raise CommandError(f"{what!r} is nothing to train. Write values, or leave it out for a score")
        raise typer.Exit(train_values(out, window, as_json))
    if out is None:
        raise CommandError("--out is missing. Name the folder to save the model in, like models/stays-late")
    raise typer.Exit(
        train_model(
            table,
            target,
            outcome,
            horizon,
            origins,
            as_of,
            model,
            out,
            groups,
            ignore,
            special or [],
            seed,
            as_json,
        )
    )


@insight.command(cls=Command)
def score(
    model: Annotated[Path, typer.Option(help="The folder of a model that dunwell train saved.")],
    out: Annotated[Path, typer.Option(help="Where to write the scores (Parquet, or CSV by its ending).")],
    table: Annotated[
        Path | None, typer.Option(help="Score this table (Parquet or CSV) instead of the workspace's book.")
    ] = None,
    as_of: AsOf = None,
    reasons: Annotated[
        int, typer.Option(help="How many reasons to give for each score; 0 for none.", min=0)
    ] = 0,
    language: Annotated[str, typer.Option(help="The reasons' language: en or zh.")] = "en",
    keys: Annotated[str, typer.Option(help="With --table: columns to carry over, like loan_id.")] = "",
    psi_max: Annotated[
        float | None,
        typer.Option(help="Refuse inputs that drifted more than this; the model's own when not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score accounts with a trained model: probability, points, and the reasons in words.

    Examples:
    dunwell score --model models/stays-late --out scores.parquet --reasons 3

    dunwell score --model models/loans --table new.csv --keys loan_id --out scores.csv
    """
    from dunwell.cli.insight import score as score_rows

    raise typer.Exit(score_rows(model, table, as_of, out, reasons, language, keys, psi_max, as_json))


@insight.command(cls=Command)
def forecast(
    panel: Annotated[
        Path | None,
        typer.Option(help="A table of account_id, month (whole numbers) and state, instead of the book."),
    ] = None,
    states: Annotated[str | None, typer.Option(help="With --panel: its states from best to worst.")] = None,
    late: Annotated[str | None, typer.Option(help="With --panel: the states that count as late.")] = None,
    as_of: AsOf = None,
    calls: Annotated[
        Path | None,
        typer.Option(
            help="Instead: a contact centre's calls (at, calls) by interval; foretells its coming days."
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="With --calls: how many open days ahead.", min=1)] = 5,
    history: Annotated[int, typer.Option(help="For the book: how many month ends to look back.", min=2)] = 30,
    horizons: Annotated[str, typer.Option(help="How many months ahead, like 1,3,6,12.")] = "1,3,6,12",
    losses: Annotated[
        bool,
        typer.Option(
            "--losses",
            help="Instead, for the book: the losses to expect by stage, of twelve months and of the whole life.",
        ),
    ] = False,
    lost_share: Annotated[
        float | None,
        typer.Option(
            help="With --losses: what share of a debt is lost at default; as the book shows when not given.",
            min=0,
            max=1,
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="A view of the times: weight and factor on the odds of lateness, like adverse=0.3:1.5."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --losses: write each account's losses (Parquet, or CSV).")
    ] = None,
    as_json: Json = False,
) -> None:
    """How many accounts will be 30 days late in the months to come, how sure that is, and the roll rates.

    Examples:
    dunwell forecast

    dunwell forecast --panel panel.csv --states X,C,0,1,2,3,4,5 --late 1,2,3,4,5

    dunwell forecast --losses --scenario "as now=0.7:1" --scenario adverse=0.3:1.5

    dunwell forecast --calls calls.csv --days 5
    """
    if calls is not None:
        from dunwell.cli.insight_repayment import forecast_calls

        raise typer.Exit(forecast_calls(calls, days, as_json))
    if losses:
        from dunwell.cli.inputs import parse_day
        from dunwell.cli.insight_losses import forecast_losses

        day = parse_day(as_of, "--as-of")
        raise typer.Exit(forecast_losses(day, history, lost_share, scenario or [], out, as_json))
    from dunwell.cli.insight import forecast as forecast_stock

    raise typer.Exit(forecast_stock(panel, states, late, as_of, history, horizons, scenario or [], as_json))
