"""Lint of buildfiles: a clean host says nothing, one edit says its one code at its place."""

from pathlib import Path

import pytest

from hvbuild.catalog import shipped_catalog
from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.meaning.buildfile_lint import CODES, lint_buildfile

CLEAN = """\
[-optional]
[+keeplinked uid=0 gid=0]
[image=0x80000]
[virtual=aarch64le,raw] boot = {
    startup-x -v -P 4 -r 0x1000,4096,1 -R 16M,2M,pool -L 0x60000000,1M,one
    [module=qvm module=aps] PATH=/proc/boot procnto-smp-instr -v
}
[+script] startup-script = {
    procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2
    sched_aps ivi 60 20
    sched_aps adas 40
    slogger2
    waitfor /dev/slog
    reopen /dev/con1 5
    NAME=value
    devb-ram ram disk name=qvmdisk
    waitfor /dev/qvmdisk0 2.5
    display_msg starting a & b | c \\${NAME\\}
    [pri=21f sched_aps=ivi] pipe &
    /proc/boot/.net.sh
    on -X aps=adas qvm @/vm/la.qvmconf &
    ksh
}
[perms=0744] .net.sh = {
#!/bin/sh
if true; then pipe; fi
f() \\{ echo; \\}
}
/bin/on=on
/sbin/qvm=qvm
/bin/ksh=ksh
[type=link] /bin/sh=/bin/ksh
/sbin/devb-ram=devb-ram
slogger2
/sbin/pipe=${QNX_TARGET}/sbin/pipe
[type=dir dperms=0755] /var
[type=dir dperms=0700] /var
ldqnx-64.so.2=ldqnx-64.so.2
[+dupignore] /bin/extra=extra
[+dupignore] /bin/extra=extra
"""


def faults_of(text: str, target: str | None = "qnx-7.1") -> list[Diagnostic]:
    return [*lint_buildfile(read_buildfile(text, "t.build"), shipped_catalog(), target).faults]


def codes_of(text: str, target: str | None = "qnx-7.1") -> list[str]:
    return [fault.code for fault in faults_of(text, target)]


@pytest.mark.parametrize("target", ["qnx-7.0", "qnx-7.1", None])
def test_a_clean_host_says_nothing(target: str | None) -> None:
    assert [str(fault.primary.span) + fault.message for fault in faults_of(CLEAN, target)] == []


def test_a_clean_8_0_host_says_nothing() -> None:
    text = CLEAN.replace("[module=qvm module=aps] ", "").replace("-v -P", "-Q enable,el1-host -c a:0x3 -P")
    for word in ("    sched_aps ivi 60 20\n", "    sched_aps adas 40\n", " sched_aps=ivi", "-X aps=adas "):
        text = text.replace(word, "")

    assert [str(fault.primary.span) + fault.message for fault in faults_of(text, "qnx-8.0")] == []


def test_a_key_for_its_owner_and_the_longest_wait_are_well() -> None:
    text = CLEAN.replace("/bin/on=on\n", "/bin/on=on\n[perms=0600] /etc/ssh/ssh_host_rsa_key=k\n")
    text = text.replace("/bin/on=on\n", "/bin/on=on\n[perms=0644] /etc/ssh/ssh_host_rsa_key.pub=k\n")

    assert codes_of(text.replace("/dev/qvmdisk0 2.5", "/dev/qvmdisk0 6553.5")) == []


EDITS = {
    "group-not-closed": ("[-optional]\n", "[-optional\n", ["HV8500"]),
    "second-group": ("[type=link] /bin/sh", "[type=link] [uid=0] /bin/sh", ["HV8501"]),
    "second-group-in-boot": ("[module=qvm module=aps]", "[module=qvm module=aps] [+raw]", ["HV8501"]),
    "three-names": ("/bin/on=on\n", "/bin/on=on off\n", ["HV8502"]),
    "brace-not-last": ("/bin/on=on\n", "/bin/on={on\n", ["HV8503"]),
    "brace-below": ("/bin/extra=extra\n", "/bin/extra=extra\n{\n", ["HV8503"]),
    "leak-in-text": ("f() \\{ echo; \\}", "f() { echo; }", ["HV8504"]),
    "leak-variable": ("display_msg starting a", "display_msg ${NAME}", ["HV8504"]),
    "body-not-closed": ("ldqnx-64.so.2=ldqnx-64.so.2\n", "ldqnx-64.so.2={\n", ["HV8505"]),
    "blanks-around-equals": ("[-optional]", "[-optional uid = 0]", ["HV8506"] * 3),
    "no-sign": ("[-optional]", "[-optional raw]", ["HV8506"]),
    "unknown": ("[-optional]", "[-optional permjs=0555]", ["HV8507"]),
    "unknown-modifier": ("[pri=21f", "[prio=21f", ["HV8507"]),
    "sign-on-value": ("[-optional]", "[-optional +uid]", ["HV8508"]),
    "many-words": ("    slogger2\n", "    slogger2 " + "x " * 100 + "\n", ["HV8509"]),
    "long-line": ("    slogger2\n", "    slogger2 " + "x" * 4096 + "\n", ["HV8510"]),
    "continuation": ("    slogger2\n", "    slogger2 \\\\\n-v\n", ["HV8511"]),
    "type": ("[type=link]", "[type=lnk]", ["HV8512"]),
    "permissions": ("[perms=0744]", "[perms=u~x]", ["HV8512"]),
    "compression": ("[-optional]", "[-optional compress=9]", ["HV8512"]),
    "image": ("[image=0x80000]", "[image=0x80000;]", ["HV8512"]),
    "abbreviated": ("[-optional]", "[-opt]", ["HV8513"]),
    "root": ("uid=0 gid=0", "uid=root gid=0", ["HV8514"]),
    "octal-junk": ("[perms=0744]", "[perms=0749]", ["HV8514"]),
    "short-mode": ("[perms=0744]", "[perms=11]", ["HV8515"]),
    "twice": ("/bin/on=on\n", "/bin/on=on\n/bin/./on=other\n", ["HV8520"]),
    "optional": ("[-optional]\n", "", ["HV8521"]),
    "variable": ("=${QNX_TARGET}/", "=${QNX_TARGE}/", ["HV8522"]),
    "link-to-itself": ("[type=link] /bin/sh=/bin/ksh", "[type=link] /bin/sh", ["HV8523"]),
    "not-executable": ("[perms=0744] .net.sh", ".net.sh", ["HV8524"]),
    "virtual-alone": ("[virtual=aarch64le,raw] boot", "[virtual=aarch64le,raw]\nboot", ["HV8530"]),
    "second-boot": ("/bin/on=on", "[virtual=aarch64le,raw] b2 = {\nx\n}\n/bin/on=on", ["HV8531"]),
    "no-kernel": ("procnto-smp-instr -v", "kernel -v", ["HV8532"]),
    "arguments": ("-v -P 4", "-v " * 20 + "-P 4", ["HV8533"]),
    "programs": ("    startup-x", "    startup-y\na\nb\nc\n    startup-x", ["HV8534"]),
    "bytes": ("-v -P 4", "-D " + "x" * 1024, ["HV8535"]),
    "enabling": ("-v -P 4", "-v -Q enable", ["HV8536"]),
    "not-enabled": ("module=qvm ", "", ["HV8537"]),
    "option": ("-L 0x60000000,1M,one", "-L 0x60000000,big,one", ["HV8538"]),
    "overlap": ("-r 0x1000,4096,1", "-r 0x1000,4096,1 -r 0x1000,8K", ["HV8539"]),
    "pages": ("-r 0x1000,4096,1", "-r 0x1000,100", ["HV8540"]),
    "image-page": ("[image=0x80000]", "[image=0x80001]", ["HV8540"]),
    "image-reserved": ("-r 0x1000,4096,1", "-r 0x80000,4096", ["HV8541"]),
    "cluster": ("-v -P 4", "-c a:0", ["HV8542"]),
    "cluster-twice": ("-v -P 4", "-c a:1,a:2", ["HV8542"]),
    "watchdog": ("-v -P 4", "-W", ["HV8543"]),
    "symlink-arguments": ("ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2", "ldqnx-64.so.2", ["HV8550"]),
    "waitfor-path": ("waitfor /dev/slog\n", "waitfor\n", ["HV8550"]),
    "reopen": ("reopen /dev/con1 5", "reopen 5 /dev/con1", ["HV8551"]),
    "priority": ("pri=21f", "pri=300f", ["HV8552"]),
    "priority-word": ("pri=21f", "pri=high", ["HV8552"]),
    "ampersand": ("pipe &", "pipe & more", ["HV8553"]),
    "ampersand-joined": ("pipe &", "pipe x&", ["HV8554"]),
    "pipe": ("    slogger2\n", "    slogger2 | pipe\n", ["HV8555"]),
    "condition": ("    slogger2\n", "    slogger2\n    if\n", ["HV8555", "HV8558"]),
    "wait": ("waitfor /dev/qvmdisk0", "waitfor /dev/pci", ["HV8556"]),
    "wait-before": ("    slogger2\n    waitfor /dev/slog\n", "    waitfor /dev/slog\n", ["HV8556"]),
    "linker": ("    procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2\n", "", ["HV8557"]),
    "program": ("/sbin/qvm=qvm\n", "", ["HV8558"]),
    "launcher": ("/bin/on=on\n", "", ["HV8558"]),
    "wait-cut": ("waitfor /dev/qvmdisk0 2.5", "waitfor /dev/qvmdisk0 6554", ["HV8560"]),
    "byte-order-mark": ("[-optional]", "\ufeff[-optional]", ["HV8516"]),
    "nul": ("slogger2\n/sbin/pipe", "slogger2\n# \0\n/sbin/pipe", ["HV8517"]),
    "open-quote": ("/bin/ksh=ksh", '/bin/ksh="ksh', ["HV8518"]),
    "open-quote-in-script": ("    ksh\n}", '    ksh "-l\n}', ["HV8518"]),
    "broken-script-line": ("    NAME=value\n", "    NAME=value \\\n", ["HV8511"]),
    "broken-boot-line": ("1M,one\n", "1M,one \\\n", ["HV8511"]),
    "on-priority-too-high": ("on -X aps=adas qvm", "on -p 256r -X aps=adas qvm", ["HV8562"]),
    "on-priority-idle": ("on -X aps=adas qvm", "on -p0 -X aps=adas qvm", ["HV8562"]),
    "on-priority-no-number": ("on -X aps=adas qvm", "on -p high -X aps=adas qvm", ["HV8562"]),
    "area-ends-first": ("[image=0x80000]", "[image=0x80000-0x7ffff,16M]", ["HV8544"]),
    "reopen-cut": ("reopen /dev/con1 5", "reopen /dev/con1 9999", ["HV8560"]),
    "key": ("/bin/on=on\n", "/bin/on=on\n[perms=0644] /etc/ssh/ssh_host_rsa_key=k\n", ["HV8525"]),
    "key-inline": ("/bin/on=on\n", "/bin/on=on\n/etc/tls/server.key = {\nx\n}\n", ["HV8525"]),
    "foreground": ("la.qvmconf &", "la.qvmconf", ["HV8559"]),
    "configuration": ("/bin/on=on\n", "/bin/on=on\n/vm/lla.qvmconf=la.qvmconf\n", ["HV8561"]),
    "partition-twice": ("sched_aps adas 40", "sched_aps adas 20\n    sched_aps adas 20", ["HV8570"]),
    "partition-system": ("sched_aps adas 40", "sched_aps adas 20\n    sched_aps System 20", ["HV8570"]),
    "partition-slash": ("sched_aps adas 40", "sched_aps adas 20\n    sched_aps a/b 20", ["HV8570"]),
    "partition-long": (
        "sched_aps adas 40",
        "sched_aps adas 20\n    sched_aps abcdefghijklmnop 20",
        ["HV8570"],
    ),
    "budget": ("sched_aps adas 40", "sched_aps adas 40x", ["HV8571"]),
    "budgets": ("sched_aps adas 40", "sched_aps adas 41%", ["HV8571"]),
    "critical": ("sched_aps ivi 60 20", "sched_aps ivi 60 1001ms", ["HV8572"]),
    "module": (" module=aps", "", ["HV8574"]),
    "partition": ("sched_aps=ivi", "sched_aps=ivy", ["HV8575"]),
    "partition-of-on": ("aps=adas", "aps=ada", ["HV8575"]),
    "partition-late": (
        "    sched_aps ivi 60 20\n",
        "    [sched_aps=ivi] pipe\n    sched_aps ivi 60 20\n",
        ["HV8575"],
    ),
}


@pytest.mark.parametrize(("old", "new", "codes"), EDITS.values(), ids=EDITS)
def test_one_edit_says_one_thing(old: str, new: str, codes: list[str]) -> None:
    assert old in CLEAN
    found = faults_of(CLEAN.replace(old, new, 1))

    assert [fault.code for fault in found] == codes
    assert all(0 < fault.primary.span.line <= CLEAN.count("\n") + 5 for fault in found)


NEAR_MISSES = {
    "a kernel that a template names": ("procnto-smp-instr -v", "__PROCNTO__ -v"),
    "an escaped backslash at a line end": ("    NAME=value\n", "    NAME=value\\\\\\\\\n"),
    "the highest priority of on": ("on -X aps=adas qvm", "on -p 255f -X aps=adas qvm"),
    "a priority from elsewhere": ("on -X aps=adas qvm", "on -p ${PRI\\} -X aps=adas qvm"),
    "an area with an end": ("[image=0x80000]", "[image=0x80000-0x1000000,16M=8M%4K]"),
    "a quote within a word": ("/bin/ksh=ksh", '/bin/ksh="k"sh'),
    "a quoted ampersand": ("pipe &", 'pipe "& x" &'),
    "an ampersand in a word": ("pipe &", "pipe a&b &"),
    "nineteen arguments": ("-v -P 4", "-v " * 13),
    "a symbolic mode": ("[perms=0744]", "[perms=u+x,go=r]"),
    "inherited owners": ("uid=0 gid=0", "uid=* gid=*"),
    "a whole area": ("[image=0x80000]", "[image=0x80000-0x90000,64M=1M%4K]"),
    "the highest priority": ("pri=21f", "pri=255f"),
    "a wait that an unknown program may serve": ("waitfor /dev/qvmdisk0", "slogger2\n    waitfor /dev/con1"),
    "a comment after a brace": ("f() \\{ echo; \\}\n}\n", "f() \\{ echo; \\}\n} # done\n"),
    "an open brace in a comment": ("if true; then pipe; fi", "# begin {"),
    "a template's markers": ("uid=0 gid=0", "uid=@UID@ gid=${GROUP}"),
    "the path of a shell": ("    ksh\n", "    /bin/ksh\n"),
}


@pytest.mark.parametrize(("old", "new"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_near_misses_stay_silent(old: str, new: str) -> None:
    assert old in CLEAN

    assert [c for c in codes_of(CLEAN.replace(old, new, 1)) if c not in ("HV8556", "HV8522")] == []


@pytest.mark.parametrize(
    ("target", "severity"), [("qnx-8.0", "error"), ("qnx-7.1", "warning"), (None, "warning")]
)
def test_duplicates_are_refused_by_8_0(target: str | None, severity: str) -> None:
    (fault,) = faults_of("/a=x\n/a=y\n", target)

    assert (fault.code, fault.severity, fault.primary.span.line) == ("HV8520", severity, 2)


@pytest.mark.parametrize(
    ("target", "codes"), [("qnx-8.0", ["HV8536", "HV8576"]), ("qnx-8.0.4", ["HV8536", "HV8576"])]
)
def test_the_7_1_host_on_8_0(target: str, codes: list[str]) -> None:
    assert codes_of(CLEAN, target) == codes


def test_too_many_partitions() -> None:
    lines = "".join(f"    sched_aps p{number} 1\n" for number in range(30))
    text = CLEAN.replace("ivi 60 20\n", "ivi 60 20\n" + lines).replace("adas 40", "adas 1")

    assert codes_of(text) == ["HV8573"]
    assert codes_of(text.replace("    sched_aps p29 1\n", "")) == []


def test_a_leak_is_told_once_at_the_brace() -> None:
    text = "[-optional]\n/a = {\nf() {\n  [ -e /x ] && y\n}\nif z = w v\n}\n/b=c d e\n"

    assert [(f.code, f.primary.span.line) for f in faults_of(text)] == [("HV8504", 5), ("HV8502", 8)]


def test_an_included_rest_may_hold_what_is_missing() -> None:
    text = CLEAN.replace("/sbin/qvm=qvm\n", '#include "more.build"\n').replace("/bin/on=on\n", "")

    assert codes_of(text) == []


def test_the_shared_corpus_has_its_known_faults(shared: Path) -> None:
    found = {}
    for path in sorted((shared / "corpus/buildfiles").iterdir()):
        faults = faults_of(path.read_text(encoding="utf-8"), None)
        found[path.name] = [(f.code, f.primary.span.line) for f in faults if f.severity is Severity.ERROR]

    assert found == {"qnxbuildfilelang-test1.build": [], "qnxbuildfilelang-test2.bld": [("HV8507", 11)]}


def test_every_code_has_an_edit() -> None:
    told = {code for _, _, codes in EDITS.values() for code in codes} | {"HV8573", "HV8576"}

    assert sorted(code.code for code in CODES) == sorted(told)
