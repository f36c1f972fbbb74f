"""A guest's device tree as strings for its template."""

import re
from dataclasses import dataclass

from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.ranges import AddressRange
from hvbuild.resolve.guesttree import DeviceNode, GuestTreePlan

# Devicetree Specification v0.4, 2.2.1: what a node name may hold.
_NO_NAME = re.compile(r"[^0-9A-Za-z,._+-]")
# Devicetree binding of the GIC: an SPI is counted from 32, a PPI from 16; 4 is level triggered, high.
_FIRST_SPI, _FIRST_PPI, _LEVEL_HIGH = 32, 16, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node: its name with unit address, `reg`, and for a device what it is and its interrupts."""

    name: str
    reg: str
    compatible: str = ""
    interrupts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTreeView:
    """What `guest.dts.j2` places. `controller` is the quoted name of the interrupt controller's vdev."""

    title: str
    controller: str
    reserved: tuple[NodeView, ...]
    devices: tuple[NodeView, ...]


def guest_tree_view(plan: Plan, guest: GuestPlan, tree: GuestTreePlan) -> GuestTreeView:
    """The tree of `guest` in strings; memory of unknown size is left out."""
    return GuestTreeView(
        title=f"guest `{guest.guest.name}` of {plan.stack.name} ({plan.stack.variant})",
        controller=_quoted(tree.controller) if tree.controller else "",
        reserved=tuple(
            NodeView(name=node_name(node.name, node.window), reg=_reg((node.window,)))
            for node in tree.reserved
            if node.window is not None
        ),
        devices=tuple(_device(device, tree) for device in tree.devices),
    )


def node_name(name: str, window: AddressRange) -> str:
    """The name of a node for `window`, with what no node name may hold replaced."""
    return f"{_NO_NAME.sub('-', name)}@{window.start:x}"


def _device(device: DeviceNode, tree: GuestTreePlan) -> NodeView:
    lines = device.interrupts if tree.controller else ()
    return NodeView(
        name=node_name(device.name, device.windows[0]) if device.windows else _NO_NAME.sub("-", device.name),
        reg=_reg(device.windows),
        compatible=", ".join(_quoted(word) for word in device.compatible),
        interrupts=", ".join(f"<{_interrupt(line)}>" for line in lines),
    )


def _interrupt(line: int) -> str:
    kind, first = (0, _FIRST_SPI) if line >= _FIRST_SPI else (1, _FIRST_PPI)
    return f"{kind} {line - first} {_LEVEL_HIGH}"


def _reg(windows: tuple[AddressRange, ...]) -> str:
    return ", ".join(
        f"<{w.start >> 32:#x} {w.start & 0xFFFF_FFFF:#x} {w.size >> 32:#x} {w.size & 0xFFFF_FFFF:#x}>"
        for w in windows
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
