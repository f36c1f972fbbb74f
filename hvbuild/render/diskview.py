"""What the templates of disk steps place: the images made before them, and the files of the guests."""

from dataclasses import dataclass

from hvbuild.model.plan import Plan
from hvbuild.resolve.imagesteps import host_image, image_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFileView:
    """A file of a guest for a data partition: its path on the target, and where it is in the build folder."""

    guest: str
    path: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskView:
    """What a disk template places; `ifs` and `images` are names in the build folder, where the tools run."""

    title: str
    ifs: str
    images: tuple[str, ...]
    files: tuple[GuestFileView, ...]


def disk_view(plan: Plan) -> DiskView:
    """The view of every disk step of `plan`."""
    return DiskView(
        title=f"{plan.stack.name} ({plan.stack.variant})",
        ifs=host_image(plan.stack),
        images=tuple(step.output for step in image_steps(plan.stack)),
        files=tuple(
            GuestFileView(
                guest=launch.guest, path=launch.config_path, source=f"guests/{launch.guest}.qvmconf"
            )
            for launch in (plan.host.launches if plan.host is not None else ())
        ),
    )
