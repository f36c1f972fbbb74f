"""Blobs: ours are dtc's byte for byte where dtc is installed, and what was written is read back."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.formats.dtb import Blob, BlobNode, NotATree, read_dtb, read_plain_dts, write_dtb
from hvbuild.formats.dtb_text import source_of_blob, text_of
from hvbuild.formats.dtbo import overlay_blob
from hvbuild.formats.dts import read_dts
from hvbuild.formats.dts_faults import dts_faults

CORPUS = Path(__file__).parents[1] / "corpus/dts"
GOLDEN = Path(__file__).parents[1] / "golden"
PLAIN = ["plain-host.dts", "merged.dts"]
OVERLAYS = sorted(path.name for path in CORPUS.glob("*.dtso"))
needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


def source(name: str) -> str:
    return (CORPUS / name).read_text(encoding="utf-8")


def dtc(text: str, *options: str) -> bytes | None:
    """What dtc makes of `text`, None when it refuses."""
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", *options]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def blob_of(text: str, *, symbols: bool = False) -> Blob:
    blob = read_plain_dts(text, "t.dts", symbols=symbols)
    assert isinstance(blob, Blob), blob
    return blob


@needs_dtc
@pytest.mark.parametrize("symbols", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_trees_equal_those_of_dtc(name: str, symbols: bool) -> None:
    assert write_dtb(blob_of(source(name), symbols=symbols)) == dtc(
        source(name), *(["-@"] if symbols else [])
    )


@needs_dtc
@pytest.mark.parametrize("symbols", [False, True])
@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_equal_those_of_dtc(name: str, symbols: bool) -> None:
    blob = overlay_blob(read_dts(source(name), name), symbols=symbols)
    assert isinstance(blob, Blob), blob

    assert write_dtb(blob) == dtc(source(name), *(["-@"] if symbols else []))


SNIPPETS = {
    "empty": "",
    "strings": 'a = "x", "y\\n\\x41"; b = "";',
    "expressions": "a = <(1 + 2 * 3) (1 << 31) (-1)>;",
    "character": "a = <'a'>;",
    "bits": "a = /bits/ 8 <1 2>, /bits/ 16 <0xabcd>, /bits/ 64 <1>;",
    "labels": "l: a { x = <&l>; y = &l; };",
    "explicit-phandle": "l: a { phandle = <7>; }; b { x = <&l>; }; m: c { }; d { x = <&m>; };",
    "names-of-fdt": 'a_with_references = "x"; b { c_with_references; };',
    "nested": "a { b { c { x; }; }; }; z { };",
    "shared-names": "abcreg = <1>; a { reg = <2>; }; b { abcreg; };",
    "long-bytes": "a = [" + "0123456789abcdef" * 9 + "];",
}


@needs_dtc
@pytest.mark.parametrize("body", SNIPPETS.values(), ids=SNIPPETS)
def test_snippets_equal_those_of_dtc(body: str) -> None:
    text = f"/dts-v1/;\n/ {{ {body} }};\n"

    assert write_dtb(blob_of(text)) == dtc(text)


REFUSED = {
    "twice-the-node": "a { }; a { };",
    "twice-the-property": "a; a;",
    "property-after-node": "a { }; b;",
    "unknown-label": "a = <&no>;",
    "twice-the-label": "l: a { }; l: b { };",
    "open-cells": "a = <1;",
    "bad-hex": "a = [0];",
}


@needs_dtc
@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_dtc_refuses_we_refuse(body: str) -> None:
    text = f"/dts-v1/;\n/ {{ {body} }};\n"
    ours = [*dts_faults(read_dts(text, "t.dts"))]

    assert dtc(text) is None
    assert ours or isinstance(read_plain_dts(text, "t.dts"), NotATree)


NAMES = st.text("abcxyz,-", min_size=1, max_size=6).map(lambda text: "n" + text)


def nodes(depth: int) -> st.SearchStrategy[BlobNode]:
    properties = st.dictionaries(NAMES, st.binary(max_size=9), max_size=3).map(lambda d: tuple(d.items()))
    children = (
        st.just(()) if depth == 0 else st.lists(nodes(depth - 1), max_size=2, unique_by=lambda n: n.name)
    )
    return st.builds(BlobNode, NAMES, properties, children.map(tuple))


BLOBS = st.builds(
    Blob,
    nodes(2).map(lambda node: BlobNode("", node.properties, node.children)),
    st.lists(st.tuples(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=2).map(tuple),
)


@given(BLOBS)
@settings(max_examples=60)
def test_what_was_written_is_read_back(blob: Blob) -> None:
    assert read_dtb(write_dtb(blob)) == blob


@given(BLOBS)
@settings(max_examples=60)
def test_the_source_of_a_blob_means_the_blob(blob: Blob) -> None:
    assert read_plain_dts(source_of_blob(write_dtb(blob)), "t.dtb") == blob


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.dtb")), ids=lambda path: path.parts[-4])
def test_the_source_of_a_golden_blob_means_the_blob(path: Path) -> None:
    data = path.read_bytes()

    assert read_plain_dts(text_of(data), "t.dtb") == read_dtb(data)


def test_numbers_that_look_like_letters_stay_numbers() -> None:
    root = BlobNode("", (("reg", b"abc\0"), ("label", b'abc\0a"b\0'), ("odd", b"\1\2\3")))
    text = source_of_blob(write_dtb(Blob(root)))

    assert "reg = <0x61626300>;" in text
    assert 'label = "abc", "a\\"b";' in text
    assert "odd = [01 02 03];" in text


def test_a_broken_blob_is_no_source() -> None:
    broken = write_dtb(blob_of(source("plain-host.dts")))[:200]

    assert [fault.code for fault in dts_faults(read_dts(text_of(broken), "t.dtb"))] == ["HV8600"]


@given(st.binary(max_size=80))
def test_garbage_is_no_tree(data: bytes) -> None:
    assert isinstance(read_dtb(data), NotATree)


def cut_blobs() -> Iterator[bytes]:
    whole = write_dtb(blob_of(source("plain-host.dts")))
    yield from (whole[:size] for size in range(0, len(whole) - 300, 97))


def test_a_cut_blob_is_no_tree() -> None:
    assert all(isinstance(read_dtb(data), NotATree) for data in cut_blobs())


def test_a_broken_blob_leaves_nothing_behind() -> None:
    whole = write_dtb(blob_of(source("plain-host.dts")))
    good = read_dtb(whole)
    read_dtb(whole[:200])

    assert read_dtb(whole) == good == blob_of(source("plain-host.dts"))


def test_a_blob_by_path() -> None:
    root = blob_of(source("plain-host.dts")).root
    found = root.at("/reserved-memory/gvm-pmem@b0000000")
    assert found is not None

    assert found.value("reg") == bytes.fromhex("00000000b000000002800000")
    assert found.value("no-map") == b""
    assert root.at("/no/such") is None
    assert "/soc/serial@900000" in [path for path, _ in root.walk()]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/dts-v1/;\n/ {\n a = <1;\n};\n", 3),
        ('/dts-v1/;\n/ {\n a = /incbin/("/etc/hostname");\n};\n', 3),
        ('/dts-v1/;\n/include/ "x.dtsi"\n/ { };\n', 2),
        ("/ { };\n", 1),
    ],
)
def test_a_text_that_is_no_tree_of_its_own(text: str, line: int) -> None:
    fault = read_plain_dts(text, "t.dts")

    assert isinstance(fault, NotATree)
    assert (fault.line, "t.dts" in fault.message) == (line, False)


def test_an_overlay_is_not_guessed() -> None:
    fault = overlay_blob(read_dts("/dts-v1/;\n/plugin/;\n&a {\n b = <UNKNOWN>;\n};\n", "t.dts"))

    assert fault == NotATree("`UNKNOWN` is not known here", 4)
    assert isinstance(overlay_blob(read_dts("/dts-v1/;\n/ { };\n", "t.dts")), NotATree)
