"""Which model is in use: ``models/champion.json`` names it by folder and content hash, ``champion-plans.json`` the one that
tells how plans end.

A model whose card says that it may not be promoted is refused. What could not be measured may be accepted with a
reason, which is kept; a gap that was measured may not.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from dunwell.insight.problems import InsightError, ModelDamaged
from dunwell.insight.scoring.fairness import NOT_MEASURED
from dunwell.insight.scoring.saving import content_hash, load_folder

_USE = "use.json"
_OWN_PLACE = ("plans",)
"""What a model may be made for that has a place of its own beside the score's."""
_CARD = "card.json"


class NotPromoted(InsightError):
    """A model may not be promoted; the message says why."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in use. ``unmeasured_because``: why fairness could not be measured; empty when it was."""

    folder: Path
    sha256: str
    unmeasured_because: str = ""


def _file(role: str) -> str:
    return f"champion-{role}.json" if role else "champion.json"


def promote(models: Path, folder: Path, unmeasured_because: str = "") -> Champion:
    """Make the model in ``folder`` the one in use. ``models``: the workspace's folder of models, which holds it.

    Raises NotPromoted, and ModelDamaged for a model or card that is not what was saved.
    """
    texts = load_folder(folder)[2]
    if _CARD not in texts:
        raise NotPromoted(f"{folder} has no card. Make the model with `dunwell train`, which writes one")
    if not folder.resolve().is_relative_to(models.resolve()):
        raise NotPromoted(f"{folder} does not lie in {models}. Move it there, so that the run finds it")
    blocks = list(json.loads(texts[_CARD]).get("promotion_blocks", [NOT_MEASURED]))
    if unmeasured_because:
        blocks = [block for block in blocks if block != NOT_MEASURED]
    if blocks:
        raise NotPromoted(f"{folder} may not be promoted: {'; '.join(blocks)}")
    chosen = Champion(folder, content_hash(folder), unmeasured_because)
    told = {
        "model": folder.resolve().relative_to(models.resolve()).as_posix(),
        "sha256": chosen.sha256,
        "unmeasured_because": unmeasured_because,
    }
    made_for = json.loads(texts.get(_USE, "{}")).get("made_for", "")
    file = _file(made_for if made_for in _OWN_PLACE else "")
    staging = models / f".{file}.new"
    staging.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    staging.replace(models / file)
    return chosen


def champion(models: Path, role: str = "") -> Champion | None:
    """The score's model in use, or the one in use for plans; None when none was promoted. Raises ModelDamaged when it is
    not what was promoted.
    """
    file = models / _file(role)
    if not file.is_file():
        return None
    try:
        told = json.loads(file.read_bytes())
        chosen = Champion(models / told["model"], told["sha256"], told["unmeasured_because"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(
            f"{file} cannot be read. Promote a model again: dunwell insight promote"
        ) from error
    if not (chosen.folder / "manifest.json").is_file() or content_hash(chosen.folder) != chosen.sha256:
        raise ModelDamaged(
            f"{chosen.folder} is not the model that was promoted. Promote it again: dunwell insight promote"
        )
    return chosen
