"""What a score may look at: each feature declared once, computed from what was known at the time.

``features`` makes them for every account of a partition, or for one; ``CATALOGUE`` says what each means.
"""

from dunwell.insight.features.declared import Feature, Source
from dunwell.insight.features.table import CATALOGUE, catalogue_frame, features

__all__ = ["CATALOGUE", "Feature", "Source", "catalogue_frame", "features"]
