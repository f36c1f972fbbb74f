"""Third-party virtual devices that a stack or project declares, as rows of the catalogue."""

from hvbuild.catalog_rows import OptionRow, VdevRow, WindowRow
from hvbuild.load.fields import Fields
from hvbuild.load.tree import Mapping, Scalar

_SOURCE = "declared under `vdev_types`"


def bind_vdev_types(fields: Fields) -> tuple[VdevRow, ...]:
    """The rows that `vdev_types` declares, in written order."""
    return tuple(
        _row(name, Fields(node, fields.faults))
        for name, node in fields.pairs("vdev_types")
        if isinstance(node, Mapping)
    )


def _row(name: str, fields: Fields) -> VdevRow:
    size = fields.size("window")
    exits = fields.node.integer("exits")
    return VdevRow(
        name=name,
        source=_SOURCE,
        options=tuple(
            OptionRow(
                name=key, forms=("text",) * (node.value if type(node.value) is int else 0), source=_SOURCE
            )
            for key, node in fields.pairs("options")
            if isinstance(node, Scalar)
        ),
        windows=(WindowRow(option="loc", size=size, evidence="D"),) if size is not None else (),
        location=fields.text("location", "optional"),
        interrupt=fields.text("interrupt", "optional"),
        open="options" not in fields.node,
        third_party=True,
        exits={"register": exits} if exits is not None else {},
        shutdown="quiet",
    )
