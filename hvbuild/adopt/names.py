"""Names in a stack for things that hand-kept files name otherwise, or not at all."""

import re

_FITS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 56


def fits(text: str) -> bool:
    """True for a text that can be a name in a stack as it is."""
    return _FITS.match(text) is not None


def fitted(text: str, otherwise: str) -> str:
    """`text` with everything taken out that a name cannot hold; `otherwise` when nothing is left."""
    if fits(text):
        return text
    last = text.rstrip("/").rsplit("/", 1)[-1]
    return _ODD.sub("-", last).strip("._-")[:_LONGEST] or otherwise


class Names:
    """Mutable: the names taken among things of one kind."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wish: str) -> str:
        """`wish` or, where that is taken, the first free `wish-2`, `wish-3`, …"""
        name, number = wish, 1
        while name in self._taken:
            number += 1
            name = f"{wish}-{number}"
        self._taken.add(name)
        return name
