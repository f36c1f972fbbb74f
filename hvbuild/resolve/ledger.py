"""The decisions of one resolution, in the order they were made, each with its reason."""

from hvbuild.model.plan import Decision
from hvbuild.source import Origin


class Ledger:
    """Mutable: collects what the passes of one resolution decide."""

    def __init__(self) -> None:
        self._decisions: list[Decision] = []

    def decide(self, route: str, value: str, reason: str, origin: Origin) -> None:
        """Record that the thing at `route` became `value`, and why."""
        self._decisions.append(Decision(route=route, value=value, reason=reason, origin=origin))

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All of them, in order."""
        return tuple(self._decisions)
