"""One form for all VMs that mean the same to qvm and to the guest: what comparisons by meaning compare.

What qvm does not tell apart is written one way (a host address equal to the guest's is left out, `on` is
`1` is `yes`, numbers have one notation), defaults that are said out loud are dropped where they are
documented, and only sequences whose order somebody can see keep it: loads, vCPUs, devices of one type
(a guest enumerates them), and passed memory that serves as RAM.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hvbuild.catalog import Catalog
from hvbuild.model.vm import (
    FALSE_WORDS,
    Logger,
    Option,
    Pass,
    PassWindow,
    Reserve,
    Setting,
    Unsupported,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.units import read_number, read_qvm_address

_TRUE = frozenset({"on", "1", "yes", "true"})


def canonical(vm: VmConfig, catalog: Catalog) -> VmConfig:
    """The VM that stands for every VM of the same meaning; places and names are those of `vm`."""
    vdevs = [_vdev(vdev, catalog) for vdev in vm.vdevs]
    order = sorted(range(len(vdevs)), key=lambda index: _vdev_rank(vdevs[index], catalog))
    ranks = {index: rank for rank, index in enumerate(order)}
    return replace(
        vm,
        memory=tuple(
            sorted(vm.memory, key=lambda block: (str(block.kind), _rank(block.base), _rank(block.size)))
        ),
        vcpus=vm.vcpus or (Vcpu(),),
        vdevs=tuple(vdevs[index] for index in order),
        passes=tuple(sorted((_pass(each) for each in vm.passes if _hands_over(each)), key=_pass_rank)),
        reserves=_reserves(vm.reserves),
        settings=_settings(vm.settings, catalog),
        loggers=_loggers(vm.loggers, ranks),
        unsupported=_unsupported(vm.unsupported, catalog.unsupported_kinds),
        verbatim=tuple(sorted(vm.verbatim, key=lambda verbatim: verbatim.words)),
    )


def same_meaning(one: VmConfig, two: VmConfig, catalog: Catalog) -> bool:
    """True when neither qvm nor the guest could tell the two apart."""
    return one == two or canonical(one, catalog) == canonical(two, catalog)


def _rank(amount: object) -> tuple[bool, int, str]:
    """Known numbers by value, what only the target knows after them by text."""
    return (False, amount, "") if isinstance(amount, int) else (True, 0, str(amount))


# --- devices ---------------------------------------------------------------------------------------


def guest_counts(kind: str, catalog: Catalog) -> bool:
    """True for devices that a guest may number in their order; legacy PC devices stand at fixed places."""
    row = catalog.vdev(kind)
    return row is None or row.architecture != "x86"


def _vdev_rank(vdev: Vdev, catalog: Catalog) -> tuple[str, tuple[bool, int, str], str]:
    """Devices of one type as written where a guest counts them, else by place, and by all else then."""
    if guest_counts(vdev.type, catalog) or vdev.location is None:
        return vdev.type, _rank(0), ""
    return vdev.type, _rank(vdev.location.start), repr(vdev)


def _vdev(vdev: Vdev, catalog: Catalog) -> Vdev:
    options = (_option(vdev.type, option, catalog) for option in vdev.options)
    return replace(
        vdev,
        options=tuple(sorted(options, key=lambda option: option.key)),
        settings=_settings(vdev.settings, catalog),
    )


def _option(kind: str, option: Option, catalog: Catalog) -> Option:
    row = catalog.vdev_option(kind, option.key)
    if row is None:
        return option
    forms = (*row.forms, *("text",) * len(option.values))
    values = (plain_value(form, value) for form, value in zip(forms, option.values, strict=False))
    return replace(option, values=tuple(values))


def plain_value(form: str, value: str) -> str:
    """`value` in the one notation of its form; as it is where the form has none."""
    if form in ("number", "priority"):
        number = read_number(value)
        return str(number) if number is not None else value.removesuffix("r")
    if form == "address":
        address = read_qvm_address(value)
        return f"{address:#x}" if address is not None else value
    if form in ("boolean", "tristate"):
        return "on" if value in _TRUE else "off" if value in FALSE_WORDS else value
    return value.lower() if form == "mac" else value


def _settings(settings: Iterable[Setting], catalog: Catalog) -> tuple[Setting, ...]:
    held = []
    for setting in settings:
        row = catalog.variable(setting.variable)
        form = row.form if row is not None else "string"
        held.append(replace(setting, value=plain_value(form, setting.value)))
    return tuple(
        sorted(held, key=lambda setting: (setting.variable, setting.vcpu is None, setting.vcpu or 0))
    )


# --- what is handed over and kept back -------------------------------------------------------------


def _hands_over(each: Pass) -> bool:
    """False for a `pass` without `loc` and `intr`, which does nothing."""
    return bool(each.windows or each.pci or each.interrupts)


def _pass(each: Pass) -> Pass:
    windows = tuple(_window(window) for window in each.windows)
    return replace(each, windows=windows)


def _window(window: PassWindow) -> PassWindow:
    """Without `=host` the host address is the guest's (all examples of QNX; never stated)."""
    return replace(window, host=None) if window.host == window.start else window


def _pass_rank(each: Pass) -> tuple[bool, tuple[tuple[bool, int, str], ...], str]:
    """Passed RAM first and as written: whether qvm minds its order is not documented. Others by place."""
    if any("m" in window.flags for window in each.windows):
        return False, (), ""
    places = tuple(_rank(window.start) for window in each.windows)
    return True, places, repr((each.windows, each.pci, each.interrupts))


def _reserves(reserves: Iterable[Reserve]) -> tuple[Reserve, ...]:
    """Each reserved place alone: how they are grouped into contexts means nothing."""
    single = [
        *(
            Reserve(locations=(place,), origin=place.origin or reserve.origin)
            for reserve in reserves
            for place in reserve.locations
        ),
        *(
            Reserve(interrupts=(line,), origin=line.origin or reserve.origin)
            for reserve in reserves
            for line in reserve.interrupts
        ),
    ]
    return tuple(sorted(single, key=repr))


# --- the rest --------------------------------------------------------------------------------------


def _loggers(loggers: Iterable[Logger], ranks: Mapping[int, int]) -> tuple[Logger, ...]:
    """One logger for each destination of the VM and of each device: severities add up."""
    joined: dict[tuple[int, str], Logger] = {}
    for logger in loggers:
        vdev = None if logger.vdev is None else ranks[logger.vdev]
        key = (-1 if vdev is None else vdev, logger.destination)
        filters = logger.filters | (joined[key].filters if key in joined else frozenset())
        joined[key] = replace(logger, vdev=vdev, filters=filters)
    return tuple(joined[key] for key in sorted(joined))


def _unsupported(rows: Iterable[Unsupported], defaults: Mapping[str, str]) -> tuple[Unsupported, ...]:
    said = (row for row in rows if defaults.get(row.kind) != row.action)
    return tuple(sorted(said, key=lambda row: row.kind))
