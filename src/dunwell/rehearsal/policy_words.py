"""A comparison of policies as a table to read."""

import polars as pl

_HEADS = f"{'':26} {'calls':>6} {'net':>9} {'gain over the best rule':>25} {'30+':>5} {'fatigue':>8}"
_MORE = f" {'complaints':>11} {'stops':>6} {'in hardship':>12} {'most called':>12} {'hardest tenth':>14} {'its fatigue':>12}"


def table_lines(compared: pl.DataFrame) -> list[str]:
    """Lines of a table from what ``policy_trial.told`` gives, the least net first; money in whole units of the currency."""
    lines = [_HEADS + _MORE]
    for row in compared.iter_rows(named=True):
        gain = f"{row['gain']:+.0%} ({row['gain_low']:+.0%} to {row['gain_high']:+.0%})"
        if row["is_best_rule"]:
            gain = "the best rule"
        lines.append(
            f"{row['policy']:26} {row['calls']:>6.0f} {row['net_minor'] / 100:>9,.0f} {gain:>25} {row['late_30']:>5.0f} "
            f"{row['fatigue']:>8.2f} {row['complaints']:>11.1f} {row['stops']:>6.1f} {row['hardship_calls']:>12.0f} "
            f"{row['most_calls']:>12.1f} {row['hardest_money_minor'] / 100:>14,.0f} {row['hardest_fatigue']:>12.2f}"
        )
    return lines
