"""Classes 40 to 65: devices, interrupts, CPUs and scheduling."""

from fault import FREE, SMALL_RAM, Fault, Setting, another_guest, cpus, guest, passed, stack, vdev, window

MIB = 1 << 20


def pass_over_vdev(s: Setting, wrong: bool) -> str | None:
    at = FREE + (0 if wrong else 0x1000)
    both = vdev(s, f"name: probe, type: virtio-entropy, loc: {FREE:#x}, intr: '{s.line}' #2")
    line = f"  - {{name: through, windows: [{window(at, FREE)}]}}  #1"
    return both + f"    pass:\n    {line}\n"


def pass_of_controller(s: Setting, wrong: bool) -> str | None:
    owned = next((d for d in s.plan.stack.board.devices if d.controller and d.windows), None)
    if owned is None:
        return None
    host = owned.windows[0].start if wrong else FREE
    return passed(s, f"name: probe, windows: [{window(FREE, host)}] #1")


def vdev_in_ram(s: Setting, wrong: bool) -> str:
    at = FREE + (0 if wrong else 0x10000)
    return guest(
        s,
        f"ram:\n  - {{name: extra, base: {FREE:#x}, size: 64KiB}}  #2\n"
        f"vdevs:\n  - {{name: probe, type: virtio-entropy, loc: {at:#x}, intr: '{s.line}'}}  #1",
    )


def two_owners(s: Setting, wrong: bool) -> str:
    other = FREE if wrong else FREE + 0x10_0000
    line = f"pass:\n  - {{name: there, windows: [{window(FREE, other)}]}}  #1"
    first = f"    pass:\n      - {{name: here, windows: [{window(FREE)}]}}  #2\n"
    return stack(f"guests:\n  {s.g}:\n{first}" + another_guest("probe", SMALL_RAM, line))


def host_driver_left(s: Setting, wrong: bool) -> str | None:
    taken = {each.device for plan in s.plan.guests for each in plan.vm.passes}
    devices = s.plan.stack.board.devices
    device = next((d for d in devices if d.drivers and d.windows and d.name not in taken), None)
    if device is None:
        return None
    drives = f", drives: [{device.name}]" if wrong else ""
    at = device.windows[0].start
    lines = (
        f", interrupts: [{{line: '{s.line}', vector: {device.interrupts[0]}}}]" if device.interrupts else ""
    )
    body = passed(s, f"name: probe, windows: [{window(FREE, at)}]{lines} #2")
    return body + (
        f"host:\n  services:\n    - {{name: driver, command: some-driver{drives}, "
        "load: {pattern: periodic, period: 50ms, work: 1ms, bound: 50ms}}  #1\n"
    )


def _board_devices(*rows: str) -> str:
    return "board_overrides:\n  devices:\n" + "".join(f"    - {{{row}, source: example}}\n" for row in rows)


def group_split(s: Setting, wrong: bool) -> str:
    group = ", group: bus7" if wrong else ""
    rows = _board_devices(
        f"name: one, registers: [{{base: {FREE:#x}, size: 4KiB}}], dma: false{group}",
        f"name: two, registers: [{{base: {FREE + 0x1000:#x}, size: 4KiB}}], dma: false{group}",
    )
    line = "pass:\n  - {name: there, device: two, flags: rwn}  #1"
    first = "    pass:\n      - {name: here, device: one, flags: rwn}  #2\n"
    return stack(rows + f"guests:\n  {s.g}:\n{first}" + another_guest("probe", SMALL_RAM, line))


def no_such_device(s: Setting, wrong: bool) -> str:
    rows = _board_devices(f"name: probe, registers: [{{base: {FREE:#x}, size: 4KiB}}], dma: false")
    name = "porbe" if wrong else "probe"
    return passed(s, f"name: through, device: {name}, flags: rwn #1") + rows


def device_in_part(s: Setting, wrong: bool) -> str:
    rows = _board_devices(
        f"name: probe, registers: [{{base: {FREE:#x}, size: 4KiB}}, "
        f"{{base: {FREE + 0x10000:#x}, size: 4KiB}}], dma: false"
    )
    rest = "" if wrong else f", {window(FREE + 0x10000)}"
    return passed(s, f"name: through, windows: [{window(FREE)}{rest}] #1") + rows


def ifs_elsewhere(s: Setting, wrong: bool) -> str:
    return guest(
        s,
        f"ram:\n  - {{name: extra, base: {FREE:#x}, size: 1MiB}}\n"
        f"needs: {{ifs_address: {FREE + (MIB if wrong else 0):#x}}}  #1",
    )


def dma_uncontained(s: Setting, wrong: bool) -> str | None:
    if s.plan.stack.board.smmu:
        return None
    rows = _board_devices(
        f"name: probe, registers: [{{base: {FREE:#x}, size: 4KiB}}], dma: {str(wrong).lower()}"
    )
    return passed(s, "name: through, device: probe, flags: rw #1") + rows


def dma_undeclared(s: Setting, wrong: bool) -> str | None:
    if not s.plan.system.host.smmuman:
        return None
    flags = "rw" if wrong else "rwn"
    return passed(s, f"name: through, windows: [{{base: {FREE:#x}, size: 4KiB, flags: {flags}}}] #1")


def host_interrupt_twice(s: Setting, wrong: bool) -> str:
    pic = s.line.partition(":")[0]
    here = f"interrupts: [{{line: '{s.line}', vector: 300}}]"
    there = (
        f"interrupts: [{{line: '{'gic:100' if s.on_arm else 'apic:5'}', vector: {300 if wrong else 301}}}]"
    )
    if not s.on_arm:
        return passed(
            s,
            f"name: here, {here} #2",
            f"name: there, interrupts: [{{line: '{pic}:21', vector: {300 if wrong else 301}}}] #1",
        )
    first = f"    pass:\n      - {{name: here, {here}}}  #2\n"
    line = f"pass:\n  - {{name: there, {there}}}  #1"
    return stack(f"guests:\n  {s.g}:\n{first}" + another_guest("probe", SMALL_RAM, line))


def guest_interrupt_twice(s: Setting, wrong: bool) -> str:
    second = s.line if wrong else f"{s.line[:-1]}1"
    return vdev(
        s,
        f"name: one, type: virtio-entropy, loc: {FREE:#x}, intr: '{s.line}' #2",
        f"name: two, type: virtio-entropy, loc: {FREE + 0x1000:#x}, intr: '{second}' #1",
    )


def other_architecture(s: Setting, wrong: bool) -> str:
    alien = "type: hpet" if s.on_arm else f"type: wdt-sp805, loc: {FREE:#x}"
    kind = alien if wrong else f"type: virtio-entropy, loc: {FREE:#x}, intr: '{s.line}'"
    return vdev(s, f"name: probe, {kind} #1")


def line_out_of_range(s: Setting, wrong: bool) -> str:
    line = s.line if not wrong else "gic:5" if s.on_arm else "myioapic:99"
    return vdev(s, f"name: probe, type: virtio-entropy, loc: {FREE:#x}, intr: '{line}' #1")


def no_such_cpu(s: Setting, wrong: bool) -> str:
    return cpus(s, f"sched: 10r, {s.place_cpu(99 if wrong else 1)} #1")


def cpu_repeated(s: Setting, wrong: bool) -> str | None:
    return None if s.on_8 else cpus(s, f"sched: 10r, runmask: [4, {4 if wrong else 5}] #1")


def no_cpu(s: Setting, wrong: bool) -> str | None:
    return None if s.on_8 else cpus(s, f"sched: 10r, runmask: [{'' if wrong else '1'}] #1")


def mixed_kinds(s: Setting, wrong: bool) -> str | None:
    kinds = {core.kind for core in s.plan.stack.board.cores}
    if len(kinds) < 2 or s.on_8:
        return None
    return cpus(s, f"sched: 10r, runmask: [{3 if wrong else 5}, 4] #1")


def own_cpus(s: Setting) -> list[int]:
    """pCPUs that the vCPUs of no other guest may use."""
    clusters = {cluster.name: cluster.cpus for cluster in s.plan.stack.host.clusters}
    everything = frozenset(range(len(s.plan.stack.board.cores)))
    used: set[int] = set()
    for other in s.others:
        for vcpu in other.vm.vcpus:
            used |= vcpu.runmask or clusters.get(vcpu.cluster or "", everything)
    return sorted(everything - used)


def exclusive_shared(s: Setting, wrong: bool) -> str | None:
    free = own_cpus(s)
    if len(free) < 2:
        return None
    body = another_guest("probe", SMALL_RAM)
    body = body.replace("{sched: 10r,", f"{{sched: 10r, {s.place_cpu(free[0] if wrong else free[1])},")
    body = body.replace("bound: 50ms}}", "bound: 50ms}}  #1", 1)
    return cpus(s, f"sched: 10r, {s.place_cpu(free[0])} #2") + "    exclusive: true\n" + body + "\n"


def housekeeping_used(s: Setting, wrong: bool) -> str | None:
    free = own_cpus(s)
    if len(free) < 2:
        return None
    planted = cpus(s, f"sched: 10r, {s.place_cpu(free[0 if wrong else 1])} #1") + "    exclusive: true\n"
    return planted + f"host:\n  housekeeping: [{free[0]}]\n"


def sporadic_budget(s: Setting, wrong: bool) -> str:
    budget = "30ms" if wrong else "10ms"
    return cpus(
        s, f"sched: {{priority: 20, low: 8, max_replenishments: 5, period: 20ms, budget: {budget}}} #1"
    )


def partition_unknown(s: Setting, wrong: bool) -> str | None:
    if s.on_8:
        return None
    rows = "host:\n  partitions:\n    - {name: guests, budget: 20, critical: 0ms}\n"
    return cpus(s, f"sched: 10r, partition: {'guest' if wrong else 'guests'} #1") + rows


def budgets_exceed(s: Setting, wrong: bool) -> str:
    return stack(
        "host:\n  partitions:\n    - {name: one, budget: 60, critical: 0ms}  #2\n"
        f"    - {{name: two, budget: {41 if wrong else 40}, critical: 0ms}}  #1"
    )


def above_back_end(s: Setting, wrong: bool) -> str:
    on = "cluster: _cpu-1" if s.on_8 else "cpus: [1]"
    disk = "name: probe, type: virtio-blk, hostdev: /dev/probe0" + (
        f", loc: {FREE:#x}, intr: '{s.line}'" if s.on_arm else ""
    )
    service = (
        f"host:\n  services:\n    - {{name: probe, command: devb-probe, provides: [/dev/probe0], "
        f"backs: [{s.g}.probe], sched: {20 if wrong else 40}r, {on}, "
        "load: {pattern: periodic, period: 50ms, work: 1ms, bound: 50ms}}  #2\n"
    )
    return cpus(s, f"sched: 30r, {s.place_cpu(1)} #1") + vdev(s, disk).split("\n", 3)[3] + service


def bound_twice(s: Setting, wrong: bool) -> str:
    return cpus(s, f"sched: 10r, {s.place_cpu(1)} #2", f"sched: 10r, {s.place_cpu(1 if wrong else 2)} #1")


def fifo_neighbours(s: Setting, wrong: bool) -> str:
    policy = "f" if wrong else "r"
    body = another_guest("probe", SMALL_RAM).replace(
        "{sched: 10r,", f"{{sched: 10{policy}, {s.place_cpu(1)},"
    )
    body = body.replace("bound: 50ms}}", "bound: 50ms}}  #1", 1)
    return cpus(s, f"sched: 10{policy}, {s.place_cpu(1)} #2") + body + "\n"


def no_provider(s: Setting, wrong: bool) -> str:
    disk = f"name: probe, type: virtio-blk, hostdev: {'/dev/nobody0' if wrong else '/dev/null'}" + (
        f", loc: {FREE:#x}, intr: '{s.line}'" if s.on_arm else ""
    )
    return vdev(s, f"{disk} #1")


FAULTS: tuple[Fault, ...] = (
    Fault(number=40, name="pass over a vdev", codes=("HV3002",), edit=pass_over_vdev, parties=2, hexes=True),
    Fault(
        number=41,
        name="pass over a controller",
        codes=("HV3207",),
        edit=pass_of_controller,
        parties=2,
        hexes=True,
    ),
    Fault(number=42, name="vdev in RAM", codes=("HV2003",), edit=vdev_in_ram, parties=2, hexes=True),
    Fault(number=43, name="two owners", codes=("HV2101",), edit=two_owners, parties=2, hexes=True),
    Fault(number=43, name="host driver left", codes=("HV5006",), edit=host_driver_left, parties=2),
    Fault(number=44, name="group split", codes=("HV3211",), edit=group_split, parties=2),
    Fault(number=45, name="no such device", codes=("HV1030",), edit=no_such_device),
    Fault(
        number=46,
        name="device in part",
        codes=("HV3209",),
        edit=device_in_part,
        parties=2,
        hexes=True,
        warning=True,
    ),
    Fault(number=47, name="image linked elsewhere", codes=("HV5224",), edit=ifs_elsewhere, hexes=True),
    Fault(
        number=48, name="DMA without SMMU", codes=("HV3205",), edit=dma_uncontained, parties=2, warning=True
    ),
    Fault(number=48, name="DMA not declared", codes=("HV3203",), edit=dma_undeclared),
    Fault(number=49, name="host interrupt twice", codes=("HV3102",), edit=host_interrupt_twice, parties=2),
    Fault(number=50, name="guest interrupt twice", codes=("HV3101",), edit=guest_interrupt_twice, parties=2),
    Fault(number=51, name="other architecture", codes=("HV3007",), edit=other_architecture),
    Fault(number=52, name="no such interrupt", codes=("HV3105",), edit=line_out_of_range),
    Fault(number=54, name="no such pCPU", codes=("HV4001", "HV1030", "HV4010"), edit=no_such_cpu),
    Fault(number=55, name="pCPU repeated", codes=("HV4002",), edit=cpu_repeated, warning=True),
    Fault(number=56, name="no pCPU", codes=("HV1007", "HV4003"), edit=no_cpu),
    Fault(number=57, name="exclusive pCPU shared", codes=("HV4004",), edit=exclusive_shared, parties=2),
    Fault(number=58, name="on the host's pCPU", codes=("HV4012",), edit=housekeeping_used, warning=True),
    Fault(number=59, name="mixed kinds", codes=("HV4005",), edit=mixed_kinds, warning=True),
    Fault(number=61, name="budget above period", codes=("HV4201",), edit=sporadic_budget),
    Fault(number=62, name="unknown partition", codes=("HV1030",), edit=partition_unknown),
    Fault(number=62, name="budgets above 100 %", codes=("HV4212",), edit=budgets_exceed, parties=2),
    Fault(
        number=63, name="above its back end", codes=("HV4103",), edit=above_back_end, parties=2, warning=True
    ),
    Fault(
        number=64, name="two vCPUs on one pCPU", codes=("HV4007",), edit=bound_twice, parties=2, warning=True
    ),
    Fault(
        number=64,
        name="equal FIFO on one pCPU",
        codes=("HV4105",),
        edit=fifo_neighbours,
        parties=2,
        warning=True,
    ),
    Fault(number=65, name="nobody provides it", codes=("HV5004",), edit=no_provider),
)
