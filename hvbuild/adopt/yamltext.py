"""YAML as people write stacks: keys and list items with their comments, set as text by hand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hvbuild.load.scalars import read_plain
from hvbuild.load.tree import Kind
from hvbuild.source import Span

LINE = 110
# Digits with colons between them are a number in base sixty to readers of YAML 1.1.
_PLAIN = re.compile(r"(?![0-9][^:]*:)[A-Za-z0-9_./][A-Za-z0-9_./+=$*%-]*(?::[A-Za-z0-9_./+=$*%-]+)*\Z")
_NUMBER = re.compile(r"(?:0x[0-9a-fA-F]{1,16}|[0-9]{1,19})\Z")
# A text that holds one of these cannot stand in a YAML file, not even escaped (`load.yamltext`).
_UNWRITABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(slots=True)
class Item:
    """Mutable: a key (or, with an empty `key`, a list item), its value and the comments around it.

    `value` is text that is spelled already, the items below, or None where there are comments alone. `span`
    is the place in a hand-kept file that it says again; comments find it by that.
    """

    key: str
    value: "str | list[Item] | None"
    span: Span | None = None
    before: list[str] = field(default_factory=list)
    after: str = ""


def unwritable(text: str) -> str:
    """`U+0007`: the first character of `text` that no YAML file can hold, or an empty text."""
    found = _UNWRITABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found is not None else ""


def scalar(text: str, *, numbers: bool = False) -> str:
    """`text` as one scalar that reads back as this text; `numbers` may stand without quotes."""
    if _NUMBER.match(text):
        return text if numbers else f'"{text}"'
    if _PLAIN.match(text):
        plain = read_plain(text)
        if isinstance(plain, tuple) and plain[0] is Kind.TEXT:
            return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def flow_list(words: Iterable[str]) -> str:
    """`[a, b]` of scalars that are spelled already."""
    return f"[{', '.join(words)}]"


def comment_line(text: str) -> str:
    """One comment; what cannot stand in a YAML file is escaped."""
    safe = _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\t", " ")).strip()
    return f"# {safe}" if safe else "#"


def text_of(items: Sequence[Item]) -> str:
    """The items as the top level of a file, each line ended."""
    return "".join(f"{line}\n" for line in _lines(items, 0))


def _lines(items: Sequence[Item], indent: int) -> Iterator[str]:
    pad = " " * indent
    for item in items:
        yield from (f"{pad}{comment_line(text)}" for text in item.before)
        if item.key:
            yield from _keyed(item, indent)
        elif item.value is not None:
            yield from _listed(item, indent)


def _keyed(item: Item, indent: int) -> Iterator[str]:
    pad = " " * indent
    tail = f"  {comment_line(item.after)}" if item.after else ""
    key = scalar(item.key)
    if isinstance(item.value, str):
        yield f"{pad}{key}: {item.value}{tail}"
        return
    if not any(below.value is not None for below in item.value or ()):
        yield f"{pad}{key}: {{}}{tail}"
        return
    yield f"{pad}{key}:{tail}"
    yield from _lines(item.value or (), indent + 2)


def _listed(item: Item, indent: int) -> Iterator[str]:
    """A list item: in one line where it is short and bare, else a key per line."""
    pad = " " * indent
    tail = f"  {comment_line(item.after)}" if item.after else ""
    if isinstance(item.value, str):
        yield f"{pad}- {item.value}{tail}"
        return
    below = item.value or []
    flat = _flat(below)
    if flat is not None and indent + 2 + len(flat) <= LINE:
        yield f"{pad}- {flat}{tail}"
        return
    if item.after:
        yield f"{pad}{comment_line(item.after)}"
    first, *rest = below
    yield from (f"{pad}{comment_line(text)}" for text in first.before)
    head, *more = _keyed(first, indent + 2)
    yield f"{pad}- {head.lstrip()}"
    yield from more
    yield from _lines(rest, indent + 2)


def _flat(items: Sequence[Item]) -> str | None:
    """`{a: 1, b: 2}` where every value is a scalar or a short list and no comment stands between."""
    if any(not isinstance(item.value, str) or item.before or item.after for item in items):
        return None
    return f"{{{', '.join(f'{scalar(item.key)}: {item.value}' for item in items)}}}"
