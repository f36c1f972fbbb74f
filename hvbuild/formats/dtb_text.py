"""A flattened devicetree as source text, so that everything that reads source reads blobs too."""

import re
from collections.abc import Iterator

from hvbuild.formats.dtb import Blob, BlobNode, NotATree, read_dtb
from hvbuild.formats.image_kind import HEAD_BYTES, image_kind

_STRINGS = re.compile(rb"(?:[\x20-\x7e]+\x00)+\Z")
_CELL = 4
# Always numbers, also where their bytes look like letters.
_NUMBERS = re.compile(r"(?:reg|ranges|dma-ranges|interrupts|phandle|linux,phandle|#.*-cells)\Z")


def text_of(data: bytes) -> str:
    """The text of a file: a blob's source, else its own, bytes that are no UTF-8 kept as escapes."""
    is_blob = image_kind(data[:HEAD_BYTES]).kind == "dtb"
    return source_of_blob(data) if is_blob else data.decode("utf-8", "surrogateescape")


def source_of_blob(data: bytes) -> str:
    """The source of a blob, a property a line; of what is no blob, a line that says why and is no source."""
    blob = read_dtb(data)
    return f"{blob.message}\n" if isinstance(blob, NotATree) else "\n".join([*_lines(blob), ""])


def _lines(blob: Blob) -> Iterator[str]:
    yield "/dts-v1/;"
    for address, length in blob.reserves:
        yield f"/memreserve/ {address:#x} {length:#x};"
    yield from _node_lines("/", blob.root, "")


def _node_lines(name: str, node: BlobNode, indent: str) -> Iterator[str]:
    yield f"{indent}{name} {{"
    for key, data in node.properties:
        value = _value(key, data)
        yield f"{indent}\t{key} = {value};" if value else f"{indent}\t{key};"
    for child in node.children:
        yield from _node_lines(child.name, child, f"{indent}\t")
    yield f"{indent}}};"


def _value(key: str, data: bytes) -> str:
    if not data:
        return ""
    if _STRINGS.match(data) and not _NUMBERS.match(key):
        texts = data[:-1].decode("ascii").split("\0")
        return ", ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    if len(data) % _CELL == 0:
        cells = (int.from_bytes(data[at : at + _CELL], "big") for at in range(0, len(data), _CELL))
        return f"<{' '.join(f'{cell:#x}' for cell in cells)}>"
    return f"[{data.hex(' ')}]"
