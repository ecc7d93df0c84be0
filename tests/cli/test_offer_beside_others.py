"""`dunwell plans --offer` counts what the customer was given up before, as the desk does."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest

from tests.cli.test_outreach_command import World, world
from tests.commands import dunwell

__all__ = ["world"]

pytestmark = pytest.mark.slow

WAIVED_BEFORE = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from dunwell.cli.journal import open_journal
_, journal = open_journal(Path.cwd())
from dunwell.journal.recording import NewEvent
grant = {"kind": "waiver", "amount_minor": int(sys.argv[1]), "currency": "GBP"}
body = {"plan": "waiver", "parts": [], "by": "anna", "grant": grant, "promise": "desk-before"}
journal.record([NewEvent("plan.agreed", datetime.now(UTC), "BEN", ("A-BEN",), body=body)])
"""


def test_an_offer_counts_what_the_customer_was_given_up_before(world: World) -> None:
    shipped = files("dunwell.resolution") / "texts" / "plans.toml"
    contract = shipped.read_text(encoding="utf-8").replace('interest = "frozen"', 'interest = "contract"')
    (world.folder / "policy" / "plans.toml").write_text(contract, encoding="utf-8")
    budget = 'form = "gb-sfs"\n[income]\nsalary = "1040"\n'
    (world.folder / "budget.toml").write_text(budget, encoding="utf-8")
    asked = ("plans", "A-BEN", "--budget", "budget.toml", "--role", "manager", "--json")
    plans = json.loads(dunwell(*asked, at=world.folder).stdout)["plans"]
    number, plan = next(
        (number, plan)
        for number, plan in enumerate(plans, start=1)
        if plan["parts"] and plan.get("grant", {}).get("kind") == "interest_reduction"
    )
    assert plan["grant"]["allowed"] and not plan["grant"]["needs_second"]
    before = [sys.executable, "-c", WAIVED_BEFORE, "120000"]  # of the 1,200 that a manager may give up alone
    subprocess.run(before, cwd=world.folder, check=True)
    told = json.loads(dunwell(*asked, at=world.folder).stdout)["plans"][number - 1]["grant"]
    assert told["needs_second"] and "1200.00 GBP was given up before and counts" in told["why"]
    refused = dunwell(*asked, "--offer", str(number), "--channel", "email", at=world.folder, code=1)
    assert "needs a second person" in refused.stderr
    told_left = ("plans", "A-BEN", "--left", "300", "--offer", "1", "--channel", "email")
    refused = dunwell(*told_left, at=world.folder, code=1)
    (world.folder / "policy" / "plans.toml").unlink()
    assert "--left tells nothing of what a household lives on" in refused.stderr
