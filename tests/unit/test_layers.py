"""Stack, variants and board are found, ordered and merged; every slip has one fault with its place."""

from pathlib import Path

import pytest

from hvbuild.load.files import Unreadable
from hvbuild.load.layers import Layers, board_file, load_layers, variants_beside
from hvbuild.load.parsecache import ParseCache
from hvbuild.load.tree import node_at, plain

STACK = "format: 1\nboard: b\ndescription: d\nvalue: [0]\nboard_overrides: {cpus: 4}\n"
FILES = {
    "stacks/s/stack.yaml": STACK,
    "stacks/s/variants/one.yaml": "format: 1\ndescription: first\nvalue: [1]\none: true\n",
    "stacks/s/variants/two.yaml": "format: 1\nextends: one\nvalue: [2]\nboard_overrides: {smmu: null}\n",
    "stacks/s/variants/both.yaml": "format: 1\nextends: [two, one]\n",
    "stacks/boards/b.yaml": "format: 1\nname: b\ncpus: 8\nsmmu: yes\n",
}


def written(folder: Path, extra: dict[str, str] | None = None) -> Path:
    for name, text in {**FILES, **(extra or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "stacks/s/stack.yaml"


def content(layers: Layers) -> tuple[object, object]:
    assert layers.faults == ()
    assert layers.stack is not None
    assert layers.board is not None
    return plain(layers.stack), plain(layers.board)


@pytest.mark.parametrize(
    ("variant", "value", "one", "names"),
    [
        ("base", [0], None, ()),
        ("one", [1], True, ("one",)),
        ("two", [2], True, ("one", "two")),
        ("two+one", [2], True, ("one", "two")),
        ("one+two", [2], True, ("one", "two")),
        ("both", [2], True, ("one", "two", "both")),
        ("base+one", [1], True, ("one",)),
    ],
)
def test_variants_compose_in_order_each_once(
    tmp_path: Path, variant: str, value: object, one: object, names: tuple[str, ...]
) -> None:
    layers = load_layers(written(tmp_path), variant)
    stack, _ = content(layers)

    assert layers.variants == names
    assert stack == {
        "format": 1,
        "board": "b",
        "description": "d",
        "value": value,
        **({"one": one} if one is not None else {}),
    }


def test_board_overrides_are_laid_over_the_board(tmp_path: Path) -> None:
    stack = written(tmp_path)

    assert content(load_layers(stack))[1] == {"format": 1, "name": "b", "cpus": 4, "smmu": "yes"}
    assert content(load_layers(stack, "two"))[1] == {"format": 1, "name": "b", "cpus": 4}
    assert load_layers(stack).board is not None


def test_an_overridden_fact_of_the_board_knows_both_places(tmp_path: Path) -> None:
    board = load_layers(written(tmp_path)).board
    assert board is not None
    node = node_at(board, ("cpus",))
    assert node is not None

    assert [Path(place.file.path).name for place in node.origin.places] == ["stack.yaml", "b.yaml"]


def test_inputs_are_what_the_stack_names(tmp_path: Path) -> None:
    stack = written(tmp_path, {"stacks/s/variants/stray.yaml": "not: read", "stacks/s/notes.yaml": "[["})
    names = [Path(each.path).relative_to(tmp_path).as_posix() for each in load_layers(stack, "one").inputs]

    assert names == ["stacks/s/stack.yaml", "stacks/s/variants/one.yaml", "stacks/boards/b.yaml"]
    assert variants_beside(stack) == ("both", "one", "stray", "two")


def test_a_variant_may_choose_another_board(tmp_path: Path) -> None:
    extra = {
        "stacks/s/variants/c.yaml": "format: 1\nboard: c\n",
        "stacks/s/boards/c.yaml": "format: 1\nname: near\ncpus: 1\n",
        "stacks/boards/c.yaml": "format: 1\nname: far\n",
    }
    stack = written(tmp_path, extra)

    assert content(load_layers(stack, "c"))[1] == {"format": 1, "name": "near", "cpus": 4}


def test_a_board_is_found_alike_by_relative_and_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = written(tmp_path)
    monkeypatch.chdir(tmp_path / "stacks/s")

    assert board_file(Path("stack.yaml"), "b") == Path("../boards/b.yaml")
    assert board_file(stack, "b") == tmp_path / "stacks/boards/b.yaml"
    assert board_file(stack, "none") is None


@pytest.mark.parametrize(
    ("extra", "variant", "where", "message", "help_"),
    [
        ({}, "tow", "HV0052 stack.yaml:1:1", "no variant `tow`", "did you mean `two`?"),
        ({}, "../../x", "HV0052 stack.yaml:1:1", "no variant `../../x`", "its variants: `both`"),
        (
            {"stacks/s/variants/v.yaml": "format: 1\nextends: oen"},
            "v",
            "HV0052 v.yaml:2:10",
            "`oen`",
            "`one`",
        ),
        (
            {"stacks/s/variants/v.yaml": "format: 1\nextends: v"},
            "v",
            "HV0053 v.yaml:2:10",
            "extends itself",
            "",
        ),
        (
            {"stacks/s/variants/v.yaml": "format: 1\nextends: {a: 1}"},
            "v",
            "HV0054 v.yaml:2:1",
            "`extends`",
            "",
        ),
        ({"stacks/s/variants/v.yaml": "extends: one"}, "v", "HV0050 v.yaml:1:1", "`format`", "format: 1"),
        ({"stacks/s/variants/v.yaml": "format: 1\nx: null"}, "v", "HV0030 v.yaml:2:1", "`x`", ""),
        ({"stacks/s/variants/v.yaml": "format: 1\nboard: bb"}, "v", "HV0055 v.yaml:2:8", "named `bb`", "`b`"),
        ({"stacks/s/stack.yaml": "format: 2\nboard: b"}, "base", "HV0051 stack.yaml:1:9", "`2`", "newer"),
        ({"stacks/s/stack.yaml": "format: 0\nboard: b"}, "base", "HV0051 stack.yaml:1:9", "`0`", "migrate"),
        ({"stacks/s/stack.yaml": "format: x\nboard: b"}, "base", "HV0051 stack.yaml:1:9", "`x`", "format: 1"),
        ({"stacks/s/stack.yaml": "a: [1"}, "base", "HV0004 stack.yaml:1:6", "`]` is missing", ""),
        ({"stacks/boards/b.yaml": "name: b"}, "base", "HV0050 b.yaml:1:1", "`format`", ""),
        ({"stacks/boards/b.yaml": "format: 1\na: 1\na: 2"}, "base", "HV0009 b.yaml:3:1", "twice", ""),
        (
            {"stacks/s/stack.yaml": "format: 1\nboard: b\nboard_overrides: {x: null}"},
            "base",
            "HV0030 stack.yaml:3:19",
            "`x`",
            "",
        ),
    ],
)
def test_one_slip_is_one_fault(  # noqa: PLR0917
    tmp_path: Path, extra: dict[str, str], variant: str, where: str, message: str, help_: str
) -> None:
    layers = load_layers(written(tmp_path, extra), variant)
    told = []
    for fault in layers.faults:
        span = fault.primary.span
        told.append(f"{fault.code} {Path(span.file.path).name}:{span.line}:{span.column}")

    assert told == [where]
    assert message in layers.faults[0].message
    assert help_ in " ".join(layers.faults[0].helps)
    assert layers.stack is None


def test_variants_that_extend_each_other_are_told_with_both_places(tmp_path: Path) -> None:
    extra = {
        "stacks/s/variants/a.yaml": "format: 1\nextends: b",
        "stacks/s/variants/b.yaml": "format: 1\nextends: [one, a]",
    }
    layers = load_layers(written(tmp_path, extra), "a")

    assert [f"{fault.code} {fault.primary.span.line}" for fault in layers.faults] == ["HV0053 2"]
    assert [Path(label.span.file.path).name for label in layers.faults[0].labels] == ["b.yaml", "a.yaml"]


def test_a_stack_that_cannot_be_opened_is_told_with_its_path(tmp_path: Path) -> None:
    layers = load_layers(tmp_path / "none/stack.yaml")

    assert [fault.code for fault in layers.faults] == ["HV0022"]
    assert "no such file" in layers.faults[0].message


def test_each_file_is_read_once_in_a_run(tmp_path: Path) -> None:
    reads: list[Path] = []

    def read(path: Path) -> bytes | Unreadable:
        reads.append(path)
        return path.read_bytes()

    load_layers(written(tmp_path), "both", read=read)

    assert len(reads) == len(set(reads)) == 5


def test_a_cache_changes_nothing_but_the_time(tmp_path: Path) -> None:
    stack = written(tmp_path)
    cache = ParseCache(tmp_path / "cache")
    plainly = load_layers(stack, "both")
    cold = load_layers(stack, "both", cache=cache)
    warm = load_layers(stack, "both", cache=cache)

    assert plainly.stack == cold.stack == warm.stack
    assert plainly.board == cold.board == warm.board
    assert [each.digest for each in plainly.inputs] == [each.digest for each in warm.inputs]
    assert len(list((tmp_path / "cache/trees").iterdir())) == 5
