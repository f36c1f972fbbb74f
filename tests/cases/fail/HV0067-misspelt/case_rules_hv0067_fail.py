"""A site's own rules."""

from collections.abc import Iterator

from hvbuild.site import Finding, VmScene, found, rule


@rule("HV9001", "memory-at-most", source="platform guide, 3.2")
def memory_at_most(scene: VmScene) -> Iterator[Finding]:
    """A guest has no more memory than the platform guide allows."""
    for claim in scene.memory:
        if claim.window.size > 1 << 30:
            yield found(claim.origin, f"{scene.text} has too much memory", "too much")


RULES = (memory_at_most,)
