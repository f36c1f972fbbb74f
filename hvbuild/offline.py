"""hvbuild for a machine without network: `python -m hvbuild.offline DIR`.

DIR gets `wheels/` with hvbuild and all it needs, `requirements.txt` that pins each by its sha256, the script
`install.sh` that makes a virtual environment from them alone, and `standalone/`, a folder that runs where it
is put: `standalone/bin/hvbuild` and `standalone/bin/doit` need a Python of the release it was made with and
nothing else. A zip application would not do: several of the libraries are compiled. Which index the wheels
come from is pip's own business.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from hvbuild.version import __version__

_SOURCE = Path(__file__).resolve().parents[1]
_INSTALL = """\
#!/bin/sh
# Make the virtual environment VENV (first argument) with hvbuild in it; nothing is fetched from any network.
set -e
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
venv=${1:?usage: install.sh VENV}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \\
    --find-links "$here/wheels" --require-hashes -r "$here/requirements.txt"
"$venv/bin/python" -m hvbuild --version
"""
_LAUNCH = """\
#!/bin/sh
# $PYTHON is the Python to run with: a Python {python} as this folder was made with.
self=$(readlink -f -- "$0")
here=$(dirname -- "$(dirname -- "$self")")
python=${{PYTHON:-$(command -v python{python} || echo python3)}}
PYTHONPATH="$here/lib${{PYTHONPATH:+:$PYTHONPATH}}" exec "$python" "$here/run.py" {module} "$@"
"""
# Libraries that were compiled for another Python fail one by one and late; this says so at once.
_RUN = """\
import runpy
import sys

if sys.version_info[:2] != {release}:
    found = "%s (%d.%d)" % (sys.executable, *sys.version_info[:2])
    print("hvbuild: this folder needs Python {python}, not", found, "- set PYTHON", file=sys.stderr)
    sys.exit(2)
del sys.path[0]
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


class CannotPack(Exception):  # noqa: N818 - named for what it says
    """pip could not bring together what hvbuild needs; its text is the reason."""


def pack(folder: Path, extras: Sequence[str] = (), pythons: Sequence[str] = ()) -> tuple[str, ...]:
    """Make the offline folder; return the names of its wheels. It is there whole or not at all.

    `pythons` are further releases (`3.12`) to bring wheels for. CannotPack where pip refuses; OSError where
    the folder holds something already.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        whole = Path(made, "offline")
        wheels = whole / "wheels"
        wheels.mkdir(parents=True)
        _pip("wheel", "--wheel-dir", str(wheels), _wanted(extras))
        for python in pythons:
            _other_python(wheels, python)
        names = tuple(sorted(path.name for path in wheels.glob("*.whl")))
        (whole / "requirements.txt").write_text("".join(_pins(wheels, names)), encoding="utf-8")
        _executable(whole / "install.sh", _INSTALL)
        _standalone(whole)
        # Refused by the system where the folder holds anything.
        whole.rename(folder)
    return names


def _wanted(extras: Sequence[str]) -> str:
    """This hvbuild as pip asks for it: the checkout it runs from, else its release."""
    suffix = f"[{','.join(extras)}]" if extras else ""
    if (_SOURCE / "pyproject.toml").is_file():
        return f"{_SOURCE}{suffix}"
    return f"hvbuild{suffix}=={__version__}"


def _other_python(wheels: Path, python: str) -> None:
    """The wheels that another release of Python takes where those of this one do not fit."""
    pinned = [f"{name}=={number}" for name, number in _releases(wheels) if name != "hvbuild"]
    _pip(
        "download",
        *("--no-deps", "--only-binary", ":all:", "--python-version", python, "--dest", str(wheels)),
        *pinned,
    )


def _releases(wheels: Path) -> list[tuple[str, str]]:
    found = {tuple(path.name.split("-")[:2]) for path in wheels.glob("*.whl")}
    return sorted((name, number) for name, number in found)


def _pins(wheels: Path, names: Sequence[str]) -> Iterator[str]:
    for name, number in _releases(wheels):
        prefix = f"{name}-{number}-"
        digests = [
            hashlib.sha256((wheels / each).read_bytes()).hexdigest()
            for each in names
            if each.startswith(prefix)
        ]
        yield f"{name}=={number}" + "".join(f" \\\n    --hash=sha256:{each}" for each in digests) + "\n"


def _standalone(whole: Path) -> None:
    lib = whole / "standalone" / "lib"
    requirements = ("--require-hashes", "-r", str(whole / "requirements.txt"))
    _pip("install", "--no-index", "--find-links", str(whole / "wheels"), "--target", str(lib), *requirements)
    release = sys.version_info[:2]
    python = ".".join(map(str, release))
    for module in ("hvbuild", "doit"):
        _executable(whole / "standalone" / "bin" / module, _LAUNCH.format(python=python, module=module))
    run = _RUN.format(python=python, release=tuple(release))
    (whole / "standalone" / "run.py").write_text(run, encoding="utf-8")


def _executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _pip(*words: str) -> None:
    try:
        version("pip")
    except PackageNotFoundError:
        raise CannotPack("this Python has no pip") from None
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    run = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "pip", *words[:1], "--quiet", *words[1:]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise CannotPack(run.stderr.strip() or f"pip {words[0]} failed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the folder was made, 2 when it could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m hvbuild.offline", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    parser.add_argument("--extra", action="append", default=[], help="an extra, like fast")
    parser.add_argument("--python", action="append", default=[], help="a further release, like 3.12")
    asked = parser.parse_args(arguments)
    try:
        names = pack(asked.folder, asked.extra, asked.python)
    except (CannotPack, OSError) as fault:
        print(f"hvbuild: {fault}", file=sys.stderr)
        return 2
    print(f"{asked.folder}: {len(names)} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
