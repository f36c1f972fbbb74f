"""Hand-kept qvmconf files as one system: what they mean together, and what is wrong with their text."""

from collections.abc import Iterable, Sequence

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.qvmconf import Document, read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.system import HostFacts, System
from hvbuild.source import SourceFile
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HandKept:
    """VMs that were read from text: the documents of each, the system they form, the faults of the text."""

    documents: tuple[tuple[Document, ...], ...]
    system: System
    faults: tuple[Diagnostic, ...]


def lint_documents(
    vms: Iterable[Sequence[Document]],
    catalog: Catalog,
    *,
    target: str | None = None,
    host: HostFacts | None = None,
) -> HandKept:
    """The system that `vms` form, each given by its documents in order; the faults are ordered by place.

    Rules about VMs are not run here: they take the system.
    """
    facts = host or HostFacts()
    held = tuple(tuple(documents) for documents in vms)
    readings = [
        read_vm(documents, catalog, target=target, architecture=facts.architecture) for documents in held
    ]
    faults = sorted(
        {fault: None for reading in readings for fault in reading.faults}, key=lambda fault: fault.sort_key
    )
    system = System(vms=tuple(reading.vm for reading in readings), target=target, host=facts)
    return HandKept(documents=held, system=system, faults=tuple(faults))


def lint_files(
    files: Iterable[SourceFile],
    catalog: Catalog,
    *,
    target: str | None = None,
    host: HostFacts | None = None,
) -> HandKept:
    """The same for files of which each is one whole VM."""
    return lint_documents(
        ([read_qvmconf(file, catalog)] for file in files), catalog, target=target, host=host
    )
