"""The house keeps its floors: imports go downward only, walls stand, each library has one door."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hvbuild"

# From the ground up. A room may import the rooms above it in this list, and modules of its own room.
FLOORS = (  # noqa: SIM905 - one storey a line
    "values version units ranges source diagnostics nearest shipped store project ownmodules"
    " catalog_rows catalog buildfile_catalog model formats meaning compare load resolve rules"
    " render machine target verdicts certify pages"
    " campaign codes freshness guestfiles hostsources manifest migrating offline"
    " projectfile starting"
    " linting matrix foreignhost checking"
    " adopt building capturing family tasks"
    " adopting certifying comparing deploying scenariofile simulating site testing"
    " image planning pytest_plugin"
    " bundling imaging"
    " report commands cli __main__"
).split()
WALLS = {
    "formats": {"model", "load"},
    "machine": {"load", "resolve", "render", "rules", "formats", "meaning"},
    "certify": {"load", "resolve", "render", "rules", "formats", "meaning"},
    "rules": {"load", "render"},
}
DOORS = {
    "ruamel": {"load/yamlscan.py"},
    "jsonschema": {"load/schema.py"},
    "referencing": {"load/schema.py"},
    "jinja2": {"render/environment.py"},
    "hypothesis": {"certify/sampling.py", "certify/strategies.py", "certify/sealed.py", "testing.py"},
    "rfc8785": {"certify/canonical.py"},
    "fdt": {"formats/dtb.py"},
    "devicetree": {"formats/dtb.py"},
    "tree_sitter": {"formats/dts.py"},
    "tree_sitter_devicetree": {"formats/dts.py"},
    "numba": {"machine/engine/fast.py"},
    "securesystemslib": {"certify/sign.py"},
    "cryptography": {"certify/sign.py"},
    "cyclonedx": {"image/sbom.py"},
    "pcpp": {"formats/preprocess.py"},
    "dask": {"campaign.py"},
    "doit": {"tasks.py"},
}
LONGEST_MODULE = 450


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "_data" not in path.parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "hvbuild":
                yield from (f"hvbuild.{name.name}" for name in node.names)


def room(name: str) -> str:
    return name.split(".")[1] if name.startswith("hvbuild.") else ""


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def test_imports_go_downward_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in imports(path)
        if (here := room_of(path)) in FLOORS
        and (there := room(name))
        and there != here
        and (there not in FLOORS or FLOORS.index(there) > FLOORS.index(here))
    ]

    assert wrong == []


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__"}

    assert rooms - set(FLOORS) == set()
    assert len(FLOORS) == len(set(FLOORS))


def test_walls_stand() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in imports(path)
        if room(name) in WALLS.get(room_of(path), set())
    ]

    assert wrong == []


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_by_its_door_only(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] == library
    }

    assert users <= DOORS[library]


def test_no_module_is_too_long_or_named_for_nothing() -> None:
    long = [f"{path.relative_to(ROOT)}" for path in modules() if _lines(path) > LONGEST_MODULE]
    words = {"utils", "helpers", "common", "manager", "misc"}
    vague = [path.name for path in modules() if path.stem in words]

    assert long == []
    assert vague == []


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) != 1
    ]

    assert wrong == []


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        there = {room(name) for name in imports(path)} - {room_of(path), ""}
        graph.setdefault(room_of(path), set()).update(there)
    done: set[str] = set()

    def visit(name: str, chain: tuple[str, ...]) -> None:
        assert name not in chain, " -> ".join((*chain, name))
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*chain, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
