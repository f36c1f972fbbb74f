"""Runs the tools that make images: their words and digests are recorded, their messages kept."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvbuild.diagnostics import Diagnostic
from hvbuild.image.codes import TOOL_FAILED
from hvbuild.image.sdp import Tool
from hvbuild.source import SourceFile, Span

# mkifs and its kin name a line so (mkifs source, `mk_error`); the last one stands nearest the fault.
_LINE = re.compile(r"\bLine (\d+):")
_LONGEST_MESSAGE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One run of a tool: its words with the tool by name, and what it printed."""

    tool: Tool
    arguments: tuple[str, ...]
    status: int
    message: str

    @property
    def words(self) -> tuple[str, ...]:
        """The command line as it can be typed where the tool is on PATH."""
        return (self.tool.name, *self.arguments)


def run_tool(tool: Tool, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Command:
    """Run `tool` in `folder` and wait for it; what it prints on either stream is its message."""
    try:
        done = subprocess.run(  # noqa: S603 - the SDP's own tool, with words that were written down
            [str(tool.path), *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as fault:
        message = fault.strerror or str(fault)
        return Command(tool=tool, arguments=tuple(arguments), status=127, message=message.lower())
    message = done.stdout.decode("utf-8", "replace")
    return Command(tool=tool, arguments=tuple(arguments), status=done.returncode, message=message)


def failure(command: Command, output: str, source: SourceFile) -> Diagnostic:
    """That a tool failed, or made no `output`: its own message, at the line of `source` that it names."""
    lines = [line.rstrip() for line in command.message.splitlines() if line.strip()]
    told = _LINE.findall(command.message)
    place = _line(source, int(told[-1])) if told else Span(source, 0, 0)
    what = f"ended with status {command.status}" if command.status else f"made no `{output}`"
    return TOOL_FAILED.at(
        place,
        f"`{' '.join(command.words)}` {what}",
        lines[-1] if lines else "it said nothing",
        notes=tuple(f"{command.tool.name}: {line}" for line in lines[-_LONGEST_MESSAGE:]),
    )


def _line(file: SourceFile, number: int) -> Span:
    start = sum(len(text) for text in file.text.splitlines(keepends=True)[: number - 1])
    return Span(file, min(start, len(file.text)), min(start + len(file.line(number)), len(file.text)))


def tool_environment(
    environment: Mapping[str, str], search: str, kind: str, host: Path | None
) -> dict[str, str]:
    """The environment of every tool: the caller's, with MKIFS_PATH, PROCESSOR and the SDP's tools on PATH."""
    path = [str(host / "usr/bin")] if host is not None else []
    path += [environment["PATH"]] if environment.get("PATH") else []
    return {
        **environment,
        "MKIFS_PATH": search,
        "PROCESSOR": kind,
        "PATH": os.pathsep.join(path),
        "LC_ALL": "C",
        # Tools that stamp files take this instead of the clock (reproducible-builds.org).
        "SOURCE_DATE_EPOCH": environment.get("SOURCE_DATE_EPOCH", "0"),
    }
