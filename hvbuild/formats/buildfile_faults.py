"""What mkifs refuses in a buildfile, and what it reads otherwise than it looks, found on the text itself."""

import re
from collections.abc import Iterable, Iterator

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats import buildfile_codes as codes
from hvbuild.formats.buildfile import BuildDocument, Line
from hvbuild.formats.buildfile_groups import Group
from hvbuild.formats.buildfile_script import Statement, read_boot, read_script
from hvbuild.formats.buildfile_values import use_faults
from hvbuild.formats.mkifs_words import Word
from hvbuild.source import Span
from hvbuild.values import dataclass

# An odd number of backslashes at the end of a line.
_LAST_BACKSLASH = re.compile(r"(?<!\\)((?:\\\\)*\\)\r?\n")


@dataclass(frozen=True, slots=True)
class Leak:
    """An inline body that ended too early: the brace that ended it, and the lines that should be inside."""

    line: Line
    close: Span
    rest: Span

    def covers(self, span: Span) -> bool:
        """True when `span` lies in what should be inside the body."""
        return self.rest.start <= span.start < self.rest.end


def leaks(document: BuildDocument) -> tuple[Leak, ...]:
    """Bodies that end at a brace that was meant to be content, each with what leaks out of it.

    A body leaks when a `}` that opens nothing comes after it, or when text follows its own `}` and a `{` in
    it is still open. One with an open `{` and nothing after it is content that only looks so.
    """
    found: list[Leak] = []
    for number, line in enumerate(document.lines):
        if line.body is None or line.body.close is None or (found and found[-1].covers(line.span)):
            continue
        close = line.body.close
        stray = _stray_brace(document.lines[number + 1 :])
        follows = document.file.text[close.end :].split("\n", 1)[0].strip()
        if stray or (follows and not follows.startswith("#") and _open_braces(line.body.span.text) > 0):
            end = stray.span.end if stray else close.end + len(follows) + 1
            found.append(Leak(line, close, Span(document.file, close.start, end)))
    return tuple(found)


def _open_braces(raw: str) -> int:
    """How many more braces the raw text of a body opens than it closes; one that closes is escaped there."""
    return raw.count("{") - raw.count("\\}")


def _stray_brace(lines: Iterable[Line]) -> Line | None:
    """The first line whose last name is just `}`, before any further inline body."""
    for line in lines:
        if line.words and line.words[-1].text == "}":
            return line
        if line.body is not None:
            return None
    return None


def buildfile_faults(document: BuildDocument) -> Iterator[Diagnostic]:
    """Every fault of the text of `document`; what leaks out of a body is told once, at the brace."""
    leaked = leaks(document)
    yield from _character_faults(document)
    for leak in leaked:
        yield _leak_fault(leak)
    for fault in _line_faults(document):
        if not any(leak.covers(fault.primary.span) for leak in leaked):
            yield fault


def _character_faults(document: BuildDocument) -> Iterator[Diagnostic]:
    """A byte order mark, and the first NUL."""
    file = document.file
    if file.text.startswith("\ufeff"):
        message = "the file begins with a byte order mark, which mkifs takes as part of its first word"
        yield codes.BYTE_ORDER_MARK.at(Span(file, 0, 1), message, helps=("save it as UTF-8 without one",))
    nul = file.text.find("\0")
    if nul >= 0:
        yield codes.NUL.at(Span(file, nul, nul + 1), "mkifs reads nothing after this NUL")


def _leak_fault(leak: Leak) -> Diagnostic:
    name = leak.line.words[0].text
    return codes.BODY_LEAK.at(
        leak.close,
        f"the inline body of `{name}` ends here, at its first unescaped brace",
        "ends the body",
        others=other(leak.line.words[0].span, "the body begins here"),
        notes=("mkifs reads what follows as further lines of the buildfile",),
        helps=("write every brace of the content as `\\}` and every backslash as `\\\\`",),
    )


def _line_faults(document: BuildDocument) -> Iterator[Diagnostic]:
    for line in document.lines:
        yield from _group_faults(line.group)
        yield from _second_group(line.second_group)
        yield from _word_faults(line.words)
        yield from _name_faults(line)
        if line.body is not None and line.body.close is None:
            place = line.words[-1].span
            yield codes.OPEN_BODY.at(place, f"the inline body of `{line.words[0].text}` is never closed")
        yield from _broken_lines(line)
        for statement in statements_of(line):
            yield from _group_faults(statement.group)
            yield from _second_group(statement.second_group)
            yield from _word_faults(statement.all_words)


def _broken_lines(line: Line) -> Iterator[Diagnostic]:
    """Lines of an inline script that end in a backslash: the body drops it before the script is read."""
    if line.body is None or not (line.boot or line.is_on("script")):
        return
    span = line.body.span
    for match in _LAST_BACKSLASH.finditer(span.text):
        at = span.start + match.end(1)
        yield codes.CONTINUATION.at(
            Span(span.file, at - 1, at),
            "this backslash does not join the line to the next",
            notes=("an inline body drops it, and the next line is a command of its own",),
        )


def statements_of(line: Line) -> tuple[Statement, ...]:
    """The statements of a boot or startup script that stands inline on `line`, else none."""
    if line.body is None:
        return ()
    if line.boot is not None:
        return read_boot(line.body.layer)
    return read_script(line.body.layer) if line.is_on("script") else ()


def _second_group(place: Span | None) -> Iterator[Diagnostic]:
    if place is not None:
        message = "a second bracket group on one line"
        yield codes.SECOND_GROUP.at(place, message, helps=("put all attributes into one group",))


def _name_faults(line: Line) -> Iterator[Diagnostic]:
    texts = [word.text for word in line.words]
    if len(texts) > 2:
        message = f"a file line has {len(texts)} names, not a target and a host name"
        yield codes.TOO_MANY_NAMES.at(
            line.words[2].span,
            message,
            helps=("a name with a blank or `=` needs double quotes",),
        )
    elif texts and texts[-1] in ("{", "}") and line.body is None:
        message = f"`{texts[-1]}` is taken as the name of a host file"
        yield codes.STRAY_BRACE.at(line.words[-1].span, message)
    elif len(texts) == 2 and texts[1].startswith("{") and line.body is None:
        message = "`{` is not the last token of its line, so it opens no inline body"
        yield codes.STRAY_BRACE.at(line.words[1].span, message)


def _word_faults(words: tuple[Word, ...]) -> Iterator[Diagnostic]:
    limits = buildfile_catalog().limits
    if len(words) > limits["tokens"]:
        message = f"{len(words)} words on one line, at most {limits['tokens']} are read"
        yield codes.TOO_MANY_WORDS.at(words[limits["tokens"]].span, message)
    size = sum(word.byte_count for word in words)
    if size > limits["token_bytes"]:
        message = f"the words of this line take {size} bytes, at most {limits['token_bytes']} fit"
        yield codes.LINE_TOO_LONG.at(words[0].span.to(words[-1].span), message)
    for word in words:
        if word.open:
            yield codes.OPEN_QUOTE.at(word.span, f"the quote in `{word.span.text}` is never closed")
        if word.continued:
            yield codes.CONTINUATION.at(
                word.span,
                "a backslash joins this line to the next",
                notes=("when the next line is indented, mkifs adds an empty word",),
            )


def _group_faults(group: Group | None) -> Iterator[Diagnostic]:
    if group is None:
        return
    inner = next((use for use in group.uses if use.word.text.startswith("[")), None)
    if not group.closed or inner is not None:
        place = Span(group.span.file, group.span.start, group.span.start + 1)
        others = other(inner.span, "read as one of its attributes") if inner else ()
        yield codes.OPEN_GROUP.at(place, "this bracket group is never closed", others=others)
        return
    yield from _word_faults(tuple(use.word for use in group.uses))
    for use in group.uses:
        yield from use_faults(use)
