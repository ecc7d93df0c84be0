"""How it ends: promises, plans a customer can afford, restructuring, settlement within authority, the stage of a case.

Everything here is a pure function of events and dated policy text: ``promises_as_of`` says how every promise stands on a
day, ``propose_plans`` what a customer could afford, ``may_grant`` who may agree to it, ``stage_frame`` where a case is.
"""

from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.resolution.promises import PROMISE_COLUMNS, promises_as_of

__all__ = ["PROMISE_COLUMNS", "PromisePolicy", "promises_as_of", "read_promise_policy"]
