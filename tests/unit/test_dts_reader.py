"""The reader of devicetree sources: values, places, macros, and the texts that dtc refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.formats.dts import read_dts
from hvbuild.formats.dts_expressions import binary, integer, unescape
from hvbuild.formats.dts_faults import dts_faults
from hvbuild.formats.dts_merge import merged, walk_paths
from hvbuild.formats.dts_nodes import Bytes, Cells, DtDocument, DtNode, PathReference

CORPUS = Path(__file__).parents[1] / "corpus/dts"
FILES = sorted(CORPUS.glob("*.dts*"))


def read(name: str, **constants: int) -> DtDocument:
    return read_dts((CORPUS / name).read_text(encoding="utf-8"), name, constants)


def plain(body: str) -> DtDocument:
    return read_dts(f"/dts-v1/;\n/ {{\n{body}\n}};\n", "t.dts")


def at(document: DtDocument, path: str) -> DtNode:
    tree = merged(document)
    assert tree is not None
    node = tree.at(path)
    assert node is not None
    return node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_own_corpus_has_no_faults(path: Path) -> None:
    document = read(path.name)

    assert [str(fault.primary.span) for fault in dts_faults(document)] == []
    assert document.file.text == path.read_text(encoding="utf-8")


def test_values() -> None:
    uart = at(read("plain-host.dts"), "/soc/serial@900000")

    def value(name: str) -> object:
        found = uart.property(name)
        assert found is not None
        return [
            (v.bits, [c.value for c in v.cells])
            if isinstance(v, Cells)
            else v.label
            if isinstance(v, PathReference)
            else v.value
            for v in found.values
            if isinstance(v, Cells | PathReference | Bytes) or hasattr(v, "value")
        ]

    assert value("bytes") == [b"\x00\xff\x1a"]
    assert value("wide") == [(64, [0x123456789ABCDEF0])]
    assert value("narrow") == [(8, [1, 2, 3])]
    assert value("text") == ['tab\tquote"end']
    assert value("mixed") == ["a", (32, [1, 2]), b"\x03", "gvm_pmem"]
    assert value("flag") == []
    assert value("status") == ["okay"]


def test_memory_reservations() -> None:
    assert [(r.address, r.length) for r in read("plain-host.dts").reserves] == [
        (0x80000000, 0x10000),
        (0x80010000, 0x2000),
    ]


def test_each_string_of_a_list_has_its_place() -> None:
    vm = at(read("vendor-host.dts"), "/vm")
    names = vm.property("memory-regions")
    assert names is not None

    assert [(text.value, text.span.line, text.span.column) for text in names.strings] == [
        ("gvm_sysram2", 20, 20),
        ("gvm_pmem", 20, 35),
        ("plain", 21, 4),
    ]
    assert names.strings[1].span.text == '"gvm_pmem"'


def test_macros_that_stand_for_nodes() -> None:
    memory = at(read("vendor-host.dts"), "/reserved-memory")

    assert [(m.name, [text for text, _ in m.arguments]) for m in memory.macros] == [
        ("RSV_MEM", ["__GVM_PMEM_START__", "__GVM_PMEM_SIZE__", "gvm_pmem"]),
        ("RSV_MEM", ["__GVM_SYSRAM2_START__", "__GVM_SYSRAM2_SIZE__", "gvm_sysram2"]),
    ]
    assert memory.macros[0].arguments[0][1].text == "__GVM_PMEM_START__"
    assert [child.name for child in memory.children] == ["plain@90000000", "host_only", "host_only"]


def test_constants_give_cells_their_numbers() -> None:
    reg = at(read("vendor-host.dts", __PLAIN_START__=0x90000000), "/reserved-memory/plain@90000000").property(
        "reg"
    )
    unknown = at(read("vendor-host.dts"), "/reserved-memory/plain@90000000").property("reg")
    assert reg is not None
    assert unknown is not None

    assert [cell.value for cell in reg.cells] == [0, 0x90000000, 16 << 20]
    assert [cell.value for cell in unknown.cells] == [0, None, 16 << 20]
    assert (reg.is_read, unknown.is_read) == (True, False)


def test_conditions_keep_their_words() -> None:
    document = read("vendor-host.dts")
    nodes = [node for top in document.nodes for node in top.walk() if node.name == "host_only"]

    assert [node.guard for node in nodes] == ["#ifdef __HOST__", "#ifdef __HOST__ #else"]


def test_merging() -> None:
    tree = merged(read("merged.dts"))
    assert tree is not None

    assert [path for path, _ in walk_paths(tree.root)] == ["/", "/one", "/one/inner", "/two"]
    one, two = at(read("merged.dts"), "/one"), at(read("merged.dts"), "/two")
    assert (one.number("x"), one.number("y")) == (3, 2)
    assert [prop.name for prop in two.properties] == ["w"]
    assert tree.path_of("b") == "/two"


def test_extensions_of_labels_elsewhere_are_kept() -> None:
    tree = merged(read_dts("/dts-v1/;\n/ { };\n&far { x; };\n", "t.dts"))
    assert tree is not None

    assert [node.label for node in tree.unresolved] == ["far"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10", 16),
        ("010", 8),
        ("10UL", 10),
        ("0xffull", 255),
        ("'a'", 97),
        (r"'\n'", 10),
        ("09", None),
        ("x", None),
    ],
)
def test_integers(text: str, value: int | None) -> None:
    assert integer(text) == value


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ("1 2", [1, 2]),
        ("(1 + 2 * 3)", [7]),
        ("((1 << 4) | 2) (7 & ~1)", [18, 6]),
        ("(1 ? 2 : 3) (0 || 1)", [2, 1]),
        ("(-1)", [0xFFFFFFFFFFFFFFFF]),
        ("(4 / 0)", [None]),
        ("'a' 5", [97, 5]),
        ("/* x */ 1 // y\n 2", [1, 2]),
    ],
)
def test_cells(cells: str, values: list[int | None]) -> None:
    prop = at(plain(f"p = <{cells}>;"), "/").property("p")
    assert prop is not None

    assert [cell.value for cell in prop.cells] == values


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from(["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"]),
)
def test_arithmetic_stays_in_64_bits(a: int, b: int, operator: str) -> None:
    result = binary(operator, a, b)

    assert result is None or 0 <= result < 1 << 64


@pytest.mark.parametrize(
    ("text", "value"), [(r"a\x41\101", "aAA"), (r"\"\\", '"\\'), (r"\n\t\0", "\n\t\0"), ("ü", "ü")]
)
def test_string_escapes(text: str, value: str) -> None:
    assert unescape(text) == value


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("/dts-v1/;\n/ { a { }; a { }; };\n", [("HV8601", 2, 12)]),
        ("/dts-v1/;\n/ { a; b; a; };\n", [("HV8602", 2, 11)]),
        ("/dts-v1/;\n/ { a { }; b; };\n", [("HV8603", 2, 12)]),
        ("/ { };\n", [("HV8604", 1, 1)]),
        ("/dts-v1/;\n/ { a = <&no>; };\n&gone { };\n", [("HV8605", 2, 10), ("HV8605", 3, 1)]),
        ("/dts-v1/;\n/ { l: a { }; l: b { }; };\n", [("HV8606", 2, 18)]),
        ("/dts-v1/;\n/ { a = <1; };\n", [("HV8600", 2, 11)]),
        ('/dts-v1/;\n#include "x"\n/ { a = <&there>; };\n', []),
        ("/dts-v1/;\n/plugin/;\n&there { };\n", []),
        ("/dts-v1/;\n/ { a { }; };\n/ { a { }; };\n", []),
        ("/dts-v1/;\n/ {\n#if A\na;\n#else\na;\n#endif\n};\n", []),
    ],
)
def test_what_dtc_refuses(text: str, faults: list[tuple[str, int, int]]) -> None:
    found = [
        (f.code, f.primary.span.line, f.primary.span.column) for f in dts_faults(read_dts(text, "t.dts"))
    ]

    assert found == faults


@pytest.mark.parametrize(
    "text",
    ["/dts-v1/;\n/ {" + "a {" * 5000, "/dts-v1/;\n/ { a = <" + "(" * 5000 + "1" + ")" * 5000 + ">; };\n"],
    ids=["nodes", "parentheses"],
)
def test_what_is_nested_too_deep_is_one_fault(text: str) -> None:
    assert [fault.code for fault in dts_faults(read_dts(text, "t.dts"))] == ["HV8600"]
