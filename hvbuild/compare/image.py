"""Things of a boot image as people name them: files, the boot line, partitions, services, launches, waits."""

from collections.abc import Iterable, Iterator

from hvbuild.compare.things import Fact, Thing
from hvbuild.meaning import spelling
from hvbuild.model.image import (
    Boot,
    BuiltInStep,
    CommandStep,
    Entry,
    Image,
    PartitionStep,
    Placement,
    Program,
    Step,
    WaitStep,
)
from hvbuild.source import Origin
from hvbuild.store import digest
from hvbuild.units import duration_text, hex_address

_STEPS = "start-up script"
_QVM = ("qvm", "qvm-safety")


def image_things(image: Image) -> tuple[Thing, ...]:
    """Everything the image holds and does; places and the order of files take no part."""
    return (*_boot(image), *_entries(image.entries), *image_steps(image))


def image_steps(image: Image) -> tuple[Thing, ...]:
    """What the start-up script does, in its order, which matters; then what shell scripts start."""
    steps = (*image.steps, *image.shell_steps)
    return tuple(_step(step, number, steps) for number, step in enumerate(steps))


def _thing(
    group: str, subject: str, keys: Iterable[str], facts: Iterable[tuple[str, str]], origin: Origin
) -> Thing:
    return Thing(
        group=group,
        subject=subject,
        keys=tuple(keys),
        facts=tuple((name, Fact(text, origin)) for name, text in facts if text),
        origin=origin,
    )


# --- boot --------------------------------------------------------------------------------------------------


def _boot(image: Image) -> Iterator[Thing]:
    at = "" if image.load_address is None else hex_address(image.load_address)
    variables = _variables(image.environment)
    yield _thing("image", "image", ["image"], [("address", at), ("variables", variables)], image.area_origin)
    if image.boot is not None:
        yield from _programs(image.boot)


def _programs(boot: Boot) -> Iterator[Thing]:
    kind = f"{'physical' if boot.physical else 'virtual'}={boot.type}"
    facts = [("type", kind), ("variables", _variables(boot.environment))]
    yield _thing("boot", "boot", ["boot"], facts, boot.origin)
    for number, program in enumerate(boot.programs):
        yield _thing(
            "boot",
            f"boot program `{program.name}`",
            [program.name, str(number)],
            _program(program),
            program.origin,
        )


def _program(program: Program) -> list[tuple[str, str]]:
    return [
        ("name", f"`{program.name}`"),
        ("arguments", f"`{' '.join(program.arguments)}`" if program.arguments else ""),
        ("modules", ", ".join(program.modules)),
        ("variables", _variables(program.environment)),
    ]


def _variables(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in pairs)


# --- files -------------------------------------------------------------------------------------------------


def _entries(entries: Iterable[Entry]) -> Iterator[Thing]:
    for entry in entries:
        facts = [
            ("kind", entry.type.value),
            ("source", f"`{entry.source}`" if entry.source else ""),
            ("content", _content(entry.content)),
            ("link", f"`{entry.link}`" if entry.link else ""),
            ("mode", entry.mode),
            ("owner", f"{entry.user}:{entry.group}".strip(":")),
            ("optional", "yes" if entry.optional else ""),
            ("may repeat", "yes" if entry.ignores_duplicate else ""),
            ("attributes", _variables(entry.settings)),
        ]
        yield _thing("file", f"image file `{entry.path}`", [entry.path], facts, entry.origin)


def _content(text: str | None) -> str:
    """Inline content by its size and the beginning of its digest: two are told apart, none is shown whole."""
    if text is None:
        return ""
    data = text.encode("utf-8", "surrogateescape")
    return f"{len(data)} bytes ({digest(data)[:12]})"


# --- steps -------------------------------------------------------------------------------------------------


def _step(step: Step, number: int, steps: tuple[Step, ...]) -> Thing:
    match step:
        case CommandStep():
            return _command(step, _same_before(step, number, steps))
        case WaitStep():
            facts = [("for", duration_text(step.timeout)), ("script", step.script)]
            return _thing(_STEPS, f"wait for `{step.path}`", [f"wait {step.path}"], facts, step.origin)
        case PartitionStep():
            critical = "" if step.critical_ms is None else f"{step.critical_ms}ms"
            facts = [("budget", "" if step.budget is None else f"{step.budget}%"), ("critical", critical)]
            return _thing(_STEPS, f"partition `{step.name}`", [f"partition {step.name}"], facts, step.origin)
        case BuiltInStep():
            text = " ".join((step.name, *step.arguments))
            return _thing(_STEPS, f"`{text}`", [text, f"{step.name} #{number}"], [], step.origin)


def _same_before(step: CommandStep, number: int, steps: tuple[Step, ...]) -> int:
    """How many commands of the same program come before it."""
    before = steps[:number]
    return sum(isinstance(other, CommandStep) and other.program == step.program for other in before)


def _command(step: CommandStep, count: int) -> Thing:
    launch = step.program in _QVM
    subject = f"launch `{' '.join(step.words[1:])}`" if launch else f"service `{step.program}`"
    facts = [
        ("command", f"`{step.text}`"),
        *_placement(step.placement),
        ("background", "yes" if step.background else ""),
        ("limits", ", ".join(f"{each.resource}:{each.current}:{each.maximum}" for each in step.limits)),
        ("variables", _variables(step.environment)),
        ("session", "yes" if step.session else ""),
        ("argv0", step.argv0),
        ("script", step.script),
        ("conditional", "yes" if step.conditional else ""),
    ]
    return _thing(_STEPS, subject, [f"command {step.text}", f"{step.program} #{count}"], facts, step.origin)


def _placement(placement: Placement) -> list[tuple[str, str]]:
    return [
        ("priority", spelling.sched(placement.priority) if placement.priority is not None else ""),
        ("CPUs", ",".join(str(cpu) for cpu in sorted(placement.cpus or ()))),
        ("cluster", placement.cluster or ""),
        ("partition", placement.partition or ""),
    ]
