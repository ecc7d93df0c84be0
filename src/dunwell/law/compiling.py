"""How the room's kernels are compiled: cached, without the interpreter's lock, and without counting references.

Numba keeps compiled code by the file of the function that was called: after a change to ``clock_kernel`` or ``count_kernel``
alone, remove ``__pycache__/*.nb?`` beside them, or what was compiled before goes on being used.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def jit(function: _Function) -> _Function:
    """A function compiled when it is first called; nothing may be allocated inside."""
    compiled: _Function = njit(**_OPTIONS)(function)
    return compiled


def inlined(function: _Function) -> _Function:
    """The same, its code put where it is called: for all that the pass calls for each rule, since the records are some
    sixty arrays, too many to hand over at every call.
    """
    compiled: _Function = njit(**_OPTIONS, forceinline=True)(function)
    return compiled
