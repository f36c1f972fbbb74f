"""What one artifact says otherwise than another text of its kind: by meaning where its language is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from hvbuild.catalog import Catalog
from hvbuild.compare.difference import compare_vms
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.cheader import read_header
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.image import CommandStep, Entry, Image, PartitionStep, Step, WaitStep
from hvbuild.model.vm import VmConfig
from hvbuild.source import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How VM configurations are to be read: the catalogue, the release and the host's architecture."""

    catalog: Catalog
    target: str
    architecture: str


def file_changes(name: str, before: str, after: str, language: Language) -> tuple[str, ...]:
    """What changes from `before` to `after`, one line each; empty when nothing does but comments and blanks.

    `name` decides the language. Texts of other languages are compared line by line.
    """
    if before == after:
        return ()
    if name.endswith(".qvmconf"):
        old, new = (_vm(name, text, language) for text in (before, after))
        return tuple(change.text for change in compare_vms(old, new, language.catalog))
    if name.endswith((".build", ".build.tmpl", ".bld")):
        return tuple(_image_changes(_image(name, before), _image(name, after)))
    if name.endswith(".h"):
        return tuple(_constant_changes(read_header(before, name).values, read_header(after, name).values))
    return tuple(_line_changes(before.splitlines(), after.splitlines()))


def _vm(name: str, text: str, language: Language) -> VmConfig:
    catalog = language.catalog
    document = read_qvmconf(SourceFile(name, text), catalog)
    return read_vm(
        [document], catalog, target=language.target, architecture=language.architecture, title=name
    ).vm


def _image(name: str, text: str) -> Image:
    return image_meaning(read_buildfile(text, name))


def _image_changes(before: Image, after: Image) -> Iterator[str]:
    """Entries by path, then the boot section, then the steps in order."""
    old = {entry.path: entry for entry in before.entries}
    new = {entry.path: entry for entry in after.entries}
    yield from (f"- `{path}`" for path in old if path not in new)
    yield from (f"+ `{path}`" for path in new if path not in old)
    for path, entry in old.items():
        if path in new and new[path] != entry:
            yield f"`{path}`: {_entry_text(entry)} → {_entry_text(new[path])}"
    left, right = (_boot_lines(image) for image in (before, after))
    yield from _line_changes(left, right)
    yield from _line_changes([_step(s) for s in before.steps], [_step(s) for s in after.steps])
    shell = ([_step(step) for step in image.shell_steps] for image in (before, after))
    yield from _line_changes(*shell)


def _entry_text(entry: Entry) -> str:
    content = f"{len(entry.content)} characters" if entry.content is not None else ""
    parts = (entry.source or entry.link or content, entry.mode, *(f"{k}={v}" for k, v in entry.settings))
    return " ".join(part for part in parts if part) or entry.type.value


def _boot_lines(image: Image) -> list[str]:
    boot = image.boot
    if boot is None:
        return []
    lines = [f"boot type {boot.type}", f"image area {image.image_area}"]
    for program in boot.programs:
        modules = "".join(f" module={module}" for module in program.modules)
        lines.append(" ".join([program.name, *program.arguments]) + modules)
        lines += [f"{program.name}: {key}={value}" for key, value in program.environment]
    return lines


def _step(step: Step) -> str:
    match step:
        case CommandStep():
            words = " ".join((*step.launcher, *step.words))
            return f"{words} &" if step.background else words
        case WaitStep():
            return f"waitfor {step.path} {step.timeout // 100_000_000 / 10}"
        case PartitionStep():
            return f"sched_aps {step.name} {step.budget} {step.critical_ms}"
        case _:
            return " ".join((step.name, *step.arguments))


def _constant_changes(before: dict[str, int], after: dict[str, int]) -> Iterator[str]:
    for name in (*before, *(name for name in after if name not in before)):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield f"`{name}` {_hex(old)} → {_hex(new)}"


def _hex(value: int | None) -> str:
    return "nothing" if value is None else f"{value:#x}"


def _line_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Lines that went (`-`) and came (`+`), in order."""
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"- {line}" for line in before[a:b])
            yield from (f"+ {line}" for line in after[c:d])
