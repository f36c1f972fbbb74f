"""Headers of constants: read with their places, updated without touching anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.formats.cheader import read_header, respelled, updated

TEXT = """\
/* #define __NOT_THIS__ 0x1 */
#ifndef MAP_H
#define MAP_H
#define __GVM_PMEM_START__   0xB0000000ul  /* start */
#define __GVM_PMEM_SIZE__\t(0x02800000) // size
#define __GVM_PMEM_END__     (__GVM_PMEM_START__ + __GVM_PMEM_SIZE__)
  #  define SMALL 12
#define ROUND(x) ((x) & ~0xfff)
#define TEXT "0x1000"
#ifdef BIG
#define __POOL_SIZE__ 0x20000000
#else
#define __POOL_SIZE__ 0x10000000
#endif
#define LONG 0x1000 + \\
    0x234
#endif
"""


def test_constants_and_their_places() -> None:
    header = read_header(TEXT, "map.h")

    assert header.values == {
        "__GVM_PMEM_START__": 0xB0000000,
        "__GVM_PMEM_SIZE__": 0x2800000,
        "__GVM_PMEM_END__": 0xB2800000,
        "SMALL": 12,
        "__POOL_SIZE__": 0x10000000,
        "LONG": 0x1234,
    }
    start = header.constants[0]
    assert (start.span.text, start.span.line, start.is_literal) == ("0xB0000000ul", 4, True)
    assert [item.guard for item in header.constants if item.name == "__POOL_SIZE__"] == [
        "#ifndef MAP_H #ifdef BIG",
        "#ifndef MAP_H #ifdef BIG #else",
    ]


def test_an_update_changes_numbers_only() -> None:
    after = updated(read_header(TEXT, "map.h"), {"__GVM_PMEM_START__": 0xA0000000, "SMALL": 7})

    assert after.is_complete
    assert after.text == TEXT.replace("0xB0000000ul", "0xA0000000ul").replace("SMALL 12", "SMALL 7")


def test_a_derived_constant_follows_or_is_told() -> None:
    header = read_header(TEXT, "map.h")
    follows = updated(header, {"__GVM_PMEM_SIZE__": 0x3000000, "__GVM_PMEM_END__": 0xB3000000})
    differs = updated(header, {"__GVM_PMEM_END__": 0xC0000000})

    assert follows.is_complete
    assert "(0x03000000)" in follows.text
    assert (differs.derived, differs.text) == (("__GVM_PMEM_END__",), TEXT)


def test_what_cannot_be_set_is_told() -> None:
    after = updated(read_header(TEXT, "map.h"), {"NO_SUCH": 1, "__POOL_SIZE__": 2, "MAP_H": 3, "TEXT": 4})

    assert (after.missing, after.ambiguous, after.derived) == (
        ("NO_SUCH", "MAP_H"),
        ("__POOL_SIZE__",),
        ("TEXT",),
    )
    assert after.text == TEXT


def test_line_ends_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    after = updated(read_header(text, "map.h"), {"SMALL": 13})

    assert after.text == text.replace("SMALL 12", "SMALL 13")


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("0x80000000", 0x90000000, "0x90000000"),
        ("0x00ABCD", 0xEF, "0x0000EF"),
        ("0xabcdUL", 0x12345, "0x12345UL"),
        ("(10)", 11, "(11)"),
        ("0x10", 16, "0x10"),
        ("A + 1", 5, "A + 1"),
    ],
)
def test_numbers_keep_their_manner(old: str, value: int, new: str) -> None:
    assert respelled(old, value) == new


@given(st.integers(0, 2**64 - 1), st.sampled_from(["0x1", "0XFF00ul", "0", "(0x0000)", "7U"]))
def test_a_respelled_number_reads_back(value: int, old: str) -> None:
    after = updated(read_header(f"#define N {old} // x\n", "t.h"), {"N": value})

    assert after.is_complete
    assert read_header(after.text, "t.h").values == {"N": value}


@given(st.text(st.sampled_from('#define N0x1\n\\/*()ul \t\r"é'), max_size=60))
def test_any_text_survives_an_empty_update(text: str) -> None:
    assert updated(read_header(text, "t.h"), {}).text == text
