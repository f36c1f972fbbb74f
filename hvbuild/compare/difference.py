"""What differs between two VMs or two systems, by meaning: things by their names, with both places."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hvbuild.catalog import Catalog
from hvbuild.compare.things import Thing, host_things, vm_orders, vm_things
from hvbuild.model.canonical import canonical
from hvbuild.model.system import System
from hvbuild.model.vm import VmConfig
from hvbuild.source import NOWHERE, Origin


class ChangeKind(StrEnum):
    """What happened to a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. `attribute` says which fact of `subject` changed; empty when it came or went whole.

    `before` and `after` are spelled for people and empty on the side that has nothing.
    """

    kind: ChangeKind
    group: str
    subject: str
    attribute: str = ""
    before: str = ""
    after: str = ""
    before_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    after_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The difference in one line: `RAM 4GiB → 6GiB`, `+ virtio-blk `userdata``, `vCPU 2 leaves CPU 4`."""
        match self.kind:
            case ChangeKind.ADDED:
                return f"+ {self.subject}" + (f" ({self.after})" if self.after else "")
            case ChangeKind.REMOVED:
                return f"- {self.subject}" + (f" ({self.before})" if self.before else "")
            case ChangeKind.REORDERED:
                return f"{self.subject}: {self.before} → {self.after}"
            case _:
                return _changed_text(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmDifference:
    """What differs in one VM; `kind` is added or removed for a VM that only one side has."""

    name: str
    kind: ChangeKind
    changes: tuple[Change, ...] = ()
    before_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    after_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two systems: VMs that came, went or changed, and the host where both know it."""

    vms: tuple[VmDifference, ...] = ()
    host: tuple[Change, ...] = ()

    @property
    def same(self) -> bool:
        """True when nothing differs."""
        return not self.vms and not self.host


def compare_systems(before: System, after: System, catalog: Catalog) -> Difference:
    """What differs between two systems. VMs pair by their names; a lone VM on each side is one VM."""
    pairs = _paired_vms(before.vms, after.vms)
    vms = [_vm_difference(old, new, catalog) for old, new in pairs]
    host = changes_of(host_things(before.host, after.host), host_things(after.host, before.host))
    target = _target_change(before, after)
    return Difference(vms=tuple(vm for vm in vms if vm is not None), host=(*target, *host))


def compare_vms(before: VmConfig, after: VmConfig, catalog: Catalog) -> tuple[Change, ...]:
    """What differs between two VMs; empty when neither qvm nor the guest could tell."""
    old, new = canonical(before, catalog), canonical(after, catalog)
    if old == new:
        return ()
    return (*changes_of(vm_things(old, catalog), vm_things(new, catalog)), *_reordered(old, new, catalog))


def changes_of(before: Sequence[Thing], after: Sequence[Thing]) -> tuple[Change, ...]:
    """What came, went or changed between two lists of things, in the order of the first, then the second."""
    partner = paired(before, after)
    changes: list[Change] = []
    for index, thing in enumerate(before):
        other = partner.get(index)
        if other is None:
            changes.append(
                Change(
                    kind=ChangeKind.REMOVED,
                    group=thing.group,
                    subject=thing.subject,
                    before=thing.summary,
                    before_origin=thing.origin,
                )
            )
        else:
            changes.extend(_fact_changes(thing, after[other]))
    taken = set(partner.values())
    changes.extend(
        Change(
            kind=ChangeKind.ADDED,
            group=thing.group,
            subject=thing.subject,
            after=thing.summary,
            after_origin=thing.origin,
        )
        for index, thing in enumerate(after)
        if index not in taken
    )
    return tuple(changes)


def paired(before: Sequence[Thing], after: Sequence[Thing]) -> dict[int, int]:
    """Which thing of `before` is which of `after`: by the surest key first, each thing once."""
    partner: dict[int, int] = {}
    taken: set[int] = set()
    depth = max((len(thing.keys) for thing in (*before, *after)), default=0)
    for level in range(depth):
        free: dict[tuple[str, str], list[int]] = {}
        for index, thing in enumerate(after):
            if index not in taken and level < len(thing.keys) and thing.keys[level]:
                free.setdefault((thing.group, thing.keys[level]), []).append(index)
        for index, thing in enumerate(before):
            if index in partner or level >= len(thing.keys) or not thing.keys[level]:
                continue
            candidates = free.get((thing.group, thing.keys[level]))
            if candidates:
                partner[index] = candidates.pop(0)
                taken.add(partner[index])
    return partner


def _fact_changes(before: Thing, after: Thing) -> Iterator[Change]:
    old, new = dict(before.facts), dict(after.facts)
    for name in (*old, *(name for name in new if name not in old)):
        left, right = old.get(name), new.get(name)
        if (left.text if left else "") != (right.text if right else ""):
            yield Change(
                kind=ChangeKind.CHANGED,
                group=before.group,
                subject=before.subject,
                attribute=name,
                before=left.text if left else "",
                after=right.text if right else "",
                before_origin=(left.origin if left else NOWHERE) or before.origin,
                after_origin=(right.origin if right else NOWHERE) or after.origin,
            )


def _reordered(before: VmConfig, after: VmConfig, catalog: Catalog) -> Iterator[Change]:
    """Sequences whose order the guest can see: what both sides hold, but not in the same order."""
    old, new = vm_orders(before, catalog), vm_orders(after, catalog)
    for group, things in old.items():
        yield from reordered(group, things, new.get(group, ()))


def reordered(group: str, before: Sequence[Thing], after: Sequence[Thing]) -> Iterator[Change]:
    """The change of order among things that both sides hold, if there is one."""
    partner = paired(before, after)
    order = [partner[index] for index in sorted(partner)]
    if order != sorted(order):
        yield Change(
            kind=ChangeKind.REORDERED,
            group=group,
            subject=f"order of {group}",
            before=", ".join(before[index].subject for index in sorted(partner)),
            after=", ".join(after[index].subject for index in sorted(order)),
            before_origin=before[min(partner)].origin,
            after_origin=after[min(order)].origin,
        )


# --- VMs -------------------------------------------------------------------------------------------


def _paired_vms(
    before: Sequence[VmConfig], after: Sequence[VmConfig]
) -> Iterable[tuple[VmConfig | None, VmConfig | None]]:
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    names: tuple[Callable[[VmConfig], str], ...] = (lambda vm: vm.title, lambda vm: vm.system)
    partner: dict[int, int] = {}
    for name in names:
        free = {
            name(vm): index for index, vm in enumerate(after) if index not in partner.values() and name(vm)
        }
        for index, vm in enumerate(before):
            if index not in partner and name(vm) in free:
                partner[index] = free.pop(name(vm))
    pairs: list[tuple[VmConfig | None, VmConfig | None]] = [
        (vm, after[partner[index]] if index in partner else None) for index, vm in enumerate(before)
    ]
    pairs.extend((None, vm) for index, vm in enumerate(after) if index not in partner.values())
    return pairs


def _vm_difference(before: VmConfig | None, after: VmConfig | None, catalog: Catalog) -> VmDifference | None:
    if before is None or after is None:
        held = after or before
        assert held is not None
        return VmDifference(
            name=held.label,
            kind=ChangeKind.ADDED if before is None else ChangeKind.REMOVED,
            before_origin=before.origin if before else NOWHERE,
            after_origin=after.origin if after else NOWHERE,
        )
    changes = compare_vms(before, after, catalog)
    if not changes:
        return None
    return VmDifference(
        name=after.label,
        kind=ChangeKind.CHANGED,
        changes=changes,
        before_origin=before.origin,
        after_origin=after.origin,
    )


def _target_change(before: System, after: System) -> Iterator[Change]:
    if before.target and after.target and before.target != after.target:
        yield Change(
            kind=ChangeKind.CHANGED,
            group="target",
            subject="target",
            before=before.target,
            after=after.target,
        )


# --- words -----------------------------------------------------------------------------------------


def _changed_text(change: Change) -> str:
    if change.attribute == "CPUs":
        return f"{change.subject} {_moves(change.before, change.after)}"
    if change.attribute in ("", "size"):
        return f"{change.subject} {change.before} → {change.after}"
    if not change.before:
        return f"{change.subject}: + {change.attribute} {change.after}"
    if not change.after:
        return f"{change.subject}: - {change.attribute} {change.before}"
    return f"{change.subject}: {change.attribute} {change.before} → {change.after}"


def _moves(before: str, after: str) -> str:
    """`leaves CPU 4, joins CPU 5` for two CPU lists; an empty list means any CPU."""
    if not before or not after:
        now, then = (f"CPU {cpus}" if cpus else "any CPU" for cpus in (after, before))
        return f"may run on {now} ({then} before)"
    old, new = before.split(","), after.split(",")
    gone = [cpu for cpu in old if cpu not in new]
    come = [cpu for cpu in new if cpu not in old]
    leaves = f"leaves CPU {', '.join(gone)}" if gone else ""
    joins = f"joins CPU {', '.join(come)}" if come else ""
    return ", ".join(part for part in (leaves, joins) if part)
