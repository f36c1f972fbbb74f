"""`hvbuild explain` knows the guarantees of a certificate as it knows the rules."""

import json

import pytest
from click.testing import CliRunner

from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property
from hvbuild.commands.explain import command
from hvbuild.report.guarantee import guarantee_outcome


@pytest.mark.parametrize("row", ALL_PROPERTIES, ids=lambda row: row.code)
def test_each_guarantee_is_explained_by_code_and_by_name(row: Property) -> None:
    said = CliRunner().invoke(command, [row.code])
    named = CliRunner().invoke(command, [row.name.upper()])

    assert (said.exit_code, named.output) == (0, said.output)
    assert said.output.startswith(f"guarantee[{row.code}]: {row.name}\n")
    assert row.statement in said.output


def test_as_json_it_is_one_document() -> None:
    said = json.loads(CliRunner().invoke(command, ["hc4002", "--format", "json"]).output)

    assert (said["format"], said["code"]) == ("hvbuild-guarantee/1", "HC4002")


def test_any_other_topic_is_no_guarantee() -> None:
    assert guarantee_outcome("HC9999", ALL_PROPERTIES) is None
