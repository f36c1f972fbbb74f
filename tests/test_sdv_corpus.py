"""The `sdv` stack says what the published SDV samples say, by meaning; their cut command lines left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from hvbuild.building import rendered
from hvbuild.catalog import shipped_catalog
from hvbuild.checking import Checker
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.vm import VmConfig
from hvbuild.project import StackPlace
from hvbuild.source import SourceFile

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = [
    ("base", "core", "aosp-sdv-core.fragment.qvmconf"),
    ("base", "media", "aosp-sdv-media.fragment.qvmconf"),
    ("ivi", "ivi", "aosp-sdv-ivi.fragment.qvmconf"),
]


def as_set(vm: VmConfig) -> VmConfig:
    """`vm` with what neither qvm nor the guest sees the order of in one order."""
    return replace(
        vm,
        title="",
        cmdline=None,
        memory=tuple(sorted(vm.memory, key=lambda block: (block.kind, str(block.base)))),
        settings=tuple(sorted(vm.settings, key=lambda setting: setting.variable)),
    )


@pytest.mark.parametrize(("variant", "guest", "sample"), SAMPLES)
def test_sdv_says_what_the_published_files_say(variant: str, guest: str, sample: str, shared: Path) -> None:
    catalog = shipped_catalog()
    text = (shared / "corpus" / "qvmconf" / sample).read_text(encoding="utf-8")
    published = read_vm([read_qvmconf(SourceFile(sample, text), catalog)], catalog, target="qnx-7.1").vm
    place = StackPlace(file=ROOT / "stacks" / "sdv" / "stack.yaml", root=ROOT)
    written = rendered(Checker(None).check(place, variant)).system.vms
    ours = next(vm for vm in written if vm.title == guest)

    assert as_set(ours) == as_set(published)
