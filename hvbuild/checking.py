"""The first stages: a stack's files to a checked, resolved plan, with every fault on the way."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.codes import codes_by_name
from hvbuild.diagnostics import Diagnostic, Diagnostics, Severity, StackInvalid
from hvbuild.guestfiles import read_guest_files
from hvbuild.hostsources import host_sources
from hvbuild.load.bind import bind_stack
from hvbuild.load.files import Files, Input, Memory
from hvbuild.load.layers import Layers, load_layers
from hvbuild.load.parsecache import ParseCache
from hvbuild.load.reference_codes import NOTHING_SAID
from hvbuild.load.references import reference_faults
from hvbuild.load.remarks import Remark, remarks_in
from hvbuild.load.routes import with_routes
from hvbuild.load.schema import shape_faults
from hvbuild.load.tree import leaves
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Stack
from hvbuild.model.vm import MemoryKind
from hvbuild.ownmodules import own_files
from hvbuild.project import StackPlace
from hvbuild.projectfile import Named, ProjectFile, read_project, rules_of_project
from hvbuild.resolve.planner import resolve
from hvbuild.rules.allowance import Level, apply_policy, apply_remarks
from hvbuild.rules.catalog import ALL_RULES, RULES_BESIDE_HOST_FILES
from hvbuild.rules.own import CODES as OWN_RULE_CODES
from hvbuild.rules.own import OwnRules
from hvbuild.rules.rule import run_rules
from hvbuild.source import Span
from hvbuild.store import file_digest
from hvbuild.units import size_text
from hvbuild.values import dataclass
from hvbuild.verdicts import UNREAD, NamedDigest, Verdict

_OF_OWN_RULES = frozenset(row.code for row in OWN_RULE_CODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A stack that passed every stage: its plan, all it was made from, and the warnings that remain.

    `properties` name guarantees of the project's own, which its certificate judges with the others.
    `rules_ran` counts the rules it was held against.
    """

    place: StackPlace
    variant: str
    plan: Plan
    catalog: Catalog
    inputs: tuple[NamedDigest, ...]
    diagnostics: tuple[Diagnostic, ...]
    properties: tuple[Named, ...] = ()
    rules_ran: int = 0


class CheckFailed(StackInvalid):
    """A stage found errors; carries what had been read until then."""

    def __init__(self, fault: StackInvalid, inputs: tuple[NamedDigest, ...]) -> None:
        super().__init__(fault.stage, fault.diagnostics)
        self.inputs = inputs


class Checker:
    """Mutable: what several checks of one process share, so that each file is read and parsed once."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = ParseCache(cache) if cache is not None else None
        self._memory: Memory = {}
        self._projects: dict[Path, ProjectFile] = {}
        self._rules: dict[Path, tuple[OwnRules, tuple[NamedDigest, ...]]] = {}

    def project(self, root: Path) -> ProjectFile:
        """What the project at `root` says for all its stacks."""
        if root not in self._projects:
            self._projects[root] = read_project(root, Files(cache=self._cache, memory=self._memory))
        return self._projects[root]

    def rules(self, root: Path) -> tuple[OwnRules, tuple[NamedDigest, ...]]:
        """The rules of the project's own, and the modules that hold them."""
        if root not in self._rules:
            project = self.project(root)
            own = rules_of_project(project, root)
            self._rules[root] = own, tuple(_modules(project, root))
        return self._rules[root]

    def check(self, place: StackPlace, variant: str) -> Checked:
        """The checked stack; CheckFailed with every fault of the stage that found an error."""
        project = self.project(place.root)
        below = project.under_stacks
        own, modules = self.rules(place.root)
        layers = load_layers(place.file, variant, cache=self._cache, memory=self._memory, below=below)
        inputs = [
            *project.inputs,
            *modules,
            *(NamedDigest(item.path, item.digest) for item in layers.inputs),
            *(NamedDigest(path.as_posix(), None) for path in layers.absent),
            *(NamedDigest(path.as_posix(), UNREAD) for path in layers.unreadable),
        ]
        try:
            return self._checked(place, variant, layers, inputs, own)
        except StackInvalid as fault:
            told = StackInvalid(fault.stage, with_routes(fault.diagnostics, layers.trees))
            raise CheckFailed(told, tuple(inputs)) from None

    def verdict(self, place: StackPlace, variant: str) -> Verdict:
        """What a check says, with everything it read; nothing is raised for faults of the input."""
        try:
            found = self.check(place, variant)
        except CheckFailed as fault:
            lasting = not any(each.code in _OF_OWN_RULES for each in fault.diagnostics)
            return Verdict(diagnostics=fault.diagnostics, inputs=fault.inputs, lasting=lasting)
        return verdict_of(found)

    def _checked(
        self, place: StackPlace, variant: str, layers: Layers, inputs: list[NamedDigest], own: OwnRules
    ) -> Checked:
        project = self.project(place.root)
        faults = Diagnostics()
        faults.extend((*project.faults, *own.faults))
        faults.extend(note for item in layers.inputs for note in item.notes)
        faults.extend(layers.faults)
        stack = _bound(place, variant, layers, faults)
        catalog = shipped_catalog().with_vdevs(stack.vdev_types)
        plan = resolve(stack, catalog, faults)
        rules = ALL_RULES
        if stack.host.reads:
            from hvbuild.foreignhost import read_foreign_host  # noqa: PLC0415 - readers of host files

            foreign = read_foreign_host(plan, catalog, place.folder)
            plan, rules = replace(plan, system=foreign.system), RULES_BESIDE_HOST_FILES
            inputs += foreign.inputs
            faults.extend(foreign.faults)
        guests = read_guest_files(plan, place.folder)
        inputs += guests.inputs
        inputs += host_sources(plan, (place.folder, place.root))
        faults.extend(guests.faults)
        faults.extend(run_rules(guests.system, rules, catalog, own.run))
        final = Diagnostics()
        final.extend(_with_policy(_with_remarks(faults.ordered, layers.inputs, own), project.levels, own))
        final.barrier("checking")
        return Checked(
            place=place,
            variant=variant,
            plan=plan,
            catalog=catalog,
            inputs=tuple(inputs),
            diagnostics=with_routes(final.ordered, layers.trees),
            properties=project.properties,
            rules_ran=len(rules) + len(own.rules),
        )


def verdict_of(found: Checked) -> Verdict:
    """What is kept of a check that found no error."""
    return Verdict(diagnostics=found.diagnostics, inputs=found.inputs, facts=tuple(_in_few_words(found.plan)))


def _in_few_words(plan: Plan) -> Iterator[tuple[str, str]]:
    """What tells one product from another at a glance."""
    stack = plan.stack
    kinds = Counter(core.kind for core in stack.board.cores)
    sizes = {region.name: region.size or 0 for region in stack.regions}
    blocks = [block for guest in stack.guests for block in guest.ram if block.kind is MemoryKind.RAM]
    ram = sum(block.size if isinstance(block.size, int) else sizes.get(block.region, 0) for block in blocks)
    yield "board", stack.board.name
    yield "target", stack.target
    yield "cores", " + ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield "guests", " ".join(guest.name for guest in stack.guests)
    yield "vCPUs", " ".join(str(len(guest.vcpus)) for guest in stack.guests)
    yield "guest memory", size_text(ram)


def _bound(place: StackPlace, variant: str, layers: Layers, faults: Diagnostics) -> Stack:
    """The declared stack; stops where reading, shape or references hold an error."""
    faults.barrier("reading")
    if layers.stack is not None:
        faults.extend(shape_faults(layers.stack, "stack"))
    if layers.board is not None:
        faults.extend(shape_faults(layers.board, "board"))
    faults.barrier("shape")
    if layers.stack is None or layers.board is None:
        raise StackInvalid("reading", faults.ordered)
    stack = bind_stack(layers.stack, layers.board, place.name, variant, faults)
    told = [fault.primary.span for fault in faults.ordered]
    faults.extend(
        fault
        for fault in reference_faults(stack)
        # What cannot be read was told; that it is missing then is no fault of its own.
        if not (fault.code == NOTHING_SAID.code and any(_holds(fault.primary.span, at) for at in told))
    )
    faults.barrier("references")
    return stack


def _modules(project: ProjectFile, root: Path) -> Iterator[NamedDigest]:
    """The modules of the project's own rules, those that are missing too."""
    if project.rules:
        present, absent = own_files((name.text for name in project.rules), root)
        for path in (*present, *absent):
            yield NamedDigest(path.as_posix(), file_digest(path))


def _holds(outer: Span, inner: Span) -> bool:
    return outer.file is inner.file and outer.start <= inner.start and inner.end <= outer.end


def _with_remarks(
    diagnostics: tuple[Diagnostic, ...], inputs: Iterable[Input], own: OwnRules
) -> tuple[Diagnostic, ...]:
    """The diagnostics that the files' own `allow` remarks leave, and what is wrong with those."""
    remarks: list[Remark] = []
    faults: list[Diagnostic] = []
    for item in inputs:
        found, unread = remarks_in(item.file, _texts(item))
        remarks += found
        faults += unread
    if not remarks:
        return (*diagnostics, *faults)
    return (*apply_remarks(diagnostics, remarks, own.known(codes_by_name())), *faults)


def _with_policy(
    diagnostics: tuple[Diagnostic, ...], levels: tuple[Level, ...], own: OwnRules
) -> tuple[Diagnostic, ...]:
    """The diagnostics with the project's severities, and what is wrong with those."""
    return apply_policy(diagnostics, levels, own.known(codes_by_name())) if levels else diagnostics


def _texts(item: Input) -> Iterable[Span]:
    return (leaf.span for _, leaf in leaves(item.root)) if item.root is not None else ()


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when one of them is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
