"""``dunwell evidence``: the names, options and help of its commands. The work lies in ``evidence``."""

from pathlib import Path
from typing import Annotated

import typer

from dunwell.cli.options import Command, Json

evidence = typer.Typer(
    help="What happened, provably: seal and check the journal, hand out anchors and packs of evidence, keep and erase.",
    no_args_is_help=True,
)

By = Annotated[str | None, typer.Option("--by", help="Who does it; your login name when not given.")]
Why = Annotated[str, typer.Option("--why", help="Why, as it will be recorded.")]
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The lender's customer_id.")]
Anchors = Annotated[
    list[Path] | None,
    typer.Option("--anchor", help="An anchor handed out before; those in evidence/anchors are always used."),
]


@evidence.command("keys", cls=Command)
def keys(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new master key and wrap every customer's key with it.")
    ] = False,
    rewrap: Annotated[
        bool,
        typer.Option(
            "--rewrap",
            help="Wrap with the current master key what is still under an older one: after a stop half-way, or a new key"
            " in the environment.",
        ),
    ] = False,
) -> None:
    """Make the workspace's keys (those that are not there), or take a new master key into use. What runs is started anew after.

    Example: dunwell evidence keys
    """
    from dunwell.cli.evidence import make_or_rotate_keys

    make_or_rotate_keys(rotate, rewrap)


@evidence.command("seal", cls=Command)
def seal(as_json: Json = False) -> None:
    """Seal everything recorded since the last seal: into the hash tree, signed and chained.

    Example: dunwell evidence seal
    """
    from dunwell.cli.evidence import seal_now

    seal_now(as_json)


@evidence.command("anchor", cls=Command)
def anchor(
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; evidence/anchors when not given.")
    ] = None,
) -> None:
    """Write the signed head of the journal to a file. Keep copies elsewhere: it shows later that nothing before it changed.

    Example: dunwell evidence anchor --out anchor.json
    """
    from dunwell.cli.evidence import hand_out_anchor

    hand_out_anchor(out)


@evidence.command("verify", cls=Command)
def verify(anchors: Anchors = None, as_json: Json = False) -> None:
    """Check the whole journal: every event, seal, signature and text, and every anchor. Exits 1 when something is wrong.

    Example: dunwell evidence verify --anchor anchor.json
    """
    from dunwell.cli.evidence import verify_journal

    raise typer.Exit(verify_journal(anchors or [], as_json))


@evidence.command("export", cls=Command)
def export(
    customer: Customer,
    why: Why,
    by: By = None,
    out: Annotated[
        Path | None, typer.Option(help="The pack's file; evidence/CUSTOMER.zip when not given.")
    ] = None,
) -> None:
    """Write a pack of evidence about one customer: events with proofs, texts, statements, the law in force, an index.

    Example: dunwell evidence export C0000123 --why "claim 12 C 45/26"
    """
    from dunwell.cli.evidence import export_pack

    export_pack(customer, why, by, out)


@evidence.command("attach", cls=Command)
def attach(
    customer: Customer,
    file: Annotated[Path, typer.Argument(help="The file: a recording, a letter, a paper.")],
    what: Annotated[str, typer.Option("--what", help="recording, letter or paper.")],
    message: Annotated[
        str | None, typer.Option("--message", help="The message_id of the contact it belongs to.")
    ] = None,
    by: By = None,
) -> None:
    """Keep a file of a customer's under their own key; packs of evidence hold it, and erasure destroys it.

    Example: dunwell evidence attach C0000123 call.wav --what recording
    """
    from dunwell.cli.evidence import attach_file

    attach_file(customer, file, what, message, by)


@evidence.command("verify-pack", cls=Command)
def verify_pack(
    file: Annotated[Path, typer.Argument(help="The pack's file.")],
    key: Annotated[
        str | None, typer.Option("--key", help="The lender's public key (hexadecimal), as they published it.")
    ] = None,
    anchors: Anchors = None,
    as_json: Json = False,
) -> None:
    """Check a pack of evidence, anywhere: no workspace and no database are needed. Exits 1 when something is wrong.

    Example: dunwell evidence verify-pack C0000123.zip --key 4f1c...
    """
    from dunwell.cli.evidence_pack import verify_pack_file

    raise typer.Exit(verify_pack_file(file, key, anchors or [], as_json))


@evidence.command("retention", cls=Command)
def retention(as_json: Json = False) -> None:
    """Say of everybody in the journal until when they must be kept, and why; who may be erased stands first.

    Example: dunwell evidence retention
    """
    from dunwell.cli.evidence import show_retention

    show_retention(as_json)


@evidence.command("erase", cls=Command)
def erase(
    customer: Customer,
    why: Why,
    by: By = None,
    despite: Annotated[
        str | None,
        typer.Option("--despite", help="The ground on which to erase though a duty to keep still runs."),
    ] = None,
) -> None:
    """Erase a person: their key is destroyed and all that is kept of them; the journal still verifies.

    Example: dunwell evidence erase C0000123 --why "request of 2026-11-20"
    """
    from dunwell.cli.evidence import erase_customer

    erase_customer(customer, why, by, despite)


@evidence.command("scrub", cls=Command)
def scrub() -> None:
    """Write over what the keys of erased people were in the database's own files; an erasure does so itself where it can.

    Example: dunwell evidence scrub
    """
    from dunwell.cli.evidence import scrub_keys

    scrub_keys()


@evidence.command("readmit", cls=Command)
def readmit(customer: Customer, why: Why, by: By = None) -> None:
    """Let a customer who was erased be met again, as somebody new: a loan years later, say.

    Example: dunwell evidence readmit C0000123 --why "a new loan of 2030-02-01"
    """
    from dunwell.cli.evidence import readmit_customer

    readmit_customer(customer, why, by)
