"""What the shipped stacks render, byte for byte; `--bless` rewrites, and its diff is reviewed like code."""

from pathlib import Path

import pytest

from hvbuild.building import build
from hvbuild.checking import Checker
from hvbuild.project import StackPlace, project_stacks

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
VARIANTS = [(place.name, variant) for place in project_stacks(ROOT) for variant in place.variants]


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(None)


@pytest.mark.parametrize(("stack", "variant"), VARIANTS, ids=str)
def test_shipped_stacks_render_as_reviewed(
    stack: str, variant: str, checker: Checker, tmp_path: Path, bless: bool
) -> None:
    place = StackPlace(file=ROOT / "stacks" / stack / "stack.yaml", root=ROOT)
    built = build(checker.check(place, variant), tmp_path)
    # The manifest holds digests of hvbuild's own data files: it changes with them and is tested on its own.
    written = {item.name: item.data for item in built.draft.rendering.artifacts}
    folder = GOLDEN / stack / variant
    if bless:
        for name, data in written.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    expected = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

    assert expected == written
    assert built.diagnostics == ()


def test_every_golden_folder_belongs_to_a_shipped_variant() -> None:
    folders = {
        (path.parent.name, path.name) for path in GOLDEN.glob("*/*") if path.is_dir() and any(path.iterdir())
    }

    assert folders == set(VARIANTS)


def test_each_shipped_stack_has_two_variants_besides_the_plain_one() -> None:
    counts = {place.name: len(place.variants) - 1 for place in project_stacks(ROOT)}

    assert set(counts) >= {"sdv", "sa8155-la", "rpi4", "x86-qemu"}
    assert min(counts.values()) >= 2
