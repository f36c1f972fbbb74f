"""Hand-kept files checked as one system: their text by their languages, their meaning by the shared rules."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.catalog_rows import VdevRow
from hvbuild.codes import codes_by_name
from hvbuild.diagnostics import Code, Diagnostic, Diagnostics, StackInvalid
from hvbuild.formats.dtb_text import text_of
from hvbuild.formats.qvmconf import Document, read_qvmconf
from hvbuild.formats.qvmconf_command import files_named, read_command
from hvbuild.load.remarks import HASH, SLASHES, Remark, remarks_in
from hvbuild.load.yamltext import ENCODING
from hvbuild.meaning.hand_kept import HandKept, lint_documents
from hvbuild.meaning.host_files import BUILDFILE, DEVICETREE, HEADER, read_host_files
from hvbuild.meaning.inline_vms import in_buildfile, inline_vms
from hvbuild.rules.allowance import Level, apply_policy, apply_remarks
from hvbuild.rules.catalog import HAND_KEPT_RULES
from hvbuild.rules.own import NO_RULES, OwnRules
from hvbuild.rules.rule import run_rules
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

QVMCONF = "qvmconf"
# A region outside RAM is told by the reader of its tree, at its numbers.
_OUTSIDE_MEMORY = "HV2010"
_BY_ENDING = {".build": BUILDFILE, ".bld": BUILDFILE, ".build.tmpl": BUILDFILE}
_BY_ENDING |= {".dts": DEVICETREE, ".dtsi": DEVICETREE, ".dtso": DEVICETREE, ".h": HEADER}
_BY_ENDING |= {".dtb": DEVICETREE, ".dtbo": DEVICETREE}


def kind_of(path: Path, said: str | None) -> str:
    """What a file is: as said, else by its ending, else a qvmconf."""
    if said is not None:
        return said
    return next((kind for ending, kind in _BY_ENDING.items() if path.name.endswith(ending)), QVMCONF)


def read_source(path: Path) -> SourceFile:
    """The text of a hand-kept file, bytes that are no UTF-8 kept as escapes; OSError where there is none.

    The text of a flattened devicetree is its source: places in it are places there. StackInvalid for a file
    in UTF-16 or UTF-32, of which no reader could make one word.
    """
    data = path.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE)):
        place = Span(SourceFile(path.as_posix(), ""), 0, 0)
        message = "the file is UTF-16 or UTF-32, which neither qvm nor mkifs nor dtc reads"
        raise StackInvalid("reading", (ENCODING.at(place, message, helps=("save it as UTF-8",)),))
    return SourceFile(path.as_posix(), text_of(data))


def lint(
    files: Sequence[Path],
    commands: Sequence[str],
    kind: str | None,
    target: str | None,
    project: Path | None = None,
) -> tuple[Diagnostic, ...]:
    """Every fault of the files, ordered by place; OSError where one cannot be opened.

    Each qvmconf file, each command line and each configuration that a buildfile starts and holds inline is
    one VM; together they are one system. A file given twice, as by patterns that overlap, counts once. The
    rules, severities and device types of the project file in the folder `project` hold here, too.
    """
    site = _site(project) if project is not None else _Site()
    catalog = shipped_catalog().with_vdevs(site.vdevs)
    once = {path.resolve(): path for path in files}
    sources = [(kind_of(path, kind), read_source(path)) for path in once.values()]
    given = {Path(file.path).name for what, file in sources if what == QVMCONF}
    inline = {each: file for what, file in sources if what == BUILDFILE for each in inline_vms(file, given)}
    vms = [[read_qvmconf(file, catalog)] for what, file in sources if what == QVMCONF]
    vms += [[read_qvmconf(file, catalog)] for file in inline]
    vms += [_from_command(text, number, catalog) for number, text in enumerate(commands, start=1)]
    held = lint_documents(vms, catalog, target=target)
    reading = read_host_files(sources, catalog, target=target, systems=_systems(held), vms=held.system.vms)
    system = replace(held.system, host=reading.host or held.system.host, guests=reading.guests)
    trees = {linted.document.file for linted in reading.trees}
    found = [*held.faults, *reading.faults]
    found += [
        fault
        for fault in run_rules(system, HAND_KEPT_RULES, catalog, site.rules.run)
        if not (fault.code == _OUTSIDE_MEMORY and fault.primary.span.file in trees)
    ]
    images = {linted.document.file.path: linted.document.file for linted in reading.images}
    homes = {vm: images[file.path] for vm, file in inline.items()}
    found = [*(in_buildfile(fault, homes) for fault in found), *site.faults]
    documents = [document.file for documents in held.documents for document in documents]
    texts = {file: HASH for file in (*documents, *images.values()) if file not in homes}
    kept = _with_remarks(found, texts | dict.fromkeys(trees, SLASHES), site.rules)
    return apply_policy(kept, site.levels, _known(site.rules)) if site.levels else kept


def _known(rules: OwnRules) -> Mapping[str, Code]:
    """Every code and name; gathering them loads all of hvbuild, so only remarks and severities ask."""
    return rules.known(codes_by_name())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """What a project adds: severities, rules and device types of its own, and what is wrong with them."""

    levels: tuple[Level, ...] = ()
    rules: OwnRules = NO_RULES
    vdevs: tuple[VdevRow, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def _site(folder: Path) -> _Site:
    """What the project file in `folder` says; nothing where there is none."""
    from hvbuild.load.bind_vdev_types import bind_vdev_types  # noqa: PLC0415 - YAML, for projects alone
    from hvbuild.load.fields import Fields  # noqa: PLC0415
    from hvbuild.load.files import Files  # noqa: PLC0415
    from hvbuild.projectfile import read_project, rules_of_project  # noqa: PLC0415

    project, faults = read_project(folder, Files()), Diagnostics()
    rules = rules_of_project(project, folder)
    vdevs = tuple(row for tree in project.under_stacks for row in bind_vdev_types(Fields(tree, faults)))
    return _Site(
        levels=project.levels,
        rules=rules,
        vdevs=vdevs,
        faults=(*project.faults, *rules.faults, *faults),
    )


def _systems(held: HandKept) -> dict[str, str]:
    """The name of each VM by the name of its file: what a launch line of a host image goes by."""
    vms = zip(held.documents, held.system.vms, strict=True)
    return {Path(document.file.path).name: vm.system for documents, vm in vms for document in documents}


def _from_command(text: str, number: int, catalog: Catalog) -> list[Document]:
    command = SourceFile(f"--vm {number}", text)
    named = {name: read_source(Path(name)) for name in files_named(command)}
    return list(read_command(command, named, catalog))


def _with_remarks(
    found: Sequence[Diagnostic], files: Mapping[SourceFile, str], rules: OwnRules
) -> tuple[Diagnostic, ...]:
    """What remains of `found` after the remarks in `files`, each given with what begins its comments."""
    remarks: list[Remark] = []
    faults: list[Diagnostic] = []
    for file, mark in files.items():
        said, unread = remarks_in(file, mark=mark)
        remarks += said
        faults += unread
    kept = apply_remarks(found, remarks, _known(rules)) if remarks else tuple(found)
    return tuple(sorted({*kept, *faults}, key=lambda each: each.sort_key))
