"""Broken texts are read, print back and never raise; the long run is `tests/benchmarks/fuzz_qvmconf.py`."""

from itertools import islice

from qvmconf_mutation import corpus_texts, faults_of, mutations, vocabulary

from hvbuild.catalog import shipped_catalog


def test_broken_texts_never_raise_and_every_place_is_inside() -> None:
    catalog = shipped_catalog()
    texts = islice(mutations(corpus_texts(), vocabulary(catalog), seed=7), 2_000)

    assert 0 < sum(bool(faults_of(text, catalog, "qnx-8.0")) for text in texts) < 2_000


def test_mutations_repeat() -> None:
    texts = corpus_texts()
    words = vocabulary(shipped_catalog())

    assert list(islice(mutations(texts, words, 3), 20)) == list(islice(mutations(texts, words, 3), 20))
