"""Strategies for machines of the model's types: anything that qvmconf can say, with awkward values."""

from hypothesis import strategies as st

from hvbuild.catalog import shipped_catalog
from hvbuild.meaning.places import flags_in
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Fifo,
    Interrupt,
    Load,
    Location,
    Logger,
    Memory,
    MemoryKind,
    Option,
    Pass,
    PassInterrupt,
    PassPci,
    PassWindow,
    Reserve,
    RoundRobin,
    Setting,
    Space,
    Sporadic,
    Unsupported,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.units import Nanoseconds

CATALOG = shipped_catalog()
NAMES = st.text("abcdefgz0-_.", min_size=1, max_size=6)
TEXTS = st.text("abz019 =,:#/|>$\t-", max_size=12)
NUMBERS = st.one_of(st.integers(0, 2000), st.integers(0, (1 << 64) - 1), st.just(0x8000_0000))
POSITIVE = NUMBERS.map(lambda number: max(number, 1))
STARTS = st.one_of(NUMBERS, NAMES.map(AsinfoStart))
LENGTHS = st.one_of(POSITIVE, NAMES.map(AsinfoLength))
PRIORITIES = st.integers(1, 255)

SCHEDS = st.one_of(
    PRIORITIES.map(RoundRobin),
    PRIORITIES.map(Fifo),
    st.builds(
        Sporadic,
        priority=PRIORITIES,
        low_priority=PRIORITIES,
        max_replenishments=st.integers(1, 20),
        replenishment_period=st.integers(1, 10**12).map(Nanoseconds),
        initial_budget=st.integers(1, 10**12).map(Nanoseconds),
    ),
)
VCPUS = st.builds(
    Vcpu,
    sched=st.none() | SCHEDS,
    runmask=st.none() | st.frozensets(st.integers(0, 15), min_size=1),
    cluster=st.none() | NAMES,
    partition=st.none() | NAMES,
)
LINES = st.builds(Interrupt, pic=NAMES, line=st.integers(0, 1019))
PLACES = st.one_of(
    st.builds(Location, space=st.just(Space.MEM), start=NUMBERS, length=st.none() | LENGTHS),
    st.builds(Location, space=st.just(Space.IO), start=st.integers(0, 0xFFFF), length=st.none() | POSITIVE),
    st.builds(Location, space=st.just(Space.PCI), text=st.sampled_from(["0:1", "0:2.0", "0x8086/0x5aa8/1"])),
)


def flag_sets() -> st.SearchStrategy[frozenset[str]]:
    return st.text("+-rwxcemdnst", max_size=8).map(lambda text: flags_in(text, CATALOG))


WINDOWS = st.builds(
    PassWindow,
    space=st.sampled_from([Space.MEM, Space.IO]),
    start=STARTS,
    length=st.none() | LENGTHS,
    flags=flag_sets(),
    host=st.none() | STARTS,
)
PASSES = st.builds(
    Pass,
    windows=st.lists(WINDOWS, max_size=2).map(tuple),
    pci=st.lists(
        st.builds(PassPci, host=st.just("0x8086/0x5aa8"), guest=st.sampled_from(["", "0:2.0"])), max_size=1
    ).map(tuple),
    interrupts=st.lists(
        st.builds(
            PassInterrupt,
            line=LINES,
            attribute=st.sampled_from(["", "t", "u"]),
            vector=st.none() | st.integers(0, 1019),
        ),
        max_size=2,
    ).map(tuple),
    blob=st.sampled_from(["", "data", "acpi"]),
)
RESERVES = st.builds(
    Reserve,
    locations=st.lists(PLACES, max_size=2).map(tuple),
    interrupts=st.lists(
        LINES | st.builds(Interrupt, pic=st.just(""), line=st.integers(0, 99)), max_size=2
    ).map(tuple),
)
MEMORY = st.builds(Memory, kind=st.sampled_from(MemoryKind), base=STARTS, size=LENGTHS, placed=st.just(False))
FILTERS = st.frozensets(st.sampled_from(CATALOG.log_filters), min_size=1)
LOGGERS = st.builds(Logger, filters=FILTERS, destination=st.sampled_from(list(CATALOG.log_destinations)))
OPTIONS = st.one_of(
    st.builds(Option, key=st.just("hostdev"), values=st.tuples(TEXTS)),
    st.builds(Option, key=st.just("hostdev"), values=st.tuples(NAMES)),
)
VDEVS = st.one_of(
    st.builds(
        Vdev,
        type=st.just("virtio-console"),
        name=NAMES | st.just(""),
        location=st.none() | PLACES,
        interrupts=st.lists(LINES, max_size=1).map(tuple),
        options=st.lists(OPTIONS, max_size=3).map(tuple),
        settings=st.lists(st.builds(Setting, variable=st.just("debug"), value=TEXTS), max_size=1).map(tuple),
    ),
    st.builds(Vdev, type=st.just("hpet"), interrupts=st.lists(LINES, max_size=3).map(tuple)),
    st.builds(Vdev, type=st.just("8259"), location=PLACES),
    st.builds(Vdev, type=st.just("pl011"), name=st.sampled_from("abc"), location=st.none() | PLACES),
    st.builds(
        Vdev,
        type=st.just("third-party"),
        options=st.lists(
            st.builds(Option, key=st.sampled_from(["mode", "x-y"]), values=st.tuples(TEXTS)), max_size=3
        ).map(tuple),
    ),
)
LOADS = st.builds(
    Load,
    path=st.text("/abc. #", min_size=1, max_size=8),
    blob=st.sampled_from(["", "fdt", "initrd", "data"]),
    address=st.none() | NUMBERS,
)
MACHINES = st.builds(
    VmConfig,
    system=NAMES | st.just(""),
    memory=st.lists(MEMORY, max_size=3).map(tuple),
    vcpus=st.lists(VCPUS, max_size=3).map(tuple),
    vdevs=st.lists(VDEVS, max_size=3).map(tuple),
    passes=st.lists(PASSES, max_size=2).map(tuple),
    reserves=st.lists(RESERVES, max_size=2).map(tuple),
    loads=st.lists(LOADS, max_size=2).map(tuple),
    cmdline=st.none() | TEXTS,
    settings=st.lists(
        st.builds(Setting, variable=st.sampled_from(["grow-heap", "warp"]), value=TEXTS),
        max_size=2,
        unique_by=lambda setting: setting.variable,
    ).map(tuple),
    loggers=st.lists(LOGGERS, max_size=2).map(tuple),
    unsupported=st.lists(
        st.builds(
            Unsupported,
            kind=st.sampled_from(["register", "reference"]),
            action=st.sampled_from(["abort", "fail"]),
        ),
        max_size=2,
        unique_by=lambda row: row.kind,
    ).map(tuple),
    dump=st.none() | TEXTS,
    safety=st.none() | st.sampled_from(["none", "warn"]),
    flags=st.frozensets(st.sampled_from(["debug", "dryrun", "fdt generate"])),
)
