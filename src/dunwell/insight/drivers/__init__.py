"""What goes with lateness and with money that does not come back: subgroups, paths of contacts, months compared.

``subgroups`` finds and tests, ``chance_findings`` shows how seldom it finds what is not there; ``driver_rows`` makes
the rows of a book; ``case_events`` and ``paths`` tell how cases go; ``compare_cohorts`` sets a month against another.
"""

from dunwell.insight.drivers.cohorts import compare_cohorts
from dunwell.insight.drivers.outcomes import UNRECOVERED, driver_rows, telling
from dunwell.insight.drivers.paths import Paths, case_events, paths
from dunwell.insight.drivers.subgroups import Search, Subgroups, adjusted_p, chance_findings, subgroups

__all__ = [
    "UNRECOVERED",
    "Paths",
    "Search",
    "Subgroups",
    "adjusted_p",
    "case_events",
    "chance_findings",
    "compare_cohorts",
    "driver_rows",
    "paths",
    "subgroups",
    "telling",
]
