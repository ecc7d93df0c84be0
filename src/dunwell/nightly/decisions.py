"""The day's decisions as they are kept: what was decided for each customer, why not otherwise, and from which inputs.

``book/decisions.parquet`` has the last run's (formats.md section 4); every run's are kept in ``evidence/decisions``, beside
the policy they were made under, so that each can be decided again and compared (``replay``).
"""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256

import polars as pl

_INSTANT = pl.Datetime("us", "UTC")
BLOCKED = pl.List(pl.Struct({"treatment": pl.String, "rules": pl.List(pl.String)}))
MODELS = pl.List(pl.Struct({"name": pl.String, "hash": pl.String}))

DECISION_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "decision_id": pl.String,
    "customer_id": pl.String,
    "account_id": pl.String,
    "as_of": pl.Date,
    "treatment": pl.String,
    "channel": pl.String,
    "contact_point_id": pl.String,
    "scheduled_at": _INSTANT,
    "text_id": pl.String,
    "segment": pl.String,
    "arm": pl.String,
    "probability": pl.Float64,
    "value": pl.Decimal(18, 4),
    "price": pl.Decimal(18, 4),
    "blocked": BLOCKED,
    "policy_hash": pl.String,
    "models": MODELS,
    "seed": pl.Int64,
    "inputs_hash": pl.String,
}
"""The columns of formats.md and the digest of what was known of the customer. ``treatment``: one of the strategy's, or
``none``. Where no strategy is in force the ladder of stages decides: a contact of the stage, probability 1, no arm, no value,
no price, no models. Without a ``text_id`` the text is chosen when the contact is made.
"""

NO_TREATMENT = "none"
SEED = 0
"""Nothing in the ladder is drawn by lot."""

_INPUTS = (
    *("customers", "accounts", "contact_points", "contacts", "holds"),
    *("consents", "preferences", "notices"),
)


def decisions(
    work: pl.DataFrame, inputs: pl.DataFrame, as_of: date, known_at: datetime | None, policy_hash: str
) -> pl.DataFrame:
    """The decisions behind a work list, a customer a row. ``inputs``: customer_id and inputs_hash."""
    would_be = pl.concat_str(pl.col("stage"), pl.lit(" by "), pl.col("channel"))
    rules = pl.col("reasons").list.eval(pl.element().struct.field("rule")).list.unique().list.sort()
    blocked = pl.concat_list(pl.struct(would_be.alias("treatment"), rules.alias("rules"))).cast(BLOCKED)
    is_held = pl.col("is_held_back")
    return (
        work.join(inputs, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            decision_ids(work["customer_id"], as_of, known_at, policy_hash),
            pl.col("account_ids").list.first().alias("account_id"),
            pl.lit(as_of).alias("as_of"),
            pl.when(is_held).then(pl.lit(NO_TREATMENT)).otherwise(would_be).alias("treatment"),
            pl.when(~is_held).then("channel").alias("channel"),
            pl.when(~is_held).then("contact_point_id").alias("contact_point_id"),
            pl.col("at").alias("scheduled_at"),
            pl.lit(None, pl.String).alias("text_id"),
            pl.col("stage").alias("segment"),
            pl.lit(None, pl.String).alias("arm"),
            pl.lit(1.0).alias("probability"),
            pl.lit(None, pl.Decimal(18, 4)).alias("value"),
            pl.lit(None, pl.Decimal(18, 4)).alias("price"),
            pl.when(is_held).then(blocked).otherwise(pl.lit([], BLOCKED)).alias("blocked"),
            pl.lit(policy_hash).alias("policy_hash"),
            pl.lit([], MODELS).alias("models"),
            pl.lit(SEED, pl.Int64).alias("seed"),
        )
        .select(pl.col(name).cast(kind) for name, kind in DECISION_SCHEMA.items())
    )


def decision_ids(
    customer_ids: pl.Series, as_of: date, known_at: datetime | None, policy_hash: str
) -> pl.Series:
    """``decision_id``: the same for the same customer, day, knowledge and policy."""
    told = f"{as_of}\0{'' if known_at is None else known_at.isoformat()}\0{policy_hash}\0"
    names = [sha256((told + customer).encode()).hexdigest()[:24] for customer in customer_ids]
    return pl.Series("decision_id", [f"D{as_of:%Y%m%d}-{name}" for name in names], dtype=pl.String)


def receipts(kept: pl.DataFrame) -> pl.DataFrame:
    """customer_id, decision_id and receipt: the SHA-256 of the decision as it was kept, by which the journal holds it."""
    texts = kept.select(pl.struct(list(DECISION_SCHEMA)).struct.json_encode().alias("row"))["row"]
    hashes = [sha256(text.encode()).hexdigest() for text in texts]
    return kept.select("customer_id", "decision_id", pl.Series("receipt", hashes, dtype=pl.String))


def inputs_digests(
    tables: Mapping[str, pl.DataFrame],
    positions: pl.DataFrame,
    promises: pl.DataFrame,
    customer_ids: pl.Series,
    known_at: datetime | None,
) -> pl.DataFrame:
    """customer_id and inputs_hash: SHA-256 over every row that the decision was made from, as known then."""
    wanted = customer_ids.to_frame("customer_id")
    accounts = tables["accounts"].select("account_id", "customer_id").with_row_index("account_row")
    frames = {name: tables[name] for name in _INPUTS if name in tables and name != "promises"}
    if known_at is not None:
        frames = {name: rows.filter(pl.col("recorded_at") <= known_at) for name, rows in frames.items()}
    owners = accounts.select("account_id", "customer_id")
    frames["positions"] = positions
    made = promises.drop("customer_id", strict=False).join(owners, on="account_id", how="left")
    # A promise for one debt is told as it was before there were others, so that decisions made then are found equal.
    is_for_several = pl.col("account_ids").list.len() > 1
    alone = made.filter(~is_for_several).drop("account_ids") if "account_ids" in made.columns else made
    several = [made.filter(is_for_several)] if "account_ids" in made.columns else []
    said = []
    for name, rows in [*sorted(frames.items()), *(("promises", rows) for rows in (alone, *several))]:
        if "account_row" in rows.columns:
            rows = _owned(rows, accounts)
        mine = rows.join(wanted, on="customer_id", how="semi")
        own = sorted(column for column in mine.columns if column != "recorded_at")
        text = pl.concat_str(pl.lit(f"{name} "), pl.struct(own).struct.json_encode()).alias("row")
        said.append(mine.select("customer_id", text))
    joined = pl.concat(said).group_by("customer_id").agg(pl.col("row").sort().str.join("\n"))
    hashes = [sha256(text.encode()).hexdigest() for text in joined["row"]]
    return joined.select("customer_id", pl.Series("inputs_hash", hashes, dtype=pl.String))


def _owned(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Rows that name their account by its place, with its id and its customer."""
    named = accounts.select("account_row", "account_id", pl.col("customer_id").alias("owner_id"))
    found = rows.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
        named, on="account_row", how="left", maintain_order="left"
    )
    own = pl.col("customer_id") if "customer_id" in found.columns else pl.lit(None, pl.String)
    return found.with_columns(pl.coalesce(own, "owner_id").alias("customer_id")).drop(
        "account_row", "owner_id"
    )
