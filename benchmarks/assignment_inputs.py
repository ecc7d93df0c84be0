"""HiGHS on the frames of an assignment, as the reference."""

import time
from dataclasses import dataclass

import highspy
import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True)
class Solved:
    """HiGHS's answer: its value, the bound it proves, and the seconds inside its solver."""

    status: str
    value: float
    bound: float
    wall_s: float
    cpu_s: float


def solve_with_highs(
    candidates: pl.DataFrame,
    uses: pl.DataFrame,
    capacities: pl.DataFrame,
    *,
    is_whole: bool,
    solver: str = "choose",
    seconds_most: float = 60.0,
    gap: float = 0.0,
) -> Solved:
    """The same assignment as a linear programme, or with whole choices (``is_whole``), by HiGHS on one thread."""
    model, highs = _model(candidates, uses, capacities), highspy.Highs()  # type: ignore[no-untyped-call]  # highspy ships no types for it
    if is_whole:
        model.integrality_ = [highspy.HighsVarType.kInteger] * model.num_col_
    for option, setting in (("output_flag", False), ("threads", 1), ("solver", solver)):
        highs.setOptionValue(option, setting)
    highs.setOptionValue("time_limit", seconds_most)
    highs.setOptionValue("mip_rel_gap", gap)
    highs.setOptionValue("mip_abs_gap", 0.0)
    highs.passModel(model)
    began, busy = time.perf_counter(), time.process_time()
    highs.run()
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    info = highs.getInfo()
    value = float(info.objective_function_value)
    bound = float(info.mip_dual_bound) if is_whole else value
    return Solved(highs.modelStatusToString(highs.getModelStatus()), value, bound, wall, cpu)


def _model(candidates: pl.DataFrame, uses: pl.DataFrame, capacities: pl.DataFrame) -> highspy.HighsLp:
    """A column for each allowed (customer, treatment), a row for each customer and each capacity."""
    names = [name for name, kind in candidates.schema.items() if kind.is_float()]
    values = np.stack([candidates[name].fill_null(np.nan).to_numpy().astype(np.float64) for name in names])
    customer, treatment = np.nonzero(np.isfinite(values.T))
    count, size = candidates.height, customer.size
    rows, columns, amounts = [customer], [np.arange(size)], [np.ones(size)]
    order = capacities["capacity"].to_list()
    for use in uses.iter_rows(named=True):
        (chosen,) = np.nonzero(treatment == names.index(use["treatment"]))
        amount = (
            np.full(chosen.size, use["amount"])
            if use["column"] is None
            else candidates[use["column"]].to_numpy()[customer[chosen]]
        )
        rows.append(np.full(chosen.size, count + order.index(use["capacity"])))
        columns.append(chosen)
        amounts.append(amount.astype(np.float64))
    row, column, amount = np.concatenate(rows), np.concatenate(columns), np.concatenate(amounts)
    sorted_by_column = np.lexsort((row, column))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size, count + len(order)
    model.col_cost_ = values[treatment, customer]
    model.col_lower_, model.col_upper_ = np.zeros(size), np.ones(size)
    least = capacities["at_least"].cast(pl.Float64).fill_null(-highspy.kHighsInf).to_numpy()
    most = capacities["available"].cast(pl.Float64).fill_null(highspy.kHighsInf).to_numpy()
    model.row_lower_ = np.concatenate([np.full(count, -highspy.kHighsInf), least])
    model.row_upper_ = np.concatenate([np.ones(count), most])
    model.sense_ = highspy.ObjSense.kMaximize
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(column[sorted_by_column], np.arange(size + 1))
    model.a_matrix_.index_ = row[sorted_by_column]
    model.a_matrix_.value_ = amount[sorted_by_column]
    return model
