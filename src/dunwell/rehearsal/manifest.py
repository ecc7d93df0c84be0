"""``manifest.json``: what a tape is, what it was calibrated to, and what came out, figure beside figure."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dunwell import __version__
from dunwell.rehearsal.accounting import PAYMENT_KINDS
from dunwell.rehearsal.effects import Figure
from dunwell.rehearsal.facts import EFFECT_TARGETS, TARGETS, Target
from dunwell.rehearsal.measures import Measures

FORMATS = ("parquet", "csv")
MESSY_ACCOUNTS_MIN = 1_000

MEANINGS = {
    "state": "months past due at a month's end: calendar months since the month in which the oldest instalment "
    "not fully paid fell due; 5 stands for five or more",
    "monthly roll": "share of accounts in a state at one month's end that are in the other a month later, "
    "while instalments still fall due",
    "paid after the due date": "of instalments due 60 or more days ago on accounts with nothing older unpaid",
    "realised": "counted again from the money on the tape (penalty and charges set aside), not from the states drawn",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What ``write_portfolio`` was asked for. Raises ValueError, with a sentence, when that cannot be met."""

    accounts: int
    seed: int
    as_of: date
    format: str
    vintage_months: int
    jurisdictions: tuple[str, ...]
    stress: float
    messy: bool

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}; choose one of {', '.join(FORMATS)}")
        for name in ("accounts", "vintage_months", "stress"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0")
        if self.messy and self.accounts < MESSY_ACCOUNTS_MIN:
            raise ValueError(
                f"accounts is {self.accounts}; a messy tape needs {MESSY_ACCOUNTS_MIN} or more to plant bad rows among"
            )


def write_manifest(
    folder: Path, request: Request, rows: Mapping[str, int], measures: Measures, planted: list[dict[str, Any]]
) -> dict[str, Any]:
    """Write ``manifest.json`` into the folder and return its content.

    Rows by table, realised figures beside their targets, vintage curves, and the bad rows planted.
    """
    content = {
        "made_by": f"dunwell {__version__}",
        **asdict(request),
        "as_of": request.as_of.isoformat(),
        "jurisdictions": list(request.jurisdictions),
        "rows": dict(rows),
        "payments_by_kind": dict(zip(PAYMENT_KINDS, measures.kinds.tolist(), strict=True)),
        "calibration": calibration(TARGETS, measures.realised()),
        "meanings": MEANINGS,
        "vintages": measures.vintage_curves(),
        "planted": planted,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return content


def calibration(targets: Sequence[Target], realised: Mapping[str, tuple[float, int]]) -> list[dict[str, Any]]:
    """Each target with what came out and how far off that is; null where there is no case.

    ``realised``: figure and number of cases by the targets' names; targets without one are left out.
    """
    return [
        {
            "figure": target.name,
            "target": target.value,
            "realised": None if math.isnan(found) else round(found, 5),
            "off": None if math.isnan(found) else round(found - target.value, 5),
            "cases": cases,
            "source": target.source,
            "source_quality": target.source_quality,
        }
        for target in targets
        if target.name in realised
        for found, cases in [realised[target.name]]
    ]


def write_world_manifest(
    file: Path, effects: Sequence[Figure], realised: Mapping[str, tuple[float, int]]
) -> dict[str, Any]:
    """Write what moves a world's debtors and what came out beside the published figures; return the content."""
    content = {
        "made_by": f"dunwell {__version__}",
        "effects": [figure._asdict() for figure in effects],
        "calibration": calibration((*TARGETS, *EFFECT_TARGETS), realised),
        "meanings": MEANINGS
        | {"realised": "counted while made debtors lived in the world under the usual contacts"},
    }
    file.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    return content
