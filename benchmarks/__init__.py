"""How fast the ledger is, as ratios measured in one run: beside the bare read of its columns, and beside the same meaning in
Polars.
"""
