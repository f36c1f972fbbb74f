"""Older formats: rewritten by edits that keep comments; older spellings still read, with a warning."""

import re
import shutil
from pathlib import Path

import pytest

from hvbuild.checking import Checker
from hvbuild.cli import run
from hvbuild.diagnostics import Severity, StackInvalid
from hvbuild.load.spellings import RENAMINGS, Renaming
from hvbuild.load.tree import plain
from hvbuild.load.yamltree import read_yaml
from hvbuild.migrating import files_of, migrations, write_migrations
from hvbuild.project import StackPlace

STORED = Path(__file__).parents[1] / "corpus" / "migrate"


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """The stored stack of format 0, with its board, a shared guest and a variant."""
    shutil.copytree(STORED, tmp_path / "project")
    return tmp_path / "project" / "stacks"


def all_files(trial: Path) -> tuple[Path, ...]:
    return files_of((trial / "trial", trial / "boards" / "trial.yaml", trial / "guests" / "part.yaml"))


def comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


def verdict(trial: Path, variant: str = "base") -> list[tuple[str, Severity]]:
    place = StackPlace(file=trial / "trial" / "stack.yaml", root=trial.parent)
    return [(each.code, each.severity) for each in Checker(None).verdict(place, variant).diagnostics]


def test_a_stored_stack_of_format_0_checks_clean_once_migrated(trial: Path) -> None:
    assert {code for code, _ in verdict(trial)} == {"HV0051"}

    changed = write_migrations(migrations(all_files(trial)))

    assert set(changed) == set(all_files(trial))
    assert verdict(trial) == []
    assert verdict(trial, "single") == []


def test_comments_order_and_layout_stay(trial: Path) -> None:
    for each in migrations(all_files(trial)):
        before, after = each.before.decode(), each.after.decode()

        assert comments(before) == comments(after)
        assert len(before.splitlines()) == len(after.splitlines())
        changed = sum(a != b for a, b in zip(before.splitlines(), after.splitlines(), strict=True))
        assert 0 < changed <= each.edits


def test_every_renaming_stands_in_the_stored_files() -> None:
    text = "".join(path.read_text() for path in STORED.rglob("*.yaml"))

    assert [row.old for row in RENAMINGS if not re.search(rf"\b{row.old}:", text)] == []


def test_migrating_again_changes_nothing(trial: Path) -> None:
    write_migrations(migrations(all_files(trial)))
    again = migrations(all_files(trial))

    assert [each.needed for each in again] == [False] * len(again)
    assert write_migrations(again) == ()


def test_a_migrated_file_keeps_its_mode_and_line_ends(trial: Path) -> None:
    file = trial / "trial" / "stack.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    file.chmod(0o640)
    lines = file.read_bytes().count(b"\r\n")
    write_migrations(migrations([file]))

    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_bytes().count(b"\r\n") == lines == file.read_bytes().count(b"\n")
    assert [each.name for each in file.parent.iterdir() if each.is_file()] == ["stack.yaml"]


def test_with_a_fault_in_one_file_none_is_written(trial: Path) -> None:
    before = {path: path.read_bytes() for path in all_files(trial)}
    (trial / "boards" / "trial.yaml").write_text("format: 7\nname: trial\n")
    with pytest.raises(StackInvalid) as refused:
        migrations(all_files(trial))

    assert [each.code for each in refused.value.diagnostics] == ["HV0051"]
    assert run(["migrate", *map(str, all_files(trial))]) == 1
    assert (trial / "trial" / "stack.yaml").read_bytes() == before[trial / "trial" / "stack.yaml"]


def test_a_file_without_format_or_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    for text, code in (("name: x\n", "HV0050"), ("a: [\n", "HV0004")):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(StackInvalid) as refused:
            migrations([tmp_path / "x.yaml"])

        assert [each.code for each in refused.value.diagnostics] == [code]


@pytest.mark.parametrize("row", [row for row in RENAMINGS if row.still_read], ids=lambda row: row.old)
def test_a_deprecated_spelling_means_the_same_and_warns_with_the_new_one(trial: Path, row: Renaming) -> None:
    write_migrations(migrations(all_files(trial)))
    file = trial / "trial" / "stack.yaml"
    modern = file.read_text()
    file.write_text(modern.replace(f"{row.new}:", f"{row.old}:"))

    assert verdict(trial) == [("HV0056", Severity.WARNING)]

    write_migrations(migrations([file]))

    assert file.read_text() == modern
    assert verdict(trial) == []


def test_a_key_written_both_ways_is_left_for_the_reader_to_settle(trial: Path) -> None:
    write_migrations(migrations(all_files(trial)))
    file = trial / "trial" / "stack.yaml"
    file.write_text(file.read_text().replace("runmask: [2, 3]", "runmask: [2, 3], affinity: [1]"))

    assert not migrations([file])[0].needed
    assert [severity for _, severity in verdict(trial)] == [Severity.ERROR]


def test_quoted_and_aliased_keys_are_edited_once(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(
        'format: 0\nguests:\n  a:\n    cpus: &both\n      - {"affinity": [1]}\n  b:\n    cpus: *both\n'
    )
    after = migrations([file])[0].after
    root = read_yaml(after, "stack.yaml").root

    assert root is not None
    assert after.count(b"runmask") == 1
    assert plain(root) == {
        "format": 1,
        "guests": {"a": {"cpus": [{"runmask": [1]}]}, "b": {"cpus": [{"runmask": [1]}]}},
    }
