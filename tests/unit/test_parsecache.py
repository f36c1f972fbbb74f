"""The parse cache gives back what was kept, and whatever is wrong with it is as good as no cache."""

import os
from pathlib import Path

import pytest

from hvbuild.load.parsecache import ParseCache
from hvbuild.load.tree import Mapping, Node, Scalar, Sequence
from hvbuild.load.yamltree import read_yaml

TEXT = """\
format: 1
text: plain words
quoted: "a\\tb ü"
number: 0x10
nothing:
none: null
yes: true
empty: ""
block: |
  two
  lines
list: [1, {a: b}, -, [x]]
shared: &s {k: [v]}
again: *s
word: &w three
twice: *w
""".replace("-, ", "'-', ")
DATA = TEXT.encode()


def told(node: Node) -> object:
    """Content, kinds and every place."""
    places = [(place.start, place.end) for place in node.origin.places]
    match node:
        case Mapping():
            return places, [
                (each.key, each.key_span.start, each.key_span.end, told(each.node)) for each in node
            ]
        case Sequence():
            return places, [told(each) for each in node]
        case Scalar():
            return places, node.text, node.kind, node.value, type(node.kind)
    return None


def kept(folder: Path, version: str = "1") -> ParseCache:
    cache = ParseCache(folder, version)
    reading = read_yaml(DATA, "f")

    assert reading.faults == ()
    cache.keep(DATA, reading)
    return cache


def stored(folder: Path) -> Path:
    (found,) = (folder / "trees").iterdir()
    return found


def test_what_is_found_is_what_was_kept(tmp_path: Path) -> None:
    found = kept(tmp_path).find(DATA, "elsewhere/f")
    fresh = read_yaml(DATA, "elsewhere/f")

    assert found is not None
    assert found.root is not None
    assert fresh.root is not None
    assert found.root == fresh.root
    assert told(found.root) == told(fresh.root)
    assert str(found.root.key_span("list")) == "elsewhere/f:12:1"


def test_other_bytes_and_other_versions_are_not_found(tmp_path: Path) -> None:
    kept(tmp_path)

    assert ParseCache(tmp_path, "1").find(DATA + b"\n", "f") is None
    assert ParseCache(tmp_path, "2").find(DATA, "f") is None


def test_a_text_with_faults_is_not_kept(tmp_path: Path) -> None:
    data = b"a: 1\na: 2\n"
    ParseCache(tmp_path).keep(data, read_yaml(data, "f"))

    assert not (tmp_path / "trees").exists()


@pytest.mark.parametrize("cut", [0, 1, 40, 65, 66, 80])
def test_a_torn_file_is_as_good_as_none(tmp_path: Path, cut: int) -> None:
    cache = kept(tmp_path)
    place = stored(tmp_path)
    place.write_bytes(place.read_bytes()[:cut])

    assert cache.find(DATA, "f") is None


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    place = stored(tmp_path)
    content = bytearray(place.read_bytes())
    at = content.index(b'"text"')
    content[at + 1 : at + 5] = b"tixt"
    place.write_bytes(content)

    assert cache.find(DATA, "f") is None


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"[0,1,4]", b"[0,1,4,[1]]", b"[0,1,9,0]", b"5", b'["a","b",1]', b"[0,3]"]
)
def test_a_file_of_another_shape_is_as_good_as_none(tmp_path: Path, body: bytes) -> None:
    from hashlib import sha256  # noqa: PLC0415

    cache = kept(tmp_path)
    stored(tmp_path).write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)

    assert cache.find(DATA, "f") is None


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ParseCache(tmp_path / "file")
    cache.keep(DATA, read_yaml(DATA, "f"))

    assert cache.find(DATA, "f") is None


def test_nothing_is_left_beside_a_tree_when_renaming_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(os, "replace", refuse)
    kept(tmp_path)

    assert list((tmp_path / "trees").iterdir()) == []


def test_the_cache_does_not_grow_without_end(tmp_path: Path) -> None:
    cache = ParseCache(tmp_path)
    for number in range(520):
        data = f"a: {number}\n".encode()
        cache.keep(data, read_yaml(data, "f"))

    assert len(list((tmp_path / "trees").iterdir())) < 512
    assert cache.find(b"a: 519\n", "f") is not None
