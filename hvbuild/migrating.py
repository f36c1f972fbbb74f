"""Files of older formats brought to the present one by edits of their text: comments and order stay."""

from collections.abc import Iterable
from pathlib import Path

from hvbuild.diagnostics import Diagnostics
from hvbuild.load.fileformat import FORMAT, format_fault
from hvbuild.load.spellings import Edit, edits
from hvbuild.load.tree import Mapping, Scalar
from hvbuild.load.yamltree import read_yaml
from hvbuild.project import stack_files
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: its format, its text in the present one, and how many places differ."""

    path: Path
    version: int
    before: bytes
    after: bytes
    edits: int

    @property
    def needed(self) -> bool:
        """False for a file that is of the present format and spelling."""
        return self.before != self.after


def files_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files that the arguments mean: a stack's folder stands for its stack and variants."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += stack_files(path)
        else:
            found.append(path)
    return tuple(dict.fromkeys(found))


def migrations(paths: Iterable[Path]) -> tuple[Migration, ...]:
    """What each file becomes; StackInvalid with every file that cannot be read or is of a newer format.

    OSError for a file that cannot be opened. Nothing is written.
    """
    faults = Diagnostics()
    found = []
    for path in paths:
        data = path.read_bytes()
        one = _migration(path, data, faults)
        if one is not None:
            found.append(one)
    faults.barrier("reading")
    return tuple(found)


def _migration(path: Path, data: bytes, faults: Diagnostics) -> Migration | None:
    reading = read_yaml(data, path.as_posix())
    tree = reading.root
    faults.extend(reading.faults)
    if tree is None:
        return None
    version = tree.integer("format")
    fault = format_fault(tree, reading.faults)
    if version is None or (version != FORMAT and not 0 <= version < FORMAT):
        faults.extend([fault] if fault is not None else [])
        return None
    wanted = [*edits(tree, version), *_format_edit(tree)]
    text = reading.file.text
    # A byte order mark is no part of the text that spans count in.
    head = data[: len(data) - len(text.encode())]
    after = head + edited(text, wanted).encode()
    if read_yaml(after, path.as_posix()).faults:
        raise RuntimeError(f"migrating `{path}` would spoil it")
    return Migration(path=path, version=version, before=data, after=after, edits=len(wanted))


def _format_edit(tree: Mapping) -> tuple[Edit, ...]:
    node = tree.get("format")
    assert isinstance(node, Scalar), "a format is a number"
    return () if node.value == FORMAT else (Edit(node.span, str(FORMAT)),)


def edited(text: str, wanted: Iterable[Edit]) -> str:
    """`text` with each stretch replaced; the stretches do not overlap."""
    for edit in sorted(wanted, key=lambda each: each.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def write_migrations(found: Iterable[Migration]) -> tuple[Path, ...]:
    """Write the files that change and return their paths; each is whole at any moment and keeps its mode."""
    changed = [each for each in found if each.needed]
    for each in changed:
        staged = each.path.with_name(f".{each.path.name}.new")
        staged.write_bytes(each.after)
        staged.chmod(each.path.stat().st_mode)
        staged.replace(each.path)
    return tuple(each.path for each in changed)
