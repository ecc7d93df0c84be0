"""Who may grant what to a customer on the command line, beside what they were given up before."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dunwell.cli.journal import open_journal
from dunwell.journal.keys import KeysUnusable
from dunwell.resolution.authority import GIVES_UP, Authority, Decision, may_grant
from dunwell.resolution.given_up import GIVING_KINDS, given_up
from dunwell.resolution.plans import Plan


@dataclass(frozen=True, slots=True)
class Asks:
    """A role that would grant a plan, and what the customer was given up before (minor units of the plans' currency)."""

    authority: Authority
    role: str
    already_minor: int

    def may(self, plan: Plan) -> Decision:
        """Whether the role may grant the plan, counting what was given up before where the plan gives something up."""
        already = self.already_minor if plan.grant_kind in GIVES_UP else 0
        return may_grant(self.authority, self.role, plan.grant_kind, plan.grant_minor, plan.currency, already)


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    at: datetime
    body: Mapping[str, Any]


def given_up_before(root: Path, customer_id: str, kind: str, currency: str, authority: Authority) -> int:
    """What the customer was given up in the authority's window before now, as the desk counts it.

    0 in a workspace whose journal cannot be opened for want of keys, and that is said.
    """
    try:
        _, journal = open_journal(root)
    except KeysUnusable as error:
        print(f"what was given up before is not counted: {error}", file=sys.stderr)
        return 0
    from dunwell.journal.finding import events_of

    subject = journal.vault.references([customer_id]).get(customer_id)
    if subject is None:
        return 0
    rows = events_of([subject], GIVING_KINDS).values_list("kind", "happened_at", "body")
    told = [_Told(name, at, json.loads(body)) for name, at, body in rows]
    return given_up(told, kind, currency, journal.clock() - timedelta(days=authority.within_days))
