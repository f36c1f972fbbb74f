"""The text of a stack.yaml from VMs and what is known of their host."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from hvbuild.adopt.comments import place_comments
from hvbuild.adopt.guest import guest_items
from hvbuild.adopt.names import Names, fits, fitted
from hvbuild.adopt.passes import board_devices, ram_passes, region_of
from hvbuild.adopt.yamltext import Item, comment_line, scalar, text_of
from hvbuild.catalog import Catalog
from hvbuild.formats.qvmconf import Document
from hvbuild.model.board import Board
from hvbuild.model.vm import VmConfig
from hvbuild.values import dataclass

SCHEMA_FOLDER = ".hvbuild"
_MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FOLDER}/stack.schema.json"
_FOREIGN = "somebody else's host: its files are never written; without `foreign` hvbuild writes one"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedVm:
    """One VM with the file it stands in (None: none, so there are no comments), and its name in the stack."""

    name: str
    vm: VmConfig
    document: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostItems:
    """What the host's own files become: keys of `host`, of `memory`, and of each guest by its name.

    `sources` say which file on the build machine fills a path in the image.
    """

    host: tuple[Item, ...] = ()
    memory: tuple[Item, ...] = ()
    guests: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def guest_names(vms: Sequence[tuple[VmConfig, str]]) -> tuple[str, ...]:
    """A name for each VM: what it calls itself where that can be a name, else its file's stem."""
    names = Names()
    return tuple(names.take(vm.system if fits(vm.system) else fitted(stem, "guest")) for vm, stem in vms)


def stack_text(
    vms: Sequence[AdoptedVm],
    *,
    board: str,
    facts: Board | None,
    target: str,
    catalog: Catalog,
    origin: Sequence[str],
    host: HostItems,
    foreign: bool,
) -> str:
    """The whole file, the same for the same input. `origin` names the files it was adopted from."""
    somebody_elses = Item("foreign", "true", before=[_FOREIGN])
    items = [
        Item("format", "1"),
        Item("board", scalar(board)),
        Item("target", scalar(target)),
        Item("host", [somebody_elses] if foreign else list(host.host)),
    ]
    memory = _memory(vms, host)
    if memory:
        items.append(Item("memory", memory))
    items.append(Item("guests", [_guest(each, facts, catalog, host) for each in vms]))
    head = (_MODELINE, comment_line(f"Adopted from {', '.join(origin)}."))
    return "\n".join(head) + "\n" + text_of(items)


def _guest(each: AdoptedVm, board: Board | None, catalog: Catalog, host: HostItems) -> Item:
    handed = board_devices(each.vm, board, catalog) if board is not None else {}
    sources = host.sources
    items = guest_items(each.vm, each.name, catalog, handed, sources)
    items += host.guests.get(each.name, ())
    guest = Item(each.name, items)
    if each.document is not None:
        place_comments(each.document, guest, items)
    return guest


def _memory(vms: Sequence[AdoptedVm], host: HostItems) -> list[Item]:
    """The host's regions, then those that guests name and that nobody places here: external ones."""
    items = list(host.memory)
    known = {_name_of(item) for item in items}
    for each in vms:
        ram = ram_passes(each.vm)
        for index, handed in enumerate(each.vm.passes):
            region = region_of(handed)
            if region and region not in known:
                known.add(region)
                owner = [Item("owner", scalar(each.name))] if index in ram else []
                items.append(Item("", [Item("name", scalar(region)), Item("external", "true"), *owner]))
    return items


def _name_of(item: Item) -> str:
    keys = item.value if isinstance(item.value, list) else []
    return next((str(key.value).strip('"') for key in keys if key.key == "name"), "")
