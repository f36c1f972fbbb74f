"""Rules of a site's own."""

from collections.abc import Iterator

from hvbuild.site import Finding, VmScene, found, rule


@rule("HV9001", "two-vcpus-at-most", source="our platform guide, 3.2")
def two_vcpus_at_most(scene: VmScene) -> Iterator[Finding]:
    """A guest has two vCPUs at most."""
    for extra in scene.vm.vcpu[2:]:  # here
        yield found(extra.origin, f"{scene.text} has {len(scene.vm.vcpus)} vCPUs", "one too many")


RULES = (two_vcpus_at_most,)
