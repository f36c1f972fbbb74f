"""Code frames: whole golden texts, and laws on where the carets stand."""

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.diagnostics import Code, Diagnostic, Label, Severity
from hvbuild.report.columns import WIDEST, show_line, visible, width
from hvbuild.report.diagnostics import diagnostic_text, text_report
from hvbuild.report.style import PLAIN, Role, Style, choose_style
from hvbuild.source import SourceFile, Span

CODE = Code(
    code="HV2003", name="vdev-inside-ram", severity=Severity.ERROR, meaning="m", source="s", policy=""
)
SOFT = Code(code="HV4007", name="too-many", severity=Severity.WARNING, meaning="m", source="s")
EXPLAIN = "`hvbuild explain HV2003` shows the rule and its source"

STACK = SourceFile(
    "stacks/sa8155/stack.yaml",
    dedent("""\
        # yaml-language-server: $schema=stack.schema.json
        guests:
          la:
            memory:
              - name: main
                base: 0x80000000
                size: 2560MiB
            vdevs:
              - type: pl011
                name: console
                loc: 0x88000000
        """),
)
VARIANT = SourceFile(
    "stacks/sa8155/variants/high-ram.yaml",
    "guests:\n  la:\n    memory:\n      - name: main\n        size: 3GiB\n",
)


def span(file: SourceFile, text: str, after: str = "") -> Span:
    start = file.text.index(text, file.text.index(after))
    return Span(file, start, start + len(text))


def mark(file: SourceFile, text: str, said: str = "") -> Label:
    return Label(span(file, text), said)


def shown(diagnostic: Diagnostic) -> str:
    """The report of one diagnostic without its last help."""
    text = diagnostic_text(diagnostic)
    last = next(line for line in text.splitlines() if line.endswith(EXPLAIN))
    return text.replace(last + "\n", "")


def test_two_places_in_one_file_and_one_in_another() -> None:
    fault = CODE.at(
        span(STACK, "0x88000000"),
        "virtual device `pl011` overlaps RAM `main` of guest `la`",
        "device occupies 0x88000000..0x88001000",
        others=[
            mark(STACK, "0x80000000", "RAM starts here"),
            mark(VARIANT, "3GiB", "and is 3GiB long, ending at 0x140000000"),
        ],
        notes=["a guest-physical address may be claimed once; RAM and `vdev` windows share one space"],
        helps=["move `loc` to 0x140000000 or above, or shrink `main`"],
    )

    assert diagnostic_text(fault) == dedent("""\
        error[HV2003]: virtual device `pl011` overlaps RAM `main` of guest `la`
          --> stacks/sa8155/stack.yaml:11:14
           |
         6 |         base: 0x80000000
           |               ---------- RAM starts here
        ...
        11 |         loc: 0x88000000
           |              ^^^^^^^^^^ device occupies 0x88000000..0x88001000
          ::: stacks/sa8155/variants/high-ram.yaml:5:15
           |
         5 |         size: 3GiB
           |               ---- and is 3GiB long, ending at 0x140000000
           |
           = note: a guest-physical address may be claimed once; RAM and `vdev` windows share one space
           = help: move `loc` to 0x140000000 or above, or shrink `main`
           = help: `hvbuild explain HV2003` shows the rule and its source
        """)


def test_one_place() -> None:
    fault = CODE.at(span(STACK, "pl011"), "unknown vdev", "not in the catalogue")

    assert diagnostic_text(fault) == dedent("""\
        error[HV2003]: unknown vdev
         --> stacks/sa8155/stack.yaml:9:15
          |
        9 |       - type: pl011
          |               ^^^^^ not in the catalogue
          |
          = help: `hvbuild explain HV2003` shows the rule and its source
        """)


def test_neighbouring_lines_and_a_single_line_between_are_not_cut() -> None:
    fault = CODE.at(
        span(STACK, "base"), "m", "here", others=[mark(STACK, "2560MiB"), mark(STACK, "pl011", "and here")]
    )

    assert shown(fault) == dedent("""\
        error[HV2003]: m
         --> stacks/sa8155/stack.yaml:6:9
          |
        6 |         base: 0x80000000
          |         ^^^^ here
        7 |         size: 2560MiB
          |               -------
        8 |     vdevs:
        9 |       - type: pl011
          |               ----- and here
          |
        """)


def test_many_labels_on_one_line_hang_from_the_right() -> None:
    file = SourceFile("g.qvmconf", "ram 0x80000000,512M vdev pl011\n")
    fault = CODE.at(
        span(file, "512M"),
        "m",
        "the size",
        others=[mark(file, "ram", "a block"), mark(file, "pl011", "a device"), mark(file, "0x80000000")],
    )

    assert shown(fault) == dedent("""\
        error[HV2003]: m
         --> g.qvmconf:1:16
          |
        1 | ram 0x80000000,512M vdev pl011
          | --- ---------- ^^^^      ----- a device
          | |              |
          | |              the size
          | a block
          |
        """)


def test_labels_within_labels() -> None:
    file = SourceFile("g.qvmconf", "ram 0x80000000,512M\n")
    fault = CODE.at(
        span(file, "0x80000000"),
        "m",
        "inner",
        others=[mark(file, "ram 0x80000000,512M", "whole"), mark(file, "0x80000000", "again")],
    )

    assert shown(fault) == dedent("""\
        error[HV2003]: m
         --> g.qvmconf:1:5
          |
        1 | ram 0x80000000,512M
          | ----^^^^^^^^^^-----
          | |   |
          | |   again
          | |   inner
          | whole
          |
        """)


def test_a_span_over_lines_has_a_rail() -> None:
    fault = CODE.at(
        span(STACK, "memory:\n      - name: main\n        base: 0x80000000"),
        "m",
        "this block",
        others=[mark(STACK, "name: main", "its name")],
    )

    assert shown(fault) == dedent("""\
        error[HV2003]: m
         --> stacks/sa8155/stack.yaml:4:5
          |
        4 | /     memory:
        5 | |       - name: main
          | |         ---------- its name
        6 | |         base: 0x80000000
          | |________________________^ this block
          |
        """)


def test_a_long_span_shows_its_ends_and_a_late_start() -> None:
    start = STACK.text.index("name: main")
    fault = CODE.at(Span(STACK, start, len(STACK.text)), "m", "all of it")

    assert shown(fault) == dedent("""\
        error[HV2003]: m
          --> stacks/sa8155/stack.yaml:5:9
           |
         5 |         - name: main
           |  _________^
        ...  |
        11 | |         loc: 0x88000000
           | |_______________________^ all of it
           |
        """)


def test_spans_over_lines_within_one_another() -> None:
    inner = span(STACK, "memory:\n      - name: main")
    outer = span(STACK, "la:\n    memory:\n      - name: main\n        base: 0x80000000")
    fault = CODE.at(inner, "m", "inner", others=[Label(outer, "outer")])

    assert shown(fault) == dedent("""\
        error[HV2003]: m
         --> stacks/sa8155/stack.yaml:4:5
          |
        3 | /     la:
        4 | | /     memory:
        5 | | |       - name: main
          | | |__________________^ inner
        6 | |           base: 0x80000000
          | |__________________________- outer
          |
        """)


def test_tabs_and_wide_characters_keep_columns() -> None:
    file = SourceFile("stack.yaml", "\tname: 値段\u0301 x # ok\n")
    fault = CODE.at(span(file, "x"), "m", "here", others=[mark(file, "値段", "wide")])

    assert shown(fault) == (
        "error[HV2003]: m\n"
        " --> stack.yaml:1:12\n"
        "  |\n"
        "1 |     name: 値段\u0301 x # ok\n"
        "  |           ---- ^ here\n"
        "  |           |\n"
        "  |           wide\n"
        "  |\n"
    )


@pytest.mark.parametrize("text", ["a: 1\n", "a: 1"])
def test_the_end_of_the_file_is_one_caret(text: str) -> None:
    file = SourceFile("stack.yaml", text)
    fault = CODE.at(Span(file, len(text), len(text)), "m", "ends here")
    expected = "2 |\n  | ^ ends here" if text.endswith("\n") else "1 | a: 1\n  |     ^ ends here"

    assert expected in shown(fault)


def test_a_long_line_is_cut_around_its_label() -> None:
    file = SourceFile("stack.yaml", "x" * 300 + " label " + "y" * 300 + "\n")
    lines = shown(CODE.at(span(file, "label"), "m", "here")).splitlines()
    source, under = lines[3], lines[4]

    assert "stack.yaml:1:302" in lines[1]
    assert source.startswith("1 | ...xxx")
    assert source.endswith("yyy...")
    assert source.index("label") == under.index("^^^^^ here")
    assert width(source) == WIDEST + 4


def test_a_label_wider_than_the_frame_is_cut_too() -> None:
    file = SourceFile("stack.yaml", "a" * 400 + "\n")
    lines = shown(CODE.at(Span(file, 0, 400), "m", "here")).splitlines()

    assert lines[3] == "1 | " + "a" * (WIDEST - 3) + "..."
    assert lines[4] == "  | " + "^" * WIDEST + " here"


def test_a_file_that_was_not_read_has_a_place_and_no_source() -> None:
    file = SourceFile("missing.yaml", "")

    assert shown(CODE.at(Span(file, 0, 0), "cannot be opened")) == (
        "error[HV2003]: cannot be opened\n --> missing.yaml:1:1\n  |\n"
    )


def test_without_a_place_the_words_of_the_label_are_a_note() -> None:
    assert diagnostic_text(CODE.at(None, "m", "the host has 4 pCPUs")) == dedent("""\
        error[HV2003]: m
          = note: the host has 4 pCPUs
          = help: `hvbuild explain HV2003` shows the rule and its source
        """)


def test_a_primary_label_without_a_place_leaves_the_others_theirs() -> None:
    text = diagnostic_text(CODE.at(None, "m", others=[mark(STACK, "pl011", "here")]))

    assert " --> stacks/sa8155/stack.yaml:9:15" in text
    assert "----- here" in text


def test_notes_of_several_lines_are_aligned() -> None:
    text = diagnostic_text(CODE.at(None, "m", notes=["one\n  two"]))

    assert "  = note: one\n            two\n" in text


def test_the_report_ends_in_a_summary() -> None:
    hard, soft = CODE.at(None, "first"), SOFT.at(None, "second")

    assert text_report([]) == ""
    assert text_report([hard, soft, hard]).endswith("source\n\nerror: 2 errors, 1 warning\n")
    assert text_report([soft]).endswith("\n\nwarning: 1 warning\n")
    assert text_report([hard, soft]).startswith("error[HV2003]: first\n  = help: ")
    assert "\n\nwarning[HV4007]: second\n" in text_report([hard, soft])


def test_control_characters_are_spelled_out() -> None:
    file = SourceFile("st\x1back.yaml", "name: \x1b[31mred\u202e\x00\n")
    text = diagnostic_text(CODE.at(span(file, "red"), "says \x1b[2J", "here\x07"))

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert "says \\x1b[2J" in text
    assert "name: \\x1b[31mred\\u202e\\x00" in text


def test_colour_changes_nothing_but_colour() -> None:
    fault = CODE.at(span(STACK, "0x88000000"), "m", "here", others=[mark(STACK, "0x80000000", "there")])
    painted = text_report([fault], Style(coloured=True))

    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == text_report([fault])
    assert f"{Role.ERROR.value}^^^^^^^^^^\x1b[0m {Role.ERROR.value}here\x1b[0m" in painted
    assert f"{Role.SECONDARY.value}----------\x1b[0m {Role.SECONDARY.value}there\x1b[0m" in painted


def test_a_warning_is_not_painted_as_an_error() -> None:
    painted = diagnostic_text(SOFT.at(span(STACK, "pl011"), "m"), Style(coloured=True))

    assert Role.ERROR.value not in painted
    assert f"{Role.WARNING.value}^^^^^" in painted


@pytest.mark.parametrize(
    ("terminal", "allowed", "environment", "coloured"),
    [
        (True, True, {}, True),
        (True, True, {"NO_COLOR": ""}, True),
        (True, True, {"NO_COLOR": "1"}, False),
        (True, True, {"TERM": "dumb"}, False),
        (True, False, {}, False),
        (False, True, {}, False),
    ],
)
def test_when_colour_is_chosen(
    terminal: bool, allowed: bool, environment: dict[str, str], coloured: bool
) -> None:
    style = choose_style(terminal=terminal, colour_allowed=allowed, environment=environment)

    assert coloured is style.coloured
    assert PLAIN.paint(Role.ERROR, "x") == "x"


# --- laws -----------------------------------------------------------------------------------------------

LINES = st.lists(st.text(st.sampled_from("ab \t値\u0301\x1b"), max_size=60), min_size=1, max_size=12)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[SourceFile, list[Label]]:
    file = SourceFile("f.yaml", "\n".join(draw(LINES)) or "x")
    places = st.integers(0, len(file.text))
    count = draw(st.integers(1, 4))
    labels = []
    for number in range(count):
        start, end = sorted((draw(places), draw(places)))
        labels.append(Label(Span(file, start, end), f"word {number}", primary=number == 0))
    return file, labels


@given(labelled())
def test_every_label_is_said_once_and_every_row_has_a_gutter(case: tuple[SourceFile, list[Label]]) -> None:
    _, labels = case
    fault = Diagnostic(code="HV2003", name="n", severity=Severity.ERROR, message="m", labels=tuple(labels))
    text = shown(fault)

    for label in labels:
        assert text.count(label.text) == 1
    for line in text.splitlines()[2:]:
        assert re.match(r" *\d* \||\.\.\.", line), text
        assert line == line.rstrip()


@given(st.text(st.sampled_from("ab:値\t\u00e9 "), min_size=1, max_size=30), st.data())
def test_carets_stand_under_what_they_mean(line: str, data: st.DataObject) -> None:
    line = "k" + line.rstrip() + "z"
    start = data.draw(st.integers(0, len(line) - 1))
    end = data.draw(st.integers(start + 1, len(line)))
    rows = shown(CODE.at(Span(SourceFile("f", line), start, end), "m")).splitlines()
    before, carets = re.fullmatch(r"  \| ( *)(\^+)", rows[4]).groups()  # type: ignore[union-attr]

    assert width(visible(line[:start])) == len(before)
    assert width(visible(line[start:end])) == len(carets)
    assert visible(line) == rows[3][4:] == show_line(line).text
