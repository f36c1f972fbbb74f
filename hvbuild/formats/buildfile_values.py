"""Attributes one by one: names that mkifs does not know, and values that it refuses or reads otherwise."""

import re
from collections.abc import Iterator

from hvbuild.buildfile_catalog import Attribute, buildfile_catalog
from hvbuild.diagnostics import Code, Diagnostic
from hvbuild.formats import buildfile_codes as codes
from hvbuild.formats.buildfile_groups import Use
from hvbuild.nearest import did_you_mean

_CODE_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)[KkMmGg]?\Z")
_AREA = re.compile(r"(?:N?)(?:[-,=%]N)*\Z".replace("N", r"(?:(?:0[xX][0-9a-fA-F]+|[0-9]+)[KkMmGg]?)"))
_OCTAL = re.compile(r"[0-7]+\Z")
_SYMBOLIC = re.compile(r"[ugoa]*[+=-][rwxsgt]+(?:,[ugoa]*[+=-][rwxsgt]+)*\Z")
# Markers of templates that something else replaces before mkifs reads the file.
_MARKER = re.compile(r"\$\{|@[A-Za-z0-9_]+@|__[A-Z0-9_]+__")


def use_faults(use: Use) -> Iterator[Diagnostic]:
    """What is wrong with one attribute or modifier."""
    if _MARKER.search(use.word.text):
        return
    if use.is_malformed:
        yield codes.MALFORMED_ATTRIBUTE.at(
            use.span,
            f"`{use.word.text}` is no attribute",
            helps=("write `+name`, `-name` or `name=value`, without blanks around `=`",),
        )
    elif use.row is None:
        yield _unknown(use)
    else:
        if use.sign and use.row.name != use.written:
            message = f"`{use.written}` is taken as `{use.row.name}` because it begins so"
            yield codes.ABBREVIATED.at(use.span, message)
        if use.value is not None:
            yield from _value_faults(use, use.row, use.value)


def _unknown(use: Use) -> Diagnostic:
    catalog = buildfile_catalog()
    rows = (*catalog.attributes, *catalog.modifiers)
    valued = [row.name for row in rows if row.valued and row.name.startswith(use.written)]
    if use.sign and use.written and valued:
        return codes.SIGN_ON_VALUE.at(
            use.span,
            f"`{valued[0]}` takes a value and no sign",
            helps=(f"write `{valued[0]}=…`",),
        )
    helps = did_you_mean(use.written, [row.name for row in rows])
    return codes.UNKNOWN_ATTRIBUTE.at(use.span, f"mkifs knows no attribute `{use.written}`", helps=helps)


def _value_faults(use: Use, row: Attribute, value: str) -> Iterator[Diagnostic]:
    if row.words and value not in row.words:
        words = ", ".join(f"`{word}`" for word in row.words)
        yield _bad(codes.BAD_VALUE, use, f"`{row.name}` is one of {words}, not `{value}`")
    elif row.value == "placement" and value[:1] not in ("u", "U", "c", "C"):
        yield _bad(codes.BAD_VALUE, use, f"`{row.name}` is `uip` or `copy`, not `{value}`")
    elif row.value == "id" and value != "*" and not value.isdecimal():
        number = re.match("[0-9]*", value)
        read = number[0] if number and number[0] else "0"
        yield _bad(codes.SILENT_VALUE, use, f"`{row.name}={value}` is read as {read}: only numbers are known")
    elif row.value == "mode":
        yield from _mode_faults(use, row, value)
    elif row.value == "number" and not _CODE_NUMBER.match(value):
        yield _bad(codes.BAD_VALUE, use, f"`{value}` is no number for `{row.name}`")
    elif row.value == "area" and not (value and _AREA.match(value)):
        yield _bad(codes.BAD_VALUE, use, f"`{value}` is no address, size or limit for `{row.name}`")
    elif row.value == "cpu" and value != "*" and not value.isdecimal():
        yield _bad(codes.SILENT_VALUE, use, f"`cpu={value}` is no CPU number")


def _mode_faults(use: Use, row: Attribute, value: str) -> Iterator[Diagnostic]:
    if value == "*":
        return
    if value[:1] in tuple("01234567"):
        if not _OCTAL.match(value):
            kept = re.match("[0-7]*", value)
            message = f"`{row.name}={value}` is read as {kept[0] if kept else ''}: the rest is not octal"
            yield _bad(codes.SILENT_VALUE, use, message)
        elif len(value) < 3:
            yield _bad(codes.SHORT_MODE, use, f"`{row.name}={value}` has fewer than three octal digits")
    elif not _SYMBOLIC.match(value):
        yield _bad(codes.BAD_VALUE, use, f"`{value}` is no mode: neither octal nor like `u+x,go=r`")


def _bad(code: Code, use: Use, message: str) -> Diagnostic:
    return code.at(use.span, message)
