"""The rendered host image: complete, clean to lint, guarded line by line, and closed to hostile words."""

import shlex
from pathlib import Path

import pytest
from demo_project import checked_stack, write_stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hvbuild.building import rendered
from hvbuild.checking import Checked, Checker
from hvbuild.diagnostics import Diagnostic, StackInvalid
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.buildfile_script import read_script
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.buildfile_lint import lint_buildfile
from hvbuild.model.image import Image
from hvbuild.project import project_stacks
from hvbuild.render.readback_host import buildfile_faults
from hvbuild.source import SourceFile

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = [(place, variant) for place in project_stacks(ROOT) for variant in place.variants]
NAMES = [f"{place.name}/{variant}" for place, variant in SHIPPED]
RANDOM = "  services:\n    - {name: random, command: %s, wait_for: [/dev/random]}\n"


def buildfile(checked: Checked) -> str:
    data = next(item.data for item in rendered(checked).artifacts if item.name == "host/mifs.build")
    return data.decode()


def meaning(checked: Checked) -> Image:
    return image_meaning(read_buildfile(buildfile(checked), "host/mifs.build"))


def demo(tmp_path: Path, more: str = "", **stack: str) -> Checked:
    return checked_stack(write_stack(tmp_path, more, **stack))


@pytest.fixture(scope="module")
def shipped() -> list[Checked]:
    checker = Checker(None)
    return [checker.check(place, variant) for place, variant in SHIPPED]


@pytest.mark.parametrize("number", range(len(SHIPPED)), ids=NAMES)
def test_lint_has_nothing_to_say(shipped: list[Checked], number: int) -> None:
    checked = shipped[number]
    document = read_buildfile(buildfile(checked), "host/mifs.build")
    linted = lint_buildfile(document, checked.catalog, checked.plan.stack.target)

    assert [(fault.code, fault.message) for fault in linted.faults] == []


@pytest.mark.parametrize("number", [NAMES.index(name) for name in NAMES if name.endswith("/base")])
def test_no_line_can_be_left_out(shipped: list[Checked], number: int) -> None:
    checked = shipped[number]
    plan, host = checked.plan, checked.plan.host
    assert host is not None
    lines = buildfile(checked).splitlines(keepends=True)
    releases = checked.catalog.releases(plan.stack.target)
    unguarded = []
    for index, line in enumerate(lines):
        text = "".join([*lines[:index], *lines[index + 1 :]])
        file = SourceFile("host/mifs.build", text)
        if not line.startswith("#") and not any(buildfile_faults(plan, host, file, releases)):
            unguarded.append(line)

    optional = [line for line in unguarded if "+optional" not in line]
    assert optional == []


def test_a_safety_host_by_one_switch(tmp_path: Path) -> None:
    checked = demo(tmp_path, "host: {safety: true}", target="qnx-7.1")
    image = meaning(checked)
    assert image.boot is not None
    kernel = image.boot.kernel

    assert kernel is not None
    assert (kernel.name, kernel.modules) == ("procnto-smp-instr-safety", ("qvm-safety",))
    assert image.entry("/lib/dll/vdev-pl011-safety.so") is not None
    assert image.entry("/lib/dll/vdev-pl011.so") is None
    guest = next(item.data for item in rendered(checked).artifacts if item.name == "guests/one.qvmconf")
    assert "safety required" in guest.decode()


def test_a_safety_host_of_a_release_without_the_option(tmp_path: Path) -> None:
    checked = demo(tmp_path, "host: {safety: true}")
    guest = next(item.data for item in rendered(checked).artifacts if item.name == "guests/one.qvmconf")

    assert "safety" not in guest.decode()
    assert meaning(checked).entry("/lib/dll/vdev-pl011-safety.so") is not None


def test_the_smmu_manager_comes_first_with_its_file(tmp_path: Path) -> None:
    more = "host:\n  smmuman: {driver: armsmmu, options: [debug 1]}\n" + RANDOM % "random -t"
    image = meaning(demo(tmp_path, more, board="sa8155p", target="qnx-7.1"))
    started = [step.program for step in image.commands]
    entry = image.entry("/guests/host.smmu")

    assert started.index("smmuman") < started.index("random")
    assert entry is not None
    assert entry.content == "smmu armsmmu\ndebug 1\n"


@pytest.mark.parametrize(("policy", "stops"), [("always", False), ("on-failure", True)])
def test_a_guest_that_is_started_again(tmp_path: Path, policy: str, stops: bool) -> None:
    checked = demo(tmp_path, guest=f"    launch: {{restart: {policy}, sched: 21r}}")
    image = meaning(checked)
    script = image.entry("/guests/one/one.restart.sh")
    (launch,) = image.launches

    assert script is not None
    assert script.content is not None
    assert ("break" in script.content) is stops
    assert script.content.splitlines()[3] == "on -p 21r qvm @/guests/one/one.qvmconf"
    assert (launch.script, script.mode) == ("/guests/one/one.restart.sh", "0755")
    assert [step.text for step in image.commands if step.script == ""][-1] == "ksh /guests/one/one.restart.sh"
    assert image.entry("/bin/sleep") is not None


def test_partitions_clusters_limits_and_reservations(tmp_path: Path) -> None:
    more = (
        "host:\n  partitions: [{name: guests, budget: 40, critical: 10ms}]\n"
        "  reserve: [{name: log, base: 0xa0000000, size: 1MiB}]\n"
    )
    guest = "    launch: {partition: guests, memory_limit: 1GiB, cpus: [1, 2]}"
    image = meaning(demo(tmp_path, more, guest=guest, board="sa8155p", target="qnx-7.1"))
    (launch,) = image.launches

    assert image.boot is not None
    assert [(part.base, part.size, part.keep) for part in image.boot.reservations] == [
        (0xA0000000, 0x100000, True)
    ]
    assert [(part.name, part.budget, part.critical_ms) for part in image.partitions] == [("guests", 40, 10)]
    assert launch.placement.partition == "guests"
    assert launch.placement.cpus == frozenset({1, 2})
    assert [(limit.resource, limit.current) for limit in launch.limits] == [(6, 1 << 30)]
    assert image.boot.kernel is not None
    assert image.boot.kernel.modules == ("qvm", "aps")


# --- hostile words ---------------------------------------------------------------------------------

HOSTILE = [
    "}",
    '"',
    "\n",
    "${X}",
    "\\",
    "{",
    "[",
    "]",
    "#",
    "&",
    "=",
    "$",
    "'",
    " ",
    "\t",
    "%",
    "{{",
    "é",
    "x",
]
AWKWARD = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5).map("".join)
PLACES = {
    "command": "host:\n  services:\n    - {name: s, command: %s}",
    "argument": "host:\n  image: {startup_arguments: [%s]}",
    "kernel argument": "host:\n  image: {kernel_arguments: [%s]}",
    "kernel module": "host:\n  image: {modules: [%s]}",
    "wait": "host:\n  services:\n    - {name: s, command: c, wait_for: [%s]}",
    "path": "host:\n  image: {path: %s}",
    "content": "host:\n  files:\n    - {name: /etc/f, content: %s}",
    "source": "host:\n  files:\n    - {name: /etc/f, source: %s}",
    "target": "host:\n  files:\n    - {name: %s, source: f}",
    "link": "host:\n  files:\n    - {name: /etc/f, link: %s}",
    "files path": "host: {files_path: %s}",
    "driver": "host:\n  smmuman: {driver: %s}",
    "partition": "host:\n  partitions: [{name: %s, budget: 10}]",
    "name": "name: %s",
}


def yaml_text(text: str) -> str:
    """`text` as a YAML scalar that reads back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of the demo without any of these words."""
    return meaning(demo(tmp_path_factory.mktemp("plain"), target="qnx-7.1"))


def hostile_image(tmp_path: Path, place: str, text: str) -> tuple[Checked, Image] | tuple[Diagnostic, ...]:
    """The image of a stack that has `text` at `place`, or why there is none."""
    folder = write_stack(tmp_path, PLACES[place] % yaml_text(text), target="qnx-7.1")
    if place == "name":
        stack = folder / "stack.yaml"
        stack.write_text(stack.read_text().replace("name: demo\n", "", 1))
    try:
        checked = checked_stack(folder)
        return checked, meaning(checked)
    except StackInvalid as refused:
        return refused.diagnostics


@pytest.mark.parametrize("place", PLACES)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=AWKWARD)
def test_a_hostile_word_is_refused_or_escaped(tmp_path: Path, plain: Image, place: str, text: str) -> None:
    answer = hostile_image(tmp_path, place, text)
    if not isinstance(answer[0], Checked):
        assert all(isinstance(fault, Diagnostic) and fault.labels for fault in answer)
        return
    checked, image = answer[0], answer[1]
    host = checked.plan.host
    assert host is not None
    assert isinstance(image, Image)
    known = {entry.path for entry in host.entries} | {entry.path for entry in plain.entries}
    assert {entry.path for entry in image.entries} <= known
    assert len(image.launches) == 1
    assert len(image.boot.programs if image.boot else ()) == 2
    assert len(image.commands) == len(plain.commands) + len(host.services)


@pytest.mark.parametrize(
    "word", ["}", "a}b", '"', "${HOME}", "$", "\\", "a\\}", "#x", "[+x]", "A=B", "{", "a b", "'", "&x", "%"]
)
def test_a_word_that_can_be_carried_arrives(tmp_path: Path, word: str) -> None:
    command = shlex.join(["program", word, "last"])
    text = buildfile(demo(tmp_path, PLACES["command"] % yaml_text(command), target="qnx-7.1"))
    document = read_buildfile(text, "host/mifs.build")
    scripts = [line.body for line in document.lines if line.is_on("script") and line.body]
    statements = [statement for body in scripts for statement in read_script(body.layer)]
    (found,) = [statement for statement in statements if statement.command == "program"]

    assert [part.text for part in found.words] == ["program", word, "last"]
    assert [part.variables for part in found.words] == [(), (), ()]


# --- a project's own template -----------------------------------------------------------------------


def own_template(tmp_path: Path, text: str) -> Path:
    folder = write_stack(tmp_path)
    room = tmp_path / "templates/rpi4"
    room.mkdir(parents=True)
    (room / "mifs.build.j2").write_text(text)
    return folder


def shipped_template() -> str:
    return (ROOT / "templates/any/mifs.build.j2").read_text()


def test_a_projects_own_template_is_used(tmp_path: Path) -> None:
    folder = own_template(tmp_path, shipped_template() + "[+raw] /etc/own={\nour own\n}\n")

    entry = meaning(checked_stack(folder)).entry("/etc/own")
    assert entry is not None
    assert entry.content == "our own\n"


def faults_of(folder: Path) -> tuple[Diagnostic, ...]:
    with pytest.raises(StackInvalid) as failed:
        rendered(checked_stack(folder))
    return failed.value.diagnostics


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("{{ view.nothing }}", "HV6003", "nothing"),
        ("{{ missing }}", "HV6003", "missing"),
        ("{{ view.__class__.__mro__ }}", "HV6003", "unsafe"),
        ("{{ ''.__class__ }}", "HV6003", "unsafe"),
        ("{% include '/etc/passwd' %}", "HV6003", "/etc/passwd"),
        ("{% include '../../stacks/demo/stack.yaml' %}", "HV6003", "stack.yaml"),
        ("{% for %}", "HV6002", "Expected"),
        ("{{ range(3) }}", "HV6003", "range"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "HV6003", "recursion"),
    ],
)
def test_a_template_that_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, line: str, code: str, message: str
) -> None:
    folder = own_template(tmp_path, f"# first line\n{line}\n")
    (fault,) = faults_of(folder)

    assert fault.code == code
    assert message in fault.message
    assert fault.primary.span.file.path.endswith("templates/rpi4/mifs.build.j2")
    assert fault.primary.span.line == 2


def test_a_template_that_forgets_something_is_told(tmp_path: Path) -> None:
    whole, less = "{% for line in view.script %}", "{% for line in view.script[:-1] %}"
    text = shipped_template().replace(whole, less)
    (fault,) = faults_of(own_template(tmp_path, text))

    assert fault.code == "HV6012"
    assert "the launch of guest `one`" in fault.message
    assert fault.notes[-1].endswith("templates/rpi4/mifs.build.j2` makes this file")


def test_a_template_in_another_encoding_is_told_with_its_place(tmp_path: Path) -> None:
    folder = own_template(tmp_path, shipped_template())
    (template,) = tmp_path.rglob("mifs.build.j2")
    template.write_bytes(template.read_bytes() + b"# \xff\n")
    (fault,) = faults_of(folder)

    assert fault.code == "HV6003"
    assert fault.primary.span.file.path == str(template)
