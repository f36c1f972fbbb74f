"""The exit codes of every command."""

from enum import IntEnum


class Exit(IntEnum):
    """What an exit code says; no other codes leave hvbuild."""

    YES = 0
    NO = 1
    NO_ANSWER = 2
    REFUSED = 3
    FAULT = 70
    INTERRUPTED = 130
