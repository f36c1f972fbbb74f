"""Files the host image holds because of a decision: smmuman's configuration, scripts that restart guests."""

import shlex
from collections.abc import Iterator

from hvbuild.model.host import HostFile, Service
from hvbuild.model.plan import RESTART_PAUSE, Launch
from hvbuild.model.stack import Stack
from hvbuild.model.vm import Fifo, Sched, Sporadic
from hvbuild.resolve.hostrows import smmuman_row

# RLIMIT_AS as `on -L` counts it (QNX 8.0, `on`; hypervisor memory page).
_RLIMIT_AS = 6
_SYSTEM_PARTITION = "System"
_PAUSE = f"sleep {RESTART_PAUSE // 1_000_000_000}"
_SCRIPT_MODE, _FILE_MODE = "0755", "0644"


def smmuman_service(stack: Stack) -> Service | None:
    """The start of the host's SMMU manager, before anything that masters the bus; None where there is none.

    A stack that starts `smmuman` among its own services is left alone.
    """
    smmuman = stack.host.smmuman
    if smmuman is None or any(service.command.startswith("smmuman") for service in stack.host.services):
        return None
    row = smmuman_row()
    return Service(
        name="smmuman",
        command=row.command.format(file=smmu_path(stack)),
        wait_for=(row.wait_for,),
        origin=smmuman.origin,
    )


def smmu_path(stack: Stack) -> str:
    """Where smmuman's configuration file lies in the host image."""
    return f"{stack.host.files_path}/{smmuman_row().file}"


def smmuman_entries(stack: Stack) -> Iterator[HostFile]:
    """The configuration file of smmuman: its driver, then the stack's own lines.

    Devices and guest memory are not listed: qvm registers both with smmuman when it starts a guest
    (QNX Hypervisor, DMA device containment).
    """
    smmuman = stack.host.smmuman
    if smmuman is None or smmuman_service(stack) is None:
        return
    lines = [f"smmu {smmuman.driver}", *smmuman.options]
    yield HostFile(
        path=smmu_path(stack),
        content="".join(f"{line}\n" for line in lines),
        mode=_FILE_MODE,
        reason="configuration of the SMMU manager",
        origin=smmuman.origin,
    )


def on_words(
    *,
    sched: Sched | None,
    cpus: tuple[int, ...],
    cluster: str | None,
    partition: str | None,
    memory_limit: int | None = None,
) -> tuple[str, ...]:
    """The words `on …` that place a command; empty when there is nothing to say.

    Source: QNX utilities, `on`: -p priority, -C pCPU (8.0: or cluster), -X aps=partition, -L rlimit.
    """
    words: list[str] = []
    if sched is not None and not isinstance(sched, Sporadic):
        words += ["-p", f"{sched.priority}{'f' if isinstance(sched, Fifo) else 'r'}"]
    for cpu in cpus:
        words += ["-C", str(cpu)]
    if cluster is not None:
        words += ["-C", cluster]
    if partition is not None and partition != _SYSTEM_PARTITION:
        words += ["-X", f"aps={partition}"]
    if memory_limit is not None:
        words += ["-L", f"{_RLIMIT_AS}:{memory_limit}:{memory_limit}"]
    return ("on", *words) if words else ()


def launch_words(launch: Launch) -> tuple[str, ...]:
    """The words that start a guest's qvm where it belongs."""
    on = on_words(
        sched=launch.sched,
        cpus=launch.cpus,
        cluster=launch.cluster,
        partition=launch.partition,
        memory_limit=launch.memory_limit,
    )
    return (*on, "qvm", f"@{launch.config_path}")


def restart_path(stack: Stack, guest: str, restart: str) -> str:
    """Where the script that restarts a guest lies in the image; empty for one that is started once."""
    return "" if restart == "never" else f"{stack.host.files_path}/{guest}/{guest}.restart.sh"


def restart_entries(launches: tuple[Launch, ...]) -> Iterator[HostFile]:
    """A script for each guest that is to be started again.

    qvm ends with 0 when the guest shut itself down (QNX Hypervisor, guest-initiated shutdown): `on-failure`
    stops there.
    """
    for launch in launches:
        if not launch.script:
            continue
        start = " ".join(shlex.quote(word) for word in launch_words(launch))
        stop = ["if [ $? -eq 0 ]; then break; fi"] if launch.restart == "on-failure" else []
        lines = ["#!/bin/sh", "while true", "do", start, *stop, _PAUSE, "done"]
        yield HostFile(
            path=launch.script,
            content="".join(f"{line}\n" for line in lines),
            mode=_SCRIPT_MODE,
            reason=f"starts guest `{launch.guest}` again: `{launch.restart}`",
            origin=launch.origin,
        )
