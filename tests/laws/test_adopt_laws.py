"""Adopting loses nothing: what a VM means survives its way through a stack, for any VM and shipped stack."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from qvmconf_machines import MACHINES, NAMES

from hvbuild.adopt.codes import CODES
from hvbuild.adopting import Adopted, adopt
from hvbuild.building import rendered
from hvbuild.catalog import shipped_catalog
from hvbuild.checking import Checker
from hvbuild.compare.difference import compare_vms
from hvbuild.diagnostics import Diagnostics, StackInvalid
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.load.bind import bind_stack
from hvbuild.load.layers import load_layers
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.vm import (
    Interrupt,
    Location,
    Logger,
    Opaque,
    Option,
    Setting,
    Space,
    Vcpu,
    Vdev,
    Verbatim,
    VmConfig,
)
from hvbuild.project import stack_place
from hvbuild.render.artifacts import render_plan
from hvbuild.render.environment import Templates
from hvbuild.render.vmview import qvmconf_view
from hvbuild.resolve.planner import resolve
from hvbuild.shipped import shipped_folder
from hvbuild.source import SourceFile

CATALOG = shipped_catalog()
TEMPLATES = Templates((shipped_folder("templates"),), "no-board", ())
PC = frozenset({"hpet", "8259"})
ADOPT_CODES = {row.code for row in CODES}
SHIPPED = [
    (name, variant)
    for name in ("rpi4", "sa8155-la", "sdv", "x86-qemu")
    for variant in stack_place(ROOT / "stacks" / name).variants
]


def text_of(vm: VmConfig) -> str:
    """The VM as hvbuild itself would write it."""
    faults = Diagnostics()
    text = TEMPLATES.render("guest.qvmconf.j2", qvmconf_view(vm, "a guest", "qnx-7.1", faults)).text
    assert not faults.ordered
    return text


def read(text: str) -> VmConfig:
    return read_vm([read_qvmconf(SourceFile("a.qvmconf", text), CATALOG)], CATALOG).vm


def rendered_again(folder: Path) -> dict[str, VmConfig]:
    """What the guests of the stack in `folder` render to, by name; rules are not asked."""
    file = folder / "stack.yaml"
    layers = load_layers(file)
    faults = Diagnostics()
    assert layers.stack is not None
    assert layers.board is not None
    stack = bind_stack(layers.stack, layers.board, "adopted", "base", faults)
    plan = resolve(stack, CATALOG, faults)
    made = render_plan(plan, Templates((shipped_folder("templates"),), stack.board.name, ()), CATALOG)
    faults.extend(made.faults)
    faults.barrier("rendering what was adopted")
    return {
        Path(item.name).stem: read(item.data.decode())
        for item in made.artifacts
        if item.name.endswith("qvmconf")
    }


def adopted(texts: dict[str, str], board: str, folder: Path) -> Adopted:
    for name, text in texts.items():
        (folder / f"{name}.qvmconf").write_text(text, encoding="utf-8")
    files = [folder / f"{name}.qvmconf" for name in texts]
    return adopt(files, board, None, folder / "stack")


# --- any VM -------------------------------------------------------------------------------------------------

OPAQUE = st.sampled_from(["$env{SIZE}", "@SIZE@", "$env{A}0"]).map(Opaque)
ODD_VDEVS = st.one_of(
    st.builds(
        Vdev,
        type=st.just("virtio-net"),
        name=st.sampled_from(["/dev/qvm/a/vp0", "two words", "-", "main"]),
        location=st.builds(Location, space=st.just(Space.MEM), start=OPAQUE, length=st.none() | OPAQUE),
        interrupts=st.builds(Interrupt, pic=NAMES, line=OPAQUE).map(lambda line: (line,)),
        options=st.lists(
            st.builds(
                Option,
                key=st.sampled_from(["undocumented", "type", "set-up", "remove", "Odd=Key", "verbatim"]),
                values=st.lists(
                    st.sampled_from(["auto", "", "a b", "true", "#x", "0x10", "\t"]), max_size=3
                ).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
        spelling=st.sampled_from(["", "vdev-virtio-net.so", "/lib/dll/vdev-virtio-net.so"]),
    ),
    st.builds(Vdev, type=st.just("virtio-blk"), options=st.just((Option(key="legacy"),))),
)
ODD_VCPUS = st.builds(
    Vcpu,
    cluster=st.none() | st.sampled_from(["a b", "$env{CLUSTER}"]),
    verbatim=st.sampled_from([(), (("sched", "$env{PRIORITY}"),), (("runmask", "4,@CPU@"),)]),
)
SETTINGS = (
    Setting(variable="exit-on-halt", value="on"),
    Setting(variable="grow-heap", value="0x1000"),
    Setting(variable="warp", value="a #b"),
)
CARRIED = st.sampled_from([("frobnicate", "3"), ("undocumented", "a b"), ("warp-speed",)])


@st.composite
def odd_machines(draw: st.DrawFn) -> VmConfig:
    """Machines of one architecture and release, with what stacks have no key for."""
    vm = draw(MACHINES)
    pc = draw(st.booleans())
    clusters = draw(st.booleans())
    held = [vdev for vdev in vm.vdevs if (vdev.type in PC) == pc or vdev.type == "third-party"]
    vdevs = [*(replace(vdev, settings=()) for vdev in held), *draw(st.lists(ODD_VDEVS, max_size=2))]
    loggers = [*vm.loggers]
    if draw(st.booleans()) and vdevs:
        loggers.append(Logger(filters=frozenset({"error"}), destination="slog", vdev=len(vdevs) - 1))
    return replace(
        vm,
        vdevs=tuple(vdevs),
        vcpus=tuple(
            _of_release(vcpu, clusters) for vcpu in (*vm.vcpus, *draw(st.lists(ODD_VCPUS, max_size=2)))
        ),
        loggers=tuple(loggers),
        memory=tuple(replace(block, placed=draw(st.booleans())) for block in vm.memory),
        loads=tuple(load for load in vm.loads if not pc or load.blob != "fdt"),
        passes=tuple(each for each in vm.passes if pc or each.blob != "acpi"),
        flags=frozenset(flag for flag in vm.flags if not pc or "fdt" not in flag),
        settings=draw(st.sampled_from([(), *([row] for row in SETTINGS), SETTINGS]).map(tuple)),
        safety=None if clusters else vm.safety,
        verbatim=tuple(Verbatim(words=words) for words in draw(st.lists(CARRIED, max_size=2, unique=True))),
        cmdline=draw(st.none() | st.sampled_from(["", "a\tb", "root=/dev/vda # x", "ünicode", "$env{X}"])),
    )


def _of_release(vcpu: Vcpu, clusters: bool) -> Vcpu:
    """Clusters are 8.0's way to place a vCPU; masks and partitions are 7.x's."""
    if clusters:
        said = tuple(words for words in vcpu.verbatim if words[0] != "runmask")
        return replace(vcpu, runmask=None, partition=None, verbatim=said)
    return replace(vcpu, cluster=None)


@pytest.mark.laws
@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(odd_machines())
def test_any_machine_survives_its_way_through_a_stack(vm: VmConfig) -> None:
    _survives(vm)


@settings(deadline=None, max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
@given(odd_machines())
def test_some_machines_survive_their_way_through_a_stack(vm: VmConfig) -> None:
    _survives(vm)


def _survives(vm: VmConfig) -> None:
    text = text_of(vm)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            made = adopted({"a": text}, "nobody-knows", Path(temporary))
        except StackInvalid as fault:
            refused = fault.diagnostics
        else:
            refused = ()
        # Text that qvm refuses is no VM; that a stack cannot say one would be our fault.
        assert [each.message for each in refused if each.code in ADOPT_CODES] == []
        event("refused as qvm would" if refused else "adopted")
        assume(not refused)
        (again,) = rendered_again(made.folder).values()
    assert compare_vms(read(text), again, CATALOG) == ()


# --- every shipped stack ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "variant"), SHIPPED)
def test_guests_of_a_shipped_stack_are_adopted_as_they_are(name: str, variant: str, tmp_path: Path) -> None:
    place = stack_place(ROOT / "stacks" / name)
    checked = Checker(None).check(place, variant)
    texts = {
        Path(item.name).stem: item.data.decode()
        for item in rendered(checked).artifacts
        if item.name.endswith(".qvmconf")
    }

    made = adopted(texts, checked.plan.stack.board.name, tmp_path)
    again = rendered_again(made.folder)

    assert list(texts) == [Path(file).stem for file in texts]
    for (guest, text), after in zip(texts.items(), again.values(), strict=True):
        assert compare_vms(read(text), after, CATALOG) == (), guest
    assert made.diagnostics == ()
    Checker(None).check(stack_place(made.folder), "base")
