"""Device types of a project's own hold for hand-kept files, too: their window and their options."""

from pathlib import Path

import pytest
from command_line import say

PROJECT = "format: 1\nvdev_types:\n  acme-camera: {window: 0x10000, options: {lane: 1}}\n"
FILE = "system a\nram 0x80000000,256M\ncpu\nload /g/a.ifs\nvdev acme-camera\n  loc 0x8fff8000\n  lain 3\n"
# The same device behind the RAM, with the option that it has.
SOUND = FILE.replace("0x8fff8000", "0x90000000").replace("lain", "lane")


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("project", "text", "codes", "end"),
    [
        (PROJECT, FILE, ["HV2003", "HV8026"], "0x90008000"),
        ("", FILE, ["HV2003"], "0x8fff8200"),
        (PROJECT, SOUND, [], ""),
        (PROJECT.replace("0x10000", "wide"), SOUND, ["HV1005"], ""),
    ],
)
def test_lint_knows_the_projects_devices(project: str, text: str, codes: list[str], end: str) -> None:
    Path("a.qvmconf").write_text(text)
    if project:
        Path("hvbuild.yaml").write_text(project)
    said = say("lint", "a.qvmconf", "--format", "json")

    assert codes == sorted(row["code"] for row in said.data["diagnostics"])
    assert end in said.out
