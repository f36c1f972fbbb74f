"""Which input lines made a line of the host's buildfile: every line that the stack or its board decides."""

from pathlib import Path

import pytest
from command_line import say

ROOT = Path(__file__).resolve().parents[1]


def blamed(folder: Path, line: int) -> list[str]:
    """The input lines that made line `line` of the buildfile, as they read."""
    places = say("blame", f"{folder / 'host/mifs.build'}:{line}", "--format", "json").data["places"]
    found = []
    for place in places:
        path, number, _ = place.rsplit(":", 2)
        found.append((ROOT / path).read_text().splitlines()[int(number) - 1].strip())
    return found


@pytest.mark.parametrize(
    ("stack", "written", "said"),
    [
        ("sa8155-la", "[image=0x97880000]", "program: startup-sa8155"),
        ("sa8155-la", "startup-sa8155", "program: startup-sa8155"),
        ("sa8155-la", "waitfor /dev/disk/system_a", "- name: io-blk"),
        ("sa8155-la", "smmu armsmmu", "driver: armsmmu"),
        ("sa8155-la", "[perms=0755] /lib/libsmmu.so=libsmmu.so", "driver: armsmmu"),
        ("sa8155-la", "vdev-pl011.so=vdev-pl011.so", "- {name: console, type: pl011"),
        ("rcar-h3", "startup-rcar_h3", "- {name: linux_low, base: 0x60000000"),
        ("rpi4", "startup-bcm2711-rpi4", "- {name: realtime, cpus: [3]}"),
        ("rpi4", "io-sock -m vdevpeer-net", "- name: io-sock"),
    ],
)
def test_a_line_of_the_buildfile_knows_what_made_it(
    stack: str, written: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert say("render", f"stacks/{stack}", "-o", tmp_path).code == 0
    lines = (tmp_path / "host/mifs.build").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if written in line)

    assert any(said in line for line in blamed(tmp_path, number)), blamed(tmp_path, number)


def test_what_every_host_has_is_laid_at_nobodys_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    say("render", "stacks/rpi4", "-o", tmp_path)
    lines = (tmp_path / "host/mifs.build").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if line.endswith("/sbin/qvm=qvm"))

    assert "nothing in the stack says it" in say("blame", f"{tmp_path / 'host/mifs.build'}:{number}").out
    assert blamed(tmp_path, number) == []
