"""Every diagnostic of a check says by its route which key it speaks of."""

from pathlib import Path

import pytest

from hvbuild.checking import Checker
from hvbuild.diagnostics import StackInvalid
from hvbuild.project import StackPlace

GOOD = """\
format: 1
board: rpi4
target: qnx-8.0.4
guests:
  la:
    ram:
      - {name: main, base: 0x80000000, size: 512MiB}
    cpus: [{sched: 10r}]
    images: [{name: kernel, load: /guests/la/Image, external: true}]
    vdevs:
      - {name: console, type: pl011, loc: 0x1c090000, intr: 37}
"""


@pytest.mark.parametrize(
    ("old", "new", "route"),
    [
        ("0x1c090000", "0x80000000", "guests.la.vdevs[0].loc"),
        ("intr: 37", "intr: 1020", "guests.la.vdevs[0].intr"),
        ("size: 512MiB", "size: 0x1800", "guests.la.ram[0]"),
        ("board: rpi4", "board: rpi9", "board"),
        ("10r", "300r", "guests.la.cpus[0].sched"),
    ],
)
def test_routes(old: str, new: str, route: str, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(StackInvalid) as caught:
        Checker(None).check(StackPlace(file=file, root=tmp_path), "base")

    assert [each.route for each in caught.value.diagnostics] == [route]
