"""The only writer of build folders: files appear together or not at all, one writer at a time.

A write is staged in full, then committed by one rename; moving the staged files into place can be repeated,
so a run that was killed half-way is finished by the next one that takes the lock.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".hvbuild.lock"
_STAGING = ".hvbuild-staging"
_PENDING = ".hvbuild-pending"
_EDITED = ".edited"
RULES_OF = "#rules"
NAMES_IN = "#names"
_PLAIN = 0o644


class FolderBusy(Exception):  # noqa: N818 - says what is the case
    """Another process is writing the build folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another hvbuild is writing `{folder}`")
        self.folder = folder


def digest(data: bytes) -> str:
    """The sha256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str | None:
    """The sha256 of a file in hex; None where there is none.

    `FILE#rules` is a project file without its matrix: which products there are decides nothing within one.
    `FOLDER#names` are the names in a folder.
    """
    try:
        if path.name.endswith(NAMES_IN):
            names = sorted(os.listdir(path.with_name(path.name.removesuffix(NAMES_IN))))
            return digest("\0".join(names).encode())
        if not path.name.endswith(RULES_OF):
            return digest(path.read_bytes())
        rules = rules_of(path.with_name(path.name.removesuffix(RULES_OF)).read_bytes())
        return digest(rules) if rules is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def rules_of(project_file: bytes) -> bytes | None:
    """The lines of a project file that can change what a product is; None where there are none.

    Left out are comments and blank lines at the margin, `format:`, and the `matrix:` and `exclude:` of a file
    whose sections begin at the margin and share no anchors; anything else counts as it stands.
    """
    if b"&" in project_file:
        return project_file
    kept: list[bytes] = []
    inside = False
    for line in project_file.splitlines():
        if line[:1] in (b"", b"#"):
            continue
        if line[:1] not in (b" ", b"\t", b"-"):
            inside = line.startswith((b"matrix:", b"exclude:", b"format:"))
        if not inside:
            kept.append(line)
    return b"\n".join(kept) or None


@contextmanager
def locked(folder: Path, *, patience: float = 600.0) -> Iterator[None]:
    """Hold the folder's lock, waiting up to `patience` seconds; FolderBusy after that.

    A write that an earlier process had committed but not finished is finished first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _acquire(handle, folder, patience)
        _finish(folder)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, folder: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            if fault.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            if time.monotonic() >= deadline:
                raise FolderBusy(folder) from None
            time.sleep(0.05)
        else:
            return


def write_together(folder: Path, files: Mapping[str, bytes], remove: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Put `files` (names relative to `folder`) in place and delete `remove`; return what changed.

    The caller holds the lock. Files whose bytes are already there keep their time stamps, others their mode.
    """
    changed = {name: data for name, data in files.items() if not _same(folder / name, data)}
    gone = tuple(name for name in remove if (folder / name).exists())
    if not changed and not gone:
        return ()
    staging = folder / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    for name, data in changed.items():
        path = staging / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_through(path, data)
        if (folder / name).is_file():
            shutil.copymode(folder / name, path)
    (staging / "files").mkdir(parents=True, exist_ok=True)
    _write_through(staging / "remove", "\n".join(gone).encode())
    staging.rename(folder / _PENDING)
    _finish(folder)
    return (*changed, *gone)


def _same(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _finish(folder: Path) -> None:
    """Move committed files into place; safe to repeat at any point."""
    shutil.rmtree(folder / _STAGING, ignore_errors=True)
    pending = folder / _PENDING
    if not pending.is_dir():
        return
    files = pending / "files"
    for path in sorted(files.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(files)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    removals = pending / "remove"
    if removals.is_file():
        for name in removals.read_text().splitlines():
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(pending, ignore_errors=True)


def keep_edited(folder: Path, expected: Mapping[str, str]) -> tuple[str, ...]:
    """Keep each file that no longer has its `expected` digest as `NAME.edited`; return their names.

    The caller holds the lock. A file that is missing is not an edit.
    """
    kept = []
    for name, wanted in expected.items():
        path = folder / name
        present = file_digest(path)
        if present is not None and present != wanted:
            shutil.copyfile(path, path.with_name(path.name + _EDITED))
            kept.append(name)
    return tuple(kept)


def edited_copy(folder: Path, name: str) -> Path:
    """Where the hand-edited copy of an artifact is kept."""
    path = folder / name
    return path.with_name(path.name + _EDITED)


def write_file(path: Path, data: bytes) -> None:
    """Put one file in place whole, for caches that any number of processes and users share; folders are made.

    Everybody may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).chmod(_PLAIN)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def write_output(path: Path, data: bytes) -> None:
    """Put one file that a user asked for in place whole, or write into what is no plain file (a pipe).

    OSError, naming `path`, where that cannot be done; its folder must be there.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(name).chmod(_PLAIN)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(path)) from None


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where caches live: `$HVBUILD_CACHE`, else `$XDG_CACHE_HOME/hvbuild`, else `~/.cache/hvbuild`."""
    own = environment.get("HVBUILD_CACHE")
    if own:
        return Path(own)
    shared = environment.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative path is to be ignored.
    if shared.startswith("/"):
        return Path(shared, "hvbuild")
    return Path(environment.get("HOME") or "~", ".cache", "hvbuild")
