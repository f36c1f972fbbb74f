"""Hand-kept files that are a guest's and not the host's: which they are, whose, and what they tell."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from hvbuild.formats.dts_nodes import DtDocument
from hvbuild.meaning.buildfile_lint import LintedImage
from hvbuild.meaning.guest_files import with_image, with_tree
from hvbuild.model.evidence import GuestFacts
from hvbuild.model.image import Image
from hvbuild.model.vm import VmConfig

_TREES = (".dtb", ".dtbo")


def is_of_a_guest(image: Image) -> bool:
    """True where the startup is told that a hypervisor is below it (`-H`) and nothing in the image is one.

    QNX SDP, startup options: `-H` makes startup use the calls of a guest. A host that says `-H`, too, is
    known by what it holds: qvm, or libraries of virtual devices.
    """
    return image.boot is not None and image.boot.option("H") is not None and not is_of_a_host(image)


def is_of_a_host(image: Image) -> bool:
    """True where the image enables the hypervisor, holds qvm or a virtual device, or starts a VM."""
    names = {entry.path.rsplit("/", 1)[-1] for entry in image.entries}
    held = any(name in ("qvm", "qvm-safety") or name.startswith("vdev-") for name in names)
    return held or bool(image.launches) or (image.boot is not None and image.boot.enables_hypervisor)


def guest_images(
    images: Iterable[LintedImage], vms: Sequence[VmConfig]
) -> tuple[tuple[LintedImage, VmConfig | None], ...]:
    """The images that are guests', each with its VM: one that loads a file of its name, else the only one."""
    return tuple(_guest_images(images, vms))


def _guest_images(
    images: Iterable[LintedImage], vms: Sequence[VmConfig]
) -> Iterator[tuple[LintedImage, VmConfig | None]]:
    for linted in images:
        loader = _loader(linted.document.file.path, vms)
        if is_of_a_guest(linted.image) or (loader is not None and not is_of_a_host(linted.image)):
            yield linted, loader or (vms[0] if len(vms) == 1 else None)


def guest_trees(
    documents: Iterable[DtDocument], vms: Sequence[VmConfig]
) -> tuple[tuple[DtDocument, VmConfig], ...]:
    """The trees that are guests': those whose blob, by its name, a VM loads."""
    found = ((document, _loader(document.file.path, vms, _TREES)) for document in documents)
    return tuple((document, vm) for document, vm in found if vm is not None)


def guest_facts(
    images: Iterable[tuple[LintedImage, VmConfig | None]], trees: Iterable[tuple[DtDocument, VmConfig]]
) -> dict[str, GuestFacts]:
    """What the files of guests tell, by the label of the VM."""
    facts: dict[str, GuestFacts] = {}
    for linted, vm in images:
        if vm is not None:
            facts[vm.label] = with_image(facts.get(vm.label) or GuestFacts(), linted.image)
    for document, vm in trees:
        facts[vm.label] = with_tree(facts.get(vm.label) or GuestFacts(), document)
    return facts


def _loader(path: str, vms: Iterable[VmConfig], endings: tuple[str, ...] = ()) -> VmConfig | None:
    """The first VM that loads a file called as `path` but for its ending."""
    stem = PurePosixPath(path).stem
    for vm in vms:
        for load in vm.loads:
            loaded = PurePosixPath(load.path)
            of_kind = loaded.suffix in endings if endings else loaded.suffix not in _TREES
            if loaded.stem == stem and of_kind:
                return vm
    return None
