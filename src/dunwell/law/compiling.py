"""How the room's kernels are compiled: cached, without the interpreter's lock, and without counting references.

Numba keeps compiled code by the file of the function that was called, and compiles anew when that file changed. The pass calls
into other files, so here what is compiled is kept by all kernels of the room.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def jit(function: _Function) -> _Function:
    """A function compiled when it is first called; nothing may be allocated inside."""
    dispatcher: Any = njit(**_OPTIONS)(function)
    dispatcher._cache._cache_file._source_stamp = stamp_of(Path(__file__).parent)
    compiled: _Function = dispatcher
    return compiled


def stamp_of(folder: Path) -> bytes:
    """What changes when a kernel in a folder does: the digest of their names and texts, as Numba's own is of one file's."""
    digest = sha256()
    for file in sorted(folder.glob("*kernel*.py")):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.digest()


def inlined(function: _Function) -> _Function:
    """The same, its code put where it is called: for all that the pass calls for each rule, since the records are some
    sixty arrays, too many to hand over at every call.
    """
    compiled: _Function = njit(**_OPTIONS, forceinline=True)(function)
    return compiled
