"""The door to numba: the very functions of the plain engine, compiled.

Each engine function is rebuilt over one namespace in which the others are compiled, too, so there is
one source. The compiled code is cached under the digest of all engine files and numba's version.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from hvbuild.machine.engine import (
    choice,
    events,
    kernel,
    layout,
    lean,
    leaving,
    lowering,
    priority,
    queues,
    ready,
    resched,
    sporadic,
    switching,
    ticks,
)
from hvbuild.machine.engine.layout import CHANGE_AT, CHANGE_FIRST, SEG_AT, SEG_FIRST, Memory

_MODULES: tuple[ModuleType, ...] = (
    layout,
    queues,
    switching,
    choice,
    lowering,
    sporadic,
    ready,
    priority,
    resched,
    leaving,
    ticks,
    events,
    kernel,
    lean,
)
_ENTRIES = ("run", "finish", "run_lean")


class FastMissingError(Exception):
    """The extra `fast` is not installed."""


def source_digest(version: str = "") -> str:
    """The digest of the engine's source files (and of `version`), which names its compiled cache."""
    digest = hashlib.sha256(version.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


def _cache_folder(version: str) -> str | None:
    """A private folder for compiled code, or None where nothing can be written."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(base) / "hvbuild" / f"engine-{python}-{source_digest(version)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


def _sources() -> dict[str, FunctionType | int]:
    """Every function and constant of the engine, by name."""
    found: dict[str, FunctionType | int] = {}
    for module in _MODULES:
        for name, value in vars(module).items():
            own = isinstance(value, FunctionType) and value.__module__ == module.__name__
            if own or (isinstance(value, int) and name.isupper()):
                found[name] = value
    return found


class _Namespace(dict[str, Any]):
    """Globals of the compiled functions; a function is compiled when another first asks for it.

    Each has one signature, so that constants at a call never make another copy of the callee.
    """

    def __init__(self, jit: Callable[..., Any], keep: bool) -> None:
        super().__init__()
        self._jit = jit
        self._keep = keep
        self._sources = _sources()

    def __missing__(self, name: str) -> Any:
        source = self._sources[name]  # a KeyError sends the asker on to the builtins
        if isinstance(source, FunctionType):
            rebuilt = FunctionType(source.__code__, self, name)
            rebuilt.__module__ = source.__module__
            kinds = source.__annotations__
            names = source.__code__.co_varnames[: source.__code__.co_argcount]
            arguments = ", ".join("int64" if kinds[n] is int else "int64[::1]" for n in names)
            result = "void" if source.__annotations__["return"] is None else "int64"
            keep = self._keep and name in _ENTRIES
            self[name] = self._jit(f"{result}({arguments})", cache=keep, error_model="numpy")(rebuilt)
        else:
            self[name] = source
        return self[name]


@cache
def _namespace() -> _Namespace:
    try:
        import numba  # noqa: PLC0415 - the one door, opened on request
        from numba.core import config  # noqa: PLC0415
    except ImportError as error:
        raise FastMissingError("the compiled engine needs the extra `fast`") from error
    folder = _cache_folder(numba.__version__)
    if folder is not None:
        config.CACHE_DIR = folder  # type: ignore[attr-defined]
    return _Namespace(numba.njit, keep=folder is not None)


def compiled(name: str) -> Callable[..., Any]:
    """The compiled entry `name`; FastMissingError when numba is not there."""
    found: Callable[..., Any] = _namespace()[name]
    return found


def as_columns(columns: Sequence[Memory]) -> list[Any]:
    """The columns as arrays of 64-bit integers."""
    import numpy  # noqa: PLC0415 - comes with numba

    return [numpy.array(column, dtype=numpy.int64) for column in columns]


def run_compiled(m: Memory, collect: Callable[[Memory], None]) -> Memory:
    """Run the machine `m` to its horizon in compiled code; `collect` gets each full leg of output rows.

    Returns the memory at the end, its last rows not yet collected.
    """
    go = compiled("run")
    (column,) = as_columns((m,))
    while go(column):
        collect(column.tolist())
        column[SEG_AT] = column[SEG_FIRST]
        column[CHANGE_AT] = column[CHANGE_FIRST]
    compiled("finish")(column)
    found: Memory = column.tolist()
    return found
