"""HV50xx: where the boot loader puts the host image, and whether it fits where it is kept."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene
from hvbuild.units import hex_address


@rule(
    "HV5014",
    "image-not-where-loaded",
    source="QNX 8.0 BSP for bcm2711, images: the load address of the boot loader and `image=` have to match",
)
def image_not_where_loaded(scene: Scene) -> Iterator[Finding]:
    """The host image is built for another address than the one where the boot loader puts it."""
    image = scene.host.boot_image
    if image is None or image.address is None or image.loaded_at is None:
        return
    if image.address != image.loaded_at:
        built, loaded = hex_address(image.address), hex_address(image.loaded_at)
        yield found(
            image.origin,
            f"the host image is built for {built}, the boot loader puts it at {loaded}",
            f"put at {loaded}",
            helps=(f"make `startup.image` of the board {loaded}, or set the boot loader up for {built}",),
        )


@rule(
    "HV5015",
    "image-beyond-flash",
    severity=Severity.ERROR,
    source="mkifs reference: files that are not compressed take their own size in the image",
)
def image_beyond_flash(scene: Scene) -> Iterator[Finding]:
    """The guests' images alone are larger than the host image that holds them may be."""
    image, held = scene.host.boot_image, scene.host.image_files
    if image is None or not image.plain or held is None:
        return
    sizes = {
        each.path: each.size
        for vm in scene.vms
        for each in vm.facts.images
        if each.size is not None and each.path in held
    }
    total = sum(sizes.values())
    for limit in image.limits:
        if excess := limit.excess(total):
            yield found(
                limit.origin,
                f"the guests' images in the host image have {excess}",
                "the image may not be larger",
                notes=tuple(f"`{path}` has {size} bytes" for path, size in sorted(sizes.items())),
                helps=("keep them on a partition of their own: `external: true` in place of `source`",),
            )


RULES = (image_not_where_loaded, image_beyond_flash)
