"""Memory maps and timelines as inline SVG: no script, nothing fetched, readable in black and white."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from hvbuild.certify.draws import Run
from hvbuild.certify.families import schedule_fields, schedule_run
from hvbuild.certify.ground import Ground
from hvbuild.certify.playing import ScheduleRun
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.schedule import HOST, SWITCH
from hvbuild.ranges import AddressRange
from hvbuild.units import hex_address, size_text
from hvbuild.units import milliseconds as ms

_WIDTH = 640
_ROW = 26
_BAR = 150
# Colours that stay apart in print and for most colour-blind readers (Okabe and Ito).
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")
_FREE = "#ffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One stretch of an address space, in one colour with a word."""

    window: AddressRange
    text: str
    colour: str


def _svg(height: int, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label, quote=True)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _text(x: int, y: int, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def map_drawing(blocks: Sequence[Block], label: str) -> str:
    """Blocks from low to high addresses, each with its range and size; heights are not to scale."""
    parts = []
    for number, block in enumerate(sorted(blocks, key=lambda row: row.window)):
        y = number * _ROW
        dash = ' stroke-dasharray="3 2"' if block.colour == _FREE else ""
        parts.append(
            f'<rect x="150" y="{y + 1}" width="{_BAR}" height="{_ROW - 2}" fill="{block.colour}" '
            f'stroke="#444"{dash}><title>{escape(str(block.window))}</title></rect>'
        )
        parts.append(_text(142, y + 17, hex_address(block.window.start), "end"))
        parts.append(_text(150 + _BAR + 8, y + 17, f"{block.text}, {size_text(block.window.size)}"))
    return _svg(max(1, len(blocks)) * _ROW, parts, label)


def _colours(ground: Ground) -> dict[str, str]:
    return {vm.label: _COLOURS[index % len(_COLOURS)] for index, vm in enumerate(ground.system.vms)}


def host_drawing(ground: Ground) -> str:
    """Host memory: each guest's stretches in its colour, regions of the host, and what is free."""
    colours = _colours(ground)
    blocks = [
        Block(window=use.host, text=f"{use.vm}: {use.claim.name}", colour=colours[use.vm])
        for use in ground.memory.uses()
    ]
    taken = [block.window for block in blocks]
    for region in (ground.system.host.regions or {}).values():
        if region.window is not None and not any(region.window.overlaps(window) for window in taken):
            blocks.append(Block(window=region.window, text=f"host: {region.name}", colour="#dddddd"))
    for kept in ground.system.host.reserved:
        if kept.window is not None and kept.window.size:
            blocks.append(Block(window=kept.window, text=kept.purpose or kept.name, colour="#bbbbbb"))
    for window in ground.memory.pool.free if ground.memory.pool is not None else ():
        blocks.append(Block(window=window, text="free", colour=_FREE))
    return map_drawing(blocks, "host memory")


def guest_drawing(guest: GuestMemory) -> str:
    """A guest's address space: memory, passed windows and devices."""
    colours = {
        "ram": "#56b4e9",
        "rom": "#999999",
        "pass": "#e69f00",
        "shared memory": "#009e73",
        "vdev": "#cc79a7",
    }
    blocks = [
        Block(
            window=segment.window,
            text=f"{segment.claim.kind} {segment.claim.name}",
            colour=colours[str(segment.claim.kind)],
        )
        for segment in guest.segments
    ]
    return map_drawing(blocks, f"addresses of guest {guest.vm}")


def timeline_drawing(ground: Ground) -> str:
    """The declared load with all releases at once: a row for each pCPU; nothing without a load."""
    if not any(thread.demand is not None for thread in ground.threads):
        return ""
    run: Run = tuple((field.name, 0) for field in schedule_fields(ground))
    return drawn_timeline(ground, schedule_run(ground, run))


def drawn_timeline(ground: Ground, seen: ScheduleRun) -> str:
    """A run as a row of stretches for each pCPU, with a legend."""
    left, wide = 60, _WIDTH - 70
    horizon = max(1, seen.horizon)
    busy = sorted({row.thread for row in seen.schedule.segments})
    colours = {number: _COLOURS[at % len(_COLOURS)] for at, number in enumerate(busy)}
    parts = [_text(left - 8, cpu * _ROW + 17, f"CPU {cpu}", "end") for cpu in range(ground.cpus)]
    for row in seen.schedule.segments:
        x, width = left + row.start * wide / horizon, max(0.4, (row.end - row.start) * wide / horizon)
        name = seen.parts[row.thread].thread.name
        kind = " for its guest exits" if row.mode == HOST else " switching" if row.mode == SWITCH else ""
        told = f"{name}{kind}: {ms(row.start)} to {ms(row.end)}"
        parts.append(
            f'<rect x="{x:.2f}" y="{row.cpu * _ROW + 4}" width="{width:.2f}" height="{_ROW - 8}" '
            f'fill="{colours[row.thread]}" stroke="#444" stroke-width="0.2">'
            f"<title>{escape(told)}</title></rect>"
        )
    axis = ground.cpus * _ROW + 14
    parts += [_text(left, axis, "0"), _text(left + wide, axis, ms(horizon), "end")]
    for at, number in enumerate(busy):
        x, y = left + (at % 3) * 190, axis + 20 + at // 3 * 20
        parts.append(
            f'<rect x="{x}" y="{y - 11}" width="12" height="12" fill="{colours[number]}" stroke="#444"/>'
        )
        parts.append(_text(x + 18, y, seen.parts[number].thread.name))
    return _svg(axis + 20 + (len(busy) + 2) // 3 * 20, parts, "timeline")
