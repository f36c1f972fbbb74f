"""Code frames: the lines that labels point at, with a mark and a word under each place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hvbuild.diagnostics import NO_PLACE, Label
from hvbuild.report.columns import WIDEST, ShownLine, clip, show_line, visible
from hvbuild.report.style import Role, Style
from hvbuild.source import SourceFile, Span

# A label over more lines than this shows its first and last line only.
_WHOLE_LABEL = 5


class _Row:
    """Mutable: one row of characters, each with its colour, written at terminal columns."""

    def __init__(self) -> None:
        self._cells: list[tuple[str, Role | None]] = []

    def put(self, column: int, text: str, role: Role | None = None) -> None:
        """Write `text` from `column` on, one cell a character, over what is there."""
        missing = column + len(text) - len(self._cells)
        self._cells.extend([(" ", None)] * missing)
        self._cells[column : column + len(text)] = [(char, role) for char in text]

    def painted(self, style: Style) -> str:
        """The row as text without blanks at its end."""
        cells = self._cells[:]
        while cells and cells[-1][0] == " ":
            cells.pop()
        text, run, role = "", "", None
        for char, char_role in cells:
            if char_role is not role:
                text += style.paint(role, run) if role else run
                run, role = "", char_role
            run += char
        return text + (style.paint(role, run) if role else run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A label within one line: terminal columns from `start` up to `end`, at least one."""

    start: int
    end: int
    primary: bool
    text: str
    role: Role

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """Where a label lies, lines and columns from 1; an end at the very start of a line is the line before."""

    line: int
    column: int
    end_line: int
    end_column: int
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rail:
    """A label over several lines: a vertical line in `slot` beside the source, from its start to its end."""

    slot: int
    extent: _Extent
    opens_line: bool
    role: Role

    @property
    def sign(self) -> str:
        return "^" if self.extent.label.primary else "-"

    def runs_beside(self, number: int) -> bool:
        """True when the vertical line stands on the rows under source line `number`."""
        first, last = self.extent.line, self.extent.end_line
        return first < number <= last or (number == first and self.opens_line)


def gutter_width(labels: Iterable[Label]) -> int:
    """How many columns the longest line number of the frames of `labels` takes."""
    ends = [_extent(label).end_line for label in labels if label.span.file is not NO_PLACE.file]
    return len(str(max(ends, default=1)))


def frame_lines(labels: Sequence[Label], style: Style, accent: Role = Role.ERROR) -> list[str]:
    """The frames of `labels`, the primary one's file first and its mark painted as `accent`.

    Labels without a place have no frame.
    """
    placed = [label for label in labels if label.span.file is not NO_PLACE.file]
    gutter = gutter_width(placed)
    lines: list[str] = []
    for path in _paths(placed):
        here = [label for label in placed if label.span.file.path == path]
        lines += _Frame(here, gutter, style, accent).lines(arrow="-->" if not lines else ":::")
    return lines


def _paths(labels: Sequence[Label]) -> list[str]:
    ordered = sorted(labels, key=lambda label: not label.primary)
    return list(dict.fromkeys(label.span.file.path for label in ordered))


def _extent(label: Label) -> _Extent:
    span = label.span
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    if end_line > line and end_column == 1:
        end_line -= 1
        end_column = len(span.file.line(end_line)) + 1
    return _Extent(line=line, column=column, end_line=end_line, end_column=end_column, label=label)


class _Frame:
    """The frame of one file: its labels, told apart by whether they fit one line."""

    def __init__(self, labels: Sequence[Label], gutter: int, style: Style, accent: Role) -> None:
        self._file: SourceFile = labels[0].span.file
        self._gutter = gutter
        self._style = style
        self._accent = accent
        extents = [_extent(label) for label in labels]
        first = min(extents, key=lambda extent: (not extent.label.primary, extent.line, extent.column))
        self._head = Span(self._file, first.label.span.start, first.label.span.start)
        self._single = [extent for extent in extents if extent.line == extent.end_line]
        self._rails = self._railed([extent for extent in extents if extent.line < extent.end_line])
        self._left = 2 * (1 + max((rail.slot for rail in self._rails), default=-1))

    def lines(self, arrow: str) -> list[str]:
        """The head, then the source lines with what is under them."""
        head = " " * self._gutter + self._style.paint(Role.GUTTER, arrow)
        result = [f"{head} {visible(str(self._head))}"]
        if not self._file.text:
            return result
        result.append(self._blank())
        previous = 0
        for number in self._wanted():
            if previous and number > previous + 1:
                result.append(self._skipped(previous))
            result += self._under(number)
            previous = number
        return result

    def _railed(self, extents: list[_Extent]) -> list[_Rail]:
        """One rail for each of `extents`, in the leftmost slot that is free beside its lines."""
        rails: list[_Rail] = []
        for extent in sorted(extents, key=lambda extent: (extent.line, -extent.end_line)):
            taken = {rail.slot for rail in rails if rail.extent.end_line >= extent.line}
            before = self._file.line(extent.line)[: extent.column - 1]
            rails.append(
                _Rail(
                    slot=next(slot for slot in range(len(rails) + 1) if slot not in taken),
                    extent=extent,
                    opens_line=not before.strip(),
                    role=self._role(extent.label),
                )
            )
        return rails

    def _role(self, label: Label) -> Role:
        return self._accent if label.primary else Role.SECONDARY

    def _wanted(self) -> list[int]:
        """The line numbers to show: those of labels, and a single line left out between two of them."""
        numbers = {extent.line for extent in self._single}
        for rail in self._rails:
            first, last = rail.extent.line, rail.extent.end_line
            numbers |= {first, last} if last - first >= _WHOLE_LABEL else set(range(first, last + 1))
        numbers |= {number + 1 for number in numbers if number + 2 in numbers}
        return sorted(numbers)

    def _blank(self) -> str:
        return self._style.paint(Role.GUTTER, " " * (self._gutter + 1) + "|")

    def _emitted(self, row: _Row, number: int | None = None) -> str:
        left = f"{number if number is not None else '':>{self._gutter}} |"
        return f"{self._style.paint(Role.GUTTER, left)} {row.painted(self._style)}".rstrip()

    def _skipped(self, after: int) -> str:
        row = _Row()
        self._draw_rails(
            row, [rail for rail in self._rails if rail.extent.line <= after < rail.extent.end_line]
        )
        return f"{'...':<{self._gutter + 3}}{row.painted(self._style)}".rstrip()

    def _draw_rails(self, row: _Row, rails: Iterable[_Rail]) -> None:
        for rail in rails:
            row.put(2 * rail.slot, "|", rail.role)

    def _beside(self, number: int) -> list[_Rail]:
        return [rail for rail in self._rails if rail.runs_beside(number)]

    def _under(self, number: int) -> list[str]:
        """Source line `number`, and the rows under it."""
        shown = show_line(self._file.line(number))
        text, shift = clip(shown, *self._focus(number, shown))
        source = _Row()
        for rail in self._rails:
            if rail.extent.line == number and rail.opens_line:
                source.put(2 * rail.slot, "/", rail.role)
        self._draw_rails(source, [rail for rail in self._beside(number) if rail.extent.line != number])
        source.put(self._left, text)
        marks = [self._mark(extent, shown, shift) for extent in self._single if extent.line == number]
        result = [self._emitted(source, number)]
        for row in _mark_rows(marks, left=self._left):
            self._draw_rails(row, self._beside(number))
            result.append(self._emitted(row))
        return result + self._rail_ends(number, shown, shift)

    def _focus(self, number: int, shown: ShownLine) -> tuple[int, int]:
        """The columns that must stay in sight: all labels of the line, or the primary one alone."""
        places = [
            (not extent.label.primary, shown.column(extent.column - 1), shown.column(extent.end_column - 1))
            for extent in self._single
            if extent.line == number
        ]
        for rail in self._rails:
            for line, column in _corners(rail.extent):
                if line == number:
                    places.append((not rail.extent.label.primary, shown.column(column), shown.column(column)))
        places.sort()
        first, last = min((p[1] for p in places), default=0), max((p[2] for p in places), default=0)
        return (first, last) if last - first < WIDEST - 6 or not places else places[0][1:]

    def _mark(self, extent: _Extent, shown: ShownLine, shift: int) -> _Mark:
        start = min(max(shown.column(extent.column - 1) - shift, 0), WIDEST)
        end = min(max(shown.column(extent.end_column - 1) - shift, start + 1), max(WIDEST, start + 1))
        label = extent.label
        text = visible(label.text)
        return _Mark(start=start, end=end, primary=label.primary, text=text, role=self._role(label))

    def _rail_ends(self, number: int, shown: ShownLine, shift: int) -> list[str]:
        """The rows that lead from a rail to where its label starts within line `number`, or ends."""
        result = []
        for at_end in (False, True):
            for rail in self._rails:
                line, column = _corners(rail.extent)[at_end]
                if line != number or (not at_end and rail.opens_line):
                    continue
                corner = self._left + min(max(shown.column(column) - shift, 0), WIDEST)
                row = _Row()
                self._draw_rails(row, self._open_rails(number, rail, at_end=at_end))
                row.put(2 * rail.slot + 1, "_" * (corner - 2 * rail.slot - 1) + rail.sign, rail.role)
                if at_end:
                    row.put(2 * rail.slot, "|", rail.role)
                    row.put(corner + 2, visible(rail.extent.label.text), rail.role)
                result.append(self._emitted(row))
        return result

    def _open_rails(self, number: int, drawn: _Rail, *, at_end: bool) -> list[_Rail]:
        """The rails that run on beside the row which draws an end of `drawn`."""
        if not at_end:
            return [
                r
                for r in self._rails
                if r.runs_beside(number) or (r.extent.line == number and r.slot < drawn.slot)
            ]
        return [
            rail
            for rail in self._rails
            if rail.extent.line <= number
            and (
                rail.extent.end_line > number or (rail.extent.end_line == number and rail.slot >= drawn.slot)
            )
        ]


def _corners(extent: _Extent) -> tuple[tuple[int, int], tuple[int, int]]:
    """Line (from 1) and column (from 0) of the first and the last character."""
    return (extent.line, extent.column - 1), (extent.end_line, max(extent.end_column - 2, 0))


def _mark_rows(marks: list[_Mark], left: int) -> list[_Row]:
    """The rows under one source line: all marks, then the words that found no room beside theirs."""
    if not marks:
        return []
    marks = sorted(marks, key=lambda mark: (mark.start, mark.end))
    row = _Row()
    for mark in sorted(marks, key=lambda mark: mark.primary):
        row.put(left + mark.start, mark.sign * (mark.end - mark.start), mark.role)
    beside = max(marks, key=lambda mark: (mark.start, mark.primary))
    if beside.end < max(mark.end for mark in marks):
        hanging = [mark for mark in marks if mark.text]
    else:
        row.put(left + beside.end + 1, beside.text, beside.role)
        hanging = [mark for mark in marks if mark.text and mark is not beside]
    return [row, *_hanging_rows(hanging, left)]


def _hanging_rows(marks: list[_Mark], left: int) -> list[_Row]:
    """Words hung under their marks by `|`, the rightmost first."""
    if not marks:
        return []
    rows = [_Row()]
    for mark in marks:
        rows[0].put(left + mark.start, "|", mark.role)
    for index in range(len(marks) - 1, -1, -1):
        mark, row = marks[index], _Row()
        for earlier in marks[:index]:
            row.put(left + earlier.start, "|", earlier.role)
        row.put(left + mark.start, mark.text, mark.role)
        rows.append(row)
    return rows
