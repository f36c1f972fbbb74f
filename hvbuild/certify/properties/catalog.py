"""Every guarantee, in the order in which certificates list them."""

from hvbuild.certify.properties import (
    accesses,
    analysed,
    attacks,
    boot,
    contended,
    devices,
    isolation,
    loads,
    memory,
    runs,
)
from hvbuild.certify.property import Property

_ROOMS: tuple[Property, ...] = (
    *isolation.PROPERTIES,
    *memory.PROPERTIES,
    *accesses.PROPERTIES,
    *devices.PROPERTIES,
    *loads.PROPERTIES,
    *analysed.PROPERTIES,
    *runs.PROPERTIES,
    *contended.PROPERTIES,
    *attacks.PROPERTIES,
    *boot.PROPERTIES,
)

ALL_PROPERTIES: tuple[Property, ...] = tuple(sorted(_ROOMS, key=lambda row: row.code))
