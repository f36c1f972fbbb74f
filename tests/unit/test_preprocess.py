"""Vendor sources made plain: macros, conditions, includes from given texts only."""

import pytest

from hvbuild.formats import preprocess as room
from hvbuild.formats.dtb import Blob, read_plain_dts
from hvbuild.formats.preprocess import NotPreprocessed, Preprocessed, can_preprocess, preprocess

needs_pcpp = pytest.mark.skipif(not can_preprocess(), reason="the extra vendor-dts is not installed")

HEADER = """\
#define START 0xb0000000
#define SIZE 0x2800000
#define RSV_MEM(start, size, name) name: name { reg = <0x0 start size>; no-map; }
"""
TREE = """\
/dts-v1/;
#include "map/memory.h"
/ {
	#address-cells = <2>;
	reserved-memory {
		#address-cells = <2>; #size-cells = <1>;
		RSV_MEM(START, SIZE, gvm_pmem);
#ifdef HOST
		host;
#else
		guest;
#endif
	};
};
"""


@needs_pcpp
@pytest.mark.parametrize(("defines", "flag"), [({}, "guest"), ({"HOST": "1"}, "host")])
def test_a_vendor_tree_compiles_once_it_is_plain(defines: dict[str, str], flag: str) -> None:
    plain = preprocess(TREE, "t.dts", {"public/memory.h": HEADER}, defines)
    assert isinstance(plain, Preprocessed)
    blob = read_plain_dts(plain.text, "t.dts")
    assert isinstance(blob, Blob), blob
    memory = blob.root.child("reserved-memory")
    assert memory is not None
    region = memory.child("gvm_pmem")
    assert region is not None

    assert region.value("reg") == bytes.fromhex("00000000b000000002800000")
    assert [name for name, _ in memory.properties] == ["#address-cells", "#size-cells", flag]


@needs_pcpp
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('#include "gone.h"\n/ { };\n', "gone.h"),
        ("#include </etc/hostname>\n", "hostname"),
        ("#error not this board\n", "not this board"),
        ("#if\n/ { };\n", "stops"),
    ],
)
def test_what_cannot_be_made_plain_says_why(text: str, words: str) -> None:
    found = preprocess(text, "t.dts", {})

    assert isinstance(found, NotPreprocessed)
    assert words in found.message


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None)

    assert preprocess(TREE, "t.dts", {}) == NotPreprocessed("the extra `vendor-dts` is not installed")
