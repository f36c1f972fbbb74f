"""Plain-text tables: columns aligned by what a terminal shows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hvbuild.report.columns import visible, width
from hvbuild.report.style import PLAIN, Role, Style

_BETWEEN = "  "


@dataclass(frozen=True, slots=True)
class Row:
    """One row of cells; `role` paints the whole row."""

    cells: tuple[str, ...]
    role: Role | None = None


def table(
    titles: Sequence[str], rows: Sequence[Row], style: Style = PLAIN, *, right: Collection[str] = ()
) -> str:
    """`rows` under `titles`, each line ended; the columns titled in `right` are set to the right.

    A column in which no row says anything is left out; without rows there is no table.
    """
    if not rows:
        return ""
    cells = [[visible(cell) for cell in row.cells] for row in rows]
    kept = [i for i in range(len(titles)) if any(line[i] for line in cells)]
    widths = {i: max(width(line[i]) for line in [titles, *cells]) for i in kept}
    lines = [(titles, Role.TITLE), *zip(cells, (row.role for row in rows), strict=True)]
    text = ""
    for line, role in lines:
        set_cells = [_set(line[i], widths[i], to_right=titles[i] in right) for i in kept]
        joined = _BETWEEN.join(set_cells).rstrip()
        text += (style.paint(role, joined) if role else joined) + "\n"
    return text


def _set(text: str, columns: int, *, to_right: bool) -> str:
    blank = " " * (columns - width(text))
    return blank + text if to_right else text + blank
