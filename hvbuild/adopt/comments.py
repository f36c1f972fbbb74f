"""Comments of a hand-kept file, put beside what the stack says instead."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from hvbuild.adopt.yamltext import Item
from hvbuild.formats.qvmconf import Comment, Document, comments_of
from hvbuild.formats.qvmconf_entries import GLOBAL


def place_comments(document: Document, guest: Item, items: Sequence[Item]) -> None:
    """Put each comment of `document` before (or after, in its line) the item that says its entry again.

    What speaks of the first entry heads the guest. What speaks of an entry that no item says any more, or of
    none, is put where the next thing of the file is, at last at the guest's end.
    """
    homes = _homes(document, items)
    ending: list[str] = []
    for comment in comments_of(document):
        home = guest if comment.entry == 0 and not comment.trailing else _home(document, comment, homes)
        if home is None:
            ending.append(comment.text)
        elif comment.trailing and not home.after:
            home.after = comment.text
        else:
            home.before.append(comment.text)
    if ending and isinstance(guest.value, list):
        guest.value.append(Item("", None, before=ending))


def _homes(document: Document, items: Sequence[Item]) -> dict[int, Item]:
    """Entry → the outermost item that says it again."""
    starts = [entry.span.start for entry in document.entries]
    homes: dict[int, Item] = {}
    for item in _all(items):
        if item.span is not None and item.span.file is document.file:
            homes.setdefault(bisect_right(starts, item.span.start) - 1, item)
    return homes


def _home(document: Document, comment: Comment, homes: dict[int, Item]) -> Item | None:
    if comment.entry is None:
        return None
    own = homes.get(comment.entry)
    if own is not None:
        return own
    opener = document.entries[comment.entry].opener
    if opener != GLOBAL and opener in homes:
        return homes[opener]
    return next(
        (homes[index] for index in range(comment.entry, len(document.entries)) if index in homes), None
    )


def _all(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item.value, list):
            yield from _all(item.value)
