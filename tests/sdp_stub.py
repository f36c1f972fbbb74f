"""An SDP that is not one: the folders mkifs looks through, and tools that record how they were called.

The stub mkifs reads the buildfile itself, looks host files up as mkifs does, and writes what the stub dumpifs
then lists; it shares no code with hvbuild.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MKIFS = r"""#!{python}
import os, re, sys
with open({log!r}, "a") as log: log.write("mkifs " + " ".join(sys.argv[1:]) + "\n")
assert sys.argv[1] == "-nn"
buildfile, output = sys.argv[2:4]
text = open(buildfile, newline="").read()
folders = os.environ["MKIFS_PATH"].split(":")
def find(name):
    if name.startswith("/"): return name if os.path.exists(name) else None
    if "/" in name and os.path.exists(name): return name
    return next((f"{{f}}/{{name}}" for f in folders if os.path.exists(f"{{f}}/{{name}}")), None)
rows, number, body = [], 0, None
for line in text.split("\n"):
    number += 1
    if body is not None:
        if line.endswith("}}"):
            rows.append(("f", body, sum(map(len, content))))
            body = None
        else:
            content.append(re.sub(r"\\(.)", r"\1", line) + "\n")
        continue
    bare = re.sub(r"^\[[^]]*\]\s*", "", line.split(" # ")[0])
    attributes = line[: len(line) - len(bare)]
    if not bare or bare.startswith("#"): continue
    target, _, host = bare.partition("=")
    target, host = target.strip(), host.strip()
    if host == "{{":
        body, content = target, []
    elif "type=link" in attributes:
        rows.append(("l", target, host))
    else:
        found = find(host or target)
        if found is None and "+optional" in attributes: continue
        if found is None:
            sys.exit(f"Line {{number}}: Host file '{{host}}' not available.")
        rows.append(("f", target, os.path.getsize(found)))
with open(output, "w") as out:
    for kind, target, fact in rows:
        path = target.lstrip("/") if target.startswith("/") else "proc/boot/" + target
        fact = f"       1  {{path}} -> {{fact}}" if kind == "l" else f"{{fact:8x}}  {{path}}"
        out.write(f"     1000 {{fact}}\n")
"""
DUMPIFS = """#!/bin/sh
echo "dumpifs $*" >>'{log}'
echo '   Offset     Size  Name'
cat "$1"
"""
DISK = """#!/bin/sh
echo "{name} $*" >>'{log}'
for last in "$@"; do :; done
case $1 in -o) last=$2 ;; esac
echo "{name} of $*" >"$last"
"""


@dataclass(frozen=True)
class StubSdp:
    """The stub: its environment, and the calls of its tools so far."""

    root: Path
    environment: dict[str, str]

    @property
    def calls(self) -> list[str]:
        log = self.root / "calls.log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def bin(self) -> Path:
        return self.root / "host/usr/bin"

    def break_tool(self, name: str, message: str) -> None:
        """Let a tool fail with a message, after it has begun its output."""
        write_tool(
            self.bin / name, f"#!/bin/sh\nmkdir -p image; : >image/half.ifs\necho '{message}' >&2\nexit 1\n"
        )


def write_tool(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def stub_sdp(root: Path, names: Iterable[str], processor: str = "aarch64le") -> StubSdp:
    """A stub that holds host files called `names`, spread as an SDP has them."""
    log = str(root / "calls.log")
    target = root / "target/qnx"
    for name in names:
        part = "boot/sys" if name.startswith(("startup", "procnto")) or name.endswith(".boot") else "sbin"
        part = "lib" if ".so" in name else part
        path = target / processor / part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"host file {name}\n")
    header = target / "usr/include/sys/neutrino.h"
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_text("#define _NTO_VERSION 800\n")
    tools = root / "host/usr/bin"
    write_tool(tools / "mkifs", MKIFS.format(python=sys.executable, log=log))
    write_tool(tools / "dumpifs", DUMPIFS.format(log=log))
    for name in ("mkfatfsimg", "mkqnx6fsimg", "diskimage"):
        write_tool(tools / name, DISK.format(name=name, log=log))
    environment = {
        "QNX_TARGET": str(target),
        "QNX_HOST": str(root / "host"),
        "PATH": "/usr/bin:/bin",
    }
    return StubSdp(root, environment)
