"""Models on disk without pickle: a folder with ``model.json``, the trees as LightGBM's text, and
``manifest.json`` with the content hash of each. Loading reads nothing that does not match its hash.
"""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from dunwell.insight.problems import InsightError, ModelDamaged

_FORMAT = 1
_MANIFEST = "manifest.json"
_MODEL = "model.json"


def save_folder(folder: Path, kind: str, model: Mapping[str, Any], trees: Mapping[str, str]) -> None:
    """Write a model, whole or not at all. Raises InsightError where the folder holds something else."""
    if (
        folder.exists()
        and not (folder / _MANIFEST).is_file()
        and (not folder.is_dir() or any(folder.iterdir()))
    ):
        raise InsightError(
            f"{folder} exists and is no model. Name another folder, so that nothing is overwritten"
        )
    staging = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    texts = {_MODEL: json.dumps(model, ensure_ascii=False, indent=1, allow_nan=False), **trees}
    for name, text in texts.items():
        (staging / name).write_bytes(text.encode())
    hashes = {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    manifest = {"format": _FORMAT, "kind": kind, "sha256": hashes}
    (staging / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)


def load_folder(folder: Path) -> tuple[str, dict[str, Any], dict[str, str]]:
    """A model's kind, its values and its trees. Raises ModelDamaged when anything differs from what was saved."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        hashes = dict(manifest["sha256"])
        kind, form = str(manifest["kind"]), manifest["format"]
    except FileNotFoundError as error:
        raise ModelDamaged(
            f"{folder} is no model: {_MANIFEST} is missing. Make one with `dunwell train`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, _MANIFEST) from error
    if form != _FORMAT:
        raise ModelDamaged(
            f"{folder} has format {form!r}, and this dunwell reads {_FORMAT}. Train the model anew"
        )
    texts = {}
    for name, expected in hashes.items():
        file = folder / Path(name).name
        if not file.is_file():
            raise ModelDamaged(f"{folder}: {name} is missing. Take the folder whole from where it was saved")
        text = file.read_bytes()
        if sha256(text).hexdigest() != expected:
            raise _damaged(folder, name)
        texts[name] = text.decode()
    if _MODEL not in texts:
        raise _damaged(folder, _MODEL)
    return kind, json.loads(texts.pop(_MODEL)), texts


def content_hash(folder: Path) -> str:
    """The hash that names a saved model."""
    return sha256((folder / _MANIFEST).read_bytes()).hexdigest()


def _damaged(folder: Path, name: str) -> ModelDamaged:
    return ModelDamaged(
        f"{folder}: {name} is not what was saved. Take the folder anew from where it was saved, or train again"
    )
