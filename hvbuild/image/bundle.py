"""One archive that a machine with the SDP turns into the image, with one command and without hvbuild.

The same build gives the same bytes: members are sorted, and carry no owner and no time.
"""

import gzip
import io
import os
import shlex
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from hvbuild.certify.form import CERTIFICATE, ENVELOPE
from hvbuild.checking import Checked
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.image.missing import Found, host_files
from hvbuild.image.sdp import FOLDERS, STAGING, Folder, processor
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.evidence import SizeLimit
from hvbuild.resolve.imagesteps import BUILDFILE, ImageStep, host_image, image_steps, size_limits
from hvbuild.source import SourceFile
from hvbuild.store import digest

SCRIPT, SUMS, REQUIRED, FILES = "make-image.sh", "SHA256SUMS", "required.txt", "files"
_EXECUTABLE, _PLAIN = 0o755, 0o644


def bundle_members(
    checked: Checked, artifacts: Mapping[str, bytes], certificate: bytes, folder: Path
) -> dict[str, bytes]:
    """Every file of the bundle by name: artifacts, certificate, the project's own host files, the script."""
    members = {**artifacts, CERTIFICATE: certificate}
    envelope = folder / ENVELOPE
    if envelope.is_file():
        members[ENVELOPE] = envelope.read_bytes()
    for found in _project_files(checked, artifacts):
        members |= _tree(f"{FILES}/{found.wanted.name}", found.file)
    members[REQUIRED] = "".join(f"{path}\n" for path in _required(artifacts[BUILDFILE])).encode()
    sums = "".join(f"{digest(members[name])}  {name}\n" for name in sorted(members))
    members[SUMS] = sums.encode()
    members[SCRIPT] = make_script(checked).encode()
    return members


def _project_files(checked: Checked, artifacts: Mapping[str, bytes]) -> Iterator[Found]:
    """Host files that lie in the project: the other machine has the SDP, but not these."""
    place = checked.place
    folders = tuple(Folder(path.absolute(), "project") for path in (place.folder, place.root))
    buildfile = SourceFile(BUILDFILE, artifacts[BUILDFILE].decode("utf-8", "surrogateescape"))
    for found in host_files(buildfile, {name: Path(name) for name in artifacts}, folders).found:
        if found.label.startswith("project/"):
            yield found


def _tree(name: str, path: Path) -> dict[str, bytes]:
    """A file, or every file below a folder, by name in the bundle."""
    if path.is_file():
        return {name: path.read_bytes()}
    return {
        f"{name}/{file.relative_to(path).as_posix()}": file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def _required(buildfile: bytes) -> Iterator[str]:
    """Paths the finished image must hold, as dumpifs lists them; a blank in one would look like a column."""
    image = image_meaning(read_buildfile(buildfile.decode("utf-8", "surrogateescape"), BUILDFILE))
    for entry in image.entries:
        if not entry.optional and " " not in entry.path:
            yield entry.path.removeprefix("/")


def write_bundle(name: str, members: Mapping[str, bytes], target: Path) -> None:
    """Write the archive to `target`, whole or not at all; `name` is the folder it unpacks to."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(archive(name, members))
        Path(temporary).chmod(_PLAIN)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def archive(name: str, members: Mapping[str, bytes]) -> bytes:
    """The bytes of the archive: tar, compressed by gzip without name and time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in sorted(members):
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = len(members[member])
            info.mode = _EXECUTABLE if member == SCRIPT else _PLAIN
            tar.addfile(info, io.BytesIO(members[member]))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream:
        stream.write(raw.getvalue())
    return packed.getvalue()


def make_script(checked: Checked) -> str:
    """The POSIX shell script that makes the images where it was unpacked, or leaves none."""
    stack = checked.plan.stack
    steps = tuple(image_steps(stack))
    host = checked.plan.host
    tools = dict.fromkeys([*(step.tool for step in steps), "dumpifs"])
    return _SCRIPT.format(
        title=f"{stack.name} ({stack.variant})",
        target=stack.target,
        tools=" ".join(tools),
        processor=shlex.quote(processor(host.virtual) if host is not None else ""),
        parts=" ".join(FOLDERS),
        staging=STAGING,
        steps="".join(_step_lines(step) for step in steps),
        image=shlex.quote(host_image(stack)),
        limits="".join(_limit_line(name, limit) for name, limit in size_limits(stack)),
    )


def _limit_line(name: str, limit: SizeLimit) -> str:
    said = shlex.quote(f"{name} is larger than the {limit.size} bytes that {limit.what} takes")
    return f"[ $(wc -c <{shlex.quote(name)}) -le {limit.size} ] || stop 1 {said}\n"


def _step_lines(step: ImageStep) -> str:
    words = " ".join(shlex.quote(word) for word in (step.tool, *step.arguments))
    output = shlex.quote(step.output)
    return (
        f'say {shlex.quote(words)}\n{words}\n[ -f {output} ] || stop 1 "{step.tool} made no {step.output}"\n'
    )


_SCRIPT = """\
#!/bin/sh
# Makes the image of {title} for {target}, in the folder this script lies in.
# Needs the environment of a QNX SDP (QNX_TARGET, QNX_HOST) and nothing else.
# ${staging} may name further folders with host files, separated by `:`.
set -eu
cd "$(dirname "$0")"
say() {{ echo "make-image: $*"; }}
stop() {{ code=$1; shift; echo "make-image: $*" >&2; exit "$code"; }}
[ -n "${{QNX_TARGET:-}}" ] || stop 2 "QNX_TARGET is not set: set up the environment of the SDP first"
PATH="${{QNX_HOST:+$QNX_HOST/usr/bin:}}$PATH"
missing=
for tool in {tools}; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] || stop 2 "not found:$missing"
if command -v sha256sum >/dev/null 2>&1; then
    sha256sum -c SHA256SUMS >/dev/null || stop 3 "a file is not the one that was certified"
else
    shasum -a 256 -c SHA256SUMS >/dev/null || stop 3 "a file is not the one that was certified"
fi
PROCESSOR={processor}
MKIFS_PATH=
add() {{ if [ -d "$1" ]; then MKIFS_PATH="${{MKIFS_PATH:+$MKIFS_PATH:}}$1"; fi; }}
parts="{parts}"
rest="${{{staging}:-}}"
while [ -n "$rest" ]; do
    root="${{rest%%:*}}"
    case $rest in *:*) rest="${{rest#*:}}" ;; *) rest= ;; esac
    for part in $parts; do add "$root/$PROCESSOR/$part"; done
    for part in $parts; do add "$root/$part"; done
    add "$root"
done
for part in $parts; do add "$QNX_TARGET/$PROCESSOR/$part"; done
add "$PWD/files"
LC_ALL=C
SOURCE_DATE_EPOCH="${{SOURCE_DATE_EPOCH:-0}}"
export PATH PROCESSOR MKIFS_PATH LC_ALL SOURCE_DATE_EPOCH
rm -rf image
mkdir image
trap 'code=$?; [ "$code" = 0 ] || rm -rf image; exit "$code"' EXIT
{steps}{limits}dumpifs {image} >image/contents.txt
awk 'FNR == NR {{ have[$3] = 1; next }}
     !($0 in have) {{ print "make-image: not in the image: " $0; bad = 1 }}
     END {{ exit bad }}' image/contents.txt required.txt >&2
say "made image/"
"""
