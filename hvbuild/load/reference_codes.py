"""The codes of references inside a stack, and the diagnostic that every unknown name gets."""

from collections.abc import Iterable

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.nearest import did_you_mean
from hvbuild.source import Origin

HOST_END = "host"

UNKNOWN_NAME = Code(
    code="HV1030",
    name="unknown-name",
    severity=Severity.ERROR,
    meaning="A name refers to a region, device, guest, vdev, partition or cluster that nothing declares.",
    source="hvbuild: a reference without its target cannot be rendered",
)
NAME_TWICE = Code(
    code="HV1031",
    name="name-twice",
    severity=Severity.ERROR,
    meaning="Two things of one kind carry the same name, so a reference to it could mean either.",
    source="hvbuild: lists merge and references resolve by name",
)
LINK_ENDS = Code(
    code="HV1032",
    name="link-ends",
    severity=Severity.ERROR,
    meaning="A link does not join two different ends of which each takes part in one link only.",
    source="QNX Hypervisor 7.1, guest-to-guest networking: a peer is one vdevpeer or one other vdev",
)
WRONG_KIND = Code(
    code="HV1033",
    name="wrong-kind",
    severity=Severity.ERROR,
    meaning="A reference points at a thing of another kind than is needed there.",
    source="QNX Hypervisor, vdev reference: `peer` belongs to virtio-net, shared memory to shmem",
)
NOTHING_SAID = Code(
    code="HV1034",
    name="nothing-said",
    severity=Severity.ERROR,
    meaning="A declaration lacks what makes it mean something: a size, a source, a thing to hand over.",
    source="hvbuild: nothing is filled in silently",
)
SAID_TWICE = Code(
    code="HV1035",
    name="said-twice",
    severity=Severity.ERROR,
    meaning="One fact is given in two ways that exclude each other.",
    source="hvbuild: each fact is said once",
)
NOT_A_COMMAND = Code(
    code="HV1036",
    name="not-a-command",
    severity=Severity.ERROR,
    meaning="A command line has no program, or a quote in it is never closed.",
    source="POSIX shell quoting, by which hvbuild splits commands into words",
)
ENDLESS_EXCHANGE = Code(
    code="HV1038",
    name="endless-exchange",
    severity=Severity.ERROR,
    meaning="Loads that work on request make requests of each other in a ring: one would go round for ever.",
    source="hvbuild: such a load has no end that could be played or bounded",
)
TOO_MANY_REQUESTS = Code(
    code="HV1039",
    name="too-many-requests",
    severity=Severity.ERROR,
    meaning="One activation makes more requests of other threads than are played one by one.",
    source="hvbuild: each request is a step of its own in a run, and a run has to end",
)
CODES = (
    UNKNOWN_NAME,
    NAME_TWICE,
    LINK_ENDS,
    WRONG_KIND,
    NOTHING_SAID,
    SAID_TWICE,
    NOT_A_COMMAND,
    ENDLESS_EXCHANGE,
    TOO_MANY_REQUESTS,
)


def unknown(kind: str, name: str, known: Iterable[str], place: Origin, where: str) -> Diagnostic:
    """That `where`, at `place`, refers to a `kind` of thing called `name`, which is none of `known`."""
    return UNKNOWN_NAME.at(
        place,
        f"{where} refers to {kind} `{name}`, which nothing declares",
        f"no {kind} of this name",
        helps=did_you_mean(name, known),
    )
