"""Words and entries of qvmconf texts: grouping, contexts, places, comments, pieces of a command line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.qvmconf import Document, comments_of, print_qvmconf, read_qvmconf
from hvbuild.formats.qvmconf_command import files_named, read_command
from hvbuild.formats.qvmconf_tokens import gaps_of, tokens_of
from hvbuild.source import SourceFile

CATALOG = shipped_catalog()
Groups = list[tuple[str, ...]]

WORDS = st.one_of(
    st.sampled_from(list(CATALOG.options)),
    st.sampled_from(sorted({name for rows in CATALOG.vdev_options.values() for name in rows})),
    st.sampled_from([*CATALOG.vdevs, *CATALOG.blobs, "sched", "loc", "intr", "runmask", "name", "log"]),
    st.sampled_from(
        ["0x80000000,16M", "gic:37", "10r", "@X@", "@file", '"a b"', '>"|x y"', "$env{A}", '"', "="]
    ),
    st.text(st.characters(exclude_categories=[]), max_size=6),
)
GAPS = st.sampled_from([" ", "\n", "\t", "\r\n", "  \n ", " # remark\n", "#\n", "", "\v", "\f"])
TEXTS = st.lists(st.tuples(WORDS, GAPS), max_size=30).map(lambda pairs: "".join(w + g for w, g in pairs))


def read(text: str) -> Document:
    return read_qvmconf(SourceFile("a.qvmconf", text), CATALOG)


def groups(text: str) -> Groups:
    return [entry.words for entry in read(text).entries]


@settings(max_examples=300)
@given(TEXTS)
def test_any_text_prints_back(text: str) -> None:
    document = read(text)

    assert text == print_qvmconf(document)


@given(TEXTS)
def test_every_word_is_in_exactly_one_entry(text: str) -> None:
    document = read(text)
    words = [
        token
        for entry in document.entries
        for token in (*((entry.prefix,) if entry.prefix else ()), entry.option, *entry.arguments)
    ]

    assert list(document.tokens) == words


@given(TEXTS)
def test_gaps_hold_white_space_and_comments_only(text: str) -> None:
    file = SourceFile("a.qvmconf", text)
    for gap in gaps_of(file, tokens_of(file)):
        lines = [line.split("#")[0] for line in gap.split("\n")]

        assert not "".join(lines).strip(" \t\r\v\f")


@given(TEXTS)
def test_comments_are_those_of_the_gaps(text: str) -> None:
    document = read(text)
    found = list(comments_of(document))
    gaps = "".join(gaps_of(document.file, document.tokens))

    assert [comment.span.text for comment in found] == _comments(gaps)
    assert all(comment.entry is None or comment.entry < len(document.entries) for comment in found)


def _comments(gaps: str) -> list[str]:
    return [line[line.index("#") :] for line in gaps.split("\n") if "#" in line] if "#" in gaps else []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("vdev pl011 intr\ngic:37", [("vdev", "pl011"), ("intr", "gic:37")]),
        ("cpu sched 8 cpu sched 6", [("cpu",), ("sched", "8"), ("cpu",), ("sched", "6")]),
        ("intr\nx\ny", [("intr", "x"), ("y",)]),
        ("initrd load 1,a", [("initrd", "load", "1,a")]),
        ("fdt generate data pass", [("fdt", "generate"), ("data", "pass")]),
        ("fdt", [("fdt",)]),
        ("generate", [("generate",)]),
        ("logger debug slog", [("logger", "debug", "slog")]),
        ("debug logger debug,info slog debug", [("debug",), ("logger", "debug,info", "slog"), ("debug",)]),
        ("vdev pl011 sched 10 log info slog", [("vdev", "pl011"), ("sched", "10"), ("log", "info", "slog")]),
        ("cpu sched 1,2,3,4,5 s cpu", [("cpu",), ("sched", "1,2,3,4,5", "s"), ("cpu",)]),
        ("reserve loc io 1,2 intr 3", [("reserve",), ("loc", "io", "1,2"), ("intr", "3")]),
        ("vdev x a 1 b\n2 c\nd e", [("vdev", "x"), ("a", "1", "b", "2", "c"), ("d", "e")]),
        ("vdev x a loc 1", [("vdev", "x"), ("a",), ("loc", "1")]),
        ("vdev virtio-blk legacy hostdev load", [("vdev", "virtio-blk"), ("legacy",), ("hostdev", "load")]),
        ("ram cpu", [("ram",), ("cpu",)]),
        ("cmdline a b\nc\nram 1", [("cmdline", "a"), ("b", "c"), ("ram", "1")]),
        ('cmdline a="b c"d', [("cmdline", "a=b cd")]),
        ('hostdev >"|a b"#x', [("hostdev", ">|a b")]),
    ],
)
def test_entries(text: str, expected: Groups) -> None:
    assert expected == groups(text)


def test_a_global_option_does_not_close_the_context() -> None:
    document = read("cpu ram 32m sched 8")
    sched = document.entries[2]

    assert document.context_of(sched) is document.entries[0]


def test_every_word_has_its_place() -> None:
    document = read("system a\n  ram\t0x80000000,16M # here\n")

    assert [str(token.span) for token in document.tokens] == [
        "a.qvmconf:1:1",
        "a.qvmconf:1:8",
        "a.qvmconf:2:3",
        "a.qvmconf:2:7",
    ]


def test_comments_belong_to_entries() -> None:
    document = read("# head\nsystem a # name\n\n  # memory\nram 1M #\ncpu\n sched # deep\n 8\n# tail")

    assert [(comment.text, comment.trailing, comment.entry) for comment in comments_of(document)] == [
        ("head", False, 0),
        ("name", True, 0),
        ("memory", False, 1),
        ("", True, 1),
        ("deep", True, 3),
        ("tail", False, None),
    ]


# --- the command line -----------------------------------------------------------------------------------


def command(text: str, **files: str) -> tuple[Document, ...]:
    sources = {name: SourceFile(name, held) for name, held in files.items()}
    return read_command(SourceFile("<command line>", text), sources, CATALOG)


def test_files_of_a_command_line_are_named_in_order() -> None:
    line = SourceFile("<command line>", 'qvm @b "@a c" set x @a &')

    assert files_named(line) == ("b", "a c", "a")


def test_a_command_line_mixes_files_and_words() -> None:
    documents = command("/bin/qvm @b dryrun set slog-buffer 8K @a &", a="cpu sched 8", b="system g ram 1M")

    assert [[entry.words for entry in document.entries] for document in documents] == [
        [("system", "g"), ("ram", "1M")],
        [("dryrun",), ("set", "slog-buffer", "8K")],
        [("cpu",), ("sched", "8")],
    ]


def test_an_argument_must_be_in_the_file_of_its_option() -> None:
    first, second = command("@a @b", a="ram", b="16M")

    assert [fault.name for fault in first.faults] == ["argument-missing"]
    assert [fault.name for fault in second.faults] == ["unknown-option"]


def test_a_context_ends_with_its_file() -> None:
    _, second = command("@a @b", a="cpu", b="sched 8")

    assert [(fault.name, fault.severity) for fault in second.faults] == [
        ("context-ended-with-file", "warning")
    ]
