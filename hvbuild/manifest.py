"""manifest.json: what a build wrote, from which inputs, with which decisions, and what made each line."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hvbuild.model.host import HostFile
from hvbuild.model.plan import Plan
from hvbuild.model.vm import Sporadic
from hvbuild.render.artifacts import Artifact
from hvbuild.resolve.imagesteps import image_steps
from hvbuild.source import Origin, Span
from hvbuild.store import digest
from hvbuild.verdicts import NamedDigest
from hvbuild.version import __version__

MANIFEST = "manifest.json"
FORMAT = "hvbuild-manifest/1"

_SPORADIC = (
    "period and budget of sporadic vCPUs are written in nanoseconds: the unit is read off one edition of the"
    " QNX cpu page and stated by no other"
)


def manifest_data(
    plan: Plan,
    artifacts: Iterable[Artifact],
    inputs: Iterable[NamedDigest],
    place_text: Callable[[Span], str],
    host_file: Callable[[str], tuple[int, str] | None] = lambda _: None,
) -> bytes:
    """The bytes of manifest.json; the same for the same plan, artifacts and inputs.

    `place_text` names a place in a way that does not depend on where the project lies; `host_file` gives size
    and sha256 of a file of the host image that lies in the project, None for one of the SDP.
    """
    rendered = tuple(artifacts)
    document = {
        "format": FORMAT,
        "hvbuild": __version__,
        "stack": plan.stack.name,
        "variant": plan.stack.variant,
        "board": plan.stack.board.name,
        "target": plan.stack.target,
        "artifacts": {item.name: {"sha256": digest(item.data), "size": len(item.data)} for item in rendered},
        "inputs": [{"name": item.name, "sha256": item.digest} for item in inputs],
        "decisions": [
            {
                "route": item.route,
                "value": item.value,
                "reason": item.reason,
                "place": _place(item.origin, place_text),
            }
            for item in plan.decisions
        ],
        "assumptions": _assumptions(plan),
        "image": _image(plan, rendered, place_text, host_file),
        "steps": [
            {"tool": step.tool, "arguments": list(step.arguments), "output": step.output}
            for step in (image_steps(plan.stack) if plan.host is not None else ())
        ],
        "lines": {
            item.name: {str(line.line): [place_text(place) for place in line.places] for line in item.lines}
            for item in rendered
            if item.lines
        },
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _place(origin: Origin, place_text: Callable[[Span], str]) -> str:
    return place_text(origin.span) if origin.span is not None else ""


def _assumptions(plan: Plan) -> list[str]:
    sporadic = any(isinstance(vcpu.sched, Sporadic) for guest in plan.guests for vcpu in guest.vm.vcpus)
    return [_SPORADIC] if sporadic else []


def _image(
    plan: Plan,
    rendered: tuple[Artifact, ...],
    place_text: Callable[[Span], str],
    host_file: Callable[[str], tuple[int, str] | None],
) -> list[dict[str, Any]]:
    """Every entry of the host image with its source and why it is there.

    Size and digest of a file of the SDP are null until an image is made: then they stand in its image.json.
    """
    if plan.host is None:
        return []
    own = {item.name: item.data for item in rendered}

    def facts_of(entry: HostFile) -> tuple[int | None, str | None]:
        inline = entry.content.encode("utf-8", "surrogateescape") if entry.content is not None else None
        data = own.get(entry.source) if inline is None else inline
        if data is not None:
            return len(data), digest(data)
        return (host_file(entry.source) if entry.source else None) or (None, None)

    known = [(entry, facts_of(entry)) for entry in plan.host.entries]
    return [
        {
            "path": entry.path,
            "source": entry.source or entry.link or "(inline)",
            "mode": entry.mode,
            "size": size,
            "sha256": sha256,
            "optional": entry.optional,
            "reason": entry.reason,
            "place": _place(entry.origin, place_text),
        }
        for entry, (size, sha256) in known
    ]


def read_manifest(folder: Path) -> Mapping[str, Any] | None:
    """The manifest of a build folder; None where there is none or it cannot be read."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else None


def recorded_digests(folder: Path) -> Mapping[str, str]:
    """Name and digest of each artifact that the folder's manifest lists; empty without a manifest."""
    manifest = read_manifest(folder)
    artifacts = manifest.get("artifacts") if manifest is not None else None
    if not isinstance(artifacts, dict):
        return {}
    return {
        name: row["sha256"]
        for name, row in artifacts.items()
        if isinstance(row, dict) and isinstance(row.get("sha256"), str)
    }
