"""Each fault against a schema is told once, at the key or value it means, in words."""

from typing import Any

import pytest

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.overlay import layered
from hvbuild.load.schema import faults_against, validator_for, without_references
from hvbuild.load.tree import Mapping
from hvbuild.load.yamltree import read_yaml

END = "(?![\\s\\S])"
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["system", "size"],
    "properties": {
        "system": {"type": "string", "minLength": 2, "description": "system name"},
        "size": {"$ref": "#/$defs/size"},
        "mask": {
            "type": "array",
            "minItems": 1,
            "maxItems": 4,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": 0, "maximum": 7},
        },
        "target": {"type": "string", "enum": ["qnx-7.1", "qnx-8.0"]},
        "boot": {"type": "boolean"},
        "guests": {
            "type": "object",
            "propertyNames": {"pattern": f"^[a-z]+{END}", "description": "a name in small letters"},
            "additionalProperties": {"$ref": "#/$defs/guest"},
        },
        "vdevs": {"type": "array", "items": {"$ref": "#/$defs/vdev"}},
        "alias": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "string", "pattern": f"^a+{END}"}]},
        "extra": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"fixed": {"const": 1}},
            "patternProperties": {"^x-": True},
        },
    },
    "$defs": {
        "size": {
            "type": ["integer", "string"],
            "pattern": f"^[0-9]+MiB{END}",
            "description": "a size with its unit",
            "examples": ["512MiB"],
        },
        "guest": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "image": {"type": "string"}},
        },
        "vdev": {
            "type": "object",
            "required": ["name", "type"],
            "properties": {"name": {"type": "string"}, "type": {"enum": ["blk", "net"]}},
            "if": {"properties": {"type": {"const": "net"}}, "required": ["type"]},
            "then": {
                "required": ["peer"],
                "additionalProperties": False,
                "properties": {"name": True, "type": True, "peer": {"type": "string"}},
            },
            "else": {"additionalProperties": False, "properties": {"name": True, "type": True, "disk": True}},
        },
    },
}
GOOD = "system: la\nsize: 512MiB\n"
VALIDATOR = validator_for(SCHEMA)
WRITTEN_OUT = validator_for(without_references(SCHEMA))


def tree(text: str, path: str = "f") -> Mapping:
    reading = read_yaml(text.encode(), path)

    assert reading.root is not None
    return reading.root


def faults(text: str) -> tuple[Diagnostic, ...]:
    return faults_against(tree(text), VALIDATOR)


def test_a_good_tree_has_no_faults() -> None:
    text = (
        GOOD + "mask: [7, 0]\ntarget: qnx-8.0\nboot: true\nguests: {la: {name: x}}\nalias: aa\n"
        "vdevs: [{name: a, type: blk, disk: x}, {name: b, type: net, peer: y}]\nextra: {fixed: 1, x-y: 2}\n"
    )

    assert faults(text) == ()


@pytest.mark.parametrize(
    ("text", "where", "message", "help_"),
    [
        (
            "sytem: la\nsize: 1MiB",
            "HV1001 f:1:1 sytem",
            "unknown key `sytem`",
            "did you mean `system`?",
        ),
        (GOOD + "zzz: 1", "HV1001 f:3:1 zzz", "unknown key `zzz`", "known here: `alias`"),
        (GOOD + "guests: {a: {name: x, imag: y}}", "HV1001 f:3:23 guests.a.imag", "`imag`", "`image`"),
        (GOOD + "extra: {y: 1}", "HV1001 f:3:9 extra.y", "unknown key `y`", "known here: `fixed`"),
        ("size: 1MiB", "HV1002 f:1:1 ", "the file has no `system`", "`system`: system name"),
        (GOOD + "guests:\n  la: {}", "HV1002 f:4:3 guests.la", "`la` has no `name`", ""),
        (GOOD + "vdevs: [{name: a}]", "HV1002 f:3:10 vdevs[0]", "an item of `vdevs` has no `type`", ""),
        (GOOD + "vdevs:\n- type: net\n  name: a", "HV1002 f:4:3 vdevs[0]", "has no `peer`", ""),
        (
            GOOD + "vdevs: [{name: a, type: net, peer: b, dsk: c}]",
            "HV1001 f:3:39 vdevs[0].dsk",
            "`dsk`",
            "",
        ),
        (GOOD + "mask: 7,6", "HV1003 f:3:7 mask", "`mask` is text, not a list", "in brackets: `[7,6]`"),
        (GOOD + "mask:", "HV1003 f:3:1 mask", "`mask` is empty, not a list", ""),
        (GOOD + 'mask: ["7"]', "HV1003 f:3:8 mask[0]", "is text, not an integer", "without quotes"),
        (GOOD + "mask: [{a: 1}]", "HV1003 f:3:9 mask[0]", "is a mapping, not an integer", ""),
        (GOOD + "boot: yes", "HV1003 f:3:7 boot", "`boot` is text, not `true` or `false`", ""),
        ("system: 71\nsize: 1MiB", "HV1003 f:1:9 system", "is an integer, not text", 'text: "71"'),
        (GOOD + "guests: [a]", "HV1003 f:3:1 guests", "`guests` is a list, not a mapping", ""),
        (GOOD + "target: qnx-8", "HV1004 f:3:9 target", "`qnx-8` is not a choice", "`qnx-8.0`"),
        (GOOD + "target: linux", "HV1004 f:3:9 target", "`linux` is not a choice", "one of: `qnx-7.1`"),
        (GOOD + "extra: {fixed: 2}", "HV1004 f:3:16 extra.fixed", "`2` is not a choice", "write: `1`"),
        ("system: la\nsize: big", "HV1005 f:2:7 size", "a size with its unit", "for example: `512MiB`"),
        ('system: la\nsize: "1MiB\\n"', "HV1005 f:2:7 size", "`1MiB…`", "for example: `512MiB`"),
        (GOOD + "guests: {La: {name: x}}", "HV1005 f:3:10 guests.La", "key `La`", ""),
        (GOOD + "mask: [9]", "HV1006 f:3:8 mask[0]", "an item of `mask` is 9, at most 7", ""),
        (GOOD + "mask: [-1]", "HV1006 f:3:8 mask[0]", "at least 0 is allowed", ""),
        (GOOD + "mask: []", "HV1007 f:3:1 mask", "`mask` has 0 items, at least 1 is allowed", ""),
        (GOOD + "mask: [1, 2, 3, 4, 5]", "HV1007 f:3:1 mask", "5 items, at most 4 are allowed", ""),
        ("system: x\nsize: 1MiB", "HV1007 f:1:9 system", "has 1 character, at least 2", ""),
        (GOOD + "mask: [1, 2, 1]", "HV1008 f:3:14 mask[2]", "`mask` holds `1` twice", ""),
        (GOOD + "alias: 9", "HV1006 f:3:8 alias", "`alias` is 9, at most 5", ""),
        (GOOD + "alias: b", "HV1005 f:3:8 alias", "`b` of `alias` cannot be read", ""),
        (GOOD + "alias: [1]", "HV1009 f:3:1 alias", "`alias` has another shape", ""),
    ],
)
def test_one_slip_is_one_fault(text: str, where: str, message: str, help_: str) -> None:
    found = faults(text)

    assert [f"{fault.code} {fault.primary.span} {fault.route}" for fault in found] == [where]
    assert message in found[0].message
    assert help_ in " ".join(found[0].helps)
    assert not any(sign in found[0].message for sign in ("(?", "^[", "]+"))
    again = faults_against(tree(text), WRITTEN_OUT)
    assert [f"{fault.code} {fault.primary.span} {fault.route}" for fault in again] == [where]
    assert [fault.message for fault in again] == [fault.message for fault in found]


def test_every_fault_of_a_tree_is_told_in_order_of_place() -> None:
    found = faults("sizes: 1\nsystem: 5\nmask: [9, x]\ntarget: q\n")

    assert [str(fault.primary.span) for fault in found] == ["f:1:1", "f:2:9", "f:3:8", "f:3:11", "f:4:9"]


def test_a_fault_in_a_merged_tree_points_at_the_layer_that_wrote_it() -> None:
    whole, _ = layered([tree(GOOD, "stack"), tree("size: big\nguests: {la: {}}", "variant")])
    places = [str(fault.primary.span) for fault in faults_against(whole, VALIDATOR)]

    assert places == ["variant:1:7", "variant:2:10"]


def test_written_out_references_are_gone_and_recursive_ones_stay() -> None:
    tree_schema = {"$ref": "#/$defs/t", "$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "maxItems": 1}}}
    written = without_references(tree_schema)

    assert "$ref" not in str(
        {key: part for key, part in without_references(SCHEMA).items() if key != "$defs"}
    )
    assert written["items"] == {"$ref": "#/$defs/t"}
    assert [fault.code for fault in faults_against(tree("a: 1"), validator_for(written))] == []


def test_what_stands_beside_a_reference_holds_as_well() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/n", "maximum": 5, "description": "own"}},
        "$defs": {"n": {"type": "integer", "maximum": 9, "description": "theirs"}},
    }
    validator = validator_for(without_references(schema))

    assert [fault.code for fault in faults_against(tree("a: 7"), validator)] == ["HV1006"]
    assert [fault.code for fault in faults_against(tree("a: x"), validator)] == ["HV1003"]
    assert faults_against(tree("a: 5"), validator) == ()


def test_a_schema_may_word_its_own_fault() -> None:
    schema = {"properties": {"a": {"pattern": "^x", "errorMessage": "it begins with x", "description": "no"}}}

    assert "it begins with x" in faults_against(tree("a: y"), validator_for(schema))[0].message
