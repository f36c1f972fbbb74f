"""Time to read a qvmconf of 1,000 lines and to give it its meaning, in milliseconds, best of several."""

import time
from collections.abc import Callable

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.formats.qvmconf_tokens import tokens_of
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.source import SourceFile

DEVICE = "vdev virtio-blk # disk {0}\n  loc {1:#x}\n  intr gic:{2}\n  hostdev /dev/disk{0}\n  name disk{0}\n"


def text(lines: int) -> str:
    """A configuration of about `lines` lines."""
    head = "system big\nram 0x80000000,512M\ncpu\ncpu\nload 0x80000000,/guest/ifs.bin\n"
    devices = range((lines - 5) // 5)
    return head + "".join(DEVICE.format(n, 0x1C00_0000 + n * 0x1000, 32 + n) for n in devices)


def best_of(times: int, act: Callable[[], object]) -> float:
    """The shortest time of `act` in milliseconds."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        spent.append(time.perf_counter() - start)
    return min(spent) * 1000


def measure(lines: int) -> str:
    """One line of results for a configuration of about `lines` lines."""
    catalog = shipped_catalog()
    file = SourceFile("big.qvmconf", text(lines))
    document = read_qvmconf(file, catalog)
    words = best_of(9, lambda: tokens_of(file))
    entries = best_of(9, lambda: read_qvmconf(file, catalog))
    meaning = best_of(9, lambda: read_vm([document], catalog))
    return f"{lines} lines: words {words:.1f} ms, document {entries:.1f} ms, its meaning {meaning:.1f} ms"


def main() -> None:
    for lines in (1_000, 10_000):
        print(measure(lines))


if __name__ == "__main__":
    main()
