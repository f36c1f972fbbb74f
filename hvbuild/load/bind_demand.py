"""The load of a thread, as declared with it or by a workload, to a `Demand`."""

from hvbuild.load.fields import Fields
from hvbuild.model.guest import Demand, VdevUse


def bind_demand(fields: Fields) -> Demand:
    """The demand that a checked mapping describes."""
    node = fields.node
    return Demand(
        pattern=fields.text("pattern"),
        period=fields.duration("period"),
        work=fields.duration("work"),
        bound=fields.duration("bound"),
        burst=node.integer("burst") or 1,
        accesses=node.integer("accesses") or 0,
        exits=_exits(fields.inner("exits")),
        uses=_uses(fields.inner("operations")),
        back_end=fields.duration("back_end"),
        awaits=fields.texts("awaits"),
        spinlock=fields.duration("spinlock"),
        interrupt=node.integer("interrupt"),
        interrupt_cpu=node.integer("interrupt_cpu"),
        assumed=fields.text("assumed"),
        origin=node.origin,
    )


def _uses(fields: Fields | None) -> tuple[VdevUse, ...]:
    """Counts by `vdev.operation`; the schema has seen to it that there is a dot."""
    if fields is None:
        return ()
    return tuple(
        VdevUse(vdev=key.partition(".")[0], name=key.partition(".")[2], count=fields.node.integer(key) or 0)
        for key in (entry.key for entry in fields.node)
    )


def _exits(fields: Fields | None) -> tuple[tuple[str, int], ...]:
    """Counts by cause."""
    if fields is None:
        return ()
    return tuple((entry.key, fields.node.integer(entry.key) or 0) for entry in fields.node)
