"""Whether colour is wanted, and how each part of a report is painted when it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_RESET = "\x1b[0m"


class Role(StrEnum):
    """A part of a report that may carry a colour; the value is its ANSI sequence (ECMA-48, SGR)."""

    ERROR = "\x1b[1;31m"
    WARNING = "\x1b[1;33m"
    TITLE = "\x1b[1m"
    GUTTER = "\x1b[34m"
    SECONDARY = "\x1b[1;34m"
    NOTE = "\x1b[32m"
    HELP = "\x1b[36m"
    FREE = "\x1b[2m"


@dataclass(frozen=True, slots=True)
class Style:
    """How text is painted: not at all, unless `coloured`."""

    coloured: bool = False

    def paint(self, role: Role, text: str) -> str:
        """`text` in the colour of `role`; unchanged when plain or empty."""
        return f"{role.value}{text}{_RESET}" if self.coloured and text else text


PLAIN = Style()


def choose_style(*, terminal: bool, colour_allowed: bool, environment: Mapping[str, str]) -> Style:
    """Colour on a terminal only, unless `--no-color`, a non-empty NO_COLOR or a dumb terminal forbids it.

    Source of NO_COLOR: no-color.org, "when present and not an empty string".
    """
    forbidden = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Style(coloured=terminal and colour_allowed and not forbidden)
