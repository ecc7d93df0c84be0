"""Functions compiled by Numba whose machine code, once it is in Numba's cache, is loaded without loading the compiler's
knowledge of Python and NumPy first: that takes half a second, and only compiling needs it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])

_ALWAYS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


def compiled(**options: Any) -> Callable[[_F], _F]:
    """A decorator like ``numba.njit``, with the cache on and without Numba's reference counts: nothing may be allocated
    inside, arrays are handed in.
    """

    def decorate(function: _F) -> _F:
        dispatcher: Any = njit(**(_ALWAYS | options))(function)
        _load_alone(dispatcher._cache)
        result: _F = dispatcher
        return result

    return decorate


def _load_alone(cache: Any) -> None:
    """Let the cache hand out machine code without making Numba's contexts ready to compile, as it does first. Where there
    is no such code, compiling makes them ready by itself.
    """

    def load_overload(signature: Any, target_context: Any) -> Any:
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, target_context)

    cache.load_overload = load_overload
