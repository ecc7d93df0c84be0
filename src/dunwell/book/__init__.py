"""The lender's records: what a tape holds, reading it, the quarantine of bad rows, and the workspace's store.

``Tape`` reads a folder of files into typed frames by partition; bad rows are noted with the rule they broke
and never lost. ``StagedBook`` writes a workspace's book whole or not at all, ``Book`` reads it.
"""

from dunwell.book.matching import NotInOrder
from dunwell.book.partitions import Partition
from dunwell.book.plans import Detail
from dunwell.book.quarantine import mend_of, mends_of
from dunwell.book.reading import ROWS_A_SLICE, Tape
from dunwell.book.sources import FileUnreadable, TapeUnusable
from dunwell.book.store import Book, BookInUse, NoBook, StagedBook, writing
from dunwell.book.tables import REQUIRED_TABLES, TABLES

__all__ = [
    "REQUIRED_TABLES",
    "ROWS_A_SLICE",
    "TABLES",
    "Book",
    "BookInUse",
    "Detail",
    "FileUnreadable",
    "NoBook",
    "NotInOrder",
    "Partition",
    "StagedBook",
    "Tape",
    "TapeUnusable",
    "mend_of",
    "mends_of",
    "writing",
]
