"""Virtual devices as a qvmconf said them, to items of a stack's `vdevs`."""

from collections.abc import Iterator, Sequence

from hvbuild.adopt import spelled
from hvbuild.adopt.names import Names, fits, fitted
from hvbuild.adopt.yamltext import Item, flow_list, scalar
from hvbuild.catalog import Catalog
from hvbuild.load.bind_guest import VDEV_KEYS
from hvbuild.model.vm import Option, Space, Vdev, VmConfig

_LEFT_OPEN = "auto"


def vdev_items(vm: VmConfig, catalog: Catalog) -> Iterator[Item]:
    """An item for each device of `vm`, in order."""
    names = Names()
    for index, vdev in enumerate(vm.vdevs):
        keys = _identity(vdev, names)
        keys += _place(vdev, catalog)
        options, verbatim = _options(vdev, catalog)
        keys += options
        keys += spelled.settings(vdev.settings)
        keys += spelled.loggers([logger for logger in vm.loggers if logger.vdev == index])
        keys += spelled.listed("verbatim", verbatim)
        yield Item("", keys, vdev.origin.span)


def is_carried(kind: str, key: str, catalog: Catalog) -> bool:
    """True for an option that the catalogue does not know for a device whose options it knows."""
    row = catalog.vdev(kind)
    return row is not None and not row.open and catalog.vdev_option(kind, key) is None


def _identity(vdev: Vdev, names: Names) -> list[Item]:
    name = names.take(fitted(vdev.name or vdev.type, "vdev"))
    keys = [Item("name", scalar(name)), Item("type", scalar(vdev.type))]
    if not vdev.name:
        keys.append(Item("anonymous", "true"))
    elif vdev.name != name:
        keys.append(Item("qvm_name", scalar(vdev.name), vdev.name_origin.span))
    if vdev.spelling not in ("", vdev.type):
        keys.append(Item("spelling", scalar(vdev.spelling)))
    return keys


def _place(vdev: Vdev, catalog: Catalog) -> list[Item]:
    keys = []
    if vdev.location is not None:
        row = catalog.vdev(vdev.type)
        bare = Space.IO if row is not None and row.space == "io" else Space.MEM
        keys.append(Item("loc", spelled.location(vdev.location, bare), vdev.location.origin.span))
    if vdev.interrupts:
        keys.append(Item("intr", spelled.interrupts(vdev.interrupts), vdev.interrupts[0].origin.span))
    return keys


def _options(vdev: Vdev, catalog: Catalog) -> tuple[list[Item], list[Item]]:
    """A key for each option that can have one, and the rest verbatim."""
    groups: dict[str, list[Option]] = {}
    for option in vdev.options:
        groups.setdefault(option.key, []).append(option)
    keys: list[Item] = []
    verbatim: list[Item] = []
    for key, options in groups.items():
        if _has_key(key, options) and not is_carried(vdev.type, key, catalog):
            keys.append(Item(key, _value(options), options[0].origin.span))
        else:
            verbatim += [
                Item("", spelled.words((key, *option.values)), option.origin.span) for option in options
            ]
    return keys, verbatim


def _has_key(key: str, options: Sequence[Option]) -> bool:
    """True when a key of the device can say all these occurrences of one option."""
    counts = {len(option.values) for option in options}
    single = counts == {1} or (counts == {0} and len(options) == 1)
    left_open = any(option.values == (_LEFT_OPEN,) for option in options)
    return single and not left_open and fits(key) and key not in VDEV_KEYS


def _value(options: Sequence[Option]) -> str:
    values = [scalar(option.values[0], numbers=True) for option in options if option.values]
    if not values:
        return "true"
    return values[0] if len(values) == 1 else flow_list(values)
