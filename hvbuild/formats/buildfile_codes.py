"""Codes of what mkifs refuses while it reads a buildfile, and of texts it reads otherwise than they look."""

from functools import partial

from hvbuild.diagnostics import Code, error_code, warning_code

_SOURCE = (
    "mkifs source (parse_one_file, tokenize, decode_attr); QNX SDP, Building Embedded Systems: buildfile"
)

_error = partial(error_code, source=_SOURCE)
_warning = partial(warning_code, source=_SOURCE)

OPEN_GROUP = _error(
    "HV8500", "attributes-not-closed", "a bracket group has no `]`: mkifs stops with `Missing ].`"
)
SECOND_GROUP = _error(
    "HV8501",
    "second-attribute-group",
    "a line may have one bracket group, first on the line: mkifs stops with `Missing filename.` or"
    " `Missing command.`",
)
TOO_MANY_NAMES = _error(
    "HV8502",
    "improper-filename",
    "a file line has a target and at most one host name; a name with a blank or `=` needs double quotes",
)
STRAY_BRACE = _error(
    "HV8503",
    "brace-taken-as-name",
    "a `{` that is not the last token of its line, or a `}` outside an inline body, is read as a file name",
    policy="mkifs takes it as a host file and only warns unless the file is present",
)
BODY_LEAK = _error(
    "HV8504",
    "inline-body-ends-early",
    "an inline body ends at its first unescaped `}`; the rest is read as buildfile lines",
    policy="mkifs takes the rest as host files: a warning by default, an error under `[-optional]`",
)
OPEN_BODY = _warning("HV8505", "inline-body-not-closed", "an inline body runs to the end of the file")
MALFORMED_ATTRIBUTE = _error(
    "HV8506",
    "malformed-attribute",
    "an attribute is `+name`, `-name` or `name=value` without blanks around `=`",
)
UNKNOWN_ATTRIBUTE = _error(
    "HV8507", "unknown-attribute", "mkifs stops at an attribute or script modifier that it does not know"
)
SIGN_ON_VALUE = _error(
    "HV8508", "sign-on-valued-attribute", "an attribute that takes a value has a sign: mkifs crashes on it"
)
TOO_MANY_WORDS = _error("HV8509", "too-many-words", "a line may have 100 words")
LINE_TOO_LONG = _error("HV8510", "line-too-long", "the words of a line may take 4096 bytes")
CONTINUATION = _warning(
    "HV8511",
    "continued-line",
    "a backslash at the line end joins lines only by chance: an indented next line adds an empty word",
)
BAD_VALUE = _error(
    "HV8512", "attribute-value", "the value of an attribute is not one that mkifs takes for it"
)
ABBREVIATED = _warning(
    "HV8513",
    "abbreviated-attribute",
    "a boolean attribute is found by a prefix of its name; write it in full",
)
SILENT_VALUE = _error(
    "HV8514",
    "value-read-otherwise",
    "mkifs reads another number than the text says: letters are nothing, an octal mode ends at a wrong digit",
    policy="mkifs takes it silently and gives the file another owner or mode than was written",
)
SHORT_MODE = _warning(
    "HV8515", "short-mode", "a mode of fewer than three octal digits leaves owner or group without rights"
)
BYTE_ORDER_MARK = _error(
    "HV8516",
    "buildfile-byte-order-mark",
    "mkifs takes a byte order mark as the first character of a name",
    policy="mkifs only warns of a host file with a strange name, and the line it begins means something else",
)
NUL = _error("HV8517", "nul-in-buildfile", "mkifs reads a text up to its first NUL")
OPEN_QUOTE = _warning(
    "HV8518",
    "quote-not-closed",
    "a double quote without a second one ends with its line, and so does the word",
)

CODES: tuple[Code, ...] = (
    OPEN_GROUP,
    SECOND_GROUP,
    TOO_MANY_NAMES,
    STRAY_BRACE,
    BODY_LEAK,
    OPEN_BODY,
    MALFORMED_ATTRIBUTE,
    UNKNOWN_ATTRIBUTE,
    SIGN_ON_VALUE,
    TOO_MANY_WORDS,
    LINE_TOO_LONG,
    CONTINUATION,
    BAD_VALUE,
    ABBREVIATED,
    SILENT_VALUE,
    SHORT_MODE,
    BYTE_ORDER_MARK,
    NUL,
    OPEN_QUOTE,
)
