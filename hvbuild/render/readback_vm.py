"""Reads a rendered qvmconf again and holds it against the plan: word for word the same meaning."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, Severity, other
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.vm import VmConfig
from hvbuild.render.codes import NOT_READABLE, SAYS_OTHERWISE
from hvbuild.source import NOWHERE, Origin, SourceFile, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """A VM as its rendered file says it, and how that differs from the plan."""

    vm: VmConfig
    faults: tuple[Diagnostic, ...]


def read_back_vm(
    planned: VmConfig, file: SourceFile, catalog: Catalog, target: str, architecture: str
) -> ReadBack:
    """The VM that the rendered `file` spells; faults where it cannot be read or says anything else."""
    reading = read_vm(
        [read_qvmconf(file, catalog)], catalog, target=target, architecture=architecture, title=planned.title
    )
    carried = [word.origin.span for word in reading.vm.verbatim if word in planned.verbatim]
    unreadable = tuple(
        NOT_READABLE.at(fault.primary.span, f"the rendered file does not read back: {fault.message}")
        for fault in reading.faults
        # What the stack carries verbatim is not understood, and said to be so.
        if fault.severity is Severity.ERROR and fault.primary.span.start not in _starts(carried)
    )
    vm = replace(reading.vm, title=planned.title)
    differences = () if unreadable else tuple(_differences(vm, planned, Span(file, 0, 0)))
    return ReadBack(vm=vm, faults=(*unreadable, *differences))


def _starts(places: Iterable[Span | None]) -> set[int]:
    return {place.start for place in places if place is not None}


def _differences(written: VmConfig, planned: VmConfig, whole: Span) -> Iterator[Diagnostic]:
    if written == planned:
        return
    for route, left, right, here, there in _unequal("", written, planned, NOWHERE, NOWHERE):
        yield SAYS_OTHERWISE.at(
            here if here else whole,
            f"the rendered file says `{left}` for {route}, the plan says `{right}`",
            "written here",
            others=other(there, "declared here"),
        )


Unequal = tuple[str, object, object, Origin, Origin]


def _unequal(route: str, left: object, right: object, here: Origin, there: Origin) -> Iterator[Unequal]:
    """The smallest parts that differ, with the nearest places on both sides."""
    if left == right:
        return
    if is_dataclass(left) and type(left) is type(right):
        here, there = _origin(left, here), _origin(right, there)
        for field in fields(left):
            if field.compare:
                step = f"{route}.{field.name}" if route else field.name
                yield from _unequal(step, getattr(left, field.name), getattr(right, field.name), here, there)
    elif isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        for index, (one, two) in enumerate(zip(left, right, strict=True)):
            yield from _unequal(f"{route}[{index}]", one, two, here, there)
    elif isinstance(left, tuple) and isinstance(right, tuple):
        yield f"the number of {route}", len(left), len(right), here, there
    else:
        yield f"`{route}`", left, right, here, there


def _origin(value: object, default: Origin) -> Origin:
    origin = getattr(value, "origin", NOWHERE)
    return origin if isinstance(origin, Origin) and origin else default
