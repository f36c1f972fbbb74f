"""Every rule there is, in a visible tuple; found by code or by name."""

from collections.abc import Mapping
from types import MappingProxyType

from hvbuild.rules import (
    agreement,
    boot_image,
    containment,
    devices,
    guest_side,
    host_budget,
    host_memory,
    image,
    interrupts,
    links,
    memory,
    own,
    partitions,
    priorities,
    scheduling,
)
from hvbuild.rules.rule import Rule

ALL_RULES: tuple[Rule, ...] = (
    *memory.RULES,
    *host_memory.RULES,
    *host_budget.RULES,
    *devices.RULES,
    *interrupts.RULES,
    *containment.RULES,
    *links.RULES,
    *scheduling.RULES,
    *priorities.RULES,
    *partitions.RULES,
    *image.RULES,
    *boot_image.RULES,
    *agreement.RULES,
    *guest_side.RULES,
)
CODES = (*own.CODES, *(each.row for each in ALL_RULES))

# What the reader of a text reports already, under a code of its own: rule to code.
# In that door these rules are left out, so that one fault stays one diagnostic.
SAID_BY_TEXT: Mapping[str, str] = MappingProxyType(
    {
        "HV3007": "HV8022",
        "HV3011": "HV8026",
        "HV3107": "HV8022",
        "HV3311": "HV8023",
        "HV4006": "HV8021",
        "HV2103": "HV8539",
        "HV2104": "HV8540",
        "HV4011": "HV8542",
        "HV4212": "HV8571",
        "HV4213": "HV8573",
        "HV4214": "HV8570",
        "HV5002": "HV8558",
        "HV5009": "HV8533",
        "HV5010": "HV8574",
        "HV5011": "HV8536",
    }
)
HAND_KEPT_RULES: tuple[Rule, ...] = tuple(each for each in ALL_RULES if each.row.code not in SAID_BY_TEXT)
"""The rules for hand-kept files, each read by its language's own reader."""

# Codes of the readers of buildfiles and devicetrees.
_OF_HOST_FILES = "HV85"
RULES_BESIDE_HOST_FILES: tuple[Rule, ...] = tuple(
    each for each in ALL_RULES if not SAID_BY_TEXT.get(each.row.code, "").startswith(_OF_HOST_FILES)
)
"""The rules for our guests on a host whose files are read: what is wrong within those, their readers tell."""


def find_rule(name: str) -> Rule | None:
    """The rule of a code (`HV2003`) or name (`vdev-inside-ram`), or None."""
    wanted = name.strip().lower()
    return next((each for each in ALL_RULES if wanted in (each.row.code.lower(), each.row.name)), None)
