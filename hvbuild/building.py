"""From a checked plan to a build folder: render, read back, write together, keep what was edited by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic, Diagnostics
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.freshness import STATE, recorded_state, state_data
from hvbuild.hostsources import project_file, project_files
from hvbuild.manifest import MANIFEST, manifest_data, recorded_digests
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.project import stable_name
from hvbuild.render.artifacts import Rendering, render_plan
from hvbuild.render.environment import Templates
from hvbuild.resolve.imagesteps import BUILDFILE
from hvbuild.shipped import shipped_file
from hvbuild.source import SourceFile, Span
from hvbuild.store import digest, keep_edited, locked, write_together
from hvbuild.verdicts import NamedDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rendered variant before anything is written: what it was made from, and every file of it."""

    rendering: Rendering
    inputs: tuple[NamedDigest, ...]
    files: dict[str, bytes]

    @property
    def artifacts(self) -> tuple[tuple[str, str], ...]:
        """Each file's name and sha256, by name."""
        return tuple((name, digest(data)) for name, data in sorted(self.files.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A rendered variant: where it lies, what was written, and what changed on disk.

    `edited` names artifacts that somebody had changed by hand; each was kept as `NAME.edited`.
    """

    checked: Checked
    folder: Path
    draft: Draft
    changed: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The warnings of all stages so far."""
        return (*self.checked.diagnostics, *self.draft.rendering.faults)


def draft(checked: Checked) -> Draft:
    """Every file of a checked stack, in memory; StackInvalid when one does not read back as the plan says."""
    rendering = rendered(checked)
    inputs = build_inputs(checked, rendering)
    files = {item.name: item.data for item in rendering.artifacts}
    folders = (checked.place.folder, checked.place.root)
    files[MANIFEST] = manifest_data(
        checked.plan,
        rendering.artifacts,
        inputs,
        place_namer(checked),
        lambda name: project_file(name, folders),
    )
    return Draft(rendering=rendering, inputs=inputs, files=files)


def rendered(checked: Checked) -> Rendering:
    """Every artifact of a checked stack; StackInvalid when one does not read back as the plan says."""
    rendering = render_plan(checked.plan, templates_of(checked), checked.catalog, base_buildfile(checked))
    faults = Diagnostics()
    faults.extend(rendering.faults)
    faults.barrier("rendering")
    return rendering


def templates_of(checked: Checked) -> Templates:
    """The templates of a stack's board and target, the project's own before the shipped ones."""
    stack = checked.plan.stack
    return Templates(
        checked.place.template_folders, stack.board.name, checked.catalog.target_chain(stack.target)
    )


def base_buildfile(checked: Checked) -> SourceFile | None:
    """The board's own buildfile, where the stack names one; OSError where that cannot be read."""
    image = checked.plan.stack.host.image
    if not image.base:
        return None
    place = image.base_origin.span
    folder = Path(place.file.path).parent if place is not None else checked.place.folder
    path = folder / image.base
    return SourceFile(path.as_posix(), path.read_bytes().decode("utf-8", "surrogateescape"))


def build(checked: Checked, folder: Path | None = None) -> Built:
    """Render `checked` into its build folder, all artifacts together; files already right are not touched."""
    made = draft(checked)
    target = folder if folder is not None else checked.place.build_folder(checked.variant)
    with locked(target):
        # Without a readable manifest the folder's state still knows what was written, so no edit is lost.
        held = recorded_state(target)[1]
        before = recorded_digests(target) or {name: held[name] for name, _ in made.artifacts if name in held}
        edited = keep_edited(target, before)
        stale = tuple(name for name in before if name not in made.files)
        state = state_data(dependencies(checked, made.rendering), dict(made.artifacts))
        changed = write_together(target, {**made.files, STATE: state}, remove=stale)
    return Built(
        checked=checked,
        folder=target,
        draft=made,
        changed=tuple(name for name in changed if name != STATE),
        edited=edited,
    )


def build_inputs(checked: Checked, rendering: Rendering) -> tuple[NamedDigest, ...]:
    """Everything the artifacts were made from, under names that hold on any machine, sorted.

    Stack, variants, included parts and board as read; host files of the project; templates; hvbuild's own
    catalogues.
    """
    root = checked.place.root
    read = (*checked.inputs, *_base_sources(checked, rendering))
    rows = {stable_name(Path(n.name), root): n.digest for n in read if n.digest is not None}
    for path in (*rendering.templates, *catalogue_files()):
        rows[stable_name(path, root)] = digest(path.read_bytes())
    return tuple(NamedDigest(name, rows[name]) for name in sorted(rows))


def _base_sources(checked: Checked, rendering: Rendering) -> tuple[NamedDigest, ...]:
    """Host files that the board's own buildfile names and that lie in the project."""
    data = next((item.data for item in rendering.artifacts if item.name == BUILDFILE), None)
    if not checked.plan.stack.host.image.base or data is None:
        return ()
    image = image_meaning(read_buildfile(data.decode("utf-8", "surrogateescape"), BUILDFILE))
    names = [entry.source for entry in image.entries if entry.source and entry.content is None]
    own = {item.name for item in rendering.artifacts}
    folders = (checked.place.folder, checked.place.root)
    return tuple(project_files((name for name in names if name not in own), folders))


def dependencies(checked: Checked, rendering: Rendering) -> tuple[NamedDigest, ...]:
    """Every file on this machine that decides the artifacts, and those that would if they appeared."""
    read = (*checked.inputs, *_base_sources(checked, rendering))
    rows: dict[str, str | None] = {item.name: item.digest for item in read}
    for path in rendering.templates:
        rows[path.as_posix()] = digest(path.read_bytes())
    for path in rendering.absent:
        rows[path.as_posix()] = None
    return tuple(NamedDigest(name, rows[name]) for name in sorted(rows))


def catalogue_files() -> tuple[Path, ...]:
    """The data files of hvbuild that decide what is written."""
    names = ("qvmconf.json", "targets.json", "guest-map.json", "host-image.json", "buildfile.json")
    return tuple(shipped_file("schemas", name) for name in names)


def place_namer(checked: Checked) -> Callable[[Span], str]:
    """A function that names places as `path:line:column` with paths that hold on any machine."""
    root = checked.place.root
    names: dict[str, str] = {}

    def name(span: Span) -> str:
        path = span.file.path
        if path not in names:
            names[path] = stable_name(Path(path), root)
        line, column = span.file.position(span.start)
        return f"{names[path]}:{line}:{column}"

    return name
