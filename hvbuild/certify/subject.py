"""What a certificate is about: a plan, the system read back from its files, and everything they depend on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.machine.claims import Shapes, shapes_of
from hvbuild.machine.profiles import profile_of_target
from hvbuild.model.plan import Plan
from hvbuild.model.system import System

# The default level: drawn runs for each family of sampled guarantees.
EXAMPLES = 200

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One build to judge.

    `system` was read back from the rendered files; the loads come from `plan`. `artifacts` maps names to
    sha256, `inputs` are names with sha256. `rules_ran` counts the rules that were checked before.
    `counterexamples` are stored ones, name and text. `date` (ISO) is the day of judgement for waivers; empty:
    every waiver counts as run out. `profile` empty: the one of the target.
    """

    plan: Plan
    system: System
    artifacts: Mapping[str, str]
    inputs: tuple[tuple[str, str], ...] = ()
    profile: str = ""
    seed: int = 0
    examples: int = EXAMPLES
    rules_ran: int = 0
    date: str = ""
    counterexamples: tuple[tuple[str, str], ...] = ()
    catalog: Catalog | None = None

    @property
    def target(self) -> str:
        """The QNX target of the stack."""
        return self.plan.stack.target

    @property
    def profile_name(self) -> str:
        """The profile that is judged under: the asked one, the stack's, else the target's."""
        return self.profile or self.plan.stack.certificate.profile or profile_of_target(self.target)

    @property
    def shapes(self) -> Shapes:
        """The register windows of each vdev type."""
        return shapes_of((self.catalog or shipped_catalog()).vdevs)


def judgement_date(environment: Mapping[str, str], given: str = "") -> str:
    """The day on which waivers are judged: `given`, else that of SOURCE_DATE_EPOCH, else empty.

    ValueError for a text that is no ISO date. The clock is never asked: the same inputs give the same bytes.
    """
    if given:
        if not _ISO_DATE.match(given):
            raise ValueError(f"not an ISO date: {given}")
        return date.fromisoformat(given).isoformat()
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC).date().isoformat() if epoch.isdigit() else ""
