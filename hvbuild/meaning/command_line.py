"""Command lines of the host: `on` peeled off, and what qvm and the peer-to-peer network are told."""

import re
from collections.abc import Sequence
from dataclasses import field, replace

from hvbuild.meaning.startup_line import read_getsize
from hvbuild.model.image import CommandStep, Limit, PeerBinding, Placement, QvmLaunch
from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.values import dataclass

# Options of `on` that take a value (QNX 7.1 Utilities Reference, on).
_ON_VALUES = frozenset("AaCeLnfpRSTtuWwX")
_ON_FLAGS = frozenset("cdEhs")
_PRIORITY = re.compile(r"([0-9]+)([frFRoO]?)\Z")
_INTERFACE = re.compile(r"[A-Za-z_]+[0-9]+\Z")


def read_priority(text: str) -> RoundRobin | Fifo | None:
    """`20`, `20r`, `20f` or `20o` as `on -p` and `[pri=]` take it (`o`: round-robin), else None."""
    match = _PRIORITY.match(text)
    if match is None:
        return None
    number = int(match[1])
    return Fifo(number) if match[2] in ("f", "F") else RoundRobin(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnLine:
    """What `on` was told, and the words of the command it runs; `detached` is `-d`."""

    placement: Placement
    limits: tuple[Limit, ...] = ()
    words: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    detached: bool = False
    unknown: tuple[str, ...] = field(default=())


def read_on(words: Sequence[str]) -> OnLine:
    """The meaning of `on OPTION... COMMAND...`; several `-C` and `-R` are joined (on.c, scheduler notes)."""
    options, rest, unknown = _getopt(words[1:])
    placement = Placement()
    limits: list[Limit] = []
    mask = 0
    for letter, value in options:
        if letter == "p":
            placement = replace(placement, priority=read_priority(value))
        elif letter == "C" and value.isdigit():
            mask |= 1 << int(value)
        elif letter == "C":
            placement = replace(placement, cluster=value)
        elif letter == "R":
            mask |= read_getsize(value) or 0
        elif letter == "X" and value.startswith("aps="):
            placement = replace(placement, partition=value.removeprefix("aps="))
        elif letter == "L" and (limit := _limit(value)) is not None:
            limits.append(limit)
    if mask:
        placement = replace(placement, cpus=cpus_of(mask))
    return OnLine(
        placement=placement,
        limits=tuple(limits),
        words=tuple(rest),
        launcher=tuple(words[: len(words) - len(rest)]),
        detached=any(letter == "d" for letter, _ in options),
        unknown=tuple(unknown),
    )


def cpus_of(mask: int) -> frozenset[int]:
    """The pCPU numbers whose bits are set."""
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def _getopt(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    options: list[tuple[str, str]] = []
    unknown: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        at = 1
        while at < len(word):
            letter = word[at]
            at += 1
            if letter in _ON_VALUES:
                value = word[at:] or (rest.pop(0) if rest else "")
                options.append((letter, value))
                break
            options.append((letter, ""))
            if letter not in _ON_FLAGS:
                unknown.append(letter)
    return options, rest, unknown


def _limit(text: str) -> Limit | None:
    parts = [read_getsize(part) for part in text.split(":")]
    if len(parts) not in (2, 3) or any(part is None for part in parts):
        return None
    numbers = [part for part in parts if part is not None]
    return Limit(resource=numbers[0], current=numbers[1], maximum=numbers[2] if len(numbers) > 2 else None)


def command_step(step: CommandStep) -> CommandStep:
    """The step with its `on` (also `nice`-less repetitions of it) taken off and turned into its placement."""
    if step.program != "on":
        return step
    on = read_on(step.words)
    if not on.words:
        return step
    inner = replace(
        step,
        words=on.words,
        placement=joined_placement(step.placement, on.placement),
        limits=(*step.limits, *on.limits),
        launcher=(*step.launcher, *on.launcher),
        background=step.background or on.detached,
    )
    return command_step(inner)


def joined_placement(outer: Placement, inner: Placement) -> Placement:
    """What is in force when `inner` is set on top of `outer`."""
    return Placement(
        priority=inner.priority or outer.priority,
        cpus=inner.cpus if inner.cpus is not None else outer.cpus,
        cluster=inner.cluster or outer.cluster,
        partition=inner.partition or outer.partition,
    )


def qvm_launch(step: CommandStep, position: int) -> QvmLaunch | None:
    """The VM that `step` starts, or None when it is no qvm."""
    if step.program not in ("qvm", "qvm-safety") or len(step.words) < 2:
        return None
    words = step.words[1:]
    return QvmLaunch(
        configs=tuple(word[1:] for word in words if word.startswith("@")),
        words=tuple(word for word in words if not word.startswith("@")),
        placement=step.placement,
        limits=step.limits,
        background=step.background,
        position=position,
        script=step.script,
        origin=step.origin,
    )


def peer_bindings(step: CommandStep) -> tuple[PeerBinding, ...]:
    """The vdevpeer interfaces that `step` binds.

    8.0: `vpctl vp0 peer=… bind=…`; 7.x: `io-pkt-* … -d vdevpeer… peer=…,bind=…,name=…` or
    `mount -T io-pkt -o peer=…,bind=… devnp-vdevpeer-net.so`.
    """
    if step.program == "vpctl":
        return _vpctl(step)
    if step.program.startswith("io-pkt"):
        return _packet_driver(step)
    if step.program == "mount" and any("vdevpeer" in word for word in step.words):
        return tuple(
            binding for word in step.words if (binding := _binding(step, word.split(","), 0)) is not None
        )
    return ()


def _vpctl(step: CommandStep) -> tuple[PeerBinding, ...]:
    interface = next((word for word in step.words[1:] if _INTERFACE.match(word)), "")
    pairs = _pairs(",".join(step.words[1:]).split(","))
    if "peer" not in pairs:
        return ()
    return (
        PeerBinding(interface=interface, peer=pairs["peer"], bind=pairs.get("bind", ""), origin=step.origin),
    )


def _packet_driver(step: CommandStep) -> tuple[PeerBinding, ...]:
    result: list[PeerBinding] = []
    follows = False
    for word in step.words[1:]:
        if word.startswith("-"):
            follows = word == "-d" or word.startswith("-dvdevpeer")
            continue
        if follows and "peer=" in word:
            for chunk in re.split(r",(?=peer=)", word):
                binding = _binding(step, chunk.split(","), len(result))
                if binding is not None:
                    result.append(binding)
    return tuple(result)


def _binding(step: CommandStep, parts: list[str], number: int) -> PeerBinding | None:
    pairs = _pairs(parts)
    if "peer" not in pairs:
        return None
    bind = pairs.get("bind", "")
    interface = pairs.get("name", "") or bind.rsplit("/", 1)[-1] or f"vp{number}"
    return PeerBinding(interface=interface, peer=pairs["peer"], bind=bind, origin=step.origin)


def _pairs(parts: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in parts) if value}
