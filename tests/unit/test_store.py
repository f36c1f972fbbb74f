"""Build folders are written whole: a writer that dies at any step leaves the old files or the new ones."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hvbuild.store import file_digest, locked, write_file, write_together

OLD = {"guests/a.qvmconf": b"old a", "guests/b.qvmconf": b"old b", "manifest.json": b"old manifest"}
NEW = {"guests/a.qvmconf": b"new a", "host/mifs.build": b"new host", "manifest.json": b"new manifest"}
GONE = ("guests/b.qvmconf",)
# Every way in which the store touches the disk.
STEPS = ("rename", "replace", "unlink", "mkdir", "open")


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Countdown:
    """Ends the writer at its n-th step on the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
        self.left = steps
        for name in STEPS:
            monkeypatch.setattr(Path, name, self._counted(getattr(Path, name)))
        monkeypatch.setattr(shutil, "rmtree", self._counted(shutil.rmtree))

    def _counted(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def step(*words: Any, **more: Any) -> Any:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return inner(*words, **more)

        return step


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".hvbuild-" not in path.as_posix() and path.name != ".hvbuild.lock"
    }


def killed_at_each_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Let a writer die at its first step, its second, … until one gets through; the number of each."""
    for steps in range(200):
        shutil.rmtree(folder, ignore_errors=True)
        with locked(folder):
            write_together(folder, OLD)
        survived = False
        with monkeypatch.context() as patched, suppress(Killed), locked(folder):
            Countdown(patched, steps)
            write_together(folder, NEW, remove=GONE)
            survived = True
        yield steps
        if survived:
            return


def test_a_writer_that_dies_leaves_the_old_files_or_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "build"
    seen = []
    for _ in killed_at_each_step(folder, monkeypatch):
        # Whoever comes next takes the lock, which finishes what was committed.
        with locked(folder):
            pass
        now = held(folder)
        seen.append("old" if now == OLD else "new" if now == NEW else "mixed")

    assert len(seen) > 10
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}


def test_a_file_is_never_seen_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "build"
    for _ in killed_at_each_step(folder, monkeypatch):
        for name, data in held(folder).items():
            assert data in (OLD.get(name), NEW.get(name))


def test_the_second_writer_finishes_even_when_it_dies_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "build"
    for _ in killed_at_each_step(folder, monkeypatch):
        pending, before = (folder / ".hvbuild-pending").is_dir(), held(folder)
        for steps in range(3):
            with monkeypatch.context() as patched, suppress(Killed):
                Countdown(patched, steps)
                with locked(folder):
                    pass
        with locked(folder):
            pass

        assert held(folder) == (NEW if pending else before)
        assert held(folder) in (OLD, NEW)


def test_a_cache_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "cache" / "x.json"
    write_file(place, b"one")
    with monkeypatch.context() as patched:
        Countdown(patched, 1)
        with pytest.raises(Killed):
            write_file(place, b"two")

    assert place.read_bytes() == b"one"


def test_the_digest_of_a_missing_file_is_none(tmp_path: Path) -> None:
    assert file_digest(tmp_path / "none") is None
    assert file_digest(tmp_path / "hvbuild.yaml#rules") is None


def test_a_cache_that_users_share_can_be_read_by_all_of_them(tmp_path: Path) -> None:
    place = tmp_path / "trees/one.json"
    write_file(place, b"one")

    assert place.stat().st_mode & 0o777 == 0o644
