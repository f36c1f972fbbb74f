"""image/image.json: what an image was made of, with which tools and words, and what came out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hvbuild.image.missing import HostFiles
from hvbuild.image.sdp import Tool
from hvbuild.model.stack import Stack
from hvbuild.store import file_digest
from hvbuild.version import __version__

FORMAT = "hvbuild-image/1"
RECORD = "image.json"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def image_name(name: str, *, marked: bool) -> str:
    """The file name of an image; one made without a certificate says so."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem or suffix}-engineering{dot}{suffix if stem else ''}" if marked else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """The facts of one making. `certificate` is the sha256 of the one that allowed it, empty for none."""

    stack: Stack
    certificate: str
    release: str
    tools: tuple[Tool, ...]
    commands: tuple[tuple[str, ...], ...]


def contents(files: HostFiles, search: Iterable[str], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of an image that was made file by file: where they were looked for and found."""
    return {"search": list(search), "entries": list(_entries(files, manifest))}


def image_record(
    making: Making, images: Iterable[tuple[str, Path]], inside: Mapping[str, Any] = NOTHING
) -> bytes:
    """The bytes of the record of `images`, each with its final name; `inside` are their `contents`.

    Folders of this machine do not appear in it.
    """
    document = {
        "format": FORMAT,
        "hvbuild": __version__,
        "stack": making.stack.name,
        "variant": making.stack.variant,
        "target": making.stack.target,
        "engineering": not making.certificate,
        "certificate": making.certificate,
        "sdp": {"release": making.release},
        "tools": [{"name": tool.name, "sha256": tool.digest} for tool in making.tools],
        "commands": [list(words) for words in making.commands],
        **inside,
        "images": [
            {"name": name, "size": path.stat().st_size, "sha256": file_digest(path)} for name, path in images
        ],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _entries(files: HostFiles, manifest: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Every host file that went in: path, where it was found, size, digest, and why it is there."""
    known = {row["path"]: row for row in manifest.get("image", ())}
    for item in files.found:
        row = known.get(item.wanted.path, {})
        size, sha256 = item.facts
        yield {
            "path": item.wanted.path,
            "source": item.label,
            "size": size,
            "sha256": sha256,
            "mode": row.get("mode", ""),
            "reason": row.get("reason", "named by the buildfile"),
            "place": row.get("place", ""),
        }
