"""Python modules of a project's own: what they hold by `MODULE:NAME`, their files, and where they fail."""

import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

from hvbuild.project import PROJECT_FILE
from hvbuild.source import SourceFile, Span

_PACKAGE = Path(__file__).resolve().parent


class Unusable(Exception):  # noqa: N818 - says what is the case
    """A name that leads to nothing: says why, and at which place of the module where that is known."""

    def __init__(self, name: str, why: str, place: Span | None = None) -> None:
        super().__init__(f"`{name}` {why}")
        self.name = name
        self.place = place


def own_value(name: str, folder: Path | None, default: str) -> object:
    """What `name` (`module:ATTRIBUTE`, or `module` for its attribute `default`) means; raises Unusable.

    Modules are looked for in `folder`, too, after the libraries. Nothing is written there, and what a module
    prints goes to stderr: stdout holds the answer.
    """
    module, _, attribute = name.partition(":")
    if folder is not None:
        _looked_for_in(folder.resolve())
    keeps_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with redirect_stdout(sys.stderr):
            return getattr(importlib.import_module(module), attribute or default)
    except (Exception, SystemExit) as fault:
        # The module is somebody else's: whatever it raises is a fault of that module, told with its place.
        raise Unusable(name, f"cannot be had: {fault_text(fault)}", fault_place(fault)) from fault
    finally:
        sys.dont_write_bytecode = keeps_none


def _looked_for_in(folder: Path) -> None:
    """Let `folder` be searched after the libraries, but before other projects that this process has met.

    It stays on the path: processes that play runs import the same modules, and take the path over from this
    one. Modules of another project that have a namesake in `folder` are forgotten.
    """
    own = str(folder)
    known = sys.path.index(own) if own in sys.path else len(sys.path)
    others = (
        i for i, at in enumerate(sys.path) if at not in ("", own) and (Path(at) / PROJECT_FILE).is_file()
    )
    first = next(others, len(sys.path))
    if own not in sys.path or first < known:
        sys.path[:] = [*sys.path[:first], own, *(at for at in sys.path[first:] if at != own)]
        importlib.invalidate_caches()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and _is_of_another_project(name, Path(file), folder):
            del sys.modules[name]


def _is_of_another_project(name: str, file: Path, folder: Path) -> bool:
    parts = name.split(".")
    if parts[0] == "__main__" or file.is_relative_to(_PACKAGE):
        return False
    namesake = folder / parts[0]
    if not (namesake.is_dir() or namesake.with_name(f"{parts[0]}.py").is_file()):
        return False
    depth = len(parts) - (file.stem != "__init__")
    home = file.parents[depth] if depth < len(file.parents) else file.parent
    return home.resolve() != folder and (home / PROJECT_FILE).is_file()


def own_files(names: Iterable[str], folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files of the modules that `names` lead to, with all in `folder` that those import, sorted; and the
    files of named modules that would be there if they were not missing.
    """
    found: set[Path] = set()
    absent: set[Path] = set()
    for name in names:
        module = name.partition(":")[0]
        _reach(module, folder, found)
        place = folder.joinpath(*module.split("."))
        here = {place.with_name(f"{place.name}.py"), place / "__init__.py"}
        there = getattr(sys.modules.get(module), "__file__", None)
        if there is not None and not Path(there).is_relative_to(folder.resolve()):
            found.add(Path(there))
        elif not here & found:
            absent |= here
    return tuple(sorted(found)), tuple(sorted(absent))


def _reach(module: str, folder: Path, found: set[Path]) -> None:
    """Add the files of `module`, of the packages around it and of what they import, as far as in `folder`."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:depth])
        package = ".".join(parts[:depth])
        for path, inside in (
            (place.with_name(f"{place.name}.py"), package.rpartition(".")[0]),
            (place / "__init__.py", package),
        ):
            if path not in found and path.is_file():
                found.add(path)
                for name in _imported(path, inside):
                    _reach(name, folder, found)


def _imported(path: Path, package: str) -> Iterator[str]:
    """The modules that a file of `package` imports, as written; none where it is no Python."""
    import ast  # noqa: PLC0415 - for projects with modules of their own

    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -(node.level - 1) or None] if node.level and package else []
            base = ".".join((*above, *([node.module] if node.module else [])))
            yield from (name for name in (base, *(f"{base}.{alias.name}" for alias in node.names)) if base)


def fault_text(fault: BaseException) -> str:
    """What went wrong, in one line."""
    return " ".join(f"{type(fault).__name__}: {fault}".split())


def fault_place(fault: BaseException) -> Span | None:
    """The line of somebody else's code that `fault` speaks of: that of a syntax error, else the last reached.

    None where only Python or hvbuild itself was at work.
    """
    if isinstance(fault, SyntaxError) and fault.filename and fault.lineno:
        return line_of(fault.filename, fault.lineno)
    at, place = fault.__traceback__, None
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        if _is_own(file):
            place = line_of(file, at.tb_lineno)
        at = at.tb_next
    return place


def _is_own(file: str) -> bool:
    path = Path(file)
    return path.is_file() and not path.is_relative_to(_PACKAGE) and not _is_python(path)


def _is_python(path: Path) -> bool:
    return path.is_relative_to(Path(importlib.__file__).resolve().parents[1])


def line_of(file: str, line: int) -> Span | None:
    """Line `line` of a Python file without its indentation, the file named from the current folder where it
    lies there; None where it cannot be read.
    """
    path, here = Path(file), Path.cwd()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    source = SourceFile((path.relative_to(here) if path.is_relative_to(here) else path).as_posix(), text)
    start = sum(len(row) + 1 for row in text.split("\n")[: line - 1])
    words = source.line(line)
    return Span(source, start + len(words) - len(words.lstrip()), start + len(words))
