"""Text captured on a target: `pidin syspage=asinfo`, `pidin info`, `pidin`, and Qualcomm's `showmem -s`.

Readers take the variants that releases print: addresses padded with blanks or zeros, with or without
priority and checker columns, the startup program's own print of the same table. They keep the place of
every row; printing a view gives text in the same form.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import field

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.target_codes import NOT_A_CAPTURE, ROW_BACKWARDS, ROW_NOT_READ
from hvbuild.ranges import AddressRange
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

NO_OWNER = 0xFFFF
# No tool prints a row longer than this; what is longer is matched as far as here.
LONGEST_ROW = 1000

_ASINFO = re.compile(
    r"\s*(?P<offset>[0-9a-fA-F]+)\)\s*(?P<start>(?:0x)?[0-9a-fA-F]+)\s*-\s*(?P<end>(?:0x)?[0-9a-fA-F]+)"
    r"\s+o:(?P<owner>[0-9a-fA-F]{4})(?:\s+a:(?P<attributes>[0-9a-fA-F]{4}))?(?:\s+p:(?P<priority>\d+))?"
    r"(?:\s+c:\S+)?\s+(?:n:)?(?P<name>\S+)\s*\Z"
)
_SECTION = re.compile(r"\s*Section:\s*(\w+)")
_POOL = re.compile(r"\s*(?P<name>[\w./-]+)\s+(?P<total>\d+)\s+(?P<used>\d+)\s+(?P<free>\d+)\s*\Z")
_POOL_HEADER = re.compile(r"\s*Mem\s+Total", re.IGNORECASE)
_RULE = re.compile(r"\s*[-=]{3,}\s*\Z")
_INFO = re.compile(
    r"CPU:(?P<cpu>\S+)\s+Release:(?P<release>\S+)\s+FreeMem:(?P<free>\d+)(?P<free_unit>[KMGT]?)i?[bB]"
    r"/(?P<total>\d+)(?P<total_unit>[KMGT]?)i?[bB](?:\s+BootTime:(?P<boot>.*\S))?"
)
_COUNTS = re.compile(r"\s*Processes:\s*(?P<processes>\d+),\s*Threads:\s*(?P<threads>\d+)")
_PROCESSOR = re.compile(
    r"\s*Processor(?P<number>\d+):\s*(?P<id>\d+)\s+(?P<name>\S+)\s+(?P<mhz>\d+)\s*MHz(?P<fpu>\s+FPU)?\s*\Z"
)
_THREAD = re.compile(
    r"\s*(?P<pid>\d+)\s+(?P<tid>\d+)\s+(?P<name>\S.*?)\s+(?P<priority>\d+)(?P<policy>[a-z?])"
    r"\s+(?P<state>[A-Z][A-Z_]*|\?)(?:\s+(?P<blocked>\S.*?))?\s*\Z"
)
_THREAD_HEADER = re.compile(r"\s*pid\s+tid\b")
_UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class AsinfoEntry:
    """One range of the host's memory map; `path` joins the names from the root (`memory/below4G/ram`)."""

    window: AddressRange
    path: str
    offset: int = 0
    owner: int = NO_OWNER
    attributes: int | None = None
    priority: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The last name of the path: what typed memory and `$asinfo_start{}` call it."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsinfoView:
    """A captured `asinfo` section, in its order."""

    entries: tuple[AsinfoEntry, ...]
    faults: tuple[Diagnostic, ...] = ()
    place: Span | None = field(default=None, compare=False, repr=False)

    def named(self, name: str) -> tuple[AsinfoEntry, ...]:
        """The entries called `name`."""
        return tuple(entry for entry in self.entries if entry.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One typed-memory pool of `showmem -s`, in KiB."""

    name: str
    total: int
    used: int
    free: int
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowmemView:
    """A captured `showmem -s` table, in its order."""

    pools: tuple[Pool, ...]
    faults: tuple[Diagnostic, ...] = ()
    place: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One `Processor` line of `pidin info`."""

    number: int
    identity: int
    name: str
    mhz: int
    fpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoView:
    """`pidin info`: free and total memory in bytes, as rounded by the printed unit (`total_unit`)."""

    cpu: str
    release: str
    free: int
    total: int
    total_unit: int = 1 << 20
    boot_time: str = ""
    processes: int | None = None
    threads: int | None = None
    processors: tuple[Processor, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    place: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRow:
    """One thread of `pidin`: its process, number, name as printed, priority, policy letter and state."""

    pid: int
    tid: int
    name: str
    priority: int
    policy: str
    state: str
    blocked: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """A captured `pidin` listing, in its order."""

    threads: tuple[ThreadRow, ...]
    faults: tuple[Diagnostic, ...] = ()
    place: Span | None = field(default=None, compare=False, repr=False)


def _lines(file: SourceFile) -> Iterator[tuple[str, Span]]:
    at = 0
    for line in file.text.splitlines(keepends=True):
        text = line.rstrip("\r\n")
        start = at + len(text) - len(text.lstrip())
        yield text[:LONGEST_ROW], Span(file, start, at + len(text.rstrip()) if text.strip() else start)
        at += len(line)


def _whole(file: SourceFile) -> Span:
    return Span(file, 0, min(len(file.text), len(file.line(1))))


def _empty(file: SourceFile, what: str) -> Diagnostic:
    return NOT_A_CAPTURE.at(_whole(file), f"no row of `{what}` in this text")


def _unread(span: Span, what: str) -> Diagnostic:
    return ROW_NOT_READ.at(span, f"this line is not a row of `{what}`; it is left out")


def read_asinfo(file: SourceFile) -> AsinfoView:
    """The `asinfo` entries of a `pidin syspage` capture; other sections in it are passed over."""
    entries: list[AsinfoEntry] = []
    faults: list[Diagnostic] = []
    inside = True
    for text, span in _lines(file):
        section = _SECTION.match(text)
        if section:
            inside = section[1] == "asinfo"
            continue
        row = _ASINFO.match(text) if inside else None
        if row is None:
            if inside and re.match(r"\s*[0-9a-fA-F]+\)", text):
                faults.append(_unread(span, "pidin syspage=asinfo"))
            continue
        start, end = int(row["start"], 16), int(row["end"], 16)
        if end < start or end >= 1 << 64:
            faults.append(ROW_BACKWARDS.at(span, f"the entry ends at {end:#x}, before its start {start:#x}"))
            continue
        entries.append(_asinfo_entry(row, AddressRange(start, end + 1), span))
    if not entries:
        faults.append(_empty(file, "pidin syspage=asinfo"))
    return AsinfoView(entries=tuple(entries), faults=tuple(faults), place=_whole(file))


def _asinfo_entry(row: re.Match[str], window: AddressRange, span: Span) -> AsinfoEntry:
    return AsinfoEntry(
        window=window,
        path=row["name"].strip("/"),
        offset=int(row["offset"], 16),
        owner=int(row["owner"], 16),
        attributes=int(row["attributes"], 16) if row["attributes"] else None,
        priority=int(row["priority"]) if row["priority"] else None,
        span=span,
    )


def read_showmem(file: SourceFile) -> ShowmemView:
    """The pools of a Qualcomm `showmem -s` table."""
    pools: list[Pool] = []
    faults: list[Diagnostic] = []
    inside = False
    for text, span in _lines(file):
        row = _POOL.match(text)
        if row:
            inside = True
            total, used, free = (int(row[key]) for key in ("total", "used", "free"))
            pools.append(Pool(name=row["name"], total=total, used=used, free=free, span=span))
        elif _POOL_HEADER.match(text) or _RULE.match(text):
            inside = True
        elif inside and text.strip() and not text.strip().startswith("#"):
            faults.append(_unread(span, "showmem -s"))
    if not pools:
        faults.append(_empty(file, "showmem -s"))
    return ShowmemView(pools=tuple(pools), faults=tuple(faults), place=_whole(file))


def read_info(file: SourceFile) -> InfoView | None:
    """The view of a `pidin info` capture, or None when its first line is not there."""
    found = _INFO.search(file.text)
    if found is None:
        return None
    counts = None
    processors: list[Processor] = []
    for text, _ in _lines(file):
        counts = counts or _COUNTS.match(text)
        row = _PROCESSOR.match(text)
        if row:
            processors.append(
                Processor(
                    number=int(row["number"]),
                    identity=int(row["id"]),
                    name=row["name"],
                    mhz=int(row["mhz"]),
                    fpu=bool(row["fpu"]),
                )
            )
    unit = _UNIT[found["total_unit"]]
    return InfoView(
        cpu=found["cpu"],
        release=found["release"],
        free=int(found["free"]) * _UNIT[found["free_unit"]],
        total=int(found["total"]) * unit,
        total_unit=unit,
        boot_time=found["boot"] or "",
        processes=int(counts["processes"]) if counts else None,
        threads=int(counts["threads"]) if counts else None,
        processors=tuple(processors),
        place=Span(file, found.start(), found.end()),
    )


def read_threads(file: SourceFile) -> ThreadView:
    """The threads of a `pidin` listing with the columns pid, tid, name, prio, state, blocked."""
    rows: list[ThreadRow] = []
    faults: list[Diagnostic] = []
    inside = False
    for text, span in _lines(file):
        row = _THREAD.match(text)
        if row:
            rows.append(_thread_row(row, span))
        elif _THREAD_HEADER.match(text):
            inside = True
        elif inside and text.strip() and not text.lstrip().startswith("#"):
            faults.append(_unread(span, "pidin"))
    if not rows:
        faults.append(_empty(file, "pidin"))
    return ThreadView(threads=tuple(rows), faults=tuple(faults), place=_whole(file))


def _thread_row(row: re.Match[str], span: Span) -> ThreadRow:
    return ThreadRow(
        pid=int(row["pid"]),
        tid=int(row["tid"]),
        name=row["name"],
        priority=int(row["priority"]),
        policy=row["policy"],
        state=row["state"],
        blocked=row["blocked"] or "",
        span=span,
    )


# --- printing ---------------------------------------------------------------------------------------------


def print_asinfo(entries: Sequence[AsinfoEntry]) -> str:
    """`entries` as `pidin syspage=asinfo` prints them, attribute and priority columns where known."""
    lines = ["Section:asinfo offset:0x00000000 size:0x00000000"]
    for entry in entries:
        columns = f"o:{entry.owner:04x}"
        columns += f" a:{entry.attributes:04x}" if entry.attributes is not None else ""
        columns += f" p:{entry.priority}" if entry.priority is not None else ""
        name = f"n:{entry.path}" if entry.attributes is not None else f"/{entry.path}"
        window = f"{entry.window.start:016x}-{entry.window.end - 1:016x}"
        lines.append(f"{entry.offset:04x}) {window} {columns} {name}")
    return "\n".join(lines) + "\n"


def print_showmem(pools: Sequence[Pool]) -> str:
    """`pools` as Qualcomm's `showmem -s` prints them."""
    head = ["Mem Total(KB) Used(KB) Free(KB)", "-" * 67]
    return "\n".join([*head, *(f"{p.name} {p.total} {p.used} {p.free}" for p in pools)]) + "\n"


def print_info(view: InfoView) -> str:
    """`view` as `pidin info` prints it; memory in MB, as it does above 1 MB."""
    mib = 1 << 20
    lines = [f"CPU:{view.cpu} Release:{view.release} FreeMem:{view.free // mib}Mb/{view.total // mib}Mb"]
    if view.boot_time:
        lines[0] += f" BootTime:{view.boot_time}"
    if view.processes is not None and view.threads is not None:
        lines.append(f"Processes: {view.processes}, Threads: {view.threads}")
    for row in view.processors:
        fpu = " FPU" if row.fpu else ""
        lines.append(f"Processor{row.number}: {row.identity} {row.name} {row.mhz}MHz{fpu}")
    return "\n".join(lines) + "\n"


def print_threads(rows: Sequence[ThreadRow]) -> str:
    """`rows` as `pidin` lists them."""
    lines = ["     pid tid name                         prio STATE       Blocked"]
    for row in rows:
        priority = f"{row.priority}{row.policy}"
        line = f"{row.pid:8d}{row.tid:4d} {row.name:<27} {priority:>4} {row.state:<11} {row.blocked}"
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"
