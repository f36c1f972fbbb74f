"""The same input gives the same bytes: whatever the hash seed, the locale, the folder and the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = (
    {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
    {"PYTHONHASHSEED": "4711", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONUTF8": "1"},
)


def certified(folder: Path, stack: str, settings: dict[str, str]) -> dict[str, bytes]:
    """Everything that certifying a copy of a shipped stack in `folder` writes, timings excepted."""
    shutil.copytree(ROOT / "stacks", folder / "stacks")
    environment = {
        **{key: value for key, value in os.environ.items() if key not in ("LANG", "LANGUAGE")},
        "PYTHONPATH": str(ROOT),
        "HVBUILD_CACHE": str(folder / "cache"),
        **settings,
    }
    finished = subprocess.run(
        [sys.executable, "-m", "hvbuild", "certify", f"stacks/{stack}", "--examples", "3"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    build = folder / "build" / stack / "base"
    names = (path for path in sorted(build.rglob("*")) if path.is_file())
    return {
        path.relative_to(build).as_posix(): path.read_bytes()
        for path in names
        if not path.name.startswith(".") and path.name != "timings.json"
    }


@pytest.mark.parametrize("stack", ["rpi4", "sa8155-la"])
def test_two_runs_write_the_same_bytes(stack: str, tmp_path: Path) -> None:
    one, two = (
        certified(tmp_path / f"place-{number}", stack, settings) for number, settings in enumerate(SETTINGS)
    )

    assert "certificate.json" in one
    assert one == two
