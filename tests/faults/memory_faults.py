"""Classes 21 to 39: memory of host and guests."""

from itertools import pairwise

from fault import FREE, Fault, Setting, guest, passed, regions, stack

MIB = 1 << 20
GIB = 1 << 30


def regions_overlap(s: Setting, wrong: bool) -> str:
    at = s.hole.start
    second = at + (MIB - 0x1000 if wrong else MIB)
    return regions(f"name: one, base: {at:#x}, size: 1MiB #2", f"name: two, base: {second:#x}, size: 1MiB #1")


def over_host(s: Setting, wrong: bool) -> str | None:
    kept = next((bank for bank in s.plan.stack.board.memory if bank.firmware), None)
    if kept is None:
        return None
    at = kept.window.start if wrong else s.hole.start
    return regions(f"name: probe, base: {at:#x}, size: 4KiB #1")


def outside_ram(s: Setting, wrong: bool) -> str:
    end = max(bank.window.end for bank in s.plan.stack.board.memory)
    at = end if wrong else s.hole.start
    return regions(f"name: probe, base: {at:#x}, size: 1MiB #1")


def reserved_outside_ram(s: Setting, wrong: bool) -> str:
    end = max(bank.window.end for bank in s.plan.stack.board.memory)
    at = end if wrong else s.hole.start
    return stack(f"host:\n  reserve:\n    - {{name: probe, base: {at:#x}, size: 1MiB}}  #1")


def enlarged_region(s: Setting, wrong: bool) -> str | None:
    """A variant makes a region larger than the gap behind it."""
    placed = sorted((r for r in s.plan.regions if r.window), key=lambda r: r.window.start if r.window else 0)
    for one, two in pairwise(placed):
        if one.window and two.window and two.window.start - one.window.start < 3 * GIB:
            size = two.window.start - one.window.start + (0x1000 if wrong else 0)
            return regions(
                f"name: {one.name}, size: {size:#x} #1" if wrong else f"name: {one.name}, size: {size:#x}"
            )
    return None


def unaligned(s: Setting, wrong: bool) -> str:
    return guest(s, f"ram:\n  - {{name: extra, base: {FREE + (0x200 if wrong else 0):#x}, size: 1MiB}}  #1")


def half_page(s: Setting, wrong: bool) -> str:
    return guest(
        s, f"ram:\n  - {{name: extra, base: {FREE:#x}, size: {0x10800 if wrong else 0x11000:#x}}}  #1"
    )


def zero_size(s: Setting, wrong: bool) -> str:
    return guest(s, f"ram:\n  - {{name: extra, base: {FREE:#x}, size: {'0' if wrong else '4KiB'}}}  #1")


def too_little_left(s: Setting, wrong: bool) -> str:
    total = sum(bank.window.size for bank in s.plan.stack.board.memory)
    return stack(f"host:\n  memory: {total if wrong else MIB:#x}  #1")


def too_much(s: Setting, wrong: bool) -> str:
    total = sum(bank.window.size for bank in s.plan.stack.board.memory)
    return guest(s, f"ram:\n  - {{name: extra, base: 0x300000000, size: {total if wrong else MIB:#x}}}  #1")


def fragmented(s: Setting, wrong: bool) -> str | None:
    needed = sum(
        block.size for each in s.plan.guests for block in each.vm.memory if isinstance(block.size, int)
    )
    size = s.hole.size + 0x1000
    if sum(gap.size for gap in s.holes) - needed < size:
        return None
    return regions(f"name: probe, base: auto, size: {size if wrong else MIB:#x} #1")


def ram_twice(s: Setting, wrong: bool) -> str:
    second = FREE + (0xF000 if wrong else 0x10000)
    return guest(
        s,
        f"ram:\n  - {{name: one, base: {FREE:#x}, size: 64KiB}}  #2\n"
        f"  - {{name: two, base: {second:#x}, size: 64KiB}}  #1",
    )


def loads_overlap(s: Setting, wrong: bool) -> str | None:
    second = FREE + (MIB if wrong else 2 * MIB)
    return guest(
        s,
        f"ram:\n  - {{name: extra, base: {FREE:#x}, size: 8MiB}}\nimages:\n"
        f"  - {{name: one, load: /guests/one, type: data, at: {FREE:#x}, size: 2MiB, external: true}}  #2\n"
        f"  - {{name: two, load: /guests/two, type: data, at: {second:#x}, size: 2MiB, external: true}}  #1",
    )


def wraps(s: Setting, wrong: bool) -> str:
    base = "0xfffffffffffff000" if wrong else f"{FREE:#x}"
    return passed(s, f"name: probe, windows: [{{base: {base}, size: 8KiB, host: {FREE:#x}, flags: rwn}}] #1")


def beyond_limit(s: Setting, wrong: bool) -> str:
    bits = s.plan.stack.board.address_bits or 40
    base = (1 << bits) - (0 if wrong else 0x1000)
    return guest(s, f"ram:\n  - {{name: extra, base: {base:#x}, size: 4KiB}}  #1")


def write_only(s: Setting, wrong: bool) -> str:
    flags = "wn" if wrong else "rwn"
    return passed(s, f"name: probe, windows: [{{base: {FREE:#x}, size: 4KiB, flags: {flags}}}] #1")


def unused_region(s: Setting, wrong: bool) -> str:
    owner = f", owner: {s.g}" if wrong else ""
    return regions(f"name: probe, base: {s.hole.start:#x}, size: 1MiB, cleared: true{owner} #1")


def other_order(s: Setting, wrong: bool) -> str:
    names = ["two", "one"] if wrong else ["one", "two"]
    rows = "\n".join(
        f"  - {{name: {name}, region: {name}, flags: rwcxm}}  {m}"
        for name, m in zip(names, ("#2", "#1"), strict=True)
    )
    at = s.hole.end - 2 * MIB
    return regions(
        f"name: one, base: {at:#x}, size: 1MiB, owner: {s.g}, cleared: true",
        f"name: two, base: {at + MIB:#x}, size: 1MiB, owner: {s.g}, cleared: true",
    ) + guest(s, f"ram:\n{rows}").removeprefix("format: 1\n")


FAULTS: tuple[Fault, ...] = (
    Fault(number=21, name="regions overlap", codes=("HV2103",), edit=regions_overlap, parties=2, hexes=True),
    Fault(number=22, name="region over firmware", codes=("HV2103",), edit=over_host, parties=2, hexes=True),
    Fault(number=24, name="region outside RAM", codes=("HV2010",), edit=outside_ram, hexes=True),
    Fault(
        number=25, name="reservation outside RAM", codes=("HV2010",), edit=reserved_outside_ram, hexes=True
    ),
    Fault(
        number=26,
        name="variant enlarges region",
        codes=("HV2103",),
        edit=enlarged_region,
        parties=2,
        hexes=True,
    ),
    Fault(number=27, name="unaligned base", codes=("HV2001",), edit=unaligned, hexes=True),
    Fault(number=28, name="half a page", codes=("HV2001",), edit=half_page, hexes=True),
    Fault(number=30, name="zero size", codes=("HV2005", "HV1005", "HV1006"), edit=zero_size),
    Fault(number=23, name="too little for the host", codes=("HV2113",), edit=too_little_left),
    Fault(number=31, name="more than the board has", codes=("HV2106",), edit=too_much),
    Fault(number=32, name="no contiguous room", codes=("HV2020",), edit=fragmented),
    Fault(number=33, name="RAM overlaps RAM", codes=("HV2002",), edit=ram_twice, parties=2, hexes=True),
    Fault(number=34, name="loads overlap", codes=("HV2009",), edit=loads_overlap, parties=2, hexes=True),
    Fault(number=35, name="wraps 2^64", codes=("HV2006",), edit=wraps, hexes=True),
    Fault(number=35, name="beyond the address limit", codes=("HV2007",), edit=beyond_limit, hexes=True),
    Fault(number=36, name="write-only window", codes=("HV3214",), edit=write_only, warning=True),
    Fault(number=37, name="unused region", codes=("HV2108",), edit=unused_region, warning=True),
    Fault(number=39, name="order of regions", codes=("HV2110",), edit=other_order, parties=2, warning=True),
)
