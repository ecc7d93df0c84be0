"""Customers with treatments to choose among, for timing the assignment: any number of them, drawn from a seed."""

import numpy as np
import polars as pl

TREATMENTS: dict[str, tuple[float, float, float]] = {
    "sms": (0.004, 0.05, 0.05),
    "ivr": (0.006, 0.1, 0.30),
    "call": (0.020, 2.0, 0.20),
    "skilled_call": (0.030, 3.0, 0.30),
    "letter": (0.010, 1.0, 0.10),
    "visit": (0.050, 30.0, 0.60),
    "legal": (0.080, 80.0, 0.70),
    "settlement": (0.025, 4.0, 0.50),
}
"""Each treatment's average uplift as a share of the balance, its cost, and the share of customers for whom it is ruled out."""

USES: list[tuple[str, str, int | None, str | None]] = [
    ("sms", "sms", 1, None),
    ("sms", "budget", 5, None),
    ("sms", "contacts", 1, None),
    ("ivr", "ivr", None, "ivr_seconds"),
    ("ivr", "budget", 10, None),
    ("ivr", "contacts", 1, None),
    ("call", "agents", None, "call_seconds"),
    ("call", "budget", 20, None),
    ("call", "contacts", 1, None),
    ("skilled_call", "agents", None, "skilled_seconds"),
    ("skilled_call", "skilled_agents", None, "skilled_seconds"),
    ("skilled_call", "budget", 20, None),
    ("skilled_call", "contacts", 1, None),
    ("letter", "letters", 1, None),
    ("letter", "budget", 100, None),
    ("letter", "contacts", 1, None),
    ("visit", "visits", 1, None),
    ("visit", "visits_north", None, "is_north"),
    ("visit", "budget", 600, None),
    ("visit", "contacts", 1, None),
    ("legal", "legal", 1, None),
    ("legal", "budget", 1500, None),
    ("legal", "contacts", 1, None),
    ("settlement", "agents", None, "call_seconds"),
    ("settlement", "budget", 50, None),
    ("settlement", "contacts", 1, None),
]

CAPACITIES: dict[str, tuple[str, float]] = {
    "agents": ("second", 40),
    "skilled_agents": ("second", 15),
    "ivr": ("second", 10),
    "sms": ("message", 0.25),
    "letters": ("letter", 0.08),
    "budget": ("cent", 18),
    "legal": ("case", 0.002),
    "visits": ("visit", 0.004),
    "visits_north": ("visit", 0.0006),
    "contacts": ("customer", 0.58),
}
"""Each capacity's unit, and how much of it there is for each customer; at most 58 % are contacted, the others are the control."""


def made_frames(count: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Candidates (eight treatments, lognormal balances), uses and ten capacities, most of which bind."""
    made = np.random.default_rng(seed)
    balance = np.exp(made.normal(7.0, 1.0, count)).astype(np.float32)
    columns: dict[str, object] = {"customer_id": pl.int_range(count, eager=True).cast(pl.String)}
    for name, (uplift, cost, ruled_out) in TREATMENTS.items():
        value = balance * np.float32(uplift) * np.exp(made.normal(0, 0.6, count)).astype(np.float32)
        value -= np.float32(cost)
        value[made.random(count, np.float32) < ruled_out] = np.nan
        columns[name] = value
    columns["call_seconds"] = made.integers(60, 900, count, np.int32)
    columns["skilled_seconds"] = made.integers(120, 1500, count, np.int32)
    columns["ivr_seconds"] = made.integers(30, 120, count, np.int32)
    columns["is_north"] = (made.random(count, np.float32) < 0.2).astype(np.int32)
    uses = pl.DataFrame(
        USES,
        schema={"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64, "column": pl.String},
        orient="row",
    )
    capacities = pl.DataFrame(
        [(name, unit, int(share * count), None) for name, (unit, share) in CAPACITIES.items()],
        schema={"capacity": pl.String, "unit": pl.String, "available": pl.Int64, "at_least": pl.Int64},
        orient="row",
    )
    return pl.DataFrame(columns), uses, capacities
