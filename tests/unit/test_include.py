"""Parts are taken in with their parameters; every value knows its places; every slip has one fault."""

from collections.abc import Mapping as ReadOnly
from hashlib import sha256
from pathlib import Path

import pytest

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.files import Files, Unreadable
from hvbuild.load.include import expand
from hvbuild.load.overlay import layered
from hvbuild.load.tree import Mapping, node_at, plain

PART = """\
format: 1
parameters:
  SIZE: {description: length of RAM}
  CPUS: {default: 2}
  NAME: {default: la}
body:
  system: ${NAME}-1
  cpus: ${CPUS}
  memory:
    - {name: main, size: "${SIZE}"}
    - {name: high, size: 1GiB}
"""


def files_of(texts: ReadOnly[str, str]) -> Files:
    held = {Path(path): text.encode() for path, text in texts.items()}
    return Files(lambda path: held.get(path, Unreadable("no such file", missing=True)))


def expanded(texts: ReadOnly[str, str]) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    files = files_of(texts)
    path = Path(next(iter(texts)))
    reading = files.reading(path)

    assert not isinstance(reading, Unreadable)
    assert reading.root is not None
    return expand(reading.root, path, files)


def content(texts: ReadOnly[str, str]) -> object:
    root, faults = expanded(texts)
    whole, more = layered([root])

    assert (*faults, *more) == ()
    return plain(whole)


def test_a_part_is_taken_in_with_its_parameters_and_their_types() -> None:
    got = content({"s": "la: {use: parts/g.yaml, with: {SIZE: 512MiB, CPUS: 4}}", "parts/g.yaml": PART})
    memory = [{"name": "main", "size": "512MiB"}, {"name": "high", "size": "1GiB"}]

    assert got == {"la": {"system": "la-1", "cpus": 4, "memory": memory}}


def test_sibling_keys_are_laid_over_the_body() -> None:
    text = """\
la:
  use: g.yaml
  with: {SIZE: 1GiB}
  system: other
  cpus: null
  memory:
    - {name: high, remove: true}
    - {name: main, host: [a]}
"""

    assert content({"s": text, "g.yaml": PART}) == {
        "la": {"system": "other", "memory": [{"name": "main", "size": "1GiB", "host": ["a"]}]}
    }


def test_a_list_body_is_spliced_and_a_list_may_be_a_value() -> None:
    part = "format: 1\nbody: [{name: a}, {name: b}]"

    assert content({"s": "l: [{name: z}, {use: p}, 5]\nm: {use: p}", "p": part}) == {
        "l": [{"name": "z"}, {"name": "a"}, {"name": "b"}, 5],
        "m": [{"name": "a"}, {"name": "b"}],
    }


def test_parts_include_parts_relative_to_themselves_and_pass_parameters_on() -> None:
    outer = "format: 1\nparameters: {N: }\nbody: {inner: {use: ../two/p.yaml, with: {M: 'x${N}'}}}"
    inner = "format: 1\nparameters: {M: }\nbody: {value: '${M}', 'k-${M}': 1, text: '$${M} ${M}${M}'}"
    got = content({"s": "a: {use: one/p.yaml, with: {N: 7}}", "one/p.yaml": outer, "two/p.yaml": inner})

    assert got == {"a": {"inner": {"value": "x7", "k-x7": 1, "text": "${M} x7x7"}}}


def test_a_value_came_from_with_and_its_placeholder_is_in_its_chain() -> None:
    root, _ = expanded({"s": "la: {use: g.yaml, with: {SIZE: 1GiB}}", "g.yaml": PART})
    places = {
        "size": node_at(root, ("la", "memory", 0, "size")),
        "cpus": node_at(root, ("la", "cpus")),
        "system": node_at(root, ("la", "system")),
    }
    told = {
        key: [str(place) for place in node.origin.places] for key, node in places.items() if node is not None
    }

    assert told == {
        "size": ["s:1:32", "g.yaml:10:26"],
        "cpus": ["g.yaml:4:19", "g.yaml:8:9"],
        "system": ["g.yaml:5:19", "g.yaml:7:11"],
    }


def test_a_dollar_outside_a_part_is_plain_text() -> None:
    assert content({"s": "a: ${HOME}/x"}) == {"a": "${HOME}/x"}


def test_each_file_is_read_once_and_listed_with_its_digest() -> None:
    reads: list[Path] = []
    texts = {Path("s"): b"a: {use: p}\nb: {use: p}", Path("p"): b"format: 1\nbody: {x: 1}"}

    def read(path: Path) -> bytes:
        reads.append(path)
        return texts[path]

    files = Files(read)
    reading = files.reading(Path("s"))
    assert not isinstance(reading, Unreadable)
    assert reading.root is not None
    expand(reading.root, Path("s"), files)

    assert reads == [Path("s"), Path("p")]
    assert [each.path for each in files.inputs] == ["s", "p"]
    assert [each.digest for each in files.inputs] == [sha256(text).hexdigest() for text in texts.values()]


@pytest.mark.parametrize(
    ("main", "part", "where", "message", "others"),
    [
        (
            "a: {use: p, with: {X: 1, Y: 2}}",
            "parameters: {X: }\nbody: {v: '${X}'}",
            "HV0045 s:1:26",
            "`Y`",
            ["p:2:14"],
        ),
        (
            "a: {use: p}",
            "parameters: {X: }\nbody: {v: '${X}'}",
            "HV0044 s:1:10",
            "parameter `X` has no",
            ["p:2:14"],
        ),
        ("a: {use: p}", "body: {v: '${X}'}", "HV0043 p:2:11", "`${X}` names no parameter", []),
        ("a: {use: q}", "body: 1", "HV0022 s:1:10", "cannot read `q`: no such file", []),
        ("a: {use: /p}", "body: 1", "HV0040 s:1:10", "relative", []),
        ("a: {use: [p]}", "body: 1", "HV0040 s:1:5", "relative", []),
        ("a: {use: p, with: 5}", "body: 1", "HV0040 s:1:13", "`with` is a mapping", []),
        ("a: {with: {x: 5}, b: 1}", "body: 1", "HV0040 s:1:5", "`with` stands without `use`", []),
        ("a: {use: p, x: 5}", "body: [1]", "HV0040 s:1:13", "`x` stands beside `use`", ["p:2:7"]),
        ("a: {use: p}", "parameters: {}", "HV0046 p:1:1", "no `body`", []),
        ("a: {use: p}", "bdy: 1\nbody: 2", "HV0046 p:2:1", "unknown key `bdy`", []),
        ("a: {use: p}", "parameters: [X]\nbody: 2", "HV0046 p:2:1", "`parameters` is a mapping", []),
        ("a: {use: p}", "parameters: {X: 1}\nbody: 2", "HV0046 p:2:14", "parameter `X` is not a mapping", []),
        ("a: {use: p}", "parameters: {X: {defalt: 1}}\nbody: 2", "HV0046 p:2:18", "unknown key `defalt`", []),
        ("a: {use: p}", "body: {v: 1_0}", "HV0015 p:2:11", "`1_0`", []),
        ("a: {use: p}", "body: {v: {use: p}}", "HV0041 p:2:17", "`p` includes itself", []),
        (
            "a: {use: p, with: {X: [1]}}",
            "parameters: {X: }\nbody: 'a${X}'",
            "HV0047 p:3:7",
            "is not text",
            ["s:1:23"],
        ),
        (
            "a: {use: p, with: {X: b}}",
            "parameters: {X: }\nbody: {b: 1, '${X}': 2}",
            "HV0009 p:3:14",
            "`b`",
            ["p:3:8"],
        ),
    ],
)
def test_one_slip_is_one_fault(main: str, part: str, where: str, message: str, others: list[str]) -> None:
    _, faults = expanded({"s": main, "p": f"format: 1\n{part}"})

    assert [f"{fault.code} {fault.primary.span}" for fault in faults] == [where]
    assert message in faults[0].message
    assert [str(label.span) for label in faults[0].labels if not label.primary] == others


def test_a_part_without_format_is_told_once_though_included_twice() -> None:
    _, faults = expanded({"s": "a: {use: p}\nb: {use: p}", "p": "body: 1"})

    assert [f"{fault.code} {fault.primary.span}" for fault in faults] == ["HV0050 p:1:1"]


def test_a_cycle_through_others_shows_the_way() -> None:
    texts = {"s": "a: {use: p}", "p": "format: 1\nbody: {b: {use: q}}", "q": "format: 1\nbody: {c: {use: p}}"}
    _, faults = expanded(texts)

    assert [f"{fault.code} {fault.primary.span}" for fault in faults] == ["HV0041 q:2:17"]
    assert [str(label.span) for label in faults[0].labels[1:]] == ["p:2:17"]


def test_inclusion_has_a_depth() -> None:
    texts = {"s": "a: {use: p0}"}
    texts |= {f"p{n}": f"format: 1\nbody: {{a: {{use: p{n + 1}}}}}" for n in range(20)}
    _, faults = expanded({**texts, "p20": "format: 1\nbody: 1"})

    assert [fault.code for fault in faults] == ["HV0042"]


def test_lists_that_double_at_each_level_are_stopped_once() -> None:
    part = "format: 1\nparameters: {X: }\nbody: {use: p%d, with: {X: [" + ",".join(["'${X}'"] * 40) + "]}}"
    texts = {"s": "a: {use: p0, with: {X: 1}}"} | {f"p{n}": part % (n + 1) for n in range(8)}
    _, faults = expanded({**texts, "p8": "format: 1\nparameters: {X: }\nbody: {v: '${X}'}"})

    assert [fault.code for fault in faults] == ["HV0048"]


def test_texts_that_double_at_each_level_are_stopped_once() -> None:
    part = "format: 1\nparameters: {X: }\nbody: {use: p%d, with: {X: '" + "${X}" * 100 + "'}}"
    texts = {"s": "a: {use: p0, with: {X: abc}}"} | {f"p{n}": part % (n + 1) for n in range(5)}
    _, faults = expanded({**texts, "p5": "format: 1\nparameters: {X: }\nbody: {v: 1}"})

    assert {fault.code for fault in faults} == {"HV0048"}
