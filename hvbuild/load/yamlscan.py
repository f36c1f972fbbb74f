"""The door to ruamel.yaml: text → parsing events. The only importer of that library.

The library's reader, scanner and parser decide what the text means. Its hottest steps (skipping gaps, plain
and quoted scalars of one line, counting lines) are replaced here by one regular expression each; the events
then take less than half the time of the library's own and a third of its `compose` (152 KB: 0.28, 0.64 and
0.97 s on one core). A test holds the events of both equal. The text must hold no control character except tab
and line ends, no lone carriage return, no byte order mark and no Unicode line separator.
"""

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import events, tokens
from ruamel.yaml.error import FileMark, MarkedYAMLError
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner

AliasEvent = events.AliasEvent
DocumentStartEvent = events.DocumentStartEvent
MappingEndEvent = events.MappingEndEvent
MappingStartEvent = events.MappingStartEvent
ScalarEvent = events.ScalarEvent
SequenceEndEvent = events.SequenceEndEvent
SequenceStartEvent = events.SequenceStartEvent

_GAP = re.compile(r"(?: *(?:#[^\r\n\0]*)?\r?\n)* *(?:#[^\r\n\0]*)?")
_FLOW_GAP = re.compile(r"(?:[ \t]*(?:#[^\r\n\0]*)?\r?\n)*[ \t]*(?:#[^\r\n\0]*)?")
_PLAIN = re.compile(r"(?:[^ \t\r\n\0:]|:(?![ \t\r\n\0]))*")
_FLOW_PLAIN = re.compile(r"(?:[^ \t\r\n\0:,\[\]{}]|:(?![ \t\r\n\0]))*")
_SPACES = re.compile(r" *(?:\r?\n[ \r\n]*)?")
_DOCUMENT_MARK = re.compile(r"(?:---|\.\.\.)[ \t\r\n\0]")
_QUOTED = {'"': re.compile(r'"([^"\\\r\n\0]*)"'), "'": re.compile(r"'([^'\r\n\0]*)'(?!')")}
# These start a plain scalar whatever follows; `.` and `-` need the library's look ahead.
_PLAIN_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_$+~;()^=\\<")


class YamlFault(Exception):  # noqa: N818 - a fault of the text, turned into a diagnostic by the caller
    """The text is not YAML: what is wrong, where, and where the construct concerned began."""

    def __init__(self, problem: str, at: int, context: str, context_at: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at
        self.context = context
        self.context_at = context_at


class _QuickReader(Reader):
    """The library's reader for a text that is wholly in memory: pointer and index are one number."""

    def __init__(self, text: str, loader: Any) -> None:
        super().__init__(None, loader)
        self.name = "text"
        # The scanner peeks up to three characters past the end.
        self.buffer = text + "\0" * 4
        self._mark = FileMark("text", 0, 0, 0)

    def forward(self, length: int = 1) -> None:
        start = self.pointer
        end = self.pointer = self.index = start + length
        newline = self.buffer.rfind("\n", start, end)
        if newline < 0:
            self.column += length
        else:
            self.line += self.buffer.count("\n", start, end)
            self.column = end - newline - 1

    def peek(self, index: int = 0) -> str:
        at = self.pointer + index
        return self.buffer[at] if at < len(self.buffer) else "\0"

    def prefix(self, length: int = 1) -> str:
        return self.buffer[self.pointer : self.pointer + length]

    def get_mark(self) -> FileMark:
        mark = self._mark
        if mark.index != self.index:
            mark = self._mark = FileMark("text", self.index, self.line, self.column)
        return mark


class _QuickScanner(Scanner):
    """The library's scanner with its innermost loops as regular expressions."""

    reader: _QuickReader = None  # type: ignore[assignment]
    scanner_processing_version = (1, 2)

    def __init__(self, reader: _QuickReader, loader: Any) -> None:
        self.reader = reader
        self._ready = False
        super().__init__(loader)

    def _make_ready(self) -> None:
        while self.need_more_tokens():
            self.fetch_more_tokens()
        self._ready = True

    def check_token(self, *choices: Any) -> bool:
        if not self._ready:
            self._make_ready()
        return bool(self.tokens) and (not choices or isinstance(self.tokens[0], choices))

    def peek_token(self) -> Any:
        if not self._ready:
            self._make_ready()
        return self.tokens[0] if self.tokens else None

    def get_token(self) -> Any:
        if not self._ready:
            self._make_ready()
        if not self.tokens:
            return None
        self.tokens_taken += 1
        self._ready = False
        return self.tokens.pop(0)

    def need_more_tokens(self) -> bool:
        if self.done:
            return False
        if not self.tokens:
            return True
        if not self.possible_simple_keys:
            return False
        self.stale_possible_simple_keys()
        return any(key.token_number == self.tokens_taken for key in self.possible_simple_keys.values())

    def stale_possible_simple_keys(self) -> None:
        line, index = self.reader.line, self.reader.index
        for key in self.possible_simple_keys.values():
            if key.line != line or index - key.index > 1024:
                super().stale_possible_simple_keys()
                return

    def fetch_more_tokens(self) -> None:
        self.scan_to_next_token()
        reader = self.reader
        ch = reader.buffer[reader.pointer]
        if ch not in _PLAIN_START and ch not in _QUOTED:
            super().fetch_more_tokens()
            return
        self.stale_possible_simple_keys()
        self.unwind_indent(reader.column)
        if ch in _QUOTED:
            self.fetch_flow_scalar(ch)
        else:
            self.fetch_plain()

    def scan_to_next_token(self) -> None:
        reader = self.reader
        gap = (_FLOW_GAP if self.flow_context else _GAP).match(reader.buffer, reader.pointer)
        length = gap.end() - reader.pointer if gap else 0
        if length:
            line = reader.line
            reader.forward(length)
            if not self.flow_context and reader.line != line:
                self.allow_simple_key = True

    def scan_flow_scalar(self, style: Any) -> Any:
        reader = self.reader
        simple = _QUOTED[style].match(reader.buffer, reader.pointer)
        if simple is None:
            return super().scan_flow_scalar(style)
        start = reader.get_mark()
        reader.forward(simple.end() - reader.pointer)
        return tokens.ScalarToken(simple[1], False, start, reader.get_mark(), style)

    def scan_plain(self) -> Any:
        reader = self.reader
        buffer = reader.buffer
        pattern = _FLOW_PLAIN if self.flow_context else _PLAIN
        start = end = reader.get_mark()
        indent = self.indent + 1
        chunks: list[str] = []
        spaces: list[str] | None = []
        while buffer[reader.pointer] != "#":
            found = pattern.match(buffer, reader.pointer)
            word = found[0] if found else ""
            if not word:
                break
            self.allow_simple_key = False
            chunks.extend(spaces or ())
            chunks.append(word)
            reader.forward(len(word))
            end = reader.get_mark()
            if buffer[reader.pointer] not in " \r\n":
                break
            spaces = self.scan_plain_spaces(indent, start)
            if not spaces or (not self.flow_context and reader.column < indent):
                break
        return tokens.ScalarToken("".join(chunks), True, start, end)

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> list[str] | None:
        reader = self.reader
        found = _SPACES.match(reader.buffer, reader.pointer)
        gap = found[0] if found else ""
        reader.forward(len(gap))
        breaks = gap.count("\n")
        if not breaks:
            return [gap] if gap else []
        self.allow_simple_key = True
        if reader.column == 0 and _DOCUMENT_MARK.match(reader.buffer, reader.pointer):
            return None
        return ["\n"] * (breaks - 1) or [" "]


class _QuickParser(Parser):
    """The library's parser, bound to its scanner and resolver without look-ups."""

    scanner: _QuickScanner = None  # type: ignore[assignment]
    resolver: Any = None

    def parse_node(self, block: bool = False, indentless_sequence: bool = False) -> Any:
        token = self.scanner.peek_token()
        if type(token) is not tokens.ScalarToken:
            return super().parse_node(block, indentless_sequence)
        self.scanner.get_token()
        self.state = self.states.pop()
        implicit = (True, False) if token.plain else (False, True)
        return events.ScalarEvent(
            None, None, implicit, token.value, token.start_mark, token.end_mark, style=token.style
        )


class _Loader:
    """What the library's scanner and parser ask of the object that holds them together."""

    comment_handling = None
    version = None
    tags = None
    processing_version = (1, 2)


def parsing_events(text: str) -> Iterator[Any]:
    """The events of `text` in order, between stream start and end; YamlFault where it is not YAML."""
    loader = _Loader()
    reader = _QuickReader(text, loader)
    try:
        parser = _QuickParser(loader)
        parser.scanner = _QuickScanner(reader, loader)
        parser.resolver = loader
        while parser.state is not None:
            yield parser.state()
    except MarkedYAMLError as error:
        raise _fault(error, reader.index) from None
    except (ValueError, OverflowError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # The library itself stumbles over some texts (the escape "\UFFFFFFFF"): still a fault of the text.
        raise YamlFault("a character or a number here is out of range", reader.index, "", None) from error


def _fault(error: Any, at: int) -> YamlFault:
    place = error.problem_mark.index if error.problem_mark is not None else at
    context_at = error.context_mark.index if error.context_mark is not None else None
    return YamlFault(str(error.problem or ""), place, str(error.context or ""), context_at)
