"""A letter to print: its settings, its message, and what its pages hold when they are read back."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from dunwell.outreach.channel import Message
from dunwell.outreach.letter import LetterSettings

ON = date(2026, 11, 24)
ENGLISH = """Dear Mary Constable,

We are writing about your Example Bank account ending 4821.

Account: ending 4821
Amount overdue: £1,234.50

If you disagree

You have the right to dispute this.

- Tell us what looks wrong.
- Send papers, if you have any.

[ ] This is not my debt.

Kind regards,
Example Bank"""
CHINESE = """尊敬的欧阳文静：

我们就您在示例消费金融有限公司尾号4821的账户与您联系。

账户：尾号4821
逾期金额：¥1,234.50

如果您有异议

您有权提出异议。

此致
示例消费金融有限公司"""


@pytest.fixture
def settings(tmp_path: Path) -> LetterSettings:
    return LetterSettings(
        folder=tmp_path / "print",
        batch="2026-11-24-a",
        letterhead=("Example Bank", "12 Harbour Road, Leeds LS1 4AP", "+44 113 496 0000"),
        return_line="P.O. Box 77, Leeds LS1 4AP",
        country="GB",
    )


@pytest.fixture
def letter() -> Callable[..., Message]:
    """Makes a message; what is given replaces what is common."""

    def make(message_id: str = "3f2b8c1e-5d0a-4c7e-9b1f-7a6d2e4c8b90", **changed: Any) -> Message:
        headers = {"Country": "GB", "Postal-Class": "standard", "Date": ON.isoformat()}
        headers |= changed.pop("headers", {})
        common: dict[str, Any] = {
            "to": "Mary Constable\nFlat 3\n27 Canal Street\nLeeds\nLS2 7XY",
            "text": ENGLISH,
            "language": "en-GB",
            "subject": "Your account ending 4821",
        }
        return Message(message_id=message_id, headers=MappingProxyType(headers), **(common | changed))

    return make


@pytest.fixture
def chinese_letter(letter: Callable[..., Message]) -> Message:
    return letter(
        to="200120 上海市浦东新区\n世纪大道100号\n欧阳文静 收",
        text=CHINESE,
        language="zh-CN",
        subject="关于您尾号4821的账户",
    )
