"""Where threads run: what a run and its bounds are told besides the threads themselves."""

from typing import Protocol

from hvbuild.machine.profiles import Profile
from hvbuild.machine.threads import HostThread
from hvbuild.model.system import System


class Setting(Protocol):
    """The system as read back, the scheduler's rules, the pCPUs, and what the host does for a job."""

    @property
    def system(self) -> System:
        """The system: its host's partitions and tick."""

    @property
    def profile(self) -> Profile:
        """The rules of the scheduler."""

    @property
    def cpus(self) -> int:
        """How many pCPUs there are."""

    @property
    def speeds(self) -> tuple[int, ...]:
        """Capacity of each pCPU; 1024 is the fastest kind of the board."""

    def overhead_ns(self, thread: HostThread) -> int:
        """Host time that each job of `thread` costs at most besides its work."""
