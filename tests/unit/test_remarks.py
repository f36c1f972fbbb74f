"""`# hvbuild: allow CODE reason` speaks of the lines it should, and says so when it cannot be read."""

import pytest

from hvbuild.load.remarks import remarks_in
from hvbuild.source import SourceFile, Span

TEXT = """\
guests:
  la:  # hvbuild: allow HV4007 bring-up board, one pCPU
    vcpus:
      - {name: a}

    memory: x
  # hvbuild: allow HV2010 known

  # a word in between
  lb:
    vcpus: 1
vdevs:   # hvbuild: allow HV3001 tested
- one
- two
last: 1 # hvbuild: allow HV5001 end
"""


def test_a_remark_speaks_of_its_line_or_the_next_entry_and_what_is_below() -> None:
    remarks, faults = remarks_in(SourceFile("f", TEXT))

    assert faults == ()
    assert [(each.code, each.reason, each.first_line, each.last_line) for each in remarks] == [
        ("HV4007", "bring-up board, one pCPU", 2, 6),
        ("HV2010", "known", 10, 11),
        ("HV3001", "tested", 12, 14),
        ("HV5001", "end", 15, 15),
    ]


def test_a_remark_covers_places_of_its_own_file_and_lines_only() -> None:
    file = SourceFile("f", TEXT)
    remarks, _ = remarks_in(file)
    place = Span(file, TEXT.index("name: a"), TEXT.index("name: a") + 1)

    assert [each.covers(place) for each in remarks] == [True, False, False, False]
    assert not remarks[0].covers(Span(SourceFile("g", TEXT), place.start, place.end))


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1 # hvbuild: allow HV4007", "HV0060", "f:1:6"),
        ("a: 1\n#hvbuild:allow HV4007   \n", "HV0060", "f:2:1"),
        ("a: 1 # hvbuild: allow nothing at all", "HV0061", "f:1:6"),
        ("a: 1 # hvbuild: ignore HV4007 why", "HV0061", "f:1:6"),
        ("a: 1 # hvbuild:", "HV0061", "f:1:6"),
    ],
)
def test_a_remark_that_cannot_be_read_is_a_fault(text: str, code: str, place: str) -> None:
    remarks, faults = remarks_in(SourceFile("f", text))

    assert remarks == ()
    assert [(fault.code, str(fault.primary.span)) for fault in faults] == [(code, place)]


def test_what_stands_in_a_text_is_no_remark() -> None:
    text = 'a: "x # hvbuild: allow HV4007 why"\nb: a#hvbuild: allow HV4007 why\n'
    file = SourceFile("f", text)

    assert remarks_in(file, [Span(file, 3, 34)]) == ((), ())
    assert len(remarks_in(file)[0]) == 1


def test_comments_of_a_qvmconf_hold_remarks_too() -> None:
    text = "system la\n# hvbuild: allow HV3002 vendor driver\nvdev x\n  loc 0x1000\nram 1G\n"
    remarks, _ = remarks_in(SourceFile("g.qvmconf", text))

    assert [(each.first_line, each.last_line) for each in remarks] == [(3, 4)]
