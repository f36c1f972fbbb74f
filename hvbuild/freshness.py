"""Is a built variant still what its inputs and this hvbuild would make? Answered without the model."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hvbuild.store import digest, file_digest
from hvbuild.values import dataclass
from hvbuild.verdicts import NamedDigest, tool_digest
from hvbuild.version import judging_versions

STATE = ".hvbuild-state.json"
IMAGE_STATE = ".hvbuild-image.json"
CERTIFIED = ("manifest.json", "certificate.json")
# What of the environment decides an image: where the SDP and staging folders are, and the date it bears.
IMAGE_ENVIRONMENT = ("QNX_TARGET", "QNX_HOST", "HVBUILD_STAGING", "PATH", "SOURCE_DATE_EPOCH")
_LAYOUT = 2


def state_data(
    inputs: Iterable[NamedDigest], outputs: dict[str, str], versions: Iterable[tuple[str, str]] = ()
) -> bytes:
    """What a build folder was made from, for `is_fresh`; paths are those of this machine.

    An input with digest None was looked for and not there: its appearance makes the build stale.
    """
    held = {
        "layout": _LAYOUT,
        "tool": tool_digest(),
        "versions": dict(versions),
        "inputs": [[item.name, item.digest] for item in inputs],
        "outputs": outputs,
    }
    return (json.dumps(held) + "\n").encode()


@dataclass(slots=True)
class Digests:
    """Mutable: digests of files, each read once: inputs for good, outputs until they are written again."""

    known: dict[str, str | None]
    outputs: dict[str, tuple[tuple[int, int, int], bytes, str]] = field(default_factory=dict)

    def of(self, path: str) -> str | None:
        """The sha256 of the file, or None where there is none."""
        if path not in self.known:
            self.known[path] = file_digest(Path(path))
        return self.known[path]

    def of_output(self, path: Path) -> str:
        """The sha256 of a file that this process's tasks write; OSError where there is none."""
        return self._output(path)[2]

    def state(self, folder: Path, name: str = STATE) -> Any:
        """What a build folder says it was made from, as JSON; OSError or ValueError without it."""
        return json.loads(self._output(folder / name)[1])

    def _output(self, path: Path) -> tuple[tuple[int, int, int], bytes, str]:
        facts = path.stat()
        seal = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        held = self.outputs.get(str(path))
        if held is None or held[0] != seal:
            data = path.read_bytes()
            held = (seal, data if path.name in (STATE, IMAGE_STATE) else b"", digest(data))
            self.outputs[str(path)] = held
        return held


def is_fresh(folder: Path, wanted: Iterable[str], digests: Digests) -> bool:
    """True when every input and output of the folder has the bytes it had when `wanted` was written.

    `wanted` are outputs that must be among those recorded.
    """
    try:
        held = digests.state(folder)
        if held["layout"] != _LAYOUT or held["tool"] != tool_digest():
            return False
        if held["versions"] and held["versions"] != dict(judging_versions()):
            return False
        outputs: dict[str, str] = held["outputs"]
        if any(name not in outputs for name in wanted):
            return False
        if any(digests.of(name) != known for name, known in held["inputs"]):
            return False
        return all(digests.of_output(folder / name) == known for name, known in outputs.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def image_state(
    inputs: Iterable[NamedDigest], outputs: dict[str, str], environment: Mapping[str, str], until: str
) -> bytes:
    """What the certified images of a build folder were made from, for `is_image_fresh`.

    `outputs` holds the images and the certificate that allowed them; `until` is the last day (ISO) on which
    all its waivers count, empty without one.
    """
    held = {
        "layout": _LAYOUT,
        "tool": tool_digest(),
        "environment": _image_environment(environment),
        "until": until,
        "inputs": [[item.name, item.digest] for item in inputs],
        "outputs": outputs,
    }
    return (json.dumps(held) + "\n").encode()


def _image_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment.get(name, "") for name in IMAGE_ENVIRONMENT}


def is_image_fresh(folder: Path, environment: Mapping[str, str], digests: Digests) -> bool:
    """True when the images of the folder are those that `hvbuild image` would make again, and may be.

    The certificate is current and the one they were made under, its waivers count today, and every host file
    and tool is where and what it was.
    """
    try:
        held = digests.state(folder, IMAGE_STATE)
        if held["layout"] != _LAYOUT or held["tool"] != tool_digest():
            return False
        if held["environment"] != _image_environment(environment) or _is_over(held["until"], environment):
            return False
        if any(digests.of(name) != known for name, known in held["inputs"]):
            return False
        outputs: dict[str, str] = held["outputs"]
        if any(digests.of_output(folder / name) != known for name, known in outputs.items()):
            return False
        return is_fresh(folder, CERTIFIED, digests)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_over(until: str, environment: Mapping[str, str]) -> bool:
    """True when the day `until` has passed; with SOURCE_DATE_EPOCH, which is compared, no day passes."""
    passing = until and not environment.get("SOURCE_DATE_EPOCH")
    return bool(passing) and datetime.now(UTC).date().isoformat() > until


def recorded_state(folder: Path) -> tuple[tuple[NamedDigest, ...], dict[str, str]]:
    """The inputs and outputs that the folder's state lists; empty without a readable one."""
    try:
        held = json.loads((folder / STATE).read_text(encoding="utf-8"))
        inputs = tuple(NamedDigest(name, known) for name, known in held["inputs"])
        return inputs, dict(held["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return (), {}


def with_certificate(
    folder: Path, files: dict[str, bytes], inputs: Iterable[NamedDigest] = (), without: Iterable[str] = ()
) -> bytes:
    """The folder's state with a certificate's `files` and inputs in it, but none of the outputs `without`.

    From then on it is fresh under the present versions alone.
    """
    held_inputs, held = recorded_state(folder)
    known = {item.name: item for item in (*held_inputs, *inputs)}
    outputs = {**held, **{name: digest(data) for name, data in files.items()}}
    dropped = frozenset(without)
    return state_data(
        (known[name] for name in sorted(known)),
        {name: known_digest for name, known_digest in outputs.items() if name not in dropped},
        judging_versions(),
    )
