"""The boot script of a buildfile: programs, kernel modules, and the options of the startup program."""

import re
from collections.abc import Iterable, Iterator, Mapping

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.formats.buildfile import Line
from hvbuild.formats.buildfile_script import Statement, read_boot
from hvbuild.formats.mkifs_words import Word
from hvbuild.model.image import (
    Boot,
    Carve,
    CpuCluster,
    NamedRegion,
    Program,
    Reservation,
    StartupOption,
)
from hvbuild.source import Span, origin_at
from hvbuild.values import dataclass

_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([KkMmGg]?)\Z")
_FACTOR = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def read_getsize(text: str) -> int | None:
    """The number that startup and mkifs read in `text`: C notation with K, M or G, or None."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    digits = match[1]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    return int(digits, base) * _FACTOR[match[2].lower()]


@dataclass(frozen=True, slots=True)
class OptionWord:
    """One option as found on the startup line, with the place of its value (or of the letter)."""

    letter: str
    value: str | None
    span: Span


def startup_options(words: Iterable[Word], letters: str) -> tuple[tuple[OptionWord, ...], tuple[Word, ...]]:
    """The options on a startup line, read as getopt does, and the words that are no options.

    A letter outside `letters` is taken as a flag of its own; the rest of its word goes with it.
    """
    takes = _takes(letters)
    options: list[OptionWord] = []
    operands: list[Word] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        text = word.text
        if text in ("--", "-") or not text.startswith("-"):
            operands.append(word)
            continue
        at = 1
        while at < len(text):
            letter, attached = text[at], text[at + 1 :]
            at += 1
            kind = takes.get(letter)
            if kind is None:
                options.append(OptionWord(letter, attached or None, word.span))
                break
            if kind == "":
                options.append(OptionWord(letter, None, word.span))
                continue
            if attached:
                options.append(OptionWord(letter, attached, word.span))
            elif rest and (kind == ":" or rest[0].text[:1].isdigit()):
                value = rest.pop(0)
                options.append(OptionWord(letter, value.text, value.span))
            else:
                options.append(OptionWord(letter, None, word.span))
            break
    return tuple(options), tuple(operands)


def _takes(letters: str) -> Mapping[str, str]:
    """Letter → `` (flag), `:` (value) or `::` (a number may follow); the last mention of a letter wins."""
    return {match[1]: match[2] for match in re.finditer(r"([A-Za-z0-9])(:{0,2})", letters)}


def boot_meaning(line: Line) -> Boot:
    """What the boot script on `line` says; its body may be kept in a host file and then says nothing here."""
    use = line.boot
    statements = read_boot(line.body.layer) if line.body else ()
    environment: dict[str, str] = {}
    programs: list[Program] = []
    options: tuple[OptionWord, ...] = ()
    operands: tuple[Word, ...] = ()
    for statement in statements:
        pairs = [(name, value) for name, value in _pairs(statement.assignments)]
        if not statement.words:
            environment.update(pairs)
            continue
        if not programs:
            name = statement.command.rsplit("/", 1)[-1]
            options, operands = startup_options(
                statement.arguments, buildfile_catalog().startup_options(name)
            )
        programs.append(_program(statement, pairs))
    parts = _Parts(options)
    return Boot(
        type=(use.value or "") if use else "",
        physical=use is not None and use.name == "physical",
        programs=tuple(programs),
        environment=tuple(sorted(environment.items())),
        options=tuple(
            StartupOption(letter=option.letter, value=option.value, origin=origin_at(option.span))
            for option in options
        ),
        operands=tuple(word.text for word in operands),
        reservations=tuple(parts.reservations()),
        carves=tuple(parts.carves()),
        regions=tuple(parts.regions()),
        clusters=tuple(parts.clusters()),
        understood=line.body is not None and not parts.unread,
        origin=origin_at(line.span),
    )


def _pairs(words: Iterable[Word]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, _, value = word.text.partition("=")
        yield name, value


def _program(statement: Statement, pairs: list[tuple[str, str]]) -> Program:
    return Program(
        name=statement.command,
        arguments=tuple(word.text for word in statement.arguments),
        environment=tuple(sorted(pairs)),
        modules=tuple(use.value or "" for use in statement.modules),
        origin=origin_at(statement.span),
    )


class _Parts:
    """Mutable: reads the memory and CPU options of one startup line; `unread` collects what it could not."""

    def __init__(self, options: tuple[OptionWord, ...]) -> None:
        self._options = options
        self.unread: list[OptionWord] = []

    def _of(self, letter: str) -> Iterator[tuple[OptionWord, list[str]]]:
        for option in self._options:
            if option.letter == letter:
                yield option, (option.value or "").split(",")

    def reservations(self) -> Iterator[Reservation]:
        for option, parts in self._of("r"):
            numbers = [read_getsize(part) for part in parts]
            base, size = numbers[0], numbers[1] if len(numbers) > 1 else None
            if base is None or size is None:
                self.unread.append(option)
                continue
            keep = len(numbers) > 2 and numbers[2] == 1
            yield Reservation(base=base, size=size, keep=keep, origin=origin_at(option.span))

    def carves(self) -> Iterator[Carve]:
        for option, parts in self._of("R"):
            size = read_getsize(parts[0])
            if size is None:
                self.unread.append(option)
                continue
            yield Carve(
                size=size,
                align=read_getsize(parts[1]) if len(parts) > 1 else None,
                name=(parts[2] if len(parts) > 2 else "") or "reserved",
                low=len(parts) > 3 and parts[3] in ("1", "low"),
                origin=origin_at(option.span),
            )

    def regions(self) -> Iterator[NamedRegion]:
        for option, parts in self._of("L"):
            base = read_getsize(parts[0])
            size = read_getsize(parts[1]) if len(parts) > 1 else None
            if base is None or size is None:
                self.unread.append(option)
                continue
            name = (parts[2] if len(parts) > 2 else "") or "rcar_reserved"
            yield NamedRegion(base=base, size=size, name=name, origin=origin_at(option.span))

    def clusters(self) -> Iterator[CpuCluster]:
        for option, parts in self._of("c"):
            for part in parts:
                name, _, mask_text = part.partition(":")
                mask = read_getsize(mask_text)
                if mask is None or not name:
                    self.unread.append(option)
                    continue
                yield CpuCluster(name=name, mask=mask, origin=origin_at(option.span))
