"""Lint of hand-kept buildfiles: the faults of the text, then what mkifs lets pass and the target does not."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.formats.buildfile import BuildDocument
from hvbuild.formats.buildfile_codes import CODES as TEXT_CODES
from hvbuild.formats.buildfile_faults import buildfile_faults, leaks, statements_of
from hvbuild.formats.mkifs_words import Word
from hvbuild.meaning.boot_lint import CODES as BOOT_CODES
from hvbuild.meaning.boot_lint import boot_lint
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.script_lint import CODES as SCRIPT_CODES
from hvbuild.meaning.script_lint import script_lint
from hvbuild.model.image import Entry, EntryType, Image
from hvbuild.values import dataclass

_SOURCE = (
    "mkifs source; QNX SDP 7.1 and 8.0, Building Embedded Systems: buildfile; Utilities Reference: mkifs"
)

DUPLICATE_TARGET = Code(
    code="HV8520",
    name="duplicate-target",
    severity=Severity.WARNING,
    meaning="two entries of the image have one path; 8.0 refuses it unless `+dupignore`, 7.x takes the last",
    source=_SOURCE,
    policy="an error for a target whose mkifs refuses it",
)
NOT_OPTIONAL = Code(
    code="HV8521",
    name="missing-files-pass",
    severity=Severity.WARNING,
    meaning="without `[-optional]` a missing host file only warns, and the image is made without it",
    source=_SOURCE,
)
UNDEFINED_VARIABLE = Code(
    code="HV8522",
    name="undefined-variable",
    severity=Severity.WARNING,
    meaning="a `${NAME}` that neither the buildfile nor the SDP environment sets is replaced by nothing",
    source=_SOURCE,
)
SELF_LINK = Code(
    code="HV8523",
    name="link-without-target",
    severity=Severity.WARNING,
    meaning="a link with one name points to its own name",
    source=_SOURCE,
)
NOT_EXECUTABLE = Code(
    code="HV8524",
    name="script-not-executable",
    severity=Severity.WARNING,
    meaning="a script of the image is started by its path, but its mode gives no right to execute it",
    source="QNX 8.0, buildfile syntax: an inline file has mode 0666 unless `perms=` says otherwise",
)
KEY_READABLE = Code(
    code="HV8525",
    name="key-readable",
    severity=Severity.WARNING,
    meaning="a private key or a file of password hashes may be read by everybody on the target",
    source="QNX 8.0, buildfile syntax: `perms=`; OpenSSH takes no host key that others may read",
)
# Private keys by the names that OpenSSH and TLS tools give them, and the password hashes.
_SECRET = ("*/ssh_host_*_key", "*/id_rsa", "*/id_ecdsa", "*/id_ed25519", "*.key", "/etc/shadow")

CODES: tuple[Code, ...] = (
    *TEXT_CODES,
    DUPLICATE_TARGET,
    NOT_OPTIONAL,
    UNDEFINED_VARIABLE,
    SELF_LINK,
    NOT_EXECUTABLE,
    KEY_READABLE,
    *BOOT_CODES,
    *SCRIPT_CODES,
)


@dataclass(frozen=True, slots=True)
class LintedImage:
    """A hand-kept buildfile: its document, its meaning, and every fault in order of place."""

    document: BuildDocument
    image: Image
    faults: tuple[Diagnostic, ...]


def lint_buildfile(document: BuildDocument, catalog: Catalog, target: str | None = None) -> LintedImage:
    """What `document` means and all that is wrong with it on `target` (None: no particular release).

    Where an inline body leaks, only the text is judged: what the image does cannot be known then.
    """
    image = image_meaning(document)
    faults = [*buildfile_faults(document)]
    if not leaks(document):
        faults.extend(_image_faults(document, image, catalog, target))
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.sort_key)
    return LintedImage(document, image, tuple(ordered))


def _image_faults(
    document: BuildDocument, image: Image, catalog: Catalog, target: str | None
) -> Iterator[Diagnostic]:
    yield from duplicate_targets(image, refused=target is not None and target.startswith("qnx-8"))
    yield from missing_files_pass(image)
    yield from undefined_variables(document, image)
    yield from links_to_themselves(image)
    yield from scripts_not_executable(image)
    yield from keys_readable(image)
    yield from boot_lint(document, image, catalog, target)
    yield from script_lint(document, image, catalog, target)


def duplicate_targets(image: Image, *, refused: bool) -> Iterator[Diagnostic]:
    """Entries at a path that an earlier one has; the same directory named twice is none."""
    first: dict[str, Entry] = {}
    for entry in image.entries:
        before = first.setdefault(entry.path, entry)
        both_folders = before.type is entry.type is EntryType.DIRECTORY
        if before is entry or both_folders or entry.ignores_duplicate or before.ignores_duplicate:
            continue
        yield DUPLICATE_TARGET.at(
            entry.origin,
            f"`{entry.path}` is given twice",
            "again",
            others=other(before.origin, "first here"),
            notes=() if refused else ("mkifs of 7.x keeps the last one without a word, 8.0 refuses it",),
            severity=Severity.ERROR if refused else None,
        )


def missing_files_pass(image: Image) -> Iterator[Diagnostic]:
    """Bootable images whose first host file would be left out silently when it is missing."""
    if image.boot is None:
        return
    loose = [entry for entry in image.entries if entry.source and entry.optional]
    strict = any(not entry.optional for entry in image.entries)
    if loose and not strict:
        yield NOT_OPTIONAL.at(
            loose[0].origin,
            "a host file that is missing is left out of the image with a warning only",
            helps=("begin the buildfile with `[-optional]`",),
        )


def undefined_variables(document: BuildDocument, image: Image) -> Iterator[Diagnostic]:
    """Variables that nothing sets before they are used; each name once."""
    known = {*buildfile_catalog().environment, *(name for name, _ in image.environment)}
    seen: set[str] = set()
    for word in _words(document):
        for variable in word.variables:
            if variable.name not in known and variable.name not in seen:
                seen.add(variable.name)
                yield UNDEFINED_VARIABLE.at(
                    variable.span,
                    f"`{variable.name}` is set neither here nor by the SDP",
                    notes=("mkifs puts nothing in its place unless the environment has it",),
                )


def _words(document: BuildDocument) -> Iterator[Word]:
    for line in document.lines:
        yield from line.words
        yield from (use.word for use in (line.group.uses if line.group else ()))
        for statement in statements_of(line):
            yield from statement.all_words


def links_to_themselves(image: Image) -> Iterator[Diagnostic]:
    """Links whose line has one name, which is then the link's text, too."""
    for entry in image.entries:
        if entry.type is EntryType.LINK and entry.origin == entry.source_origin:
            yield SELF_LINK.at(
                entry.origin,
                f"the link `{entry.path}` points to `{entry.link}`, its own name",
                helps=("write `[type=link] path=where it points`",),
            )


def scripts_not_executable(image: Image) -> Iterator[Diagnostic]:
    """Inline scripts that a command runs by path although their mode is not executable."""
    for step in image.commands:
        entry = image.entry(step.words[0]) if step.words[0].startswith("/") else None
        if entry is None or entry.content is None or not entry.content.lstrip().startswith("#!"):
            continue
        if not _executable(entry.mode):
            yield NOT_EXECUTABLE.at(
                step.origin,
                f"`{entry.path}` is started here, but its mode is {entry.mode or '0666'}",
                others=other(entry.origin, "the script"),
                helps=("give it `perms=0744`",),
            )


def keys_readable(image: Image) -> Iterator[Diagnostic]:
    """Secrets whose stated mode lets group or others read or write them; an inline file has 0666."""
    for entry in image.entries:
        mode = entry.mode or ("0666" if entry.content is not None else "")
        if not mode.isdigit() or entry.type is not EntryType.FILE:
            continue
        open_to_all = any(digit in "234567" for digit in mode[-2:])
        if open_to_all and any(fnmatchcase(entry.path, pattern) for pattern in _SECRET):
            yield KEY_READABLE.at(
                entry.origin,
                f"`{entry.path}` has mode {mode}: not its owner alone may read it",
                helps=("give it `perms=0600`",),
            )


def _executable(mode: str) -> bool:
    if mode[:1].isdigit():
        digits = [int(digit) for digit in mode if digit in "01234567"]
        return any(digit & 1 for digit in digits[-3:])
    return "x" in mode
