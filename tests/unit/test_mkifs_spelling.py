"""What we write, mkifs reads back: laws of escaping, judged by rules written down separately here."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.buildfile_script import read_script
from hvbuild.formats.mkifs_spelling import (
    escape_inline,
    spell_attribute,
    spell_command,
    spell_inline,
    spell_name,
    spell_word,
    unescape_inline,
)

AWKWARD = st.text(st.sampled_from("ab \\}{\"$#&=[]'\t\r\v\n;*%é\udc80"), max_size=12) | st.text(max_size=12)
WITHOUT_NUL = st.binary(max_size=40).filter(lambda data: b"\0" not in data) | st.lists(
    st.sampled_from([b"\\", b"}", b"{", b"\n", b"a", b'"', b"\xff"]), max_size=12
).map(b"".join)


def stored(body: bytes) -> bytes:
    """What `collect_inline_file` of the mkifs source writes for `body`, one character at a time."""
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at : at + 1] == b"}":
            break
        if body[at : at + 1] == b"\\" and at + 1 < len(body):
            at += 1
        out += body[at : at + 1]
        at += 1
    return bytes(out)


@given(WITHOUT_NUL)
@example(b"a\\")
@example(b"f() { echo ${X}; }\n")
def test_any_bytes_in_the_same_bytes_out(data: bytes) -> None:
    escaped = escape_inline(data)
    assert escaped is not None

    assert data == stored(escaped + b"}")
    assert data == unescape_inline(escaped)


@given(st.binary(max_size=40))
def test_unescape_follows_mkifs(body: bytes) -> None:
    assert stored(body) == unescape_inline(body)


def test_nul_cannot_be_carried() -> None:
    assert escape_inline(b"a\0b") is None
    assert escape_inline("a\0b") is None
    assert spell_inline("a\0b") is None
    assert spell_word("a\0b") is None


@given(AWKWARD.filter(lambda text: "\0" not in text))
def test_an_inline_file_reads_back(content: str) -> None:
    document = read_buildfile(f"/before=x\n/etc/f = {spell_inline(content)}\n/after=y\n", "t")

    assert content == (document.lines[1].body.text if document.lines[1].body else None)
    assert [line.words[0].text for line in document.lines] == ["/before", "/etc/f", "/after"]


@given(AWKWARD, AWKWARD)
def test_names_read_back_or_are_refused(target: str, host: str) -> None:
    left, right = spell_name(target), spell_name(host)
    if left is None or right is None:
        assert any(not t or t == "{" or "\n" in t or "\0" in t for t in (target, host))
        return
    document = read_buildfile(f"/before=x\n{left}={right}\n/after=y\n", "t")

    assert [["/before", "x"], [target, host], ["/after", "y"]] == [
        [word.text for word in line.words] for line in document.lines
    ]
    assert all(not word.variables for line in document.lines for word in line.words)


@given(st.lists(AWKWARD, min_size=1, max_size=4), st.booleans())
def test_commands_read_back_or_are_refused(words: list[str], background: bool) -> None:
    line = spell_command(tuple(words), background=background)
    if line is None:
        assert "=" in words[0] or words[-1] == "&" or any("\n" in w or "\0" in w for w in words)
        return
    body = spell_inline(f"before\n{line}\nafter\n")
    document = read_buildfile(f"[+script] s = {body}\n/after=y\n", "t")
    script = document.lines[0].body
    assert script is not None
    statements = read_script(script.layer)

    assert [["before"], words, ["after"]] == [[word.text for word in s.words] for s in statements]
    assert background == (statements[1].background is not None)
    assert len(document.lines) == 2


@given(AWKWARD)
def test_attribute_values_read_back_or_are_refused(value: str) -> None:
    spelled = spell_attribute("search", value)
    if spelled is None:
        assert "\n" in value or "\0" in value
        return
    document = read_buildfile(f"[uid=0 {spelled}] /a=b\n", "t")

    assert value == document.lines[0].value("search")
    assert document.lines[0].value("uid") == "0"


@pytest.mark.parametrize("name", ["", "{", "a\nb", "a\0b", "x" * 1024])
def test_names_that_mean_nothing_are_refused(name: str) -> None:
    assert spell_name(name) is None


@pytest.mark.parametrize("hostile", ["}", '"', "${X}", "a}b", '"}', "\\}", "#", "[", "a b", "&"])
def test_hostile_names_never_leak(hostile: str) -> None:
    text = f"{spell_name(hostile)}={spell_name(hostile)}\n/after=y\n"

    assert [[hostile, hostile], ["/after", "y"]] == [
        [word.text for word in line.words] for line in read_buildfile(text, "t").lines
    ]
