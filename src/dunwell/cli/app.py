"""Every command's name, options and help. The work lies in the neighbouring files, imported when the command
runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.app_evidence import evidence
from dunwell.cli.app_insight import insight
from dunwell.cli.app_office import office, staff
from dunwell.cli.app_outreach import outreach
from dunwell.cli.app_simulate import simulation
from dunwell.cli.app_strategy import commands as strategy_commands
from dunwell.cli.options import AsOf, Command, Json, KnownAt

app = typer.Typer(
    name="dunwell",
    help="Collect overdue consumer credit lawfully, kindly and well: what every customer owes today, exactly, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from dunwell import __version__

        print(f"dunwell {__version__}")
        raise typer.Exit


@app.callback()
def dunwell(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Collect overdue consumer credit lawfully, kindly and well: what every customer owes today, exactly, and
    why.
    """


@app.command(cls=Command)
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where to make the demo's workspace.")] = Path("demo"),
    accounts: Annotated[int, typer.Option(help="How many accounts to make.", min=100)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same portfolio.")] = 7,
    as_of: AsOf = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the report.")] = False,
    port: Annotated[int, typer.Option(help="The port the desk listens on.", min=1, max=65535)] = 8000,
    as_json: Json = False,
) -> None:
    """Make a portfolio from several countries, run a day, write the report, and open the desk on it.

    Example: dunwell demo --accounts 5000 --no-serve
    """
    from dunwell.cli.demo import run_demo

    raise typer.Exit(run_demo(folder, accounts, seed, as_of, as_json, None if no_serve else port))


@app.command(cls=Command)
def init(
    folder: Annotated[
        Path, typer.Argument(help="The new workspace's folder; it must not exist or be empty.")
    ],
) -> None:
    """Make a workspace: settings, policy texts to adapt, and a small example tape.

    Example: dunwell init shop && cd shop && dunwell run --tape tape/ --as-of 2026-11-23
    """
    from dunwell.cli.workspace import init_workspace

    init_workspace(folder)


@app.command(cls=Command)
def doctor(as_json: Json = False) -> None:
    """Say what is missing or misconfigured in this workspace, and the mend. Exits 1 when something must be
    mended.

    Example: dunwell doctor
    """
    from dunwell.cli.doctor import examine

    raise typer.Exit(examine(Path.cwd(), as_json))


@app.command(cls=Command)
def run(
    tape: Annotated[
        Path | None,
        typer.Option(help="The folder with the lender's files; the workspace's tape folder when not given."),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    engine: Annotated[str | None, typer.Option(help="Where the work is done: local.")] = None,
    send: Annotated[
        bool,
        typer.Option(
            "--send", help="Send afterwards what the work list has due now, as `dunwell outreach send`."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """The daily run: read the tape into ./book, work out what everybody owes, and write the report.

    Exit code: 0 clean; 2 done, but some rows are in quarantine; 1 nothing was written.

    Example: dunwell run --tape tape/ --as-of 2026-11-23
    """
    from dunwell.cli.run import run_workspace

    raise typer.Exit(run_workspace(Path.cwd(), tape, as_of, known_at, engine, send, as_json))


@app.command(cls=Command)
def ledger(
    tape: Annotated[Path, typer.Option(help="The folder with the lender's files.")],
    terms: Annotated[
        Path, typer.Option(help="The folder with the products' terms, one TOML file a product.")
    ],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the positions (Parquet).")] = None,
    explain_change: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--explain-change",
            metavar="DAY1 DAY2",
            help="Say for each account why its figures differ between two days.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Positions for any tape, and nothing else needed: what every account owes as of a day.

    Exit code: 0 clean; 2 done, but some rows are in quarantine (beside the out file); 1 nothing was written.

    Examples:
    dunwell ledger --tape tape/ --terms policy/terms/ --as-of 2026-11-23 --out positions.parquet

    dunwell ledger --tape tape/ --terms policy/terms/ --explain-change 2026-11-20 2026-11-23
    """
    from dunwell.cli.ledger import explain_changes, write_positions

    if explain_change is not None:
        raise typer.Exit(explain_changes(tape, terms, explain_change, out, as_json))
    raise typer.Exit(write_positions(tape, terms, as_of, known_at, out, as_json))


@app.command(cls=Command)
def statement(
    account_id: Annotated[str, typer.Argument(help="The account's id, as in the tape.")],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the statement as a PDF to this file.")] = None,
    tape: Annotated[Path | None, typer.Option(help="Read this tape instead of the workspace's book.")] = None,
    terms: Annotated[Path | None, typer.Option(help="The terms to use with --tape.")] = None,
    as_json: Json = False,
) -> None:
    """The itemised account: every event in order, what it did to each component, and the clause each figure
    rests on.

    Example: dunwell statement A0000012 --as-of 2026-11-23
    """
    from dunwell.cli.statement import show_statement

    raise typer.Exit(show_statement(account_id, as_of, known_at, pdf, tape, terms, as_json))


@app.command(cls=Command)
def promises(
    as_of: AsOf = None,
    known_at: KnownAt = None,
    account: Annotated[str | None, typer.Option(help="Only this account's promises.")] = None,
    as_json: Json = False,
) -> None:
    """How the promises to pay stand on a day: open, kept, partly kept, broken or cancelled, and why.

    Example: dunwell promises --as-of 2026-11-23
    """
    from dunwell.cli.promises import show_promises

    raise typer.Exit(show_promises(Path.cwd(), as_of, known_at, account, as_json))


@app.command(cls=Command)
def plans(
    account_id: Annotated[
        str, typer.Argument(help="An account's id; the plans are for all its customer owes.")
    ],
    budget: Annotated[
        Path | None, typer.Option(help="The customer's income and spending (TOML), in a standard form.")
    ] = None,
    left: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT", help="Instead of a budget: what is left each month for all creditors."
        ),
    ] = None,
    role: Annotated[
        str, typer.Option(help="Who asks; policy/authority.toml says what they may grant.")
    ] = "collector",
    offer: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="Offer this plan in writing; `outreach send` sends it."),
    ] = None,
    channel: Annotated[str | None, typer.Option(help="How it is offered: email, sms or letter.")] = None,
    days: Annotated[int, typer.Option(min=1, help="For so many days the offer may be taken.")] = 14,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What a customer can afford: several plans for all their debts, never more than is left, or patience.

    Example: dunwell plans A0000012 --budget budget.toml
    Example: dunwell plans A0000012 --budget budget.toml --offer 1 --channel email
    """
    from dunwell.cli.offering import OfferAsked
    from dunwell.cli.plans import show_plans

    offered = None if offer is None else OfferAsked(offer, channel, days)
    raise typer.Exit(show_plans(Path.cwd(), account_id, budget, left, role, as_of, as_json, offered))


@app.command(cls=Command)
def relief(
    file: Annotated[Path, typer.Argument(help="The facts of one debt (TOML); kind says which rules.")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What the rules of re-ageing, restructuring, forbearance or breathing space say about one debt.

    Example: dunwell relief question.toml --as-of 2026-11-23
    """
    from datetime import UTC, datetime

    from dunwell.cli.inputs import parse_day
    from dunwell.cli.relief import show_relief

    day = parse_day(as_of, "--as-of") or datetime.now(UTC).date()
    raise typer.Exit(show_relief(file, day, as_json))


law = typer.Typer(
    help="What is allowed: verdicts for contacts, law cases, the packs' text and how it changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(law, name="law")


@law.command("check", cls=Command)
def law_check(
    packs: Annotated[str, typer.Option(help="The rule packs that bind, like us-reg-f,us-ma.")],
    attempts: Annotated[Path, typer.Option(help="The attempts to judge (Parquet or CSV).")],
    history: Annotated[Path, typer.Option(help="Past contacts: a contacts table (Parquet or CSV).")],
    out: Annotated[Path, typer.Option(help="Where to write the verdicts, an attempt a row.")],
    actor: Annotated[
        str | None,
        typer.Option(help="Who contacts: first_party, agency or debt_buyer; the workspace's when not given."),
    ] = None,
    tape: Annotated[
        Path | None,
        typer.Option(
            help="A folder with customers, accounts (past_due_days, if it has that column, tells how late each is),"
            " contact_points, holds, consents, preferences, notices."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verdicts for many attempts: may each contact be made, by which clause not, and from when.

    In a workspace policy/law.toml holds too: what it tightens, the lender's own rules, and the house packs it
    chooses (also) where they bind the customer. Elsewhere only the packs that are named.

    Exit code: 0 once verdicts are written, whatever they say; 1 when something could not be read.

    Example: dunwell law check --packs us-reg-f --attempts attempts.csv --history contacts.csv --tape tape/ --out verdicts.parquet
    """
    from dunwell.cli.law import check_attempts

    raise typer.Exit(check_attempts(packs, actor, attempts, history, tape, out, as_json))


@law.command("test", cls=Command)
def law_test(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="YAML files of cases, or folders of them; dunwell's own and the workspace's when not given."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run law cases: situations and outcomes as text. Exits 1 when any failed.

    Example: dunwell law test policy/cases/
    """
    from dunwell.cli.law import test_cases

    raise typer.Exit(test_cases(files or [], as_json))


Language = Annotated[str, typer.Option("--language", help="en or zh.")]


@law.command("show", cls=Command)
def law_show(
    pack: Annotated[str | None, typer.Argument(help="The pack's key; all are listed when not given.")] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DAY", help="The law of that day; today's when not given.")
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """A pack's rules in force on a day: what each says, its figures, its clause and how well it is sourced.

    Example: dunwell law show us-reg-f --on 2026-11-23
    """
    from dunwell.cli.law import show_pack

    raise typer.Exit(show_pack(pack, on, language, as_json))


@law.command("diff", cls=Command)
def law_diff(
    pack: Annotated[str, typer.Argument(help="The pack's key.")],
    first: Annotated[str, typer.Argument(metavar="DAY1", help="The earlier day.")],
    second: Annotated[str, typer.Argument(metavar="DAY2", help="The later day.")],
    as_json: Json = False,
) -> None:
    """What changed in the law between two days.

    Example: dunwell law diff us-reg-f 2021-11-29 2021-12-01
    """
    from dunwell.cli.law import diff_pack

    raise typer.Exit(diff_pack(pack, first, second, as_json))


@app.command(cls=Command)
def replay(
    decision: Annotated[str, typer.Argument(metavar="DECISION_ID", help="As in book/decisions.parquet.")],
    as_json: Json = False,
) -> None:
    """Make a decision again from what was known then, under the policy of then, and compare. Exits 1 when it differs.

    Example: dunwell replay D20261123-0f3a9c1b2d4e5f60718293a4
    """
    from dunwell.cli.replay import replay_decision

    raise typer.Exit(replay_decision(decision, as_json))


app.add_typer(insight)
app.add_typer(office)
app.add_typer(staff, name="staff")
app.add_typer(simulation)
app.add_typer(outreach, name="outreach")
app.add_typer(evidence, name="evidence")
app.add_typer(strategy_commands)
