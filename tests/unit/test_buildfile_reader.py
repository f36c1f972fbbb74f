"""The reader of buildfiles: nothing is lost, tokens and scopes are those of mkifs."""

from pathlib import Path

import pytest

from hvbuild.formats.buildfile import BuildDocument, Line, read_buildfile
from hvbuild.formats.buildfile_script import read_boot, read_script
from hvbuild.formats.mkifs_words import GROUP_SPACE, SPEC_SPACE, file_layer, read_words
from hvbuild.source import SourceFile

CORPUS = sorted((Path(__file__).parents[1] / "corpus/buildfiles").glob("*.build"))


def read(text: str) -> BuildDocument:
    return read_buildfile(text, "t.build")


def line_of(document: BuildDocument, target: str) -> Line:
    return next(line for line in document.lines if line.target and line.target.text == target)


def load(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def assert_nothing_lost(text: str) -> None:
    document = read(text)
    at = 0
    for start, end in document.stretches():
        assert at == start
        at = end

    assert len(text) == at
    assert text == document.text


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_own_corpus_prints_back(path: Path) -> None:
    assert_nothing_lost(load(path))


def test_shared_corpus_prints_back(shared: Path) -> None:
    paths = [path for path in (shared / "corpus/buildfiles").iterdir() if path.is_file()]

    assert paths
    for path in paths:
        assert_nothing_lost(load(path))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a host", ["a", "host"]),
        ("a=host", ["a", "host"]),
        ("a = host", ["a", "host"]),
        ("a\t=\rhost", ["a", "host"]),
        ("name#x # comment", ["name#x"]),
        ('a"b c"d', ["ab cd"]),
        ('"a=b"', ["a=b"]),
        ('"never closed\nnext', ["never closed"]),
        ("'a b'", ["'a", "b'"]),
        (r"a\b a\\b a\"b a\$b", [r"a\b", r"a\b", 'a"b', "a$b"]),
        (r"a\]b", [r"a\]b"]),
        ("$NAME x", ["$NAME", "x"]),
        ("${A}/${B}", ["${A}/${B}"]),
        ("$ {", ["$", "{"]),
        ('""', [""]),
        ("a\\\nb", ["ab"]),
        ("a \\\n  b", ["a", "", "b"]),
    ],
)
def test_tokens_of_a_file_line(text: str, tokens: list[str]) -> None:
    words, _ = read_words(file_layer(SourceFile("t", text)), 0, SPEC_SPACE, "\n")

    assert tokens == [word.text for word in words]


def test_tokens_of_a_group_end_at_the_bracket() -> None:
    words, at = read_words(
        file_layer(SourceFile("t", 'a=1\n# ] no\n b="x]y" c=\\]z] rest')), 0, GROUP_SPACE, "]"
    )

    assert [word.text for word in words] == ["a=1", "b=x]y", "c=]z"]
    assert 'a=1\n# ] no\n b="x]y" c=\\]z] rest'[:at] == 'a=1\n# ] no\n b="x]y" c=\\]z'


@pytest.mark.parametrize(
    ("text", "values", "expanded"),
    [
        ("${A}/x", {"A": "1"}, "1/x"),
        ("${A}/x", {}, "/x"),
        ("${A}", {"A": "${B}b", "B": "2"}, "2b"),
        ("${A}", {"A": "a b=c"}, "a b=c"),
        ("${A${B}}", {"A": "no", "B": "yes"}, "Ayes}"),
        ('"${A}"', {"A": "1"}, "${A}"),
        ("$A", {"A": "1"}, "$A"),
        ("$A}b", {"A": "1"}, "$Ab"),
    ],
)
def test_variables_expand_as_in_mkifs(text: str, values: dict[str, str], expanded: str) -> None:
    words, _ = read_words(file_layer(SourceFile("t", text)), 0, SPEC_SPACE, "\n")

    assert expanded == words[0].expanded(values)


def test_every_token_has_its_place() -> None:
    text = load(Path(__file__).parents[1] / "corpus/buildfiles/host-7.1.build")
    document = read(text)
    script = next(line for line in document.lines if line.is_on("script"))
    assert script.body is not None
    wait = [s for s in read_script(script.body.layer) if s.command == "waitfor"][-1]

    assert wait.words[1].span.text == "${DISKS\\}/qvmdisk0"
    assert (wait.words[1].span.line, wait.words[1].span.column) == (23, 13)
    assert wait.span.text == "waitfor ${DISKS\\}/qvmdisk0 2.5"


def test_attribute_scope() -> None:
    document = read(load(Path(__file__).parents[1] / "corpus/buildfiles/attribute-scope.build"))

    seen = {
        line.words[0].text: (line.value("uid"), line.value("perms"), line.value("optional"))
        for line in document.lines
        if line.words
    }
    assert seen == {
        "/etc/a": ("0", "0644", None),
        "/bin/b": ("0", "0755", None),
        "/etc/c": ("0", "0644", None),
        "/etc/d": ("0", "0644", None),
        "/etc/e": ("0", "0644", "-"),
    }
    assert line_of(document, "/etc/d").value("mount") == "/x"
    assert line_of(document, "/etc/e").value("search") == "/one:/two"


def test_virtual_alone_on_a_line_makes_no_boot_script() -> None:
    document = read("[virtual=x,raw]\nboot = {\nstartup\n}\n")

    assert [line.boot for line in document.lines] == [None, None]
    assert document.lines[1].value("virtual") is None


def test_modules_hold_for_their_group_only() -> None:
    document = read("[virtual=x,raw] boot = {\n[module=a]\n[module=b module=c] s\n[+raw] t\nu\n}\n")
    body = document.lines[0].body
    assert body is not None

    assert [[use.value for use in statement.modules] for statement in read_boot(body.layer)] == [
        ["a"],
        ["b", "c"],
        [],
        ["a"],
    ]


@pytest.mark.parametrize(
    ("text", "content", "rest"),
    [
        ("a={\nx\n}\nb=c\n", "x\n", [["b", "c"]]),
        ("a={\nx\\}y\\\\z\n}\n", "x}y\\z\n", []),
        ("a={\nf() {\n  x\n}\n}\n", "f() {\n  x\n", [["}"]]),
        ("a={\n${X}/y\n}\n", "${X", [["y"], ["}"]]),
        ("a={\nno end", "no end", []),
        ("a={\n}\nb=c", "", [["b", "c"]]),
    ],
)
def test_inline_bodies_end_at_the_first_unescaped_brace(
    text: str, content: str, rest: list[list[str]]
) -> None:
    first, *others = read(text).lines
    assert first.body is not None

    assert content == first.body.text
    assert rest == [[word.text for word in line.words] for line in others]


def test_a_brace_on_its_own_line_is_a_name() -> None:
    assert [line.body for line in read("a =\n{\nx\n}\n").lines] == [None, None, None, None]


def test_statements_of_a_script() -> None:
    document = read(load(Path(__file__).parents[1] / "corpus/buildfiles/script-lines.build"))
    first = document.lines[0].body
    assert first is not None

    statements = read_script(first.layer)
    assert [
        ([word.text for word in s.words], s.background is not None, s.value("pri")) for s in statements[1:7]
    ] == [
        (["one", "-a"], True, "10r"),
        (["sh"], False, "10r"),
        (["two", "${NOT}", "'x", "y'"], False, "*"),
        ([], False, "10r"),
        (["three", "e&", "c", "&d"], False, "10r"),
        (["waitfor", "/bin/x"], False, "10r"),
    ]
    assert [word.text for word in statements[3].assignments] == ["NAME=value"]
    assert statements[3].words[1].variables == ()


def test_includes_are_seen_outside_bodies_only() -> None:
    document = read(load(Path(__file__).parents[1] / "corpus/buildfiles/preprocessor.build"))

    assert [span.text for span in document.includes] == ['#include "common.build"', "#include <more.build>"]
    assert document.lines[0].is_on("include")


def test_a_boolean_is_found_by_a_prefix_of_its_name() -> None:
    document = read("[+scr] a = {\nx\n}\n")

    assert document.lines[0].is_on("script")


def test_every_corpus_file_is_listed() -> None:
    assert len(CORPUS) >= 11
