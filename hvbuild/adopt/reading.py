"""Hand-kept qvmconf files read for adoption: for which release, what stops it, what is only carried along."""

from collections.abc import Callable, Iterator, Sequence

from hvbuild.adopt.codes import CARRIED, NOT_CARRIED
from hvbuild.adopt.stack import AdoptedVm
from hvbuild.adopt.vdevs import is_carried
from hvbuild.adopt.yamltext import unwritable
from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.formats.qvmconf import Document
from hvbuild.formats.qvmconf_codes import UNKNOWN_OPTION, UNKNOWN_VDEV_OPTION
from hvbuild.meaning.qvmconf import Reading, read_vm
from hvbuild.meaning.spelling import word


def read_for(
    documents: Sequence[Document],
    catalog: Catalog,
    target: str | None,
    family: str | None,
    host_errors: Callable[[str], int],
) -> tuple[str, list[Reading]]:
    """The release and the readings for it: the asked one, else the newest with least against the files.

    `host_errors` counts the errors of the host's files for a release.
    """
    best: tuple[tuple[int, int], str, list[Reading]] | None = None
    for name in (target,) if target is not None else tuple(reversed(tuple(catalog.targets))):
        readings = [read_vm([each], catalog, target=name, architecture=family) for each in documents]
        rank = _rank(readings, host_errors(name) if target is None else 0)
        if best is None or rank < best[0]:
            best = (rank, name, readings)
    assert best is not None
    return best[1], best[2]


def _rank(readings: Sequence[Reading], more: int) -> tuple[int, int]:
    found = [fault for reading in readings for fault in told(reading)]
    errors = sum(fault.severity is Severity.ERROR for fault in found)
    return errors + more, len(found) - errors


def told(reading: Reading) -> Iterator[Diagnostic]:
    """The faults of a reading, without those that say that something is not understood: it is carried."""
    carried = {row.origin.span.start for row in reading.vm.verbatim if row.origin.span is not None}
    for fault in reading.faults:
        unknown = fault.code == UNKNOWN_OPTION.code and fault.primary.span.start in carried
        if not unknown and fault.code != UNKNOWN_VDEV_OPTION.code:
            yield fault


def carried_along(each: AdoptedVm, catalog: Catalog) -> Iterator[Diagnostic]:
    """What of a VM is not understood and stands under `verbatim`."""
    for row in each.vm.verbatim:
        text = " ".join(map(word, row.words))
        message = f"`{text}` is not understood: guest `{each.name}` carries it under `verbatim`"
        yield CARRIED.at(row.origin, message)
    for vdev in each.vm.vdevs:
        for option in vdev.options:
            if is_carried(vdev.type, option.key, catalog):
                text = " ".join(map(word, (option.key, *option.values)))
                message = f"`{text}` is no option of `{vdev.type}` known here: carried under `verbatim`"
                yield CARRIED.at(option.origin, message)


def unwritable_words(document: Document) -> Iterator[Diagnostic]:
    """Words that no YAML file can hold."""
    for token in document.tokens:
        odd = unwritable(token.value)
        if odd:
            yield NOT_CARRIED.at(token.span, f"this word holds {odd}, which no stack can hold")
