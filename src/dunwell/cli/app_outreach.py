"""``dunwell outreach``: the names, options and help of its commands. The work lies in ``outreach`` and ``inbox``."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import Command, Json

outreach = typer.Typer(
    help="How it is said: send the day's work list, keep a worker going, take in receipts and answers, preview a text.",
    no_args_is_help=True,
)

Channel = Annotated[
    str | None,
    typer.Option("--channel", help="One channel: email, sms or letter; all that are set up when not given."),
]


@outreach.command("send", cls=Command)
def send(channel: Channel = None, as_json: Json = False) -> None:
    """Make due work of the last run's work list and send what is due now, each message permitted by the gate; then stop.

    Example: dunwell outreach send --channel email
    """
    from dunwell.cli.outreach import send_due

    send_due(channel, as_json)


@outreach.command("work", cls=Command)
def work(
    channel: Channel = None,
    worker: Annotated[
        str | None,
        typer.Option("--worker", help="This worker's name, the same after a restart; one name, one process."),
    ] = None,
) -> None:
    """Keep sending what falls due and taking in what comes back, until Ctrl-C.

    Example: dunwell outreach work --channel sms --worker sms-1
    """
    from dunwell.cli.outreach import keep_working

    keep_working(channel, worker)


@outreach.command("receive", cls=Command)
def receive(
    channel: Annotated[
        str, typer.Argument(help="email, letter (returned mail, CSV) or sms (a webhook's body).")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Messages as they arrived, a file each; standard input when none is named."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in what came back: bounces, receipts and people's answers. The same message twice counts once.

    Example: dunwell outreach receive email < message.eml
    """
    from dunwell.cli.inbox import receive_files

    raise typer.Exit(receive_files(channel, files or [], as_json))


@outreach.command("listen", cls=Command)
def listen(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8025,
    host: Annotated[
        str, typer.Option("--host", help="The address of this machine to listen on.")
    ] = "127.0.0.1",
) -> None:
    """Take in what comes back over HTTP, until Ctrl-C: one-click unsubscribes and a text-message provider's webhooks.

    Example: dunwell outreach listen --port 8025
    """
    from dunwell.cli.listening import keep_listening

    keep_listening(host, port)


@outreach.command("inbox", cls=Command)
def inbox(
    everything: Annotated[
        bool, typer.Option("--all", help="Also answers that need nobody, and those that are done.")
    ] = False,
    done: Annotated[
        str | None,
        typer.Option("--done", metavar="ID", help="This answer was dealt with; the end of its id does."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="With --done: what was done.")] = "",
    assign: Annotated[
        str | None, typer.Option("--assign", metavar="ID", help="Somebody takes this answer on; with --to.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Who deals with it.")] = None,
    as_json: Json = False,
) -> None:
    """Show the answers that wait for a person, the most urgent first, or say that one is taken on or done. Who looked or did
    it is recorded.

    Example: dunwell outreach inbox --assign 3f09a1c2 --to anna
    """
    from dunwell.cli.inbox import change_inbox, show_inbox

    if done is not None or assign is not None or to is not None or note:
        change_inbox(done, note, assign, to)
    else:
        show_inbox(everything, as_json)


@outreach.command("close-batch", cls=Command)
def close_batch(
    batch: Annotated[
        str | None, typer.Argument(help="The batch's folder, a day like 2026-11-24; today's when not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """End a batch of letters with its totals, for the printer. A closed batch takes no more letters.

    Example: dunwell outreach close-batch 2026-11-24
    """
    from dunwell.cli.letters import close_letters

    close_letters(batch, as_json)


@outreach.command("texts", cls=Command)
def texts() -> None:
    """Copy the shipped texts of every language, channel and stage that the workspace has none of. Your own files are left alone.

    Example: dunwell outreach texts
    """
    from dunwell.cli.outreach import add_texts

    add_texts()


@outreach.command("preview", cls=Command)
def preview(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The lender's customer_id.")],
    channel: Annotated[str, typer.Option("--channel", help="email, sms or letter.")] = "email",
    stage: Annotated[
        str, typer.Option("--stage", help="The stage of the text, like early_reminder.")
    ] = "early_reminder",
    out: Annotated[
        Path | None, typer.Option(help="Write the e-mail's HTML or the letter's PDF there.")
    ] = None,
) -> None:
    """Show a message as this customer would read it now, and whether the law allows it now. Nothing is sent.

    Example: dunwell outreach preview C0000123 --channel sms
    """
    from dunwell.cli.outreach import preview_message

    raise typer.Exit(preview_message(customer, channel, stage, out))
