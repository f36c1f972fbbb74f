"""A guarantee: its words, where it is claimed, and how it is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding

EVERYWHERE = ("published", "sdp71", "sdp80", "strict")
# Profiles whose rules stand for a QNX release or the kernel that was measured.
KERNELS = ("published", "sdp71", "sdp80")


class Method(StrEnum):
    """The strongest honest way to judge a guarantee."""

    PROVE = "prove"
    EXHAUST = "exhaust"
    SAMPLE = "sample"


class Family(StrEnum):
    """Guarantees that are judged together; those of a drawn family judge the same runs."""

    MEMORY = "memory"
    DEVICES = "devices"
    LOAD = "load"
    BOOT = "boot"
    ACCESS = "access"
    SCHEDULE = "schedule"
    LOCKS = "locks"
    ATTACK = "attack"
    PARTITIONS = "partitions"


Prove = Callable[[Ground], Answer]
Watch = Callable[[Ground, Any], Finding | None]
Applies = Callable[[Ground], str]
View = Callable[[Any], Any]


def always(_ground: Ground) -> str:
    """Never silent."""
    return ""


def whole(seen: Any) -> Any:
    """The whole run."""
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One guarantee about a generated system.

    `prove` judges once and for all; `watch` looks at one drawn run and returns what is wrong with it, or
    None; `view` picks the part of the run that it looks at, None where there is none. `applies` returns why
    the guarantee says nothing about a system, empty when it does.
    """

    code: str
    name: str
    title: str
    statement: str
    family: Family
    method: Method
    profiles: tuple[str, ...] = EVERYWHERE
    prove: Prove | None = None
    watch: Watch | None = None
    applies: Applies = always
    view: View = whole

    def __post_init__(self) -> None:
        if (self.prove is None) == (self.watch is None):
            raise ValueError(f"{self.code}: exactly one of prove and watch")

    def silence(self, ground: Ground) -> str:
        """Why this guarantee says nothing here: its profiles, or the system; empty when it must be judged."""
        if ground.profile.name not in self.profiles:
            return f"not claimed under profile `{ground.profile.name}`"
        return self.applies(ground)
