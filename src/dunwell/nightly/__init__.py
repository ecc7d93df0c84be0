"""The daily run that strings the rooms together, and what a manager reads after it.

``partition_figures`` and ``merge_figures`` count a day; ``dunwell.nightly.report`` makes a page of it,
``dunwell.nightly.summary`` the lines a terminal shows.
"""

from dunwell.nightly.figures import Figures, bucket_order, merge_figures, partition_figures

__all__ = ["Figures", "bucket_order", "merge_figures", "partition_figures"]
