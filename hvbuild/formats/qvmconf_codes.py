"""HV80xx: what can be wrong, or oddly said, in the text of a qvmconf file.

Rules about VMs (overlaps, owners, interrupts, priorities) are not here: they hold for every front door.
"""

from hvbuild.diagnostics import Code, Severity

_E = Severity.ERROR
_W = Severity.WARNING
_SYNTAX = "QNX Hypervisor user's guide, config/qvm_syntax"


def _code(code: str, name: str, severity: Severity, meaning: str, source: str, *, policy: str = "") -> Code:
    return Code(code=code, name=name, severity=severity, meaning=meaning, source=source, policy=policy)


OPEN_QUOTE = _code(
    "HV8001", "open-quote", _E, "a quoted text has no closing quote before the end of the file", _SYNTAX
)
UNKNOWN_OPTION = _code(
    "HV8002",
    "unknown-option",
    _E,
    "a word stands where qvm expects an option and names none",
    "target logs of QNX Hypervisor 8.0: unknown options end qvm",
)
ARGUMENT_MISSING = _code(
    "HV8003", "argument-missing", _E, "an option has no argument directly after it, in the same file", _SYNTAX
)
NO_CONTEXT = _code(
    "HV8004",
    "sub-option-without-context",
    _E,
    "a sub-option stands where no `cpu`, `vdev`, `pass` or `reserve` that takes it is open",
    _SYNTAX,
)
CONTEXT_ENDED = _code(
    "HV8005",
    "context-ended-with-file",
    _W,
    "a file of several begins with a sub-option; contexts are taken to end with their file",
    "not documented: only arguments are said to belong into the file of their option",
)
DIALECT = _code(
    "HV8006",
    "not-qvmconf",
    _E,
    "a form from tutorials that qvm does not read",
    f"{_SYNTAX}: forms of options",
)
CMDLINE_UNQUOTED = _code(
    "HV8007",
    "command-line-not-quoted",
    _E,
    "a guest command line of several words without quotes: the second word is an unknown option",
    f"{_SYNTAX}: an option takes one argument",
)
MARKER = _code(
    "HV8008",
    "template-marker",
    _W,
    "a marker `@NAME@` that a build step replaces: the file is not a configuration yet",
    "files of public Yocto layers",
)
LINE_BREAK_QUOTED = _code(
    "HV8009",
    "line-break-in-quotes",
    _W,
    "a quoted text goes over a line end; whether qvm keeps or drops it is not documented",
    "examples of releases 7.0 (with backslash) and 7.1 (without)",
)
HASH_QUOTED = _code(
    "HV8010",
    "hash-in-quotes",
    _W,
    "a `#` inside quotes: the manual makes no exception from its rule that `#` starts a comment",
    _SYNTAX,
)
CARRIAGE_RETURN = _code(
    "HV8011",
    "carriage-return",
    _W,
    "lines end with CR LF; what qvm makes of CR is not documented",
    "inferred",
)
ODD_CHARACTER = _code(
    "HV8012",
    "odd-character",
    _W,
    "a control character, a byte-order mark, a no-break space or a byte that is not UTF-8 outside comments",
    "inferred: qvm would take it as part of a word",
)
BAD_NUMBER = _code(
    "HV8013", "malformed-number", _E, "a word is not a number of the notation its place asks for", _SYNTAX
)
BARE_NUMBER = _code(
    "HV8014",
    "number-without-prefix",
    _W,
    "an address without prefix is hexadecimal, a length without prefix decimal",
    f"{_SYNTAX}, About notation: QNX asks for the prefix",
)
ODD_NUMBER = _code(
    "HV8015", "undocumented-notation", _W, "a number in a notation that the manual does not give", _SYNTAX
)
RAM_SWAPPED = _code(
    "HV8016",
    "memory-reads-swapped",
    _W,
    "the address of a `ram` or `rom` looks like a size and its length like an address",
    "vm/ram: the form is [address,]length",
)
SYSTEM_NOT_FIRST = _code(
    "HV8017", "system-not-first", _E, "an entry stands before `system`, which must be the first", _SYNTAX
)
BEFORE_MEMORY = _code(
    "HV8018", "used-before-memory", _E, "a file is loaded before the memory that is to hold it", _SYNTAX
)
REPEATED = _code(
    "HV8020",
    "repeated-option",
    _W,
    "an option that holds one value is given again; the last one wins",
    _SYNTAX,
)
WRONG_RELEASE = _code(
    "HV8021",
    "not-in-this-release",
    _E,
    "an option, variable or value that the release does not have",
    "pages of the releases compared; a warning where a page of the other release was not read",
)
WRONG_ARCHITECTURE = _code(
    "HV8022",
    "not-on-this-architecture",
    _E,
    "a device, option, blob type or location of x86 in an ARM VM, or the reverse",
    "vdev_ref/vdev_ref, vm/load, vm/pass",
)
BAD_VALUE = _code(
    "HV8023", "value-not-allowed", _E, "a word is none of those that its option accepts", "page of the option"
)
BAD_FORM = _code(
    "HV8024",
    "malformed-argument",
    _E,
    "an argument of several parts is not of its form",
    "page of the option",
)
UNKNOWN_VDEV_OPTION = _code(
    "HV8026",
    "unknown-vdev-option",
    _W,
    "an option that the catalogue does not know for this device; it is carried as written",
    "schemas/qvmconf.json",
    policy="never an error: vendors extend devices",
)
UNKNOWN_VARIABLE = _code(
    "HV8027",
    "unknown-variable",
    _W,
    "`set` of a variable that the catalogue does not know",
    "vm/set: a device may bring variables of its own",
)
UNKNOWN_SUBSTITUTION = _code(
    "HV8029",
    "unknown-substitution",
    _W,
    "`$…{}` is none of the substitutions that qvm makes, or names an asinfo entry by its path",
    _SYNTAX,
    policy="an error for a path, which the manual calls wrong; a warning for a name that it does not list",
)
NESTED_FILE = _code(
    "HV8030", "file-in-file", _W, "`@FILE` is documented on the command line of qvm only", "start/qvm_start"
)
VDEV_SPELLING = _code(
    "HV8031",
    "vdev-by-path",
    _W,
    "a virtual device named by a path; only its bare name is documented",
    "vdev_ref",
)
OUT_OF_BOUNDS = _code(
    "HV8032", "number-out-of-bounds", _E, "a number outside what its option accepts", "page of the option"
)
DEPRECATED = _code(
    "HV8033", "deprecated-option", _W, "an option that the manual replaced", "page of the option"
)
EMPTY_CONTEXT = _code(
    "HV8034",
    "empty-context",
    _W,
    "a `pass` or `reserve` without `loc` and `intr` does nothing",
    "vm/pass, vm/reserve",
)
ODD_NAME = _code(
    "HV8035",
    "name-as-path",
    _W,
    "a name with `/` in it: the device appears below /dev/qvm/SYSTEM/ under the whole of it",
    "vdev_ref/options: a name appears as /dev/qvm/SYSTEM/NAME",
    policy="a warning: which characters a name may hold is not documented",
)

CODES: tuple[Code, ...] = (
    OPEN_QUOTE,
    UNKNOWN_OPTION,
    ARGUMENT_MISSING,
    NO_CONTEXT,
    CONTEXT_ENDED,
    DIALECT,
    CMDLINE_UNQUOTED,
    MARKER,
    LINE_BREAK_QUOTED,
    HASH_QUOTED,
    CARRIAGE_RETURN,
    ODD_CHARACTER,
    BAD_NUMBER,
    BARE_NUMBER,
    ODD_NUMBER,
    RAM_SWAPPED,
    SYSTEM_NOT_FIRST,
    BEFORE_MEMORY,
    REPEATED,
    WRONG_RELEASE,
    WRONG_ARCHITECTURE,
    BAD_VALUE,
    BAD_FORM,
    UNKNOWN_VDEV_OPTION,
    UNKNOWN_VARIABLE,
    UNKNOWN_SUBSTITUTION,
    NESTED_FILE,
    VDEV_SPELLING,
    OUT_OF_BOUNDS,
    DEPRECATED,
    EMPTY_CONTEXT,
    ODD_NAME,
)
