"""Another repository: hvbuild from an offline folder, own board, template, devices, rules and dodo.py.

Nothing may reach a network: processes run in a network namespace of their own where the system allows that,
and pip is told of no index in any case.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hvbuild.load.tree import plain
from hvbuild.load.yamltree import read_yaml

pytestmark = pytest.mark.campaign
ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / ".ci" / "examples"
BOARD = """\
format: 1
name: acme
title: a board of our own
architecture: aarch64
cores: [{name: a72, kind: cortex-a72, count: 4, frequency: 1500MHz, source: example}]
memory: [{name: ddr, base: 0x80000000, size: 4GiB, source: example}]
smmu: {present: true, source: example}
gic: {version: 3, source: example}
regions_by: startup-r
startup: {program: startup-acme, virtual: "aarch64le,raw", hypervisor_mode: el2-host}
"""
STACK = """\
format: 1
name: cockpit
board: acme
target: qnx-8.0
deploy:
  guests/one.qvmconf: host/vm/one.qvmconf
  host/mifs.build: host/build_files/mifs.build.tmpl
guests:
  one:
    cpus: [{sched: 10r}]
    load: {pattern: periodic, period: 10ms, work: 1ms, bound: 10ms, assumed: example}
    ram: [{name: main, base: 0x80000000, size: 256MiB}]
    images: [{name: image, load: /guests/one.ifs, external: true}]
    vdevs:
      - {name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}
      - {name: can, type: acme-can, loc: 0x1d000000, intr: gic:60}
certificate: {examples: 2}
"""
VARIANT = """\
format: 1
description: twice the memory
guests:
  one:
    ram: [{name: main, size: 512MiB}]
"""
PROJECT = """\
format: 1
matrix:
  - {stacks: [cockpit], variants: [base]}
  - stacks: [cockpit]
    variants: [big]
    targets: [qnx-8.0, qnx-8.0.4]
exclude:
  - {stack: cockpit, variant: big, target: qnx-8.0, reason: not sold}
policy:
  - {code: HV4103, level: error, reason: priorities are reviewed here}
rules: [acme.rules:RULES]
vdev_types:
  acme-can: {window: 4KiB, location: required, interrupt: required}
"""
LIMITS = "CAN_IRQS = range(60, 64)\n"
RULES = """\
from collections.abc import Iterator

from acme.limits import CAN_IRQS
from hvbuild.site import Finding, VmScene, found, rule


@rule("HV9101", "can-off-its-lines", source="ACME platform guide, 3.2")
def can_off_its_lines(scene: VmScene) -> Iterator[Finding]:
    \"\"\"A CAN device raises one of the lines that the guest's driver was built for.\"\"\"
    for line in scene.lines:
        number = line.interrupt.line
        if line.vdev is not None and line.vdev.type == "acme-can" and number not in CAN_IRQS:
            yield found(line.origin, f"CAN of {scene.text} raises {number}", "not one of its lines")


RULES = (can_off_its_lines,)
"""
DODO = """\
from hvbuild.tasks import DOIT_CONFIG, tasks_for

def task_hvbuild():
    yield from tasks_for(".")

def task_ship():
    return {
        "actions": ["cp build/cockpit/base/certificate.json shipped.json"],
        "file_dep": ["build/cockpit/base/certificate.json"],
        "targets": ["shipped.json"],
    }
"""
FILES = {
    "stacks/boards/acme.yaml": BOARD,
    "stacks/cockpit/stack.yaml": STACK,
    "stacks/cockpit/variants/big.yaml": VARIANT,
    "hvbuild.yaml": PROJECT,
    "acme/limits.py": LIMITS,
    "acme/rules.py": RULES,
    "dodo.py": DODO,
    ".gitignore": "build/\n.cache/\n.venv/\n.doit.sqlite*\n*.xml\n*.md\n*.sarif\nshipped.json\n",
}


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The offline folder of this checkout; skipped where pip cannot bring its wheels together."""
    folder = tmp_path_factory.mktemp("offline") / "hvbuild"
    made = subprocess.run(
        [sys.executable, "-m", "hvbuild.offline", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == 2:
        pytest.skip(f"no wheels: {made.stderr.splitlines()[-1]}")

    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def repository(tmp_path: Path, offline: Path) -> "Repository":
    """A repository under git with files of its own and a vendor tree beside it."""
    root = tmp_path / "cockpit"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    template = (ROOT / "templates/any/guest.qvmconf.j2").read_text()
    (root / "templates/any").mkdir(parents=True)
    (root / "templates/any/guest.qvmconf.j2").write_text("# ACME configuration item 4711\n" + template)
    tree = tmp_path / "vendor"
    (tree / "host/build_files").mkdir(parents=True)
    made = Repository(root, offline, tree)
    made.sh("git init -q && git add . && git commit -q -m first", networked=True)
    return made


class Repository:
    """The repository and a shell in it that reaches no network."""

    def __init__(self, root: Path, offline: Path, tree: Path) -> None:
        self.root = root
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root.parent),
            "PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "HVBUILD_CACHE": str(root / ".cache/hvbuild"),
            "HVBUILD_OFFLINE": str(offline),
            "HVBUILD_TREE": str(tree),
            "CI_PROJECT_DIR": str(root),
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD",
            "BASE": "HEAD",
            "GITHUB_PATH": str(root.parent / "github-path"),
            "GITHUB_STEP_SUMMARY": str(root.parent / "summary.md"),
            **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def sh(self, script: str, *, networked: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run `script` as a runner does, stopping at the first command that fails."""
        apart = [] if networked else without_network()
        run = subprocess.run(
            [*apart, "sh", "-e", "-c", script],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 0, f"{script}\n{run.stdout}\n{run.stderr}"
        return run


def without_network() -> list[str]:
    words = ["unshare", "--net", "--map-root-user"]
    can = shutil.which("unshare") and subprocess.run([*words, "true"], check=False).returncode == 0
    return words if can else []


def document(name: str) -> Any:
    root = read_yaml((EXAMPLES / name).read_bytes(), name).root

    assert root is not None
    return plain(root)


def test_the_gitlab_example_runs_as_it_stands(repository: Repository) -> None:
    jobs = document("gitlab-ci.yml")
    before = jobs["default"]["before_script"]
    for name in ("check", "plan", "certify"):
        repository.sh("\n".join([*before, *jobs[name]["script"]]))

    assert "<testsuite" in (repository.root / "check.xml").read_text()
    assert (repository.root / "plan.md").is_file()
    built = {path.parent.name for path in repository.root.glob("build/cockpit/*/certificate.json")}
    assert built == {"base", "big@qnx-8.0.4"}
    deployed = Path(repository.environment["HVBUILD_TREE"]) / "host/vm/one.qvmconf"
    assert deployed.read_text().startswith("# ACME configuration item 4711")
    assert "vdev acme-can" in deployed.read_text()


def test_the_github_example_runs_as_it_stands(repository: Repository) -> None:
    steps = document("github-workflow.yml")["jobs"]["systems"]["steps"]
    paths = Path(repository.environment["GITHUB_PATH"])
    for step in steps:
        if "run" not in step:
            continue
        more = paths.read_text().splitlines() if paths.is_file() else []
        repository.sh(f"PATH={':'.join([*more, '$PATH'])}\n{step['run']}")

    assert '"version": "2.1.0"' in (repository.root / "check.sarif").read_text()
    assert (repository.root / "build/cockpit/base/certificate.json").is_file()


def test_own_tasks_depend_on_ours_and_nothing_is_done_twice(repository: Repository) -> None:
    venv = 'sh "$HVBUILD_OFFLINE/install.sh" .venv >&2; export PATH="$PWD/.venv/bin:$PATH"; '
    first = repository.sh(venv + "doit ship build")
    second = repository.sh('export PATH="$PWD/.venv/bin:$PATH"; doit ship build')
    verified = repository.sh('export PATH="$PWD/.venv/bin:$PATH"; hvbuild verify build/cockpit/base')

    assert (repository.root / "shipped.json").is_file()
    assert first.stdout.index("certify:cockpit/base") < first.stdout.index(".  ship")
    assert [line for line in second.stdout.splitlines() if line.startswith(". ")] == []
    assert verified.returncode == 0


def test_a_rule_of_the_site_stops_what_it_forbids(repository: Repository) -> None:
    venv = 'sh "$HVBUILD_OFFLINE/install.sh" .venv >&2; export PATH="$PWD/.venv/bin:$PATH"; '
    repository.sh(venv + "hvbuild certify stacks/cockpit -q >&2")
    certificate = (repository.root / "build/cockpit/base/certificate.json").read_text()
    assert '"name":"acme/rules.py"' in certificate
    assert '"name":"acme/limits.py"' in certificate

    stack = repository.root / "stacks/cockpit/stack.yaml"
    stack.write_text(STACK.replace("gic:60", "gic:70"))
    said = repository.sh(
        'export PATH="$PWD/.venv/bin:$PATH"; hvbuild check stacks/cockpit --format line || test $? -eq 1;'
        " doit build && exit 1 || test $? -eq 1; hvbuild explain HV9101;"
        " hvbuild lint build/cockpit/base/guests/one.qvmconf"
    )

    assert "stack.yaml:16:60: error[HV9101]: CAN of guest `one` raises 70" in said.stdout
    assert "A CAN device raises one of the lines that the guest's driver was built for." in said.stdout
    assert said.stdout.endswith("clean\n")


def test_the_standalone_folder_runs_where_it_is_put(repository: Repository, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "hvbuild"
    shutil.copytree(Path(repository.environment["HVBUILD_OFFLINE"]) / "standalone", moved)
    said = repository.sh(f"{moved}/bin/hvbuild check --matrix; {moved}/bin/doit list --all")

    assert "2 products of 1 stack, 2 clean" in said.stdout
    assert "certify:cockpit/base" in said.stdout


def test_the_standalone_folder_says_which_python_it_needs(offline: Path, tmp_path: Path) -> None:
    """A Python of another release, told by the number it gives of itself."""
    moved = tmp_path / "hvbuild"
    shutil.copytree(offline / "standalone", moved)
    run = (moved / "run.py").read_text()
    (moved / "run.py").write_text(run.replace("import sys\n", "import sys\nsys.version_info = (3, 99)\n"))
    said = subprocess.run(
        [moved / "bin/hvbuild", "--version"],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stdout) == (2, "")
    assert (
        f"needs Python {sys.version_info[0]}.{sys.version_info[1]}, not {sys.executable} (3.99)"
        in said.stderr
    )
