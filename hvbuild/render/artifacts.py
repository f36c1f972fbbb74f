"""Plan to artifacts: each rendered, read back and compared; the bytes are what is judged from here on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, Diagnostics
from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.model.system import System
from hvbuild.model.vm import VmConfig
from hvbuild.render.buildfile_lines import buildfile_lines
from hvbuild.render.diskview import disk_view
from hvbuild.render.environment import Templates
from hvbuild.render.hostbase import merged_buildfile
from hvbuild.render.hostview import buildfile_view
from hvbuild.render.lines import LineOrigin, line_origins
from hvbuild.render.readback_host import buildfile_faults
from hvbuild.render.readback_vm import read_back_vm
from hvbuild.render.vmview import qvmconf_view
from hvbuild.resolve.imagesteps import BUILDFILE, disk_artifact
from hvbuild.source import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One output file: its name in the build folder, its bytes, and what made each of its lines."""

    name: str
    data: bytes
    lines: tuple[LineOrigin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """All artifacts of a plan, the system as they say it, the templates used and what is wrong with them.

    `absent` are places of templates that would be used if there were one.
    """

    artifacts: tuple[Artifact, ...]
    system: System
    templates: tuple[Path, ...]
    absent: tuple[Path, ...]
    faults: tuple[Diagnostic, ...]


def render_plan(
    plan: Plan, templates: Templates, catalog: Catalog, base: SourceFile | None = None
) -> Rendering:
    """Every artifact of `plan`. Where `faults` holds an error, nothing of it may be written.

    `base` is the board's own buildfile, where the stack names one.
    """
    room = _Room(plan, templates, catalog)
    room.base = base
    room.guests()
    room.host()
    room.tree()
    return Rendering(
        artifacts=tuple(room.artifacts),
        system=replace(plan.system, vms=tuple(room.vms)),
        templates=(*sorted(room.used), *((Path(base.path),) if base is not None else ())),
        absent=templates.absent_before(room.used),
        faults=room.faults.ordered,
    )


class _Room:
    """Mutable: collects what one rendering makes."""

    def __init__(self, plan: Plan, templates: Templates, catalog: Catalog) -> None:
        self._plan = plan
        self._templates = templates
        self._catalog = catalog
        self.artifacts: list[Artifact] = []
        self.vms: list[VmConfig] = []
        self.used: set[Path] = set()
        self.faults = Diagnostics()
        self.base: SourceFile | None = None

    def _text(self, template: str, view: object) -> str | None:
        rendered = self._templates.render(template, view)
        self.used.update(rendered.files)
        if rendered.fault is not None:
            self.faults.add(rendered.fault)
            return None
        return rendered.text

    def _told(self, faults: Iterable[Diagnostic], template: str) -> None:
        """Keep what read-back found in a file, with the template that makes it; empty: no template does."""
        path = self._templates.find(template) if template else None
        note = (f"template `{path}` makes this file",) if path is not None else ()
        self.faults.extend(replace(fault, notes=(*fault.notes, *note)) for fault in faults)

    def guests(self) -> None:
        for guest in self._plan.guests:
            self.vms.append(self._guest(guest))
            if guest.guest.generated_image is not None:
                self._guest_tree(guest)

    def _guest(self, guest: GuestPlan) -> VmConfig:
        stack = self._plan.stack
        name = f"guests/{guest.guest.name}.qvmconf"
        title = f"guest `{guest.guest.name}` of {stack.name} ({stack.variant})"
        view = qvmconf_view(guest.vm, title, stack.target, self.faults)
        text = self._text("guest.qvmconf.j2", view)
        if text is None:
            return guest.vm
        back = read_back_vm(
            guest.vm, SourceFile(name, text), self._catalog, stack.target, stack.board.architecture.family
        )
        self._told(back.faults, "guest.qvmconf.j2")
        lines = line_origins(back.vm, guest.vm) if not back.faults else ()
        self.artifacts.append(Artifact(name=name, data=text.encode(), lines=lines))
        return back.vm

    def _guest_tree(self, guest: GuestPlan) -> None:
        # The devicetree libraries are loaded only for guests whose tree is written here.
        from hvbuild.render.readback_guesttree import guest_tree_files  # noqa: PLC0415

        made = guest_tree_files(self._plan, guest, self._catalog, self._text)
        self.faults.extend(made.faults)
        self.artifacts += [Artifact(name=name, data=data) for name, data in made.files]

    def host(self) -> None:
        plan, host = self._plan, self._plan.host
        if host is None:
            return
        view = buildfile_view(plan, host, self.faults)
        merged = merged_buildfile(self.base, host, view, self.faults) if self.base is not None else None
        text = merged.text if merged is not None else self._text("mifs.build.j2", view)
        if text is None:
            return
        file = SourceFile(BUILDFILE, text)
        releases = self._catalog.releases(plan.stack.target)
        faults: Iterable[Diagnostic] = buildfile_faults(plan, host, file, releases)
        if merged is not None:
            self.faults.extend(merged.told_in_base(faults))
        else:
            self._told(faults, "mifs.build.j2")
        lines = tuple(buildfile_lines(plan, host, file))
        data = text.encode("utf-8", "surrogateescape")
        self.artifacts.append(Artifact(name=BUILDFILE, data=data, lines=lines))
        for step in plan.stack.board.disk:
            made = self._text(step.template, disk_view(plan))
            if made is not None:
                self.artifacts.append(Artifact(name=disk_artifact(step), data=made.encode()))

    def tree(self) -> None:
        tree = self._plan.stack.board.tree
        if tree is None or self._plan.stack.host.foreign:
            return
        for made in self._tree_files():
            self.artifacts.append(made)

    def _tree_files(self) -> Iterator[Artifact]:
        # The devicetree libraries are loaded only for boards that declare a tree.
        from hvbuild.render.readback_tree import tree_artifacts  # noqa: PLC0415

        files = tree_artifacts(self._plan, self._text)
        self.faults.extend(files.faults)
        for name, data, lines in files.files:
            yield Artifact(name=name, data=data, lines=lines)
