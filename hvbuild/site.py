"""For rules of your own: checks of a site, run with those of hvbuild on every stack and hand-kept file.

In a file `site_rules.py` beside the project file `hvbuild.yaml`, with `rules: [site_rules:RULES]` in that:

    from collections.abc import Iterator

    from hvbuild.site import Finding, VmScene, found, rule

    @rule("HV9001", "two-vcpus-at-most", source="our platform guide, 3.2")
    def two_vcpus_at_most(scene: VmScene) -> Iterator[Finding]:
        \"\"\"A guest has two vCPUs at most.\"\"\"
        for extra in scene.vm.vcpus[2:]:
            yield found(extra.origin, f"{scene.text} has {len(scene.vm.vcpus)} vCPUs", "one too many")

    RULES = (two_vcpus_at_most,)

A function that takes a `VmScene` is called for each VM, one that takes a `Scene` once for the whole system.
Codes are HV9000 to HV9999; the docstring is what `hvbuild explain HV9001` prints. `severity=Severity.WARNING`
makes it a warning. `# hvbuild: allow HV9001 reason` and the project's `policy:` work as for any other rule.
`scene.vm` is a `VmConfig` (vcpus, memory, passes, vdevs, ...), `scene.host` what is known of the host
(None: not known), `others=other(place, text)` a second place to show. `hvbuild lint` runs the rules of the
project file in the current folder.
"""

from hvbuild.diagnostics import Label, Severity, other
from hvbuild.model.system import HostFacts, System
from hvbuild.model.vm import VmConfig
from hvbuild.rules.rule import Finding, Rule, found, rule
from hvbuild.rules.scene import Claim, Scene, VmScene

__all__ = [
    "Claim",
    "Finding",
    "HostFacts",
    "Label",
    "Rule",
    "Scene",
    "Severity",
    "System",
    "VmConfig",
    "VmScene",
    "found",
    "other",
    "rule",
]
