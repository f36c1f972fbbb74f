"""Classes 1 to 20: text and shape, names and references."""

from fault import FREE, SMALL_RAM, Fault, Setting, another_guest, cpus, guest, regions, stack, vdev


def malformed_number(s: Setting, wrong: bool) -> str:
    return guest(
        s, f"ram:\n  - {{name: extra, base: {FREE:#x}, size: {'0x200_000sd' if wrong else '2MiB'}}}  #1"
    )


def number_for_list(s: Setting, wrong: bool) -> str:
    word = "cluster: _cpu-1" if s.on_8 else f"runmask: {'0x2' if wrong else '[1]'}"
    if s.on_8:
        word = f"cluster: {'0x3' if wrong else '_cpu-1'}"
    return cpus(s, f"sched: 10r, {word} #1")


def unknown_key(s: Setting, wrong: bool) -> str:
    key = ("clustr" if s.on_8 else "runmsk") if wrong else ("cluster" if s.on_8 else "runmask")
    return cpus(s, f"sched: 10r, {key}: {'_cpu-1' if s.on_8 else '[1]'} #1")


def missing_key(s: Setting, wrong: bool) -> str:
    return vdev(
        s, f"name: probe, {'' if wrong else 'type: virtio-entropy, '}loc: {FREE:#x}, intr: '{s.line}' #1"
    )


def not_a_choice(s: Setting, wrong: bool) -> str:
    return guest(s, f"unsupported: {{reference: {'explode' if wrong else 'fail'}}}  #1")


def number_out_of_range(s: Setting, wrong: bool) -> str:
    return cpus(s, f"sched: {'256r' if wrong else '63r'} #1")


def duplicate_key(s: Setting, wrong: bool) -> str:
    second = "\ndump: /data/b  #1" if wrong else ""
    return guest(s, f"dump: /data/a  #2{second}")


def broken_yaml(s: Setting, wrong: bool) -> str:
    return guest(
        s,
        f"dump: /data\n{'- ' if wrong else ''}safety: warn  #1"
        if not s.on_8
        else f"dump: /data\n{'- ' if wrong else ''}cmdline: x  #1",
    )


def stray_text(s: Setting, wrong: bool) -> str:
    return guest(s, f"unsupported: {'nothing' if wrong else '{reference: fail}'}  #1")


def two_faults(s: Setting, wrong: bool) -> str:
    first = "explode" if wrong else "fail"
    second = "sometimes" if wrong else "ignore"
    return guest(s, f"unsupported:\n  reference: {first}  #1\n  register: {second}  #2")


def system_twice(s: Setting, wrong: bool) -> str:
    name = s.guest.vm.system if wrong else "probe"
    return stack(
        "guests:\n" + another_guest("probe", SMALL_RAM).replace("system: probe", f"system: {name}  #1")
    )


def name_twice(s: Setting, wrong: bool) -> str:
    return vdev(
        s,
        f"name: one, type: virtio-entropy, qvm_name: probe, loc: {FREE:#x}, intr: '{s.line}' #2",
        f"name: two, type: virtio-entropy, qvm_name: {'probe' if wrong else 'other'}, "
        f"loc: {FREE + 0x1000:#x}, intr: '{s.line[:-1]}1' #1",
    )


def region_unknown(s: Setting, wrong: bool) -> str:
    add = regions(f"name: pool, base: {s.hole.start:#x}, size: 1MiB, owner: {s.g}, cleared: true")
    body = f"pass:\n  - {{name: probe, region: {'pol' if wrong else 'pool'}, flags: rwcn}}  #1"
    return add + guest(s, body).removeprefix("format: 1\n")


def link_to_nobody(s: Setting, wrong: bool) -> str:
    net = "name: probe, type: virtio-net, peer: auto" + (
        f", loc: {FREE:#x}, intr: '{s.line}'" if s.on_arm else ""
    )
    far = "nobody.net" if wrong else "host.vp9"
    return vdev(s, net) + f"links:\n  - {{name: probe, between: [{s.g}.probe, {far}]}}  #1\n"


def link_with_itself(s: Setting, wrong: bool) -> str:
    net = "name: probe, type: virtio-net, peer: auto" + (
        f", loc: {FREE:#x}, intr: '{s.line}'" if s.on_arm else ""
    )
    far = f"{s.g}.probe" if wrong else "host.vp9"
    return vdev(s, net) + f"links:\n  - {{name: probe, between: [{s.g}.probe, {far}]}}  #1\n"


def peer_twice(s: Setting, wrong: bool) -> str:
    shared = "name: probe, type: shmem" + (f", loc: {FREE:#x}, intr: '{s.line}'" if s.on_arm else "")
    if any(vd.type == "shmem" for vd in s.guest.vm.vdevs):
        shared = ""
    users = f"[{s.g}, {s.g}]" if wrong else f"[{s.g}]"
    add = vdev(s, shared) if shared else stack("")
    return add + f"shared_memory:\n  - {{name: box, size: 4KiB, guests: {users}, creator: {s.g}}}  #1\n"


def own_parent(s: Setting, wrong: bool) -> str:
    parent = "inner" if wrong else "System"
    return stack(
        "host:\n  partitions:\n"
        f"    - {{name: outer, budget: 20, critical: 0ms, parent: {parent}}}  #1\n"
        "    - {name: inner, budget: 10, critical: 0ms, parent: outer}"
    )


def image_missing(s: Setting, wrong: bool) -> str:
    """Nothing brings the file: neither a source for the host image nor somebody else."""
    body = "" if wrong else ", external: true"
    return guest(s, f"images:\n  - {{name: probe, load: /guests/probe.bin, type: initrd{body}}}  #1")


FAULTS: tuple[Fault, ...] = (
    Fault(number=1, name="malformed number", codes=("HV1005",), edit=malformed_number),
    Fault(number=2, name="number for a list", codes=("HV1003", "HV1030"), edit=number_for_list),
    Fault(number=3, name="misspelt key", codes=("HV1001",), edit=unknown_key),
    Fault(number=4, name="missing key", codes=("HV1002",), edit=missing_key),
    Fault(number=5, name="not a choice", codes=("HV1004",), edit=not_a_choice),
    Fault(
        number=6, name="number out of range", codes=("HV1005", "HV1006", "HV4101"), edit=number_out_of_range
    ),
    Fault(number=7, name="duplicate key", codes=("HV0009",), edit=duplicate_key, parties=2),
    Fault(number=8, name="broken YAML", codes=("HV0004",), edit=broken_yaml),
    Fault(number=9, name="scalar for a mapping", codes=("HV1003",), edit=stray_text),
    Fault(number=10, name="two faults at once", codes=("HV1004",), edit=two_faults, faults=2),
    Fault(number=11, name="system name twice", codes=("HV3009",), edit=system_twice, parties=2),
    Fault(number=13, name="device name twice", codes=("HV3008",), edit=name_twice, parties=2),
    Fault(number=14, name="unknown region", codes=("HV1030",), edit=region_unknown),
    Fault(number=15, name="link to nobody", codes=("HV1030",), edit=link_to_nobody),
    Fault(number=16, name="link with itself", codes=("HV1032",), edit=link_with_itself),
    Fault(number=17, name="peer named twice", codes=("HV1008", "HV1031"), edit=peer_twice),
    Fault(number=19, name="partition below itself", codes=("HV1030", "HV4215"), edit=own_parent),
    Fault(number=20, name="image file missing", codes=("HV1034", "HV5003"), edit=image_missing),
)
