"""The daily run: the tape into the book, every account settled as of the day, the figures, the report; then swapped in whole.

Everything is written beside the old book and takes its place in one step at the end, so a run that stops half-way leaves the last
one as it was. Each partition is read, settled and counted by itself and needs nothing from the others.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from dunwell import __version__
from dunwell.book import Partition, Store, Tape, read_tape
from dunwell.ledger import Terms, positions_of, read_terms
from dunwell.nightly.about import Quarantine, RunFacts
from dunwell.nightly.figures import Figures, bucket_order, merge_figures, partition_figures
from dunwell.nightly.report import render_report
from dunwell.nightly.summary import summary_dict
from dunwell.settings import Settings

Report = Callable[[str, int, int], None]
