"""Where things of a project lie: its root, its stacks and variants, its build folders and own templates."""

import os
from pathlib import Path

from hvbuild.shipped import shipped_folder
from hvbuild.store import RULES_OF, rules_of
from hvbuild.values import dataclass

PROJECT_FILE = "hvbuild.yaml"
BASE = "base"
STACK_FILE = "stack.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlace:
    """A stack's file, and the project around it; a stack outside any project has its own folder as root."""

    file: Path
    root: Path

    @property
    def folder(self) -> Path:
        """The stack's folder."""
        return self.file.parent

    @property
    def name(self) -> str:
        """The stack's name on disk: its folder's."""
        return self.folder.resolve().name

    def build_folder(self, variant: str) -> Path:
        """Where a variant is built unless `-o` says otherwise."""
        return self.root / "build" / self.name / variant

    @property
    def variants(self) -> tuple[str, ...]:
        """`base` and the variants that have a file, by name."""
        folder = self.folder / "variants"
        names = sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
        return (BASE, *names)

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for: the project's own folder first, then the shipped one."""
        own = self.root / "templates"
        shipped = shipped_folder("templates")
        return (own, shipped) if own.is_dir() and own.resolve() != shipped.resolve() else (shipped,)


def stack_place(path: Path) -> StackPlace:
    """The stack at `path`, a folder or its stack.yaml; it may not exist.

    The project's root is the folder that holds the `stacks` folder the stack lies in.
    """
    file = path / STACK_FILE if path.is_dir() else path
    folder = Path(os.path.abspath(file)).parent
    for parent in folder.parents:
        if folder.is_relative_to(parent / "stacks"):
            return StackPlace(file=file, root=_shortest(parent))
    return StackPlace(file=file, root=file.parent)


def _shortest(path: Path) -> Path:
    """`path` relative to the current directory where that is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def stack_files(folder: Path) -> tuple[Path, ...]:
    """The file of the stack in `folder`, which may not exist, and those of its variants in order of path."""
    return (folder / STACK_FILE, *sorted((folder / "variants").glob("*.yaml")))


def project_stacks(root: Path) -> tuple[StackPlace, ...]:
    """Every stack of a project, by name."""
    return tuple(
        StackPlace(file=file, root=root) for file in sorted((root / "stacks").glob(f"*/{STACK_FILE}"))
    )


def stable_name(path: Path, root: Path) -> str:
    """How outputs name the input `path`: relative to the project, or to hvbuild's own shipped files.

    Neither depends on where the project or hvbuild is installed. A file outside both is named from the
    project, too, wherever the command was run; an absolute path is kept.
    """
    whole = path.resolve()
    if whole.is_relative_to(root.resolve()):
        return whole.relative_to(root.resolve()).as_posix()
    for kind in ("templates", "schemas", "boards"):
        folder = shipped_folder(kind).resolve()
        if whole.is_relative_to(folder):
            return f"hvbuild:{kind}/{whole.relative_to(folder).as_posix()}"
    return path.as_posix() if path.is_absolute() else Path(os.path.relpath(whole, root.resolve())).as_posix()


def named_file(name: str, root: Path) -> Path:
    """The file that a stable name means in the project at `root`."""
    if name.startswith("hvbuild:"):
        kind, _, rest = name.removeprefix("hvbuild:").partition("/")
        return shipped_folder(kind) / rest
    return root / name


def named_data(name: str, root: Path) -> bytes:
    """The bytes that a stable name means in the project at `root`; OSError where there are none."""
    data = named_file(name.removesuffix(RULES_OF), root).read_bytes()
    return data if not name.endswith(RULES_OF) else rules_of(data) or b""
