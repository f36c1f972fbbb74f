"""Layers merge by the written rules; every slip has one diagnostic at its place."""

import pytest

from hvbuild.load.overlay import layered
from hvbuild.load.tree import Mapping, leaves, node_at, plain, route
from hvbuild.load.yamltree import read_yaml


def tree(text: str, path: str) -> Mapping:
    reading = read_yaml(text.encode(), path)

    assert reading.faults == ()
    assert reading.root is not None
    return reading.root


def merged(*texts: str) -> object:
    whole, faults = layered([tree(text, f"layer{number}.yaml") for number, text in enumerate(texts)])

    assert faults == ()
    return plain(whole)


BASE = """\
target: qnx-7.1
guests:
  la:
    system: la-1
    memory:
      - {name: main, size: 512MiB, host: [one, two]}
      - {name: high, size: 1GiB}
    runmask: [7, 6]
"""


@pytest.mark.parametrize(
    ("overlay", "path", "value"),
    [
        ("target: qnx-8.0", ("target",), "qnx-8.0"),
        ("guests: {la: {system: lb}}", ("guests", "la", "system"), "lb"),
        ("guests: {la: {memory: [{name: high, size: 2GiB}]}}", ("guests", "la", "memory", 1, "size"), "2GiB"),
        (
            "guests: {la: {memory: [{name: high, size: 2GiB}]}}",
            ("guests", "la", "memory", 0, "size"),
            "512MiB",
        ),
        ("guests: {la: {memory: [{name: low}]}}", ("guests", "la", "memory", 2, "name"), "low"),
        ("guests: {la: {runmask: [0]}}", ("guests", "la", "runmask"), [0]),
        ("guests: {la: {runmask: []}}", ("guests", "la", "runmask"), []),
        (
            "guests: {la: {memory: [{name: main, host: [two]}]}}",
            ("guests", "la", "memory", 0, "host"),
            ["two"],
        ),
        (
            "guests: {la: {memory: [{name: main, remove: true}]}}",
            ("guests", "la", "memory", 0, "name"),
            "high",
        ),
        ("guests: {la: {system: null}}", ("guests", "la", "system"), "gone"),
        ("guests: {la: {system: }}", ("guests", "la", "system"), "gone"),
        ("guests: {la: {remove: true}}", ("guests", "la"), "gone"),
        ("guests: {la: {memory: {remove: true}}}", ("guests", "la", "memory"), "gone"),
        ("guests: {la: {memory: none}}", ("guests", "la", "memory"), "none"),
        ("guests: {la: {}}", ("guests", "la", "system"), "la-1"),
    ],
)
def test_an_overlay_changes_what_it_names(overlay: str, path: tuple[str | int, ...], value: object) -> None:
    whole, faults = layered([tree(BASE, "stack.yaml"), tree(overlay, "variant.yaml")])
    node = node_at(whole, path)

    assert faults == ()
    assert value == (plain(node) if node is not None else "gone")


def test_what_an_overlay_does_not_name_stays() -> None:
    whole, _ = layered([tree(BASE, "stack.yaml"), tree("guests: {la: {system: lb}}", "variant.yaml")])
    before = {route(path): leaf.value for path, leaf in leaves(tree(BASE, "stack.yaml"))}
    after = {route(path): leaf.value for path, leaf in leaves(whole)}

    assert {**before, "guests.la.system": "lb"} == after


def test_order_is_that_of_the_base_and_new_items_follow() -> None:
    names = merged("list: [{name: b}, {name: a}]", "list: [{name: c}, {name: a, x: 1}]")

    assert names == {"list": [{"name": "b"}, {"name": "a", "x": 1}, {"name": "c"}]}


def test_removed_then_added_again_is_replaced() -> None:
    assert merged("a: {x: 1}", "a: {remove: true}", "a: {y: 2}") == {"a": {"y": 2}}
    assert merged("l: [{name: n, x: 1}]", "l: [{name: n, remove: true}]", "l: [{name: n, y: 2}]") == {
        "l": [{"name": "n", "y": 2}]
    }


def test_every_value_knows_the_places_it_replaced_newest_first() -> None:
    layers = [tree(f"guests: {{la: {{system: s{number}}}}}", f"l{number}.yaml") for number in range(3)]
    whole, _ = layered(layers)
    leaf = node_at(whole, ("guests", "la", "system"))

    assert leaf is not None
    assert [str(place) for place in leaf.origin.places] == ["l2.yaml:1:23", "l1.yaml:1:23", "l0.yaml:1:23"]


def test_a_removal_stays_in_the_chain_of_what_comes_after() -> None:
    whole, _ = layered([tree("a: 1", "l0"), tree("a: null", "l1"), tree("a: 2", "l2")])
    leaf = node_at(whole, ("a",))

    assert leaf is not None
    assert [str(place) for place in leaf.origin.places] == ["l2:1:4", "l1:1:4", "l0:1:4"]


@pytest.mark.parametrize(
    ("overlay", "code", "place", "message", "help_"),
    [
        ("guests: {lb: {remove: true}}", "HV0030", "v:1:10", "no layer below has `lb`", ""),
        ("guests: {la: {sytem: null}}", "HV0030", "v:1:15", "no layer below has `sytem`", "`system`"),
        ("guests: {la: {x: }}", "HV0030", "v:1:15", "no layer below has `x`", "without a value"),
        (
            "guests:\n  la:\n    memory:\n      - {name: hih, remove: true}",
            "HV0030",
            "v:4:9",
            "`hih`",
            "`high`",
        ),
        ("new: {deep: {gone: null}}", "HV0030", "v:1:14", "no layer below has `gone`", "without a value"),
        ("guests: {la: {remove: true, system: x}}", "HV0031", "v:1:29", "`system` stands beside", "`null`"),
        ("guests: {la: {remove: false}}", "HV0031", "v:1:23", "`remove` is `true` or left out", ""),
        ("guests: {la: {memory: [{remove: true}]}}", "HV0031", "v:1:25", "which item", "name: …"),
        ("remove: true", "HV0031", "v:1:1", "a whole layer", ""),
        ("l: [{name: a}, {name: a}]", "HV0032", "v:1:23", "two items of `l` are named `a`", ""),
    ],
)
def test_each_slip_has_one_fault(overlay: str, code: str, place: str, message: str, help_: str) -> None:
    _, faults = layered([tree(BASE, "stack.yaml"), tree(overlay, "v")])

    assert [code] == [fault.code for fault in faults]
    assert place == str(faults[0].primary.span)
    assert message in faults[0].message
    assert help_ in " ".join(faults[0].helps)


def test_a_second_removal_of_one_thing_removes_nothing() -> None:
    _, faults = layered([tree("a: 1", "l0"), tree("a: null", "l1"), tree("a: null", "l2")])

    assert [str(fault.primary.span) for fault in faults] == ["l2:1:1"]


def test_a_null_in_the_lowest_layer_is_a_fault_and_a_null_in_a_plain_list_is_not() -> None:
    whole, faults = layered([tree("a: null\nb: [null, 1]", "l0")])

    assert [fault.code for fault in faults] == ["HV0030"]
    assert plain(whole) == {"b": [None, 1]}
