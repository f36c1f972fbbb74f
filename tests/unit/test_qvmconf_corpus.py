"""Our own qvmconf files, one construct each: what each is reported for, and that it prints back the same."""

from pathlib import Path

import pytest
from qvmconf_text import qvmconf_text

from hvbuild.catalog import shipped_catalog
from hvbuild.diagnostics import Severity
from hvbuild.formats.qvmconf import print_qvmconf, read_qvmconf
from hvbuild.formats.qvmconf_codes import CODES
from hvbuild.meaning.hand_kept import lint_files
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.source import SourceFile

CORPUS = Path(__file__).parents[1] / "corpus" / "qvmconf"

# Each file with its faults: line:column, e or w, and the rule's name.
FILES: dict[str, tuple[str, ...]] = {
    "accumulating": (),
    "address-forms": (),
    "argument-is-option": ("2:1 e argument-missing",),
    "argument-missing": ("3:5 e argument-missing",),
    "argument-on-next-line": (),
    "bad-places": (
        "2:5 e malformed-argument",
        "3:16 e malformed-argument",
        "3:38 e malformed-argument",
        "4:25 e malformed-argument",
        "4:35 e malformed-argument",
    ),
    "bare-address": ("2:5 w number-without-prefix",),
    "bare-length": ("2:16 w number-without-prefix",),
    "beyond-64-bits": ("2:5 e malformed-number",),
    "blank": (),
    "blob-types": (),
    "capital-prefix": ("2:5 w undocumented-notation",),
    "carriage-returns": ("1:9 w carriage-return",),
    "cmdline-unquoted": ("3:1 e command-line-not-quoted",),
    "comment-mid-token": (),
    "control-character": ("2:10 w odd-character",),
    "cpu-cluster": (),
    "cpu-forms": (),
    "cpu-mask": ("3:13 w undocumented-notation",),
    "cpu-sporadic-without-s": ("3:11 e malformed-argument",),
    "cpu-sporadic": (),
    "debug-and-dump": (),
    "deprecated": ("3:10 w deprecated-option",),
    "dialect-cpu-cluster": ("3:5 e not-qvmconf",),
    "dialect-cpu-count": ("3:5 e not-qvmconf",),
    "dialect-pass-loc": ("3:10 e not-qvmconf",),
    "dialect-pass": ("3:6 e not-qvmconf",),
    "dialect-ram": ("2:5 e not-qvmconf",),
    "dialect-vdev": ("3:6 e not-qvmconf",),
    "empty": (),
    "enumerated": ("3:39 e value-not-allowed", "4:23 e value-not-allowed"),
    "fdt-on-x86": ("3:1 e not-on-this-architecture",),
    "hash-in-quotes": ("3:26 w hash-in-quotes",),
    "hex-length-without-prefix": ("2:16 e malformed-number",),
    "interleaved-global": (),
    "last-wins": (
        "3:13 w repeated-option",
        "6:1 w repeated-option",
        "8:1 w repeated-option",
        "10:1 w repeated-option",
    ),
    "load-before-ram": ("2:1 e used-before-memory",),
    "load-into-later-ram": ("3:1 e used-before-memory",),
    "load-path-with-comma": ("3:6 w malformed-argument",),
    "load-without-ram": (),
    "logger-words": ("2:8 e value-not-allowed", "3:14 e value-not-allowed"),
    "many-digits": ("2:16 e malformed-number",),
    "nested-file": ("3:1 w file-in-file",),
    "no-break-space": ("2:1 e unknown-option",),
    "name-as-path": ("4:8 w name-as-path",),
    "no-final-newline": (),
    "non-ascii-comment": (),
    "one-line": (),
    "open-quote": ("4:9 e open-quote",),
    "pass-bad-flag": ("3:25 e value-not-allowed",),
    "pass-blob": (),
    "pass-empty": ("3:1 w empty-context",),
    "pass-flags": (),
    "pass-forms": (),
    "pass-interrupt-attribute": ("3:59 e value-not-allowed",),
    "pass-pci": (),
    "quoted-line-break": ("4:9 w line-break-in-quotes",),
    "quotes-mid-token": (),
    "ram-swapped": ("2:5 w memory-reads-swapped",),
    "reserve-forms": (),
    "shapes": ("3:45 e malformed-argument", "3:64 e malformed-number", "4:19 e malformed-argument"),
    "sub-option-alone": ("3:1 e sub-option-without-context",),
    "sub-option-of-other": ("3:5 e sub-option-without-context",),
    "substitutions": (),
    "suffix-on-hex": ("2:16 w undocumented-notation",),
    "system-late": ("2:1 e system-not-first",),
    "tabs-and-blanks": (),
    "template-marker": ("3:16 w template-marker",),
    "two-architectures": ("5:1 e not-on-this-architecture",),
    "underscore": ("2:5 e malformed-number",),
    "unit-of-people": ("2:16 e malformed-number",),
    "unknown-option": ("3:1 e unknown-option",),
    "unknown-substitution": ("2:16 w unknown-substitution", "3:21 e unknown-substitution"),
    "unsupported-words": ("3:13 e value-not-allowed",),
    "variable-unknown": ("2:5 w unknown-variable",),
    "variable-value": ("2:18 e value-not-allowed", "3:27 e number-out-of-bounds"),
    "vdev-log": (),
    "vdev-spellings": ("6:6 w vdev-by-path",),
    "vdev-third-party": (),
    "vdev-unknown-option": ("3:35 w unknown-vdev-option",),
    "vdev-variables": (),
    "x86-machine": (),
}
# Codes that no single file can show.
ELSEWHERE = {"context-ended-with-file", "not-in-this-release"}


def source(name: str) -> SourceFile:
    text = (CORPUS / f"{name}.qvmconf").read_bytes().decode("utf-8")
    return SourceFile(f"{name}.qvmconf", text)


def test_every_file_is_listed() -> None:
    assert set(FILES) == {path.stem for path in CORPUS.iterdir()}


@pytest.mark.parametrize(("name", "expected"), FILES.items(), ids=FILES)
def test_faults_of_each_file(name: str, expected: tuple[str, ...]) -> None:
    faults = lint_files([source(name)], shipped_catalog()).faults

    assert expected == tuple(
        f"{fault.primary.span.line}:{fault.primary.span.column} {fault.severity[0]} {fault.name}"
        for fault in faults
    )


@pytest.mark.parametrize("name", FILES)
def test_each_file_prints_back_byte_for_byte(name: str) -> None:
    file = source(name)

    assert file.text == print_qvmconf(read_qvmconf(file, shipped_catalog()))


@pytest.mark.parametrize(
    "name", [name for name, faults in FILES.items() if not any(" e " in f for f in faults)]
)
def test_each_sound_file_keeps_its_meaning_when_written_anew(name: str) -> None:
    catalog = shipped_catalog()
    vm = lint_files([source(name)], catalog).system.vms[0]
    again = SourceFile("again.qvmconf", qvmconf_text(vm))

    assert vm == read_vm([read_qvmconf(again, catalog)], catalog).vm


def test_every_code_is_shown_by_a_file() -> None:
    shown = {fault.split()[-1] for faults in FILES.values() for fault in faults}

    assert {code.name for code in CODES} == shown | ELSEWHERE


def test_public_files_read_print_back_and_have_no_errors(shared: Path) -> None:
    catalog = shipped_catalog()
    files = [
        SourceFile(path.name, path.read_bytes().decode("utf-8"))
        for path in sorted((shared / "corpus" / "qvmconf").iterdir())
    ]
    assert files

    for file in files:
        document = read_qvmconf(file, catalog)
        vm, faults = read_vm([document], catalog)
        again = SourceFile("again.qvmconf", qvmconf_text(vm))

        assert file.text == print_qvmconf(document)
        assert not [fault for fault in faults if fault.severity is Severity.ERROR]
        assert vm == read_vm([read_qvmconf(again, catalog)], catalog).vm
