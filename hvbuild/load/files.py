"""The files of one run: each read once, parsed once, and listed as an input with the digest of its bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.load.parsecache import ParseCache
from hvbuild.load.spellings import modern
from hvbuild.load.tree import Mapping
from hvbuild.load.yamltree import Reading, read_yaml
from hvbuild.source import SourceFile
from hvbuild.store import digest
from hvbuild.values import dataclass

UNREADABLE = Code(
    code="HV0022",
    name="unreadable-file",
    severity=Severity.ERROR,
    meaning="A file that is named cannot be opened or read.",
    source="the operating system's answer is part of the message",
)

CODES = (UNREADABLE,)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file gave no bytes, in the operating system's words; `missing` where there is no such file."""

    reason: str
    missing: bool = False


Read = Callable[[Path], bytes | Unreadable]


def read_from_disk(path: Path) -> bytes | Unreadable:
    """The bytes of the file, or why there are none; nothing is raised."""
    try:
        return path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        return Unreadable((error.strerror or str(error)).lower(), missing)
    except ValueError:
        # A path with a NUL in it.
        return Unreadable("not a path")


@dataclass(frozen=True, slots=True)
class Input:
    """One file that was read: the path it is named by, sha256 of its bytes in hex, its text and its tree.

    `root` is None where the text could not be read as YAML; it has the present spelling of every key, and
    `notes` warn of older ones.
    """

    path: str
    digest: str
    file: SourceFile
    root: Mapping | None = None
    notes: tuple[Diagnostic, ...] = ()


Memory = dict[Path, tuple[Reading | Unreadable, Input | None]]


class Files:
    """Mutable: the files read for one stack, in the order of first mention.

    Several may share one `memory`, so that a process reads and parses each file once.
    """

    def __init__(
        self, read: Read = read_from_disk, cache: ParseCache | None = None, memory: Memory | None = None
    ) -> None:
        self._read = read
        self._cache = cache
        self._memory: Memory = {} if memory is None else memory
        self._inputs: dict[Path, Input] = {}
        self._refused: dict[Path, Unreadable] = {}

    @property
    def missing(self) -> tuple[Path, ...]:
        """All files that were asked for and are not there, in the order of first mention."""
        return tuple(path for path, why in self._refused.items() if why.missing)

    @property
    def unreadable(self) -> tuple[Path, ...]:
        """All files that are there and gave no bytes, in the order of first mention."""
        return tuple(path for path, why in self._refused.items() if not why.missing)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All files that gave bytes, in the order of first mention."""
        return tuple(self._inputs.values())

    def reading(self, path: Path) -> Reading | Unreadable:
        """The tree of the YAML file `path`; the file is read at its first mention only."""
        if path not in self._memory:
            self._memory[path] = self._first_reading(path)
        reading, entry = self._memory[path]
        if entry is not None:
            self._inputs.setdefault(path, entry)
        if isinstance(reading, Unreadable):
            self._refused.setdefault(path, reading)
        return reading

    def _first_reading(self, path: Path) -> tuple[Reading | Unreadable, Input | None]:
        data = self._read(path)
        if isinstance(data, Unreadable):
            return data, None
        name = path.as_posix()
        cached = self._cache.find(data, name) if self._cache is not None else None
        reading = cached or read_yaml(data, name)
        if cached is None and self._cache is not None:
            self._cache.keep(data, reading)
        notes: tuple[Diagnostic, ...] = ()
        if reading.root is not None:
            root, notes = modern(reading.root, reading.file.text)
            reading = replace(reading, root=root) if notes else reading
        return reading, Input(name, digest(data), reading.file, reading.root, notes)
