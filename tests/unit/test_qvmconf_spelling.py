"""What spelling writes, the reader gives back: for any machine of the types, and any argument of it."""

import pytest
from hypothesis import given, settings
from qvmconf_machines import CATALOG, MACHINES, flag_sets
from qvmconf_text import qvmconf_text

from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning import spelling
from hvbuild.meaning.places import flags_in
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.vm import VmConfig
from hvbuild.source import SourceFile


@settings(max_examples=100)
@given(MACHINES)
def test_a_machine_that_is_written_reads_back(vm: VmConfig) -> None:
    document = read_qvmconf(SourceFile("a.qvmconf", qvmconf_text(vm)), CATALOG)

    assert vm == read_vm([document], CATALOG).vm


@given(flag_sets())
def test_flags_read_back(held: frozenset[str]) -> None:
    assert held == flags_in(spelling.flags(held), CATALOG)


@pytest.mark.parametrize(
    ("held", "text"),
    [("rwn", "rwn"), ("mrwxcstn", "rwxcm"), ("dwr", "rwd"), ("mrwcstn", "rwcm-x"), ("", "")],
)
def test_flags_are_written_the_usual_way(held: str, text: str) -> None:
    assert text == spelling.flags(frozenset(held))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "a"), ("a b", '"a b"'), ("", '""'), ("a#b", '"a#b"'), ("a\nb", '"a\nb"'), (">|x", ">|x")],
)
def test_words_are_quoted_where_needed(text: str, expected: str) -> None:
    assert expected == spelling.word(text)


def test_a_quote_cannot_be_written() -> None:
    with pytest.raises(ValueError):
        spelling.word('say "hi"')
