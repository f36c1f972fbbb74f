"""Broken qvmconf texts without end: pieces of known files, cut, doubled, spliced and sprinkled with words."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.qvmconf import comments_of, print_qvmconf, read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.source import SourceFile

CORPUS = Path(__file__).parent / "corpus" / "qvmconf"
_ODD = [
    '"',
    "#",
    ",",
    "=",
    ":",
    "-",
    "+",
    "0x",
    "0d",
    "$env{",
    "}",
    "@",
    "@A@",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\x00",
    "é",
]


def corpus_texts(*folders: Path) -> list[str]:
    """The texts of all files in `folders`, our own corpus first."""
    return [
        path.read_bytes().decode("utf-8", "surrogateescape")
        for folder in (CORPUS, *folders)
        for path in sorted(folder.iterdir())
    ]


def vocabulary(catalog: Catalog) -> list[str]:
    """Every word that the catalogue knows."""
    groups = (catalog.options, catalog.blobs, catalog.vdevs, catalog.variables, catalog.log_destinations)
    words = {word for group in (*groups, *catalog.sub_options.values()) for word in group}
    return sorted(words | {word for rows in catalog.vdev_options.values() for word in rows})


def mutations(texts: Sequence[str], words: Sequence[str], seed: int) -> Iterator[str]:
    """Texts without end, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        text = _piece(rng, texts)
        for _ in range(rng.randrange(1, 5)):
            text = rng.choice(_CHANGES)(rng, text, words)
        yield text


def faults_of(text: str, catalog: Catalog, target: str | None) -> tuple[Diagnostic, ...]:
    """The faults of `text`, which must print back the same and hold every place that a fault names."""
    document = read_qvmconf(SourceFile("a.qvmconf", text), catalog)
    assert text == print_qvmconf(document)
    spans = [comment.span for comment in comments_of(document)]
    found = tuple(read_vm([document], catalog, target=target).faults)
    spans += [label.span for fault in found for label in fault.labels]
    assert all(0 <= span.start <= span.end <= len(text) for span in spans)
    return found


def _piece(rng: random.Random, texts: Sequence[str]) -> str:
    lines = rng.choice(texts).splitlines(keepends=True)
    at = rng.randrange(len(lines) + 1)
    return "".join(lines[at : at + rng.randrange(1, 9)])


def _cut(rng: random.Random, text: str, words: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.randrange(1, 9) :]


def _insert(rng: random.Random, text: str, words: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    what = rng.choice(words) if rng.random() < 0.5 else rng.choice(_ODD)
    blank = rng.choice(["", " ", "\n"])
    return text[:at] + blank + what + blank + text[at:]


def _double(rng: random.Random, text: str, words: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at : at + rng.randrange(1, 30)] + text[at:]


def _shuffle(rng: random.Random, text: str, words: Sequence[str]) -> str:
    parts = text.split(" ")
    rng.shuffle(parts)
    return " ".join(parts)


def _change(rng: random.Random, text: str, words: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + chr(rng.choice([rng.randrange(128), rng.randrange(0x110000)])) + text[at + 1 :]


Change = Callable[[random.Random, str, Sequence[str]], str]
_CHANGES: tuple[Change, ...] = (_cut, _insert, _double, _shuffle, _change)
