"""How a VM ends: who can end it, what qvm's exit code then says, and what is free afterwards.

Source: QNX Hypervisor 7.0 to 8.0, "qvm exit codes", "Shutting down guests", `vdev wdt-sp805`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hvbuild.machine.psci import SystemState


class Way(StrEnum):
    """What ends a VM."""

    PSCI_OFF = "PSCI SYSTEM_OFF"
    PSCI_RESET = "PSCI SYSTEM_RESET"
    ACPI_OFF = "ACPI power off"
    KEYBOARD_RESET = "keyboard controller reset"
    THIRD_PARTY = "third-party vdev"
    POWER_CUT = "SIGQUIT"
    WATCHDOG = "watchdog"
    UNSUPPORTED = "unsupported operation"
    VDEV_ERROR = "unexpected vdev error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One way: qvm's exit code, on which architecture, whether the guest asked for it, and its source.

    `restarts` says that the guest wants to run again; qvm does not do that, whoever launched it may.
    """

    way: Way
    code: int
    architecture: str = ""
    by_guest: bool = True
    restarts: bool = False
    source: str = ""


_ROWS = (
    Ending(way=Way.PSCI_OFF, code=0, architecture="aarch64", source="normal shutdown"),
    Ending(way=Way.PSCI_RESET, code=0, architecture="aarch64", restarts=True, source="normal restart"),
    Ending(way=Way.ACPI_OFF, code=0, architecture="x86_64", source="normal shutdown"),
    Ending(
        way=Way.KEYBOARD_RESET,
        code=0,
        architecture="x86_64",
        restarts=True,
        source="QNX guests reboot through vdev pckeyboard",
    ),
    Ending(way=Way.THIRD_PARTY, code=32, source="codes 32 to 63 are set by a vdev"),
    Ending(way=Way.POWER_CUT, code=3, by_guest=False, source="power cut"),
    Ending(way=Way.WATCHDOG, code=4, by_guest=False, source="vdev wdt-sp805, wdt-ib700: action terminate"),
    Ending(way=Way.UNSUPPORTED, code=5, by_guest=False, source="unsupported … abort"),
    Ending(way=Way.VDEV_ERROR, code=6, by_guest=False, source="unexpected vdev error"),
)
ENDINGS: Mapping[Way, Ending] = MappingProxyType({row.way: row for row in _ROWS})


def ending_of(state: SystemState) -> Ending | None:
    """What a PSCI state of the whole VM means to qvm; None while it runs."""
    ways = {SystemState.OFF: Way.PSCI_OFF, SystemState.RESET: Way.PSCI_RESET}
    return ENDINGS[ways[state]] if state in ways else None
