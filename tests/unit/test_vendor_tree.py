"""Vendor trees made plain: what macros and includes say of memory, with places in the files people keep."""

import pytest

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.preprocess import can_preprocess
from hvbuild.meaning.host_files import DEVICETREE, HEADER, HostReading, read_host_files
from hvbuild.ranges import AddressRange
from hvbuild.source import SourceFile

pytestmark = pytest.mark.skipif(not can_preprocess(), reason="the extra vendor-dts is not installed")

MAP = """\
#define POOL_START 0xF6000000ul
#define POOL_SIZE (40 * 1024 * 1024)
#define BANK_START 0xC0000000UL
"""
REGIONS = """\
#include "map.h"
#define REGION(label, unit, start, size) label: label##_region@unit { reg = <0x0 start size>; no-map; };
&reserved_memory {
\tREGION(pool, f6000000, POOL_START, POOL_SIZE)
\tbank: bank@c0000000 { reg = <0x0 BANK_START 0x20000000>; no-map; };
#ifdef ONLY_THERE
\tspare: spare@a0000000 { reg = <0x0 0xa0000000 0x1000>; };
#endif
};
"""
BOARD = """\
/dts-v1/;
#define CELLS 2
/ {
\t#address-cells = <CELLS>; #size-cells = <1>;
\tmemory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x80000000>; };
\treserved_memory: reserved-memory {
\t\t#address-cells = <CELLS>; #size-cells = <1>; ranges;
\t};
\tvm { memory-regions = "bank", "pool"; };
};
#include "regions.dtsi"
"""


def reading(board: str = BOARD, regions: str = REGIONS, header: str = MAP) -> HostReading:
    files = [
        (DEVICETREE, SourceFile("v/regions.dtsi", regions)),
        (DEVICETREE, SourceFile("v/board.dts", board)),
        (HEADER, SourceFile("v/map.h", header)),
    ]
    return read_host_files(files, shipped_catalog())


def test_macros_and_includes_are_followed() -> None:
    found = reading()
    assert found.host is not None
    regions = found.host.regions or {}

    assert {name: region.window for name, region in regions.items()} == {
        "pool_region": AddressRange.sized(0xF600_0000, 40 << 20),
        "bank": AddressRange.sized(0xC000_0000, 0x2000_0000),
    }
    assert found.host.region_order == ("bank", "pool")
    assert [fault.message for fault in found.faults] == []


def test_places_are_those_of_the_files_people_keep() -> None:
    found = reading()
    assert found.host is not None
    places = {name: region.origin.span for name, region in (found.host.regions or {}).items()}

    assert {name: (str(span), span.text) for name, span in places.items() if span is not None} == {
        "pool_region": ("v/regions.dtsi:4:2", "REGION(pool, f6000000, POOL_START, POOL_SIZE)"),
        "bank": ("v/regions.dtsi:5:8", "bank@c0000000"),
    }


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('"pool"', '"pool", "ghost"', "HV8634", "v/board.dts:9:40"),
        ("0xC0000000UL", "0xC0000800UL", "HV8630", "v/regions.dtsi:5:2"),
        ("0xC0000000UL", "0xE0000000UL", "HV8628", "v/regions.dtsi:4:2"),
        ("0xF6000000ul", "0x10000000ul", "HV8629", "v/regions.dtsi:4:2"),
    ],
)
def test_a_fault_across_files_is_told_once(old: str, new: str, code: str, place: str) -> None:
    found = reading(BOARD.replace(old, new), REGIONS, MAP.replace(old, new))
    told = [fault for fault in found.faults if fault.code == code]

    assert [(str(fault.primary.span)) for fault in told] == [place]


def test_what_a_condition_leaves_out_is_no_unknown_name() -> None:
    found = reading(BOARD.replace('"pool"', '"pool", "spare"'))

    assert [fault.code for fault in found.faults if fault.code == "HV8634"] == []


def test_a_name_in_a_condition_of_an_include_that_is_not_given_is_not_judged() -> None:
    files = [(DEVICETREE, SourceFile("v/board.dts", BOARD.replace('"pool"', '"pool", "ghost"')))]

    assert read_host_files(files, shipped_catalog()).faults == ()
