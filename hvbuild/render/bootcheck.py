"""The startup line of a buildfile against the plan's: what it lacks, where it disagrees; order is free."""

from collections.abc import Iterator

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.mkifs_spelling import escape_inline, spell_script_word
from hvbuild.meaning.startup_line import boot_meaning
from hvbuild.model.image import Boot, Carve, CpuCluster, NamedRegion, Reservation, StartupOption
from hvbuild.model.plan import HostPlan
from hvbuild.ranges import AddressRange
from hvbuild.render.codes import CONTRADICTS

# Options that add up: a second one does not replace the first (startup option list, common_options.c).
_CUMULATIVE = frozenset("rRLcDM")

Part = Reservation | Carve | NamedRegion | CpuCluster


def wanted_boot(host: HostPlan) -> Boot:
    """The startup line of the plan, read as the startup program reads it."""
    words = (spell_script_word(word) for word in host.startup)
    line = " ".join(word for word in words if word is not None)
    text = f"[virtual=x] boot = {{\n{escape_inline(line)}\n}}\n"
    return boot_meaning(read_buildfile(text, "plan").lines[0])


def missing_options(have: Boot, wanted: Boot) -> tuple[StartupOption, ...]:
    """The options of `wanted` that `have` does not say in any spelling, in order.

    One that `have` gives another value is no missing one: a second would silently replace it.
    """
    said = {fact for option in have.options for fact in _facts(have, option)}
    return tuple(
        option
        for option in wanted.options
        if not set(_facts(wanted, option)) <= said and _another(have, option) is None
    )


def _another(have: Boot, wanted: StartupOption) -> StartupOption | None:
    """The option of `have` that gives the letter of `wanted`, which counts once, another value."""
    if wanted.letter in _CUMULATIVE or wanted.value is None:
        return None
    return next((o for o in have.options if o.letter == wanted.letter and o.value != wanted.value), None)


def _facts(boot: Boot, option: StartupOption) -> tuple[object, ...]:
    """What one option of a startup line says, as values that do not depend on its spelling."""
    parts: tuple[Part, ...] = (*boot.reservations, *boot.carves, *boot.regions, *boot.clusters)
    read = tuple(part for part in parts if part.origin.span == option.origin.span)
    return read or ((option.letter, option.value),)


def disagreements(have: Boot, wanted: Boot) -> Iterator[Diagnostic]:
    """Where the startup line says something else than the plan on the same subject."""
    yield from _reservations(have, wanted)
    masks = {cluster.name: cluster for cluster in have.clusters}
    for cluster in wanted.clusters:
        other = masks.get(cluster.name)
        if other is not None and other.mask != cluster.mask:
            text = f"cluster `{cluster.name}` is {other.mask:#x} here, the plan says {cluster.mask:#x}"
            yield CONTRADICTS.at(other.origin, text, "another set of CPUs")
    for option in wanted.options:
        another = _another(have, option)
        if another is not None:
            said = f"`-{option.letter} {another.value or ''}`".replace(" `", "`")
            text = f"the startup line says {said}, the plan says `-{option.letter} {option.value}`"
            yield CONTRADICTS.at(another.origin, text, "another value")


def _reservations(have: Boot, wanted: Boot) -> Iterator[Diagnostic]:
    """Ranges kept at other bounds than the plan's: a part of the memory would have two owners, or none."""
    kept = [(_window(part), part.origin) for part in _ranges(have)]
    for window in map(_window, _ranges(wanted)):
        for other, place in kept:
            # The same range kept in another way (cleared or not, named or not) is no dispute about memory.
            if other != window and other.overlaps(window):
                yield CONTRADICTS.at(
                    place,
                    f"the startup line keeps {other}, the plan keeps {window}",
                    "reserved otherwise here",
                    helps=("make both the same, in the base file or in the stack",),
                )


def _ranges(boot: Boot) -> tuple[Reservation | NamedRegion, ...]:
    return (*boot.reservations, *boot.regions)


def _window(part: Reservation | NamedRegion) -> AddressRange:
    return AddressRange.sized(part.base, part.size)
