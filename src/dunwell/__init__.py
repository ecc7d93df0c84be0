"""dunwell: collect overdue consumer credit lawfully, kindly and well.

Everything that happens to a debt is an event with two times, when it took effect and when we learned of it; everything else
is a pure function of events and dated policy. Each sub-package is a room with one job: ``book`` (what we were told),
``ledger`` (what is owed), ``rehearsal`` (a world to practise in), ``nightly`` (the daily run), ``cli`` (the command).
"""

__version__ = "0.1.0"
