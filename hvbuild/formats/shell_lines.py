"""Commands of a shell script, read line by line: what could be started, without following control flow.

This is a reader for facts, not a shell: it knows quotes, comments, separators, here-documents and the
depth of `if`, loops and functions. Expansions stay as written.
"""

import re

from hvbuild.formats.mkifs_words import Layer
from hvbuild.source import Span
from hvbuild.values import dataclass

_OPENERS = frozenset({"if", "while", "until", "for", "case", "{", "("})
_CLOSERS = frozenset({"fi", "done", "esac", "}", ")"})
_FILLERS = frozenset({"then", "else", "elif", "do", "!", "time", "exec", "in"})
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\\\n)
    |(?P<comment>\#[^\n]*)
    |(?P<end>\n|;;|;|&&|\|\||\||&(?!>))
    |(?P<redirect>\d*(?:<<-?|>>|<&|>&|&>|<|>)[ \t]*)
    |(?P<word>(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|\$\((?:[^()]|\([^()]*\))*\)|[^\s;&|<>"'\\]|["'])+)
    """,
    re.VERBOSE | re.DOTALL,
)
_HERE = re.compile(r"<<(-?)[ \t]*$")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word of a shell command, its quotes removed."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommand:
    """A simple command; `depth` counts the control structures and functions around it."""

    words: tuple[ShellWord, ...]
    assignments: tuple[ShellWord, ...]
    background: bool
    depth: int

    @property
    def span(self) -> Span:
        """From its first word to its last."""
        return self.words[0].span.to(self.words[-1].span)


def is_shell_script(content: str) -> bool:
    """True when the first line that is not blank begins with `#!` and names a shell."""
    first = content.lstrip().split("\n", 1)[0]
    return first.startswith("#!") and first.rstrip().rsplit("/", 1)[-1].split(" ")[0].endswith("sh")


def read_shell(layer: Layer) -> tuple[ShellCommand, ...]:
    """The simple commands of the script in `layer`, in written order."""
    reader = _Reader(layer)
    at = 0
    while at < len(layer.text):
        at = reader.take(at)
    reader.finish(background=False)
    return tuple(reader.commands)


class _Reader:
    """Mutable: collects words until a separator, then makes a command of them."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._words: list[ShellWord] = []
        self._skip_word = False
        self._here: str | None = None
        self._wants_tag = False
        self._depth = 0
        self.commands: list[ShellCommand] = []

    def take(self, at: int) -> int:
        text = self._layer.text
        match = _TOKEN.match(text, at)
        if match is None:
            return at + 1
        kind, found, end = match.lastgroup, match[0], match.end()
        if kind == "redirect":
            self._skip_word = True
            self._wants_tag = _HERE.search(found) is not None
        elif kind == "word":
            self._word(found, at, end)
        elif kind == "end":
            self.finish(background=found == "&")
            if found == "\n" and self._here is not None:
                end = _after_here_document(text, end, self._here)
                self._here = None
        return end

    def _word(self, token: str, at: int, end: int) -> None:
        plain = _unquoted(token)
        if self._skip_word:
            self._skip_word = False
            if self._wants_tag:
                self._here, self._wants_tag = plain, False
            return
        self._words.append(ShellWord(plain, self._layer.span(at, end)))

    def finish(self, *, background: bool) -> None:
        words, self._words, self._skip_word = self._words, [], False
        while words and (words[0].text in _OPENERS | _CLOSERS | _FILLERS or words[0].text.endswith("()")):
            head = words.pop(0).text
            if head in ("for", "case"):
                words = []
            self._depth += head in _OPENERS
            self._depth = max(0, self._depth - (head in _CLOSERS))
        while words and words[-1].text in ("{", "}", "(", ")"):
            self._depth = max(0, self._depth + (1 if words.pop().text in "{(" else -1))
        count = next((n for n, word in enumerate(words) if not _ASSIGNMENT.match(word.text)), len(words))
        if words[count:]:
            self.commands.append(
                ShellCommand(
                    words=tuple(words[count:]),
                    assignments=tuple(words[:count]),
                    background=background,
                    depth=self._depth,
                )
            )


def _after_here_document(text: str, at: int, tag: str) -> int:
    while at < len(text):
        line_end = text.find("\n", at)
        line_end = line_end if line_end >= 0 else len(text)
        if text[at:line_end].strip("\t") == tag:
            return min(line_end + 1, len(text))
        at = line_end + 1
    return len(text)


def _unquoted(token: str) -> str:
    return re.sub(
        r"""\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'""",
        lambda match: match[1] or re.sub(r"\\(.)", r"\1", match[2] or "") or match[3] or "",
        token,
        flags=re.DOTALL,
    )
