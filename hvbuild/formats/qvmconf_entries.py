"""Words of a qvmconf text grouped into entries: an option, its arguments, the context it belongs to."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import OptionRow, VdevRow
from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.qvmconf_codes import (
    ARGUMENT_MISSING,
    CMDLINE_UNQUOTED,
    CONTEXT_ENDED,
    DIALECT,
    NESTED_FILE,
    NO_CONTEXT,
    UNKNOWN_OPTION,
    UNKNOWN_VDEV_OPTION,
)
from hvbuild.formats.qvmconf_tokens import Token, is_marker, odd_character, shown
from hvbuild.nearest import did_you_mean
from hvbuild.source import Span
from hvbuild.values import dataclass

GLOBAL = -1

# Forms that no option name fits: an option where one is due means that the argument was left out.
# Elsewhere qvm takes the word as the argument, and so does this (`logger debug slog`).
_NUMERIC_FORMS = frozenset(
    (
        *("memory", "sched", "cpus", "number", "numbers", "address", "addresses", "priority", "octal"),
        *("location", "pass-location", "reserve-location", "interrupt", "interrupts", "pass-interrupt"),
        *("reserve-interrupt", "msi", "mac", "region"),
    )
)
_SPORADIC = re.compile(r"[0-9]+(?:,[0-9]+){4}\Z")
_LIKE_OPTION = re.compile(r"[a-z][a-z0-9_-]*\Z")
_PLAIN_NUMBER = re.compile(r"[0-9]+\Z")


class Entry(NamedTuple):
    """An option with its arguments. `row` None: a word that names no option, followed by words like it.

    `prefix` is the blob type before `load`, `pass` or `generate`. `opener` is the index of the entry whose
    context a sub-option belongs to, `GLOBAL` for a global option. `complete` is False where an argument is
    missing.
    """

    option: Token
    prefix: Token | None
    arguments: tuple[Token, ...]
    row: OptionRow | None
    opener: int = GLOBAL
    complete: bool = True

    @property
    def name(self) -> str:
        """The option as qvm reads it."""
        return self.option.value

    @property
    def span(self) -> Span:
        """From its first word to its last."""
        first = self.prefix or self.option
        last = self.arguments[-1] if self.arguments else self.option
        return Span(first.file, first.start, last.end)

    @property
    def words(self) -> tuple[str, ...]:
        """Its words with quotes taken off, the prefix first."""
        head = (self.prefix.value, self.name) if self.prefix else (self.name,)
        return head + tuple(token.value for token in self.arguments)


def vdev_kind(spelling: str) -> str:
    """The bare type of a vdev argument: `pl011` for `vdev-pl011.so` and for `/lib/dll/vdev-pl011.so`."""
    return spelling.partition(",")[0].rsplit("/", 1)[-1].removeprefix("vdev-").removesuffix(".so")


@dataclass(frozen=True, slots=True)
class _Context:
    """The context that is open: what opened it, and the type of the device in a `vdev`."""

    index: int = GLOBAL
    name: str = ""
    kind: str = ""


def like_option(word: str) -> bool:
    """True for a word that could name an option."""
    return _LIKE_OPTION.match(word) is not None


class EntryReader:
    """Mutable, for one text: walks its words once; `faults` holds what was wrong on the way."""

    def __init__(self, tokens: Sequence[Token], catalog: Catalog, *, continued: bool) -> None:
        self.faults: list[Diagnostic] = []
        self._tokens = tokens
        self._catalog = catalog
        self._continued = continued
        self._at = 0
        self._entries: list[Entry] = []
        self._context = _Context()
        self._known: dict[tuple[str, str, str], OptionRow | None] = {}

    def read(self) -> tuple[Entry, ...]:
        """The entries of the whole text."""
        tokens = self._tokens
        while self._at < len(tokens):
            token = tokens[self._at]
            prefix = self._prefix(token)
            if prefix is not None:
                self._at += 1
                token = tokens[self._at]
            row = None if prefix else self._sub_row(token.value)
            if row is not None:
                self._take(token, None, row, self._context.index)
                continue
            row = self._global_row(token.value, prefix)
            if row is None:
                self._unknown(token)
                continue
            index = len(self._entries)
            entry = self._take(token, prefix, row, GLOBAL)
            if row.opens:
                kind = vdev_kind(entry.arguments[0].value) if entry.arguments else ""
                self._context = _Context(index, row.opens, kind)
        return tuple(self._entries)

    # -- what a word is ------------------------------------------------------------------------------

    def _prefix(self, token: Token) -> Token | None:
        """`token` when it is a blob type with its verb behind it."""
        if token.value not in self._catalog.blobs or self._at + 1 >= len(self._tokens):
            return None
        row = self._catalog.option(self._tokens[self._at + 1].value)
        return token if row is not None and row.prefix else None

    def _sub_row(self, word: str) -> OptionRow | None:
        context = self._context
        if not context.name:
            return None
        key = (context.name, context.kind, word)
        if key not in self._known:
            self._known[key] = self._catalog.sub_option(context.name, word, context.kind)
        return self._known[key]

    def _global_row(self, word: str, prefix: Token | None) -> OptionRow | None:
        row = self._catalog.option(word)
        # `generate` is a verb of a blob type only; every other global option also stands alone.
        return None if row is not None and word == "generate" and prefix is None else row

    def _is_option(self, index: int) -> bool:
        word = self._tokens[index].value
        if word in self._catalog.blobs and index + 1 < len(self._tokens):
            row = self._catalog.option(self._tokens[index + 1].value)
            if row is not None and row.prefix:
                return True
        return self._sub_row(word) is not None or (
            word != "generate" and self._catalog.option(word) is not None
        )

    # -- entries ---------------------------------------------------------------------------------------

    def _take(self, option: Token, prefix: Token | None, row: OptionRow, opener: int) -> Entry:
        """The entry of a known option: as many words as its row asks for, as far as there are any."""
        self._at += 1
        arguments: list[Token] = []
        complete = True
        for form in row.forms:
            if self._at >= len(self._tokens) or self._is_no_argument(self._at, form):
                complete = False
                self.faults.append(self._missing(option, row, len(arguments)))
                break
            arguments.append(self._tokens[self._at])
            self._at += 1
        if row.forms == ("sched",) and arguments and _SPORADIC.match(arguments[0].value):
            arguments.extend(self._detached_s())
        if row.forms == ("reserve-location",) and arguments and arguments[0].value in ("io", "mem"):
            arguments.extend(self._tokens[self._at : self._at + 1])
            self._at = min(self._at + 1, len(self._tokens))
        entry = Entry(option, prefix, tuple(arguments), row, opener, complete)
        self._entries.append(entry)
        return entry

    def _detached_s(self) -> Sequence[Token]:
        """The `s` that the manual prints with a blank before it."""
        if self._at < len(self._tokens) and self._tokens[self._at].value == "s":
            self._at += 1
            return (self._tokens[self._at - 1],)
        return ()

    def _is_no_argument(self, index: int, form: str) -> bool:
        """True where a number is due and an option stands, or a context begins in a line of its own."""
        token = self._tokens[index]
        if token.quoted or token.value.isdigit() or not self._is_option(index):
            return False
        row = self._catalog.option(token.value)
        return form in _NUMERIC_FORMS or (row is not None and bool(row.opens) and self._begins_anew(index))

    def _missing(self, option: Token, row: OptionRow, held: int) -> Diagnostic:
        nth = f"argument {held + 1} of {len(row.forms)}" if len(row.forms) > 1 else "its argument"
        at_end = self._at >= len(self._tokens)
        found = "the file ends" if at_end else f"the option `{shown(self._tokens[self._at].value)}` follows"
        numeric = at_end or row.forms[held] in _NUMERIC_FORMS
        then = "qvm refuses this" if numeric else "qvm takes that for it"
        return ARGUMENT_MISSING.at(
            option.span,
            f"`{option.value}` lacks {nth}: {found}; {then}",
            others=() if at_end else other(self._tokens[self._at].span, "not an argument"),
            notes=("an argument must stand in the same file as its option",) if at_end else (),
        )

    # -- words that are no option ------------------------------------------------------------------------

    def _unknown(self, token: Token) -> None:
        """Take a word that names no option, with those like it that follow it in its line."""
        first = self._at
        unquoted_command = self._after_cmdline()
        self._at += 1
        due = first + 1 + _argument_count(self._catalog, token.value)
        while self._at < len(self._tokens) and not self._is_option(self._at):
            if self._at >= due and not unquoted_command and self._begins_anew(self._at):
                break
            self._at += 1
        words = tuple(self._tokens[first + 1 : self._at])
        entry = Entry(token, None, words, None, self._context.index)
        previous = self._entries[-1] if self._entries else None
        self._entries.append(entry)
        self._judge_unknown(entry, previous, unquoted_command)

    def _after_cmdline(self) -> bool:
        last = self._entries[-1] if self._entries else None
        return last is not None and last.name == "cmdline" and last.row is not None and last.complete

    def _begins_anew(self, index: int) -> bool:
        """True for a word that stands first in its line and could be an option: lines are a hint only."""
        before, here = self._tokens[index - 1], self._tokens[index]
        return like_option(here.value) and "\n" in here.file.text[before.end : here.start]

    def _judge_unknown(self, entry: Entry, previous: Entry | None, unquoted_command: bool) -> None:
        word = entry.name
        if is_marker(word) or entry.option.raw.count('"') % 2:
            return
        if word.startswith("@"):
            message = (
                f"`{shown(word)}` inside a file: only the command line of qvm is documented to take files so"
            )
            self.faults.append(NESTED_FILE.at(entry.option.span, message))
        elif unquoted_command and previous is not None:
            self.faults.append(_unquoted_command(entry, previous))
        elif self._context.name == "vdev":
            self._judge_vdev_option(entry)
        elif (fault := _dialect(entry, previous, self._context)) is not None:
            self.faults.append(fault)
        else:
            self._judge_stray(entry)

    def _judge_vdev_option(self, entry: Entry) -> None:
        row = self._catalog.vdev(self._context.kind)
        if row is None or row.open:
            return
        known = [option.name for option in row.options] + list(self._catalog.sub_options["vdev"])
        self.faults.append(
            UNKNOWN_VDEV_OPTION.at(
                entry.option.span,
                f"`{shown(entry.name)}` is no option of `{row.name}` known here; it is carried as written",
                others=other(self._entries[self._context.index].span, "the device"),
                notes=("qvm refuses an option that the device does not know",),
                helps=(_vdev_form(entry.name),) if "=" in entry.name else _meant(entry.name, known),
            )
        )

    def _judge_stray(self, entry: Entry) -> None:
        """An unknown word outside a vdev: a sub-option without its context, or nothing that qvm knows."""
        owners = _owners(self._catalog, entry.name)
        odd = odd_character(entry.name)
        if not owners:
            known = [*self._catalog.options, *self._catalog.sub_options.get(self._context.name, ())]
            self.faults.append(
                UNKNOWN_OPTION.at(
                    entry.option.span,
                    f"`{shown(entry.name)}` is not an option; qvm refuses this",
                    helps=(f"the word holds {odd}",) if odd else _meant(entry.name, known),
                )
            )
        elif self._continued and not self._context.name:
            self.faults.append(
                CONTEXT_ENDED.at(
                    entry.option.span,
                    f"`{entry.name}` has no context in this file: contexts are taken to end with their file",
                    helps=(f"begin this file with the {' or '.join(owners)} that it belongs to",),
                )
            )
        else:
            self.faults.append(
                NO_CONTEXT.at(
                    entry.option.span,
                    f"`{entry.name}` belongs into {' or '.join(owners)}, none is open here; qvm refuses this",
                )
            )


def _owners(catalog: Catalog, word: str) -> tuple[str, ...]:
    """The contexts that know `word` as a sub-option, as people call them."""
    owners = [f"`{name}`" for name, rows in catalog.sub_options.items() if name != "vdev" and word in rows]
    if word in catalog.sub_options["vdev"] or any(word in rows for rows in catalog.vdev_options.values()):
        owners.append("`vdev`")
    return tuple(owners)


def _argument_count(catalog: Catalog, word: str) -> int:
    """How many arguments a sub-option takes wherever it is known; 0 for a word that is known nowhere."""
    known = (*catalog.sub_options.values(), *catalog.vdev_options.values())
    return max((len(row.forms) for rows in known for row in rows.get(word, ())), default=0)


def _meant(word: str, known: Sequence[str]) -> tuple[str, ...]:
    if word.startswith(("mem:", "io:", "pci:")) and "loc" in known:
        return (f"write `loc {word}`",)
    real = _REAL_KEYS.get(word)
    if real in known:
        return (f"did you mean `{real}`?",)
    return did_you_mean(word.lower(), known, alike=0.7)


def _unquoted_command(entry: Entry, previous: Entry) -> Diagnostic:
    return CMDLINE_UNQUOTED.at(
        previous.span.to(entry.span),
        f"`cmdline` takes one word, so `{shown(entry.name)}` is read as an option; qvm refuses this",
        helps=(f'quote the whole text: cmdline "{" ".join((*previous.words[1:], *entry.words))}"',),
    )


def _dialect(entry: Entry, previous: Entry | None, context: _Context) -> Diagnostic | None:
    """The fault of a form that tutorials invented, with the form that qvm reads."""
    word = entry.name
    after_opener = previous is not None and previous.row is not None and previous.row.opens == context.name
    if context.name == "cpu" and after_opener and _PLAIN_NUMBER.match(word):
        message = f"`cpu` takes no argument, so `{shown(word)}` is read as an option; qvm refuses this"
        help_text = f"write `cpu` once for each vCPU: {' '.join(['cpu'] * min(int(word[:2]), 8))}"
    elif "=" in word:
        message = (
            f"an option and its argument are separate words, `{shown(word)}` is neither; qvm refuses this"
        )
        help_text = _REAL_FORMS.get(context.name, _plain_form)(word)
    else:
        return None
    return DIALECT.at(entry.option.span, message, helps=(help_text,))


def _plain_form(word: str) -> str:
    return f"write `{word.replace('=', ' ').replace(',', ' ')}` if that option exists"


def parts_of(word: str) -> dict[str, str]:
    """The `key=value` pieces of an invented form."""
    return dict(piece.split("=", 1) for piece in word.split(",") if "=" in piece)


def _pass_form(word: str) -> str:
    said = parts_of(word)
    start, host = said.get("addr", said.get("loc", "0x1c000000")), said.get("host", "")
    where = f"loc mem:{start},{said.get('size', said.get('len', '0x1000'))},rwn" + (
        f"={host}" if host else ""
    )
    return f"the form is: pass {where} intr gic:{said.get('intr', said.get('irq', '44'))}"


def _cpu_form(word: str) -> str:
    return "the forms are: cpu runmask 0,1 (7.x) and cpu cluster NAME (8.0), once for each vCPU"


def _vdev_form(word: str) -> str:
    said = parts_of(word)
    words = (_real_option(key, value) for key, value in said.items())
    return f"write options as separate words: {' '.join(words)}"


_REAL_KEYS = {"addr": "loc", "address": "loc", "irq": "intr", "interrupt": "intr", "dev": "hostdev"}
_REAL_FORMS: dict[str, Callable[[str], str]] = {"pass": _pass_form, "cpu": _cpu_form}


def _real_option(key: str, value: str) -> str:
    """An option as qvm reads it, for one of an invented form; a line alone is taken for one of the GIC."""
    name = _REAL_KEYS.get(key, key)
    return f"{name} {'gic:' if name == 'intr' and value.isdigit() else ''}{value}".strip()


def vdev_form(argument: str) -> str:
    """What `vdev pl011,addr=0x…` should say."""
    kind, _, rest = argument.partition(",")
    said = [piece.partition("=") for piece in rest.split(",")]
    words = [_real_option(key, value) for key, _, value in said if key]
    return " ".join(("vdev", kind, *words))


def row_of_vdev(catalog: Catalog, entry: Entry) -> VdevRow | None:
    """The catalogue's row of the device that a `vdev` entry opens."""
    return catalog.vdev(vdev_kind(entry.arguments[0].value)) if entry.arguments else None
