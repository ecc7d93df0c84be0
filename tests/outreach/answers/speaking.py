"""Messages as the tests say them: received on a Wednesday at eleven, by somebody who owes 1,000.00."""

from datetime import datetime

from dunwell.outreach.answers import Context, Understanding, understand

WEDNESDAY = datetime.fromisoformat("2026-03-11T11:00:00-04:00")
WEDNESDAY_THERE = datetime.fromisoformat("2026-03-11T11:00:00+08:00")
FRIDAY = datetime.fromisoformat("2026-03-13T11:00:00-04:00")
AMERICAN = Context("USD", "America/New_York", due_minor=100_000, locale="en-US")
CHINESE = Context("CNY", "Asia/Shanghai", due_minor=100_000, locale="zh-CN")


def english(text: str, at: datetime = WEDNESDAY, context: Context = AMERICAN) -> Understanding:
    """What is understood of a message to a lender in America."""
    return understand(text, at, "en", context)


def chinese(text: str, at: datetime = WEDNESDAY_THERE) -> Understanding:
    """What is understood of a message to a lender in China."""
    return understand(text, at, "zh", CHINESE)
