"""The memory side of host trees: its meaning, and lint by one edit of a clean tree."""

from pathlib import Path

import pytest

from hvbuild.formats.cheader import read_header
from hvbuild.formats.dts import read_dts
from hvbuild.meaning.devicetree import tree_facts, tree_memory
from hvbuild.meaning.devicetree_lint import CODES, lint_devicetree
from hvbuild.model.system import HostFacts, HostRegion
from hvbuild.model.tree import TreeMemory, TreeRegion
from hvbuild.ranges import AddressRange

CORPUS = Path(__file__).parents[1] / "corpus/dts"

CLEAN = """\
/dts-v1/;
/memreserve/ 0x80000000 0x1000;
/ {
	#address-cells = <2>;
	#size-cells = <1>;
	memory@80000000 {
		device_type = "memory";
		reg = <0x0 0x80000000 0x40000000>, <0x1 0x0 0x10000000>;
	};
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <1>;
		ranges;
		one: gvm_one@90000000 {
			reg = <0x0 0x90000000 0x1000000>;
			no-map;
		};
		gvm_two@100000000 {
			reg = <0x1 0x0 0x2000>;
			no-map;
		};
		pool {
			size = <0x100000>;
			reusable;
		};
	};
	vm {
		memory-regions = "gvm_two", "one", "pool";
	};
};
"""


def memory_of(text: str, **constants: int) -> TreeMemory:
    return tree_memory(read_dts(text, "t.dts", constants), constants)


def codes_of(text: str, path: str = "t.dts", host: HostFacts | None = None) -> list[str]:
    return [fault.code for fault in lint_devicetree(read_dts(text, path), host=host).faults]


def test_the_memory_side() -> None:
    memory = memory_of(CLEAN)

    assert [bank.window for bank in memory.banks] == [
        AddressRange.sized(0x80000000, 0x40000000),
        AddressRange.sized(0x100000000, 0x10000000),
    ]
    assert memory.regions == (
        TreeRegion(
            name="gvm_one", window=AddressRange.sized(0x90000000, 0x1000000), size=0x1000000, no_map=True
        ),
        TreeRegion(name="gvm_two", window=AddressRange.sized(1 << 32, 0x2000), size=0x2000, no_map=True),
        TreeRegion(name="pool", size=0x100000, reusable=True, dynamic=True),
    )
    assert [item.name for item in memory.order] == ["gvm_two", "one", "pool"]
    assert memory.reserves == (AddressRange.sized(0x80000000, 0x1000),)
    assert (memory.address_cells, memory.size_cells, memory.complete) == (2, 1, True)
    found = memory.region("one")
    assert found is not None
    assert found.name == "gvm_one"


def test_vendor_macros_with_the_constants_of_a_header() -> None:
    header = read_header(
        "#define __GVM_PMEM_START__ 0xb0000000UL\n#define __GVM_PMEM_SIZE__ (0x2800 * 0x1000)\n", "map.h"
    )
    text = (CORPUS / "vendor-host.dts").read_text(encoding="utf-8")
    memory = tree_memory(read_dts(text, "host.dts", header.values), header.values)

    assert [(region.name, region.window) for region in memory.regions] == [
        ("gvm_pmem", AddressRange.sized(0xB0000000, 0x2800000)),
        ("gvm_sysram2", None),
        ("plain", None),
        ("host_only", AddressRange.sized(0xA0000000, 0x1000)),
        ("host_only", AddressRange.sized(0xB0000000, 0x1000)),
    ]
    assert not memory.complete


@pytest.mark.parametrize(
    ("call", "region"),
    [
        ("RSV_MEM(0x1000, 0x2000, a)", ("a", AddressRange.sized(0x1000, 0x2000))),
        ("NODE(a, 0x1000, (2 * 0x1000))", ("a", AddressRange.sized(0x1000, 0x2000))),
        ("TWO(a, 0x1000)", None),
        ("WORDS(a, b, c)", None),
        ("MIDDLE(0x1000, a, 0x2000)", None),
    ],
)
def test_macros_of_three(call: str, region: tuple[str, AddressRange] | None) -> None:
    memory = memory_of(f"/ {{ reserved-memory {{ {call}; }}; }};\n")

    assert [(found.name, found.window) for found in memory.regions] == ([region] if region else [])
    assert memory.complete == (region is not None)


def test_what_a_tree_tells_of_the_host() -> None:
    facts = tree_facts(memory_of(CLEAN))

    assert facts.region_order == ("gvm_two", "one", "pool")
    assert facts.size_cells == 1
    assert facts.regions is not None
    assert facts.regions["gvm_one"].window == AddressRange.sized(0x90000000, 0x1000000)
    assert tree_facts(memory_of("/dts-v1/;\n/ { };\n")).banks is None


def test_an_extension_of_a_node_elsewhere_has_unknown_cells() -> None:
    text = "&reserved_memory {\n\ta@1000 { reg = <0x0 0x1000 0x0 0x1000>; };\n};\n"

    assert [region.window for region in memory_of(text).regions] == [None]
    assert codes_of(text, "part.dtsi") == []


def test_a_clean_tree_says_nothing() -> None:
    assert codes_of(CLEAN) == []


def test_a_name_of_31_characters_is_well() -> None:
    assert codes_of(CLEAN.replace("gvm_one@90000000", f"gvm_{'x' * 27}@90000000")) == []


BANK = "reg = <0x0 0x80000000 0x40000000>"
ONE = "reg = <0x0 0x90000000 0x1000000>;"
EDITS = {
    "unit-address": ("gvm_one@90000000", "gvm_one@91000000", ["HV8620"]),
    "unit-case": ("gvm_one@90000000", "gvm_one@090000000", ["HV8621"]),
    "no-unit": ("gvm_one@90000000", "gvm_one", ["HV8622"]),
    "no-reg": (f"			{ONE}\n", "", ["HV8622"]),
    "length": (ONE, "reg = <0x0 0x90000000 0x1000000 0x1>;", ["HV8623"]),
    "four-gib": (ONE, "reg = <0x0 0x90000000 0x100000000>;", ["HV8624", "HV8629", "HV8628"]),
    "cells": ("		#size-cells = <1>;\n		ranges", "		ranges", ["HV8625"]),
    "ranges": ("		ranges;\n", "", ["HV8626"]),
    "other-cells": (
        "	#size-cells = <1>;\n	memory",
        "	#size-cells = <2>;\n	memory",
        ["HV8623", "HV8627"],
    ),
    "overlap": ("<0x1 0x0 0x2000>", "<0x0 0x90001000 0x2000>", ["HV8620", "HV8628"]),
    "outside": (BANK, "reg = <0x0 0x80000000 0x10000000>", ["HV8629"]),
    "page": ("0x2000>", "0x2004>", ["HV8630"]),
    "empty": ("<0x1 0x0 0x2000>", "<0x1 0x0 0x0>", ["HV8631"]),
    "both": ("reusable;", "reusable; no-map;", ["HV8632"]),
    "same-name": ("pool {", "gvm_one {", ["HV8633", "HV8634"]),
    "unknown-name": ('"one"', '"none"', ["HV8634"]),
    "twice": ('"one"', '"gvm_two"', ["HV8635"]),
    "long-name": ("gvm_one@90000000", f"gvm_{'x' * 28}@90000000", ["HV8639"]),
    "banks": (BANK, f"{BANK}, <0x0 0x90000000 0x1000>", ["HV8636"]),
    "reserved": ("/memreserve/ 0x80000000", "/memreserve/ 0x90000000", ["HV8637"]),
}


@pytest.mark.parametrize(("old", "new", "codes"), EDITS.values(), ids=EDITS)
def test_one_edit_says_its_codes(old: str, new: str, codes: list[str]) -> None:
    assert old in CLEAN

    assert sorted(codes_of(CLEAN.replace(old, new, 1))) == sorted(codes)


def test_a_region_above_the_address_bits() -> None:
    assert codes_of(CLEAN, host=HostFacts(address_bits=32)) == ["HV8638"]
    assert codes_of(CLEAN, host=HostFacts(address_bits=36)) == []


def test_banks_of_the_board_count_too() -> None:
    text = CLEAN.replace(BANK, "reg = <0x0 0x80000000 0x10000000>")
    board = HostFacts(banks=(HostRegion(name="ddr", window=AddressRange.sized(0x90000000, 1 << 28)),))

    assert codes_of(text, host=board) == []


def test_both_branches_of_a_condition_are_no_clash() -> None:
    one = "		gvm_three@a0000000 { reg = <0x0 0xa0000000 0x1000>; };\n"
    text = CLEAN.replace("		pool {", f"#if A\n{one}#else\n{one}#endif\n		pool {{")

    assert codes_of(text) == []


def test_an_included_rest_may_hold_what_is_missing() -> None:
    text = CLEAN.replace("/ {", '#include "regions.dtsi"\n/ {', 1).replace('"one"', '"elsewhere"')

    assert codes_of(text) == []


def test_every_code_has_a_test() -> None:
    told = {code for _, _, codes in EDITS.values() for code in codes} | {"HV8638"}

    assert {code.code for code in CODES if code.code >= "HV8620"} == told
