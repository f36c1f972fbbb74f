"""Writing what mkifs will read back unchanged: inline bodies, words of scripts, names, attribute values.

A function returns None for text that mkifs cannot carry; the caller knows the place and words the fault.
Source: `tokenize` and `collect_inline_file` of the mkifs source.
"""

import re
from typing import TypeVar

Text = TypeVar("Text", str, bytes)

_SPECIAL = re.compile(r'[\\"$]')
# Outside quotes these end or change a word; vertical tab and form feed are skipped at the start of a line.
_NEEDS_QUOTES = re.compile(r"[ \t\r\v\f=#\[\]{}]")
# In a script or boot line `=` is no separator (mkifs source: `parse_script` and `parse_boot` pass none).
_SCRIPT_QUOTES = re.compile(r"[ \t\r\v\f#\[\]{}]")
# The longest name that mkifs takes (PATH_MAX of the systems it runs on).
_PATH_MAX = 1024


def escape_inline(content: Text) -> Text | None:
    """`content` as it stands between `{` + newline and `}`; None when it holds a NUL (mkifs stops there)."""
    if isinstance(content, bytes):
        if b"\0" in content:
            return None
        return content.replace(b"\\", b"\\\\").replace(b"}", b"\\}")
    if "\0" in content:
        return None
    return content.replace("\\", "\\\\").replace("}", "\\}")


def unescape_inline(body: Text) -> Text:
    """What mkifs stores for an inline body up to its first unescaped `}`, or to the end without one."""
    if isinstance(body, bytes):
        return unescape_inline(body.decode("latin-1")).encode("latin-1")
    kept: list[str] = []
    at = 0
    while at < len(body) and body[at] != "}":
        if body[at] == "\\" and at + 1 < len(body):
            at += 1
        kept.append(body[at])
        at += 1
    return "".join(kept)


def spell_inline(content: str) -> str | None:
    """A whole inline body, braces included, that holds exactly `content`; None when that cannot be."""
    escaped = escape_inline(content)
    return None if escaped is None else f"{{\n{escaped}}}"


def spell_word(text: str) -> str | None:
    """`text` as one word of a file line or an attribute; None for a line end or NUL.

    The word is never expanded, never a comment and never read as a bracket group.
    """
    return _spelled(text, _NEEDS_QUOTES)


def spell_script_word(text: str) -> str | None:
    """`text` as one word of a script or boot line, before the body is escaped; None for a line end or NUL.

    Here `=` ends no word. A lone `&` at the end of a line and a first word with `=` keep their meaning to
    mkifs whatever their quotes: the caller avoids them.
    """
    return _spelled(text, _SCRIPT_QUOTES)


def _spelled(text: str, needs_quotes: re.Pattern[str]) -> str | None:
    if "\n" in text or "\0" in text:
        return None
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], text)
    return f'"{escaped}"' if not text or needs_quotes.search(text) else escaped


def spell_command(words: tuple[str, ...], *, background: bool = False) -> str | None:
    """A script line that starts `words`; None when a word cannot be written or would change its meaning."""
    if not words or "=" in words[0] or words[-1] == "&":
        return None
    spelled = [spell_script_word(word) for word in words]
    if any(word is None for word in spelled):
        return None
    return " ".join([*(word for word in spelled if word is not None), *(["&"] if background else [])])


def spell_name(text: str) -> str | None:
    """`text` as a target or host name; None when mkifs cannot carry it.

    A host name of just `{` would open an inline body; an empty name and one beyond PATH_MAX mean nothing.
    """
    if not text or text == "{" or len(text.encode("utf-8", "surrogateescape")) >= _PATH_MAX:
        return None
    return spell_word(text)


def spell_attribute(name: str, value: str) -> str | None:
    """`name=value` inside brackets, quoted where needed; None when mkifs cannot carry the value."""
    spelled = spell_word(value)
    return None if spelled is None else f"{name}={spelled}"
