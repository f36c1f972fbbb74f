"""Whatever the text: readers lose nothing and lint answers with diagnostics, never with an exception."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.cheader import read_header, updated
from hvbuild.formats.dts import read_dts
from hvbuild.meaning.buildfile_lint import lint_buildfile
from hvbuild.meaning.devicetree_lint import lint_devicetree
from hvbuild.meaning.host_facts import host_facts

CORPUS = Path(__file__).parents[1] / "corpus"
BUILDFILES = [path.read_bytes().decode() for path in sorted((CORPUS / "buildfiles").glob("*.build"))]
TREES = [path.read_text(encoding="utf-8") for path in sorted((CORPUS / "dts").glob("*"))]

BUILD_WORDS = st.sampled_from(
    [
        "[",
        "]",
        "[+script]",
        "[virtual=x,raw]",
        "[-optional]",
        "[pri=10r]",
        "[type=dir]",
        "[uid=x perms=9]",
        "=",
        "{",
        "= {\n",
        "}",
        "\\",
        "\\}",
        '"',
        "#",
        "#!/bin/sh",
        "${A}",
        "${",
        "$",
        "A=b",
        "é",
        "\x00",
        "\r",
        "startup-x",
        "procnto",
        "-r 0,4K",
        "-R 1M",
        "-L 1,2,a",
        "-c a:3",
        "-Q enable",
        "&",
        "if",
        "then",
        "fi",
        "waitfor",
        "/dev/x",
        "sched_aps a 10",
        "reopen",
        "on -p 10r -C 1",
        "qvm @/x",
        "vpctl peer=/a,bind=/b",
    ]
)
TREE_WORDS = st.sampled_from(
    [
        "/dts-v1/;",
        "/plugin/;",
        "/ {",
        "{",
        "};",
        "}",
        ";",
        "<",
        ">",
        "(",
        ")",
        "[",
        "]",
        "=",
        ",",
        "+",
        "&",
        "0x1",
        "1",
        "-1",
        "0x1ffffffff",
        "&a",
        "a:",
        "a",
        "b@1",
        '"',
        '"a"',
        "'a'",
        "reg",
        "#address-cells",
        "reserved-memory",
        "ranges",
        "size",
        "memory-regions",
        "RSV(",
        "RSV(1,2,a);",
        "__overlay__",
        "é",
        "/delete-node/",
        "/memreserve/",
        "/bits/ 64",
        "#ifdef\n",
        "#endif\n",
        "// \n",
        "/* */",
        "\\",
        "\x00",
    ]
)
DAMAGE = st.sampled_from(["", "{", "}", "[", '"', "\\", "<", "\n", "(", "é"])


def texts(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(words, st.sampled_from([" ", "\n", "", " "])), max_size=30).map(
        lambda pairs: "".join(word + gap for word, gap in pairs)
    )


@st.composite
def damaged(draw: st.DrawFn, originals: list[str]) -> str:
    text = draw(st.sampled_from(originals))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    return text[:start] + draw(DAMAGE) + text[end:]


def look_at_buildfile(text: str, target: str | None) -> None:
    document = read_buildfile(text, "t.build")
    linted = lint_buildfile(document, shipped_catalog(), target)
    host_facts(linted.image)

    assert document.text == text
    assert all(0 <= f.primary.span.start <= f.primary.span.end <= len(text) for f in linted.faults)


def look_at_tree(text: str) -> None:
    document = read_dts(text, "t.dts")
    linted = lint_devicetree(document)

    assert document.file.text == text
    assert all(0 <= f.primary.span.start <= f.primary.span.end <= len(text) for f in linted.faults)


@given(texts(BUILD_WORDS) | st.text(max_size=40), st.sampled_from([None, "qnx-7.1", "qnx-8.0"]))
@settings(max_examples=150)
@example("[", None)
@example("[+script] a = {\n[", None)
@example("a = {\n\\", None)
def test_any_text_is_a_buildfile(text: str, target: str | None) -> None:
    look_at_buildfile(text, target)


@given(damaged(BUILDFILES))
@settings(max_examples=60)
def test_damaged_buildfiles(text: str) -> None:
    look_at_buildfile(text, "qnx-7.1")


@given(texts(TREE_WORDS) | st.text(max_size=40))
@settings(max_examples=150)
@example("/ { a = <0x")
@example("/memreserve/ 1;")
@example('/memreserve/ " /dts-v1/; ')
def test_any_text_is_looked_at_as_a_tree(text: str) -> None:
    look_at_tree(text)


@given(damaged(TREES))
@settings(max_examples=60)
def test_damaged_trees(text: str) -> None:
    look_at_tree(text)


@given(st.text(max_size=60))
def test_any_text_is_a_header(text: str) -> None:
    assert updated(read_header(text, "t.h"), {}).text == text


@pytest.mark.laws
@given(texts(BUILD_WORDS) | damaged(BUILDFILES), st.sampled_from([None, "qnx-7.1", "qnx-8.0"]))
@settings(max_examples=3000, deadline=None)
def test_many_buildfiles(text: str, target: str | None) -> None:
    look_at_buildfile(text, target)


@pytest.mark.laws
@given(texts(TREE_WORDS) | damaged(TREES))
@settings(max_examples=3000, deadline=None)
def test_many_trees(text: str) -> None:
    look_at_tree(text)
