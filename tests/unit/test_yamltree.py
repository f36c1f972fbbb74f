"""YAML is read into the tree with exact places; every unfit text has one fault; no bytes ever raise."""

import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from hvbuild.load.tree import Kind, Mapping, Scalar, Sequence, heading_at, leaves, node_at, plain, route
from hvbuild.load.yamlscan import YamlFault, parsing_events
from hvbuild.load.yamltree import MAX_DEPTH, read_yaml

TEXT = """\
# a stack
format: 1
guests:
  la:
    system: la-1   # its name
    cmdline: "a=b \\"c\\" root=/dev/vda"
    vcpus:
      - {name: cpu0, runmask: [7, 6, 0x5]}
      - name: cpu1
        sched: 45r
    note: |
      two
      lines

    empty:
  lb: &b
    on: yes
    off: true
lc: *b
url: http://x:80/a#b
quoted: '0x10'
"""


def tree(text: str) -> Mapping:
    reading = read_yaml(text.encode(), "f")

    assert reading.faults == ()
    assert reading.root is not None
    return reading.root


def told(text: bytes) -> list[str]:
    return [f"{fault.code} {fault.primary.span}" for fault in read_yaml(text, "f").faults]


def test_values_are_read_from_their_text() -> None:
    assert plain(tree(TEXT)) == {
        "format": 1,
        "guests": {
            "la": {
                "system": "la-1",
                "cmdline": 'a=b "c" root=/dev/vda',
                "vcpus": [{"name": "cpu0", "runmask": [7, 6, 5]}, {"name": "cpu1", "sched": "45r"}],
                "note": "two\nlines\n",
                "empty": None,
            },
            "lb": {"on": "yes", "off": True},
        },
        "lc": {"on": "yes", "off": True},
        "url": "http://x:80/a#b",
        "quoted": "0x10",
    }


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("guests", "la", "system"), "la-1"),
        (("guests", "la", "cmdline"), '"a=b \\"c\\" root=/dev/vda"'),
        (("guests", "la", "vcpus", 0), "{name: cpu0, runmask: [7, 6, 0x5]}"),
        (("guests", "la", "vcpus", 0, "runmask"), "[7, 6, 0x5]"),
        (("guests", "la", "vcpus", 0, "runmask", 2), "0x5"),
        (("guests", "la", "vcpus", 1), "name: cpu1\n        sched: 45r"),
        (("guests", "la", "note"), "|\n      two\n      lines"),
        (("guests", "la", "empty"), "empty"),
        (("guests", "lb"), "on: yes\n    off: true"),
        (("lc",), "*b"),
        (("lc", "on"), "yes"),
        (("quoted",), "'0x10'"),
        (("url",), "http://x:80/a#b"),
    ],
)
def test_spans_are_exact(path: tuple[str | int, ...], written: str) -> None:
    node = node_at(tree(TEXT), path)

    assert node is not None
    assert node.span.text == written


def test_every_leaf_has_the_place_of_its_text() -> None:
    for path, leaf in leaves(tree(TEXT)):
        if leaf.span.text == leaf.text:
            continue
        assert route(path) in ("guests.la.cmdline", "guests.la.note", "guests.la.empty", "quoted")


def test_an_alias_stands_at_its_own_place_and_remembers_its_anchor() -> None:
    node = node_at(tree(TEXT), ("lc",))

    assert node is not None
    assert [str(place) for place in node.origin.places] == ["f:19:5", "f:17:5"]


def test_a_node_begins_after_its_anchor() -> None:
    root = tree("a: &x # why\n  # more\n  b: 1\nc: &y [1]\nd: &z 7\n")
    spans = [node.span.text for key in "acd" if (node := root.get(key)) is not None]

    assert spans == ["b: 1", "[1]", "7"]


def test_typed_look_ups() -> None:
    root = tree("a: 5\nb: true\nc: x\nd: [1, {e: 2}]\nf: {g: 1}\nh:\n")

    assert root.integer("a") == 5
    assert root.integer("b") is None
    assert root.boolean("b") is True
    assert root.boolean("a") is None
    assert root.text("a") == "5"
    assert root.text("h") is None
    assert [each.text for each in root.scalars("d")] == ["1"]
    assert [each.integer("e") for each in root.mappings("d")] == [2]
    assert root.mapping("f") is not None
    assert root.mapping("a") is None
    assert isinstance(root.sequence("d"), Sequence)
    assert str(root.key_span("f")) == "f:5:1"
    assert str(root.origin_of("c")) == "f:3:4"
    assert str(root.origin_of("none")) == "f:1:1"
    assert node_at(root, ("d", 1, "e")) == Scalar("2", Kind.INTEGER, 2, root.span)
    assert node_at(root, ("d", 2)) is None
    assert node_at(root, ("a", "b")) is None
    assert str(heading_at(root, ("d", 1))) == "f:4:9"
    assert route(("guests", "la", "vdevs", 0, "loc")) == "guests.la.vdevs[0].loc"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("012", 12),
        ("-1", -1),
        ("+7", 7),
        ("0x1F", 31),
        ("0xffffffffffffffff", (1 << 64) - 1),
        ("18446744073709551615", (1 << 64) - 1),
        ("-9223372036854775808", -(1 << 63)),
        ("00000000000000000000000001", 1),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("0x", "0x"),
        ("45r", "45r"),
        ("512MiB", "512MiB"),
        ("2.5us", "2.5us"),
        ("1.2.3", "1.2.3"),
        ("12:30", "12:30"),
        ("gic:40", "gic:40"),
        ("mem:0x1c000000", "mem:0x1c000000"),
        ("a_b", "a_b"),
        ("7,6,5,4", "7,6,5,4"),
        ("-", "-"),
        ("=", "="),
        ("2026-13", "2026-13"),
        ("1e", "1e"),
        ("0b2", "0b2"),
        ("'1_000'", "1_000"),
        ('"1.5"', "1.5"),
    ],
)
def test_a_scalar_is_what_its_text_says(text: str, value: object) -> None:
    if text == "-":
        text = "'-'"
    got = plain(tree(f"a: {text}\n"))

    assert got == {"a": value}
    assert type(got["a"]) is type(value)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # encoding and characters
        (b"a: \xff\n", "HV0001 f:1:4"),
        (b"a: \xc3\xa9\nb: \xe9\n", "HV0001 f:2:4"),
        (b"a: \xed\xa0\x80\n", "HV0001 f:1:4"),
        ("a: 1\n".encode("utf-16"), "HV0001 f:1:1"),
        ("a: 1\n".encode("utf-32"), "HV0001 f:1:1"),
        (b"\xef\xbb\xbfa: 1\n", "HV0002 f:1:1"),
        (b"a: 1\0\n", "HV0003 f:1:5"),
        (b"a: \x07\n", "HV0003 f:1:4"),
        (b"a: \x1b[31m\n", "HV0003 f:1:4"),
        (b"a: 1\rb: 2\n", "HV0003 f:1:5"),
        ("a: b\u2028c\n".encode(), "HV0003 f:1:5"),
        ("a: b\x85c\n".encode(), "HV0003 f:1:5"),
        ("a: b\ufeffc\n".encode(), "HV0003 f:1:5"),
        (b'a: "x\\0y"\n', "HV0003 f:1:4"),
        (b'a: "x\\ny\\u001b"\n', "HV0003 f:1:4"),
        (b'a: "\\ud800"\n', "HV0003 f:1:4"),
        (b'"k\\a": 1\n', "HV0003 f:1:1"),
        # syntax
        (b"a: b: c\n", "HV0004 f:1:5"),
        (b"a: [1, 2\nb: 3\n", "HV0004 f:2:2"),
        (b"a: {b: 1\n", "HV0004 f:2:1"),
        (b"a: @x\n", "HV0004 f:1:4"),
        (b"a: `x`\n", "HV0004 f:1:4"),
        (b"a: %x\n", "HV0004 f:1:4"),
        (b"a: 'x\n", "HV0004 f:2:1"),
        (b'a: "\\q"\n', "HV0004 f:1:6"),
        (b'a: "\\UFFFFFFFF"\n', "HV0004 f:1:7"),
        (b"a:\n  b: 1\n c: 2\n", "HV0004 f:3:2"),
        (b"a: 1\nb\nc: 2\n", "HV0004 f:3:1"),
        (b"a: - b\n", "HV0004 f:1:4"),
        (b"a: [x, ${b}]\n", "HV0004 f:1:9"),
        (b"a:\n\tb: 1\n", "HV0005 f:2:1"),
        (b"a: \tb\n", "HV0005 f:1:4"),
        (b"- \ta: 1\n", "HV0005 f:1:3"),
        # documents and directives
        (b"%YAML 1.1\n---\na: yes\n", "HV0006 f:1:1"),
        (b"# x\n\n%YAML 1.2\n---\na: yes\n", "HV0006 f:3:1"),
        (b"%TAG ! tag:x,2000:\n---\na: 1\n", "HV0006 f:1:1"),
        (b"%FOO\n---\na: 1\n", "HV0006 f:1:1"),
        (b"a: 1\n---\nb: 2\n", "HV0007 f:2:1"),
        (b"a: 1\n...\nb: 2\n", "HV0007 f:3:1"),
        (b"", "HV0008 f:1:1"),
        (b"# only a comment\n", "HV0008 f:1:1"),
        (b"---\n", "HV0008 f:1:1"),
        # keys, tags, aliases
        (b"a: 1\nb: 2\na: 3\n", "HV0009 f:3:1"),
        (b"a: {x: 1, x: 2}\n", "HV0009 f:1:11"),
        (b"a: 1\n'a': 2\n", "HV0009 f:2:1"),
        (b"b: &b {x: 1}\na:\n  <<: *b\n", "HV0010 f:3:3"),
        (b"a: !!python/object/apply:os.system [x]\n", "HV0011 f:1:4"),
        (b"a: !x 1\n", "HV0011 f:1:4"),
        (b"a: !!str 1\n", "HV0011 f:1:4"),
        (b"a: &b !x {c: 1}\n", "HV0011 f:1:7"),
        (b"!x k: 1\n", "HV0011 f:1:1"),
        (b"a: " + b"[" * 70 + b"]" * 70 + b"\n", "HV0012 f:1:67"),
        (b"[" * 5000, "HV0012 f:1:65"),
        (b"a: " + b"{a: " * 5000, "HV0012 f:1:256"),
        (b"- " * 5000, "HV0012 f:1:129"),
        (BOMB.encode(), "HV0013 f:6:8"),
        (b"a: {b: 7,6,5,4}\n", "HV0018 f:1:10"),
        (b"a: {b}\n", "HV0018 f:1:5"),
        (b"a: {b:1}\n", "HV0018 f:1:5"),
        (b"? [a]\n: 1\n", "HV0019 f:1:3"),
        (b"{a: 1}: 2\n", "HV0019 f:1:1"),
        (b": 1\n", "HV0019 f:1:1"),
        (b"b: &b x\n*b : 1\n", "HV0019 f:2:1"),
        (b"- a\n", "HV0020 f:1:1"),
        (b"text\n", "HV0020 f:1:1"),
        (b"a: *b\n", "HV0021 f:1:4"),
        (b"a: &b [*b]\n", "HV0021 f:1:8"),
        # numbers
        (b"a: 18446744073709551616\n", "HV0014 f:1:4"),
        (b"a: 0x10000000000000000\n", "HV0014 f:1:4"),
        (b"a: -9223372036854775809\n", "HV0014 f:1:4"),
        (b"a: " + b"9" * 5000 + b"\n", "HV0014 f:1:4"),
        (b"a: 1_000\n", "HV0015 f:1:4"),
        (b"a: 0x8000_0000\n", "HV0015 f:1:4"),
        (b"a: 0b11\n", "HV0015 f:1:4"),
        (b"a: 0o17\n", "HV0015 f:1:4"),
        (b"a: 0X1F\n", "HV0015 f:1:4"),
        (b"a: [1, 0X1F]\n", "HV0015 f:1:8"),
        (b"a: 1.5\n", "HV0016 f:1:4"),
        (b"a: 8.0\n", "HV0016 f:1:4"),
        (b"a: 1e3\n", "HV0016 f:1:4"),
        (b"a: .5\n", "HV0016 f:1:4"),
        (b"a: .inf\n", "HV0016 f:1:4"),
        (b"a: .NaN\n", "HV0016 f:1:4"),
        (b"a: 2026-01-31\n", "HV0017 f:1:4"),
        (b"a: 2026-01-31T10:00:00Z\n", "HV0017 f:1:4"),
    ],
)
def test_each_unfit_text_has_one_fault_at_its_place(text: bytes, expected: str) -> None:
    assert told(text) == [expected]


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (b"g: {runmask: 7,6,5,4, b: 1}\n", "a list needs brackets: `runmask: [7, 6, 5, 4]`"),
        (b"a: {b:1}\n", "put a space after the colon"),
        (b"a: 0x8000_0000\n", "write `0x80000000`"),
        (b"a: 0o17\n", "write `15`"),
        (b"a: [x, ${b}]\n", "`${NAME}` needs quotes"),
        (b"ab: &abcd 1\nb: *abce\n", "did you mean `*abcd`?"),
        (b"a: 8.0\n", 'quote it if it is text: "8.0"'),
    ],
)
def test_a_fault_says_what_to_write(text: bytes, help_: str) -> None:
    assert help_ in " ".join(read_yaml(text, "f").faults[0].helps)


def test_a_duplicate_key_shows_both_places() -> None:
    (fault,) = read_yaml(b"a: 1\nb: 2\na: 3\n", "f").faults

    assert [str(label.span) for label in fault.labels] == ["f:3:1", "f:1:1"]


def test_all_faults_of_a_text_are_told_in_order() -> None:
    assert told(b"a: 1_0\nb: !x 1.5\nb: 2\nc: {d: 1,2}\n") == [
        "HV0015 f:1:4",
        "HV0011 f:2:4",
        "HV0016 f:2:7",
        "HV0009 f:3:1",
        "HV0018 f:4:10",
    ]


def test_depth_below_the_limit_is_read() -> None:
    assert told(b"a: " + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"\n") == []


def test_windows_line_ends_count_as_one() -> None:
    root = tree("a: 1\r\nb:\r\n  - x\r\n  - y # c\r\nc: |\r\n  t\r\n")

    assert plain(root) == {"a": 1, "b": ["x", "y"], "c": "t\n"}
    assert str(root.key_span("c")) == "f:5:1"


PIECES: tuple[str, ...] = (
    "a: ",
    "b",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    ": ",
    "\n",
    "  ",
    "\t",
    "#x",
    '"',
    "'",
    "|\n",
    ">\n",
    "&a ",
    "*a",
)
PIECES += (
    "!x ",
    "? ",
    "%",
    "---\n",
    "...\n",
    "1_0",
    "0x1",
    "\\",
    "\0",
    "\r\n",
    "é",
    "<<: ",
    "${x}",
    "@",
    "~",
    "10",
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_text_raises_and_every_place_is_inside(text: str) -> None:
    assert_every_place_is_inside(text.encode())


def assert_every_place_is_inside(data: bytes) -> None:
    """What has no root has a fault, and every place of a fault or a leaf lies inside the text."""
    reading = read_yaml(data, "f")
    root = [] if reading.root is None else [leaf.span for _, leaf in leaves(reading.root)]

    assert reading.root is not None or reading.faults
    for span in (*root, *(label.span for fault in reading.faults for label in fault.labels)):
        assert 0 <= span.start <= span.end <= len(reading.file.text)


def test_no_bytes_raise_and_every_place_is_inside() -> None:
    chosen = random.Random(7)
    source = bytearray(TEXT.encode())
    for _ in range(300):
        spoilt = bytearray(source)
        for _ in range(chosen.randrange(1, 6)):
            at = chosen.randrange(len(spoilt))
            spoilt[at : at + chosen.randrange(3)] = chosen.randbytes(chosen.randrange(3))
        assert_every_place_is_inside(bytes(spoilt))


def own(text: str) -> object:
    try:
        return [_signature(event) for event in parsing_events(text)]
    except YamlFault as fault:
        return fault.problem, fault.at


def library(text: str) -> object:
    try:
        return [_signature(event) for event in YAML(typ="safe", pure=True).parse(text)]
    except MarkedYAMLError as error:
        return str(error.problem or ""), error.problem_mark.index if error.problem_mark else None


def _signature(event: Any) -> tuple[object, ...]:
    return (
        type(event).__name__,
        getattr(event, "value", None),
        getattr(event, "style", None),
        getattr(event, "anchor", None),
        getattr(event, "tag", None),
        getattr(event, "flow_style", None),
        event.start_mark.index,
        event.end_mark.index,
    )


LIBRARY_PIECES = tuple(piece for piece in PIECES if "\0" not in piece and "%" not in piece)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(LIBRARY_PIECES), max_size=25).map("".join))
def test_the_quick_scanner_sees_what_the_library_sees(text: str) -> None:
    assert own(text) == library(text)


@pytest.mark.laws
@settings(max_examples=5_000, deadline=None)
@given(st.lists(st.sampled_from((*LIBRARY_PIECES, *string.ascii_letters[:4])), max_size=40).map("".join))
def test_the_quick_scanner_sees_what_the_library_sees_at_length(text: str) -> None:
    assert own(text) == library(text)


def test_the_quick_scanner_reads_the_example_as_the_library_does() -> None:
    assert own(TEXT) == library(TEXT)
