"""The C preprocessor over vendor devicetrees; the only importer of pcpp, which is an extra (`vendor-dts`).

What comes out is plain source for `read_plain_dts`. Only the texts that are given can be included.
"""

import io
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from hvbuild.values import dataclass

# Devicetree properties that begin with `#` (`#address-cells`) are no directives: they are hidden meanwhile.
_DIRECTIVES = "include|define|undef|if|ifdef|ifndef|elif|else|endif|error|warning|pragma|line"
_HASH_PROPERTY = re.compile(rf"#(?!\s*(?:{_DIRECTIVES})\b(?!-))(?=[A-Za-z])")
_HIDDEN = "__hvbuild_hash_property_"
_LINE = re.compile(r'#line (\d+)(?: "(.*)")?\s*$')


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """Plain source, comments and directives gone.

    `lines` says of each of its lines from which file and line it came, `included` which files were taken in.
    """

    text: str
    lines: tuple[tuple[str, int], ...] = ()
    included: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NotPreprocessed:
    """Why there is no plain source: a file that was not given, a wrong directive, the missing extra."""

    message: str
    path: str = ""
    line: int = 0


def can_preprocess() -> bool:
    """True when the extra `vendor-dts` is installed."""
    return find_spec("pcpp") is not None


def preprocess(
    text: str, path: str, files: Mapping[str, str], defines: Mapping[str, str] | None = None
) -> Preprocessed | NotPreprocessed:
    """`text` with its macros expanded and conditions decided, as `cpp -x assembler-with-cpp` does for dtc.

    `files` are the texts that may be included, by the name in the `#include` line or by their last part.
    """
    if not can_preprocess():
        return NotPreprocessed("the extra `vendor-dts` is not installed")
    processor = _processor(files)
    for name, value in (defines or {}).items():
        processor.define(f"{name} {value}")
    out = io.StringIO()
    try:
        processor.parse(_HASH_PROPERTY.sub(_HIDDEN, text), path)
        processor.write(out)
    except Exception as error:
        # pcpp trusts its input: a malformed directive ends in whatever its code runs into.
        return NotPreprocessed(f"the preprocessor stops here: {error}", path, processor.linemacro)
    if processor.stopped is not None:
        return NotPreprocessed(*processor.stopped)
    kept, lines = _traced(out.getvalue())
    return Preprocessed(kept.replace(_HIDDEN, "#"), lines, frozenset(processor.included))


def _traced(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """`text` without its `#line` directives, and where they say each of its lines came from."""
    kept: list[str] = []
    lines: list[tuple[str, int]] = []
    path, number = "", 1
    for line in text.splitlines(keepends=True):
        told = _LINE.match(line)
        if told is not None:
            path, number = told[2] or path, int(told[1])
            continue
        kept.append(line)
        lines.append((path, number))
        number += 1
    return "".join(kept), tuple(lines)


def _processor(files: Mapping[str, str]) -> Any:
    """A preprocessor that reads `files` alone and remembers the first thing that stopped it."""
    import pcpp  # noqa: PLC0415 - an extra, and slow to import

    by_last_part = {name.rsplit("/", 1)[-1]: name for name in files}

    class Processor(pcpp.Preprocessor):  # type: ignore[misc]
        """pcpp without a file system."""

        def __init__(self) -> None:
            super().__init__()
            self.line_directive = "#line"
            self.included: set[str] = set()
            self.stopped: tuple[str, str, int] | None = None

        def on_file_open(self, _is_system_include: bool, includepath: str) -> io.StringIO:
            name = includepath.removeprefix("./")
            known = name if name in files else by_last_part.get(name.rsplit("/", 1)[-1])
            if known is None:
                raise OSError(includepath)
            self.included.add(known)
            return io.StringIO(_HASH_PROPERTY.sub(_HIDDEN, files[known]))

        def on_include_not_found(
            self, _is_malformed: bool, _is_system_include: bool, _curdir: str, includepath: str
        ) -> None:
            self.stop(str(self.source or ""), 0, f"`{includepath}` is included and was not given")
            raise pcpp.OutputDirective(pcpp.Action.IgnoreAndRemove)

        def on_directive_handle(
            self, directive: Any, toks: Any, ifpassthru: bool, precedingtoks: Any
        ) -> bool | None:
            if directive.value in ("error", "warning"):
                # pcpp would print it; a warning of the source is not ours to judge.
                if directive.value == "error":
                    words = "".join(token.value for token in toks)
                    self.stop(directive.source, directive.lineno, f"#error {words}")
                return True
            handled: bool | None = super().on_directive_handle(directive, toks, ifpassthru, precedingtoks)
            return handled

        def on_error(self, file: str, line: int, msg: str) -> None:
            self.stop(file, line, msg)

        def stop(self, file: str, line: int, message: str) -> None:
            self.stopped = self.stopped or (message, file or "", line)

    return Processor()
