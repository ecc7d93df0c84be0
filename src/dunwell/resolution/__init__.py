"""How it ends: promises, plans a customer can afford, restructuring, settlement within authority, the stage of a case.

Everything here is a pure function of events and dated policy text: ``promises_as_of`` says how every promise stands on a
day, ``propose_plans`` what a customer could afford, ``may_grant`` who may agree to it, ``cases_as_of`` at which stage each
customer's case is.
"""

from dunwell.resolution.authority import Authority, Decision, may_grant, read_authority
from dunwell.resolution.budget import Affordability, Budget, assess
from dunwell.resolution.cases import CASE_COLUMNS, cases_as_of
from dunwell.resolution.plan_policy import read_plan_policy
from dunwell.resolution.plans import Debt, Plan, as_promise, propose_plans
from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.resolution.promises import PROMISE_COLUMNS, promises_as_of

__all__ = [
    "CASE_COLUMNS",
    "PROMISE_COLUMNS",
    "Affordability",
    "Authority",
    "Budget",
    "Debt",
    "Decision",
    "Plan",
    "PromisePolicy",
    "as_promise",
    "assess",
    "cases_as_of",
    "may_grant",
    "promises_as_of",
    "propose_plans",
    "read_authority",
    "read_plan_policy",
    "read_promise_policy",
]
