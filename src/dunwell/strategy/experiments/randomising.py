"""Who gets which arm: a pure function of customer, salt and what the law allows, with the probability of each.

Each arm draws an exponential waiting time for each customer, at a rate of its share, from a hash of customer and arm;
the first to come is the customer's arm. So the chance of an arm is its share among the eligible ones, exactly; and when
one arm is ruled out, only those who had it move. SHA-256 makes the customer's number, SplitMix64's finaliser (Steele,
Lea and Flood 2014) mixes the arm in: both give the same everywhere and for ever, which a replay needs.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from threading import Lock

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.law.ids import Ids
from dunwell.strategy.experiments.design import STOPPED, Experiment, HoldOut
from dunwell.strategy.problems import StrategyError

Floats = NDArray[np.float64]

ASSIGNED: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "arm": pl.String,
    "probability": pl.Float64,
    "eligible": pl.List(pl.String),
}
"""The columns of ``randomise``. ``arm`` and ``probability`` are null for who is outside the experiment."""


def randomise(experiment: Experiment, customers: pl.DataFrame, stopped: Collection[str] = ()) -> pl.DataFrame:
    """Each customer's arm and its probability, a row a customer in their order, with the columns of ASSIGNED.

    ``customers``: customer_id and, where the law or a policy rules arms out, ``blocked``, a list of treatments; the
    shares of the others are renormalised. Who has fewer than two arms left, or may not have the control, is outside the
    experiment: nothing can be learned from somebody whose arm was certain. Who draws one of the ``stopped`` arms gets the
    control, with STOPPED after the arm's name; the control's probability is larger by theirs. Nobody else moves.

    >>> from datetime import date
    >>> from dunwell.strategy.experiments import Arm
    >>> trial = Experiment("friendlier text", "t1", (Arm("none", 0.2), Arm("sms", 0.4), Arm("email", 0.4)), date(2026, 12, 1), 30)
    >>> randomise(trial, pl.DataFrame({"customer_id": ["C1", "C2"], "blocked": [[], ["sms"]]})).rows()
    [('C1', 'sms', 0.4, ['none', 'sms', 'email']), ('C2', 'email', 0.666..., ['none', 'email'])]
    """
    names = experiment.treatments
    allowed = allowed_matrix(customers, names)
    shares = propensities(np.array([arm.share for arm in experiment.arms]), allowed)
    chosen = _first_to_come(customers["customer_id"], experiment.salt, names, shares)
    is_in = allowed[:, 0] & (allowed.sum(axis=1) >= 2)
    is_stopped = np.array([name in stopped for name in names])
    told = [f"{name}{STOPPED}" if name in stopped else name for name in names]
    shares[:, 0] += shares[:, is_stopped].sum(axis=1)
    probability = shares[np.arange(len(chosen)), np.where(is_stopped[chosen], 0, chosen)]
    found = pl.DataFrame(
        {
            "customer_id": customers["customer_id"],
            "arm": pl.Series(told, dtype=pl.String).gather(chosen),
            "probability": probability,
            "is_in": is_in,
        }
    ).with_columns(_names_of(allowed & ~is_stopped, names).alias("eligible"))
    only_in = [pl.when("is_in").then(name).alias(name) for name in ("arm", "probability")]
    return found.with_columns(only_in).select(pl.col(name).cast(kind) for name, kind in ASSIGNED.items())


def propensities(shares: Floats, allowed: NDArray[np.bool_]) -> Floats:
    """The chance of each arm (a column) for each customer (a row): 0 where it is not allowed, the rest renormalised.

    ``shares``: one a column, or a row a customer. Rows in which nothing is allowed are 0 throughout.

    >>> propensities(np.array([0.5, 0.25, 0.25]), np.array([[True, True, False]])).round(3).tolist()
    [[0.667, 0.333, 0.0]]
    """
    kept = np.where(allowed, shares, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    return kept / np.where(total > 0, total, 1.0)


def explore(
    customer_ids: pl.Series, best: NDArray[np.int64], allowed: NDArray[np.bool_], rate: float, salt: str
) -> tuple[NDArray[np.int64], Floats]:
    """The treatments to be given and the probability of each: the strategy's own choice, but at ``rate`` one drawn
    evenly from all that is allowed.

    So every lawful treatment keeps a chance of at least ``rate`` divided by how many there are, and the log teaches.
    ``best``: the strategy's choice, a column of ``allowed``. ``salt``: say the day in it, or a customer draws the same
    lot every day. Raises StrategyError when a choice is not allowed.
    """
    rows = np.arange(len(best))
    if not 0 <= rate <= 1:
        raise StrategyError(f"the rate of exploring, {rate}, is no share. Write one from 0 to 1")
    if not allowed[rows, best].all():
        place = int(np.flatnonzero(~allowed[rows, best])[0])
        raise StrategyError(
            f"row {place + 1}: the strategy chose what is ruled out. Choose among what is allowed"
        )
    even = propensities(np.ones(allowed.shape[1]), allowed)
    drawn, is_lot = drawn_lots(customer_ids, rate * even, salt)
    given = np.where(is_lot, drawn, best)
    return given, rate * even[rows, given] + (1 - rate) * (given == best)


def drawn_lots(
    customer_ids: pl.Series, chances: Floats, salt: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The lots of exploring: the treatment (a column) that each customer (a row) would draw, each with its share of the row's
    ``chances``, and whether a lot decides about them, with the chance to which the row adds up.
    """
    names = [str(column) for column in range(chances.shape[1])]
    drawn = _first_to_come(customer_ids, f"{salt}\0which", names, chances)
    return drawn, numbers_in_unit(customer_ids, f"{salt}\0whether") < chances.sum(axis=1)


def lots_of(customer_ids: pl.Series, names: Sequence[str], salt: str) -> Floats:
    """A number between 0 and 1 for each customer (row) and name (column), each independent of every other."""
    customers = _numbers(customer_ids, salt)
    columns = [_unit(_mixed(customers ^ name)) for name in _numbers(pl.Series(names, dtype=pl.String), salt)]
    return np.column_stack(columns) if columns else np.empty((len(customer_ids), 0))


def in_hold_out(customer_ids: pl.Series, hold_out: HoldOut) -> pl.Series:
    """Whether each customer belongs to the standing hold-out; the same customers whenever it is asked."""
    return pl.Series("in_hold_out", numbers_in_unit(customer_ids, hold_out.salt) < hold_out.share)


def allowed_matrix(customers: pl.DataFrame, treatments: Sequence[str]) -> NDArray[np.bool_]:
    """Which treatments (columns) the ``blocked`` lists leave to each customer (rows); all of them where there is no such
    column.
    """
    if "blocked" not in customers.columns:
        return np.ones((customers.height, len(treatments)), dtype=bool)
    blocked = pl.col("blocked").fill_null([])
    return customers.select(
        ~blocked.list.contains(pl.lit(name)).alias(name) for name in treatments
    ).to_numpy()


def _names_of(allowed: NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """The names that each row allows, as lists."""
    may = pl.DataFrame(allowed, schema=list(names))
    each = [pl.when(name).then(pl.lit(name)) for name in names]
    return may.select(pl.concat_list(each).list.drop_nulls()).to_series()


def _first_to_come(
    customer_ids: pl.Series, salt: str, names: Sequence[str], shares: Floats
) -> NDArray[np.int64]:
    """The column whose exponential waiting time, at a rate of its share, is the shortest."""
    customers = _numbers(customer_ids, salt)
    arms = _numbers(pl.Series(names, dtype=pl.String), salt)
    waits = np.empty(shares.shape)
    with np.errstate(divide="ignore"):
        for column, arm in enumerate(arms):
            waits[:, column] = -np.log(_unit(_mixed(customers ^ arm))) / shares[:, column]
    first: NDArray[np.int64] = waits.argmin(axis=1)
    return first


def numbers_in_unit(texts: pl.Series, salt: str) -> Floats:
    """A number between 0 and 1 for each text, by its hash under a salt."""
    return _unit(_numbers(texts, salt))


class _Kept:
    """The numbers of some ids, salt by salt, as they were first asked for; of salts beyond ``_SALTS_MOST`` the longest unasked
    go.
    """

    def __init__(self, ids: pl.Series) -> None:
        self._ids = Ids(ids.unique())
        self._by_salt: dict[str, NDArray[np.uint64]] = {}
        self._asked: tuple[pl.Series, NDArray[np.int32]] | None = None
        self._lock = Lock()

    def of(self, texts: pl.Series, salt: str) -> NDArray[np.uint64] | None:
        """The numbers of texts; None where one is not among the ids. Threads may ask at the same time."""
        with self._lock:
            return self._of(texts, salt)

    def _of(self, texts: pl.Series, salt: str) -> NDArray[np.uint64] | None:
        if self._asked is None or self._asked[0] is not texts:  # a day asks for several salts of the same
            self._asked = texts, self._ids.numbers(texts)
        places = self._asked[1]
        if not places.size or places.min() < 0:
            return None
        kept = self._by_salt.pop(salt, None)
        self._by_salt[salt] = _hashed(self._ids.ids, salt) if kept is None else kept
        if len(self._by_salt) > _SALTS_MOST:
            del self._by_salt[next(iter(self._by_salt))]
        return self._by_salt[salt][places]


_SALTS_MOST = 128
_KEPT: ContextVar[_Kept | None] = ContextVar("kept numbers", default=None)


@contextmanager
def numbers_kept(customer_ids: pl.Series) -> Iterator[None]:
    """Within it, a customer's number under a salt is reckoned once, however often it is asked for: for a rehearsal, in which
    copies of the same customers draw the same day's lots. It alters no number.
    """
    before = _KEPT.set(_Kept(customer_ids))
    try:
        yield
    finally:
        _KEPT.reset(before)


def _numbers(texts: pl.Series, salt: str) -> NDArray[np.uint64]:
    """As ``_hashed``, from what is kept where it is."""
    kept = _KEPT.get()
    found = None if kept is None else kept.of(texts, salt)
    return _hashed(texts, salt) if found is None else found


def _hashed(texts: pl.Series, salt: str) -> NDArray[np.uint64]:
    """The first 64 bits of the SHA-256 of salt and text. Raises StrategyError for a missing text."""
    if texts.null_count():
        raise StrategyError(f"{texts.name or 'customer_id'}: a value is missing. Give every row its customer")
    start = sha256(f"{salt}\0".encode())
    digests = bytearray()
    for text in texts.to_list():
        one = start.copy()
        one.update(text.encode())
        digests += one.digest()[:8]
    return np.frombuffer(bytes(digests), dtype="<u8")


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _unit(numbers: NDArray[np.uint64]) -> Floats:
    """Numbers between 0 and 1, neither of them reached."""
    return ((numbers >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
