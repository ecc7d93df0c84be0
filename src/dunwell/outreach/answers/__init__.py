"""Understanding what a customer writes back."""

from datetime import datetime

from dunwell.outreach.answers.meaning import Context, Understanding


def understand(text: str, received_at: datetime, language: str | None, context: Context) -> Understanding:
    """Every answer goes to a person."""
    return Understanding((), (), (), ("no program reads answers yet",))
