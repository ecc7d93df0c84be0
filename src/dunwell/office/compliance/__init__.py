"""A compliance officer's day: decisions and receipts, calls and messages reviewed, complaints in time, reports, the law."""
