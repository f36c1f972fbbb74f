"""Broken texts are read, print back and never raise; the long run is `tests/benchmarks/fuzz_qvmconf.py`."""

from itertools import islice

from qvmconf_mutation import corpus_texts, mutations, vocabulary

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.qvmconf import print_qvmconf, read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.source import SourceFile


def test_broken_texts_never_raise() -> None:
    catalog = shipped_catalog()
    for text in islice(mutations(corpus_texts(), vocabulary(catalog), seed=7), 2_000):
        document = read_qvmconf(SourceFile("a.qvmconf", text), catalog)
        read_vm([document], catalog, target="qnx-8.0")

        assert text == print_qvmconf(document)


def test_mutations_repeat() -> None:
    texts = corpus_texts()
    words = vocabulary(shipped_catalog())

    assert list(islice(mutations(texts, words, 3), 20)) == list(islice(mutations(texts, words, 3), 20))
