"""What is shown when hvbuild itself fails: the traceback, and what is needed to repeat the run."""

import platform
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from hvbuild.project import stack_files
from hvbuild.store import digest
from hvbuild.version import __version__


def fault_report(fault: BaseException, arguments: Iterable[str]) -> str:
    """The traceback of `fault`, versions, and the digest of every input that `arguments` name."""
    words = list(arguments)
    lines = [
        "".join(traceback.format_exception(fault)).rstrip(),
        "",
        "this is a fault in hvbuild, not in your input",
        f"  hvbuild {__version__}, Python {platform.python_version()}, {platform.system()}",
        f"  arguments: {' '.join(map(repr, words))}",
    ]
    lines += [f"  sha256 {found}  {path}" for path, found in _digests(words)]
    return "\n".join(lines) + "\n"


def _digests(words: Iterable[str]) -> Iterator[tuple[Path, str]]:
    for path in dict.fromkeys(found for word in words for found in _inputs(word)):
        try:
            yield path, digest(path.read_bytes())
        except OSError:
            continue


def _inputs(word: str) -> list[Path]:
    """The files that one word of the command line stands for: itself, or the parts of a stack folder."""
    path = Path(word.rpartition("=")[2] if word.startswith("-") else word)
    try:
        if path.is_dir():
            return [part for part in stack_files(path) if part.is_file()]
        return [path] if path.is_file() else []
    except (OSError, ValueError):
        return []
