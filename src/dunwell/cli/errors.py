"""What a person sees when something is wrong: one sentence with the place and the mend, never a traceback;
and the exit code.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot do what was asked; the message says what is wrong and the mend."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors that a user can mend into a line on stderr and exit code 1, and Ctrl-C into a quiet
    stop.
    """
    try:
        yield
    except KeyboardInterrupt:
        print(
            "stopped. Results are swapped in whole at the end of a run, so nothing half-done was kept.",
            file=sys.stderr,
        )
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except Exception as error:
        if not _is_users_to_mend(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


_MENDABLE = (
    ("dunwell.book.single", "RowsUnusable"),
    ("dunwell.book.sources", "FileUnreadable"),
    ("dunwell.book.sources", "TapeUnusable"),
    ("dunwell.book.store", "BookInUse"),
    ("dunwell.book.store", "NoBook"),
    ("dunwell.journal.keys", "KeysUnusable"),
    ("dunwell.journal.signing", "AnchorUnreadable"),
    ("dunwell.journal.vault", "Damaged"),
    ("dunwell.insight.problems", "InsightError"),
    ("dunwell.ledger.terms", "TermsError"),
    ("dunwell.office.running.backup", "BackupUnusable"),
    ("dunwell.outreach.texts.text", "TextsRefused"),
    ("dunwell.outreach.wire", "NameTaken"),
    ("dunwell.policy", "PolicyError"),
    ("dunwell.settings", "SettingsError"),
    ("dunwell.strategy.problems", "StrategyError"),
)
"""The errors that our rooms raise for a person to read. A room that was not imported has raised none."""


def _is_users_to_mend(error: Exception) -> bool:
    kinds = (getattr(sys.modules.get(module), name, None) for module, name in _MENDABLE)
    return isinstance(error, CommandError | OSError) or any(
        kind and isinstance(error, kind) for kind in kinds
    )
