"""Every guarantee, in the order in which certificates list them."""

from hvbuild.certify.properties import devices, isolation, memory
from hvbuild.certify.property import Property

ALL_PROPERTIES: tuple[Property, ...] = (
    *isolation.PROPERTIES,
    *memory.PROPERTIES,
    *devices.PROPERTIES,
)


def property_row(code: str) -> Property | None:
    """The guarantee with this code or name, or None."""
    return next((row for row in ALL_PROPERTIES if code in (row.code, row.name)), None)
