"""Where things were written: files, spans and origins; every fault and every reason points through these."""

from bisect import bisect_right
from dataclasses import field
from functools import cached_property

from hvbuild.values import dataclass


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A text that was read, with the path it is named by in diagnostics. Compared by identity."""

    path: str
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        at = self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both from 1, columns in characters."""
        row = bisect_right(self._line_starts, offset)
        return row, offset - self._line_starts[row - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line end; empty outside the file."""
        starts = self._line_starts
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    @property
    def line_count(self) -> int:
        """How many lines it has, a last one without line end included."""
        return len(self._line_starts)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file, as half-open character offsets."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Its first line, from 1."""
        return self.file.position(self.start)[0]

    @property
    def column(self) -> int:
        """Its first column, from 1, in characters."""
        return self.file.position(self.start)[1]

    @property
    def end_position(self) -> tuple[int, int]:
        """Line and column just past its last character."""
        return self.file.position(self.end)

    @property
    def text(self) -> str:
        """What is written there."""
        return self.file.text[self.start : self.end]

    def to(self, other: "Span") -> "Span":
        """From the start of this span to the end of `other`, in the same file."""
        return Span(self.file, self.start, max(self.end, other.end))

    @property
    def sort_key(self) -> tuple[str, int, int]:
        """Order of places: path, then position."""
        return self.file.path, self.start, self.end

    def __str__(self) -> str:
        line, column = self.file.position(self.start)
        return f"{self.file.path}:{line}:{column}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Every place that set a value: the one in force first, then those it replaced, newest first."""

    span: Span | None
    replaced: tuple[Span, ...] = field(default=())

    @property
    def places(self) -> tuple[Span, ...]:
        """All of them, the one in force first."""
        return (self.span, *self.replaced) if self.span is not None else self.replaced

    def __bool__(self) -> bool:
        return self.span is not None

    def __str__(self) -> str:
        return str(self.span) if self.span is not None else "nowhere"


NOWHERE = Origin(None)


def origin_at(span: Span) -> Origin:
    """An origin that is one place."""
    return Origin(span)
