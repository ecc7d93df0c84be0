"""The policy a day is run under, all of it, and its content hash: what a decision's receipt names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dunwell.law.overlay import LenderLaw, read_law
from dunwell.ledger import Terms, read_terms
from dunwell.nightly.stages import HOLDS_BACK_FILE, STAGES_FILE
from dunwell.resolution import PromisePolicy, read_promise_policy
from dunwell.strategy.rates import FILE_NAME as RATES_FILE
from dunwell.strategy.text import Strategy, read_strategy


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """Terms, law, promises and strategy (None where there is none) as read, and the hash of all their texts. ``folder``: where
    they lie; ``files``: the workspace's own, by their place in it.
    """

    folder: Path
    terms: Mapping[str, Terms]
    law: LenderLaw
    promised: PromisePolicy
    strategy: Strategy | None
    files: Mapping[str, Path]
    hash: str


def read_run_policy(folder: Path) -> RunPolicy:
    """The policy in a workspace's ``policy`` folder. Raises TermsError, PolicyError."""
    overlay, promises = folder / "law.toml", folder / "promises.toml"
    terms = read_terms(folder / "terms")
    law = read_law(overlay)
    promised = read_promise_policy(promises)
    texts = [folder / "strategy.toml", folder / RATES_FILE]
    strategy = read_strategy(texts[0]) if texts[0].is_file() else None
    own = [*sorted((folder / "terms").glob("*.toml")), overlay, *texts, promises]
    return RunPolicy(
        folder,
        terms,
        law,
        promised,
        strategy,
        {file.relative_to(folder).as_posix(): file for file in own if file.is_file()},
        _hash_of([*own[:-1], STAGES_FILE, HOLDS_BACK_FILE, *promised.files], law),
    )


def _hash_of(texts: Iterable[Path], law: LenderLaw) -> str:
    """The content hash of the texts, those there are, and of the packs."""
    digest = sha256()
    for file in sorted(texts, key=lambda file: (file.name, file.parent.name)):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    for key, pack in sorted(law.packs.items()):
        digest.update(f"{key}\0{pack.content_hash}\0".encode())
    return digest.hexdigest()
