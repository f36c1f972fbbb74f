"""Lint of adaptive partitions in a startup script: made well, made at all, and made before they are used."""

from collections.abc import Iterator, Sequence
from functools import partial

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Code, Diagnostic, error_code, other, warning_code
from hvbuild.formats.buildfile_script import Statement
from hvbuild.model.image import CommandStep, Image, PartitionStep
from hvbuild.nearest import did_you_mean

_SOURCE = "mkifs source: aps_parse, parse_script_attr; QNX 7.1, adaptive partitioning"

_error = partial(error_code, source=_SOURCE)
_warning = partial(warning_code, source=_SOURCE)

PARTITION_NAME = _error(
    "HV8570", "partition-name", "a partition name is new, at most 15 bytes long, and has no slash"
)
PARTITION_BUDGET = _error(
    "HV8571", "partition-budget", "budgets are 0 to 100 % and leave the System partition the rest"
)
PARTITION_CRITICAL = _error("HV8572", "partition-critical-time", "a critical budget is 0 to 1000 ms")
MANY_PARTITIONS = _error(
    "HV8573", "partitions-beyond-limit", "there are fewer partitions than the script makes"
)
NO_MODULE = _error(
    "HV8574", "partitions-without-module", "adaptive partitions need `module=aps` on the kernel line"
)
UNKNOWN_PARTITION = _error(
    "HV8575",
    "partition-not-made",
    "a command is put into a partition that the script has not made before",
    policy="mkifs puts it into the System partition without a word",
)
NOT_IN_RELEASE = _warning(
    "HV8576", "partitions-of-another-release", "no page of this release speaks of partitions"
)

CODES: tuple[Code, ...] = (
    PARTITION_NAME,
    PARTITION_BUDGET,
    PARTITION_CRITICAL,
    MANY_PARTITIONS,
    NO_MODULE,
    UNKNOWN_PARTITION,
    NOT_IN_RELEASE,
)


def partition_lint(
    statements: Sequence[Statement], image: Image, catalog: Catalog, target: str | None
) -> Iterator[Diagnostic]:
    """Everything about partitions that mkifs refuses or takes silently for something else."""
    known = target if target is not None and target in catalog.targets else None
    most = catalog.limit(known, "partitions") if known else None
    longest = (catalog.limit(known, "partition_name_bytes") if known else None) or 15
    made: dict[str, PartitionStep] = {}
    total = 0
    for step in image.partitions:
        yield from _shape(step, made, longest)
        if step.budget is not None and 0 <= step.budget <= 100:
            total += step.budget
            if total - step.budget <= 100 < total:
                message = f"the budgets add up to {total} %, and System has what is left of 100 %"
                yield PARTITION_BUDGET.at(step.origin, message)
        made.setdefault(step.name, step)
        # System is one of them.
        if most is not None and len(made) == most:
            yield MANY_PARTITIONS.at(step.origin, f"{target} has {most} partitions, System among them")
    if image.partitions:
        yield from _means(image, catalog, known)
    yield from _members(statements, image)


def _shape(step: PartitionStep, made: dict[str, PartitionStep], longest: int) -> Iterator[Diagnostic]:
    if step.name == "System" or step.name in made:
        before = made.get(step.name)
        message = f"partition `{step.name}` is already there"
        yield PARTITION_NAME.at(
            step.origin, message, others=other(before.origin if before else None, "first")
        )
    elif "/" in step.name or len(step.name.encode()) > longest:
        reason = "has a slash" if "/" in step.name else f"is longer than {longest} bytes"
        yield PARTITION_NAME.at(step.origin, f"the partition name `{step.name}` {reason}")
    if step.budget is None or not 0 <= step.budget <= 100:
        yield PARTITION_BUDGET.at(step.origin, f"partition `{step.name}` has no budget from 0 to 100 %")
    highest = buildfile_catalog().limits["critical_ms"]
    if step.critical_ms is None or not 0 <= step.critical_ms <= highest:
        message = f"the critical budget of `{step.name}` is not 0 to {highest} ms"
        yield PARTITION_CRITICAL.at(step.origin, message)


def _means(image: Image, catalog: Catalog, target: str | None) -> Iterator[Diagnostic]:
    first = image.partitions[0]
    documented = catalog.feature(target, "partitions_documented") if target else None
    if documented is False:
        yield NOT_IN_RELEASE.at(first.origin, f"no page of {target} speaks of `sched_aps`")
        return
    boot = image.boot
    if boot is None or boot.kernel is None:
        return
    modules = [name for program in boot.programs for name in program.modules]
    if not any(name in ("aps", "aps-safety") for name in modules):
        yield NO_MODULE.at(
            first.origin,
            "a partition is made, but the kernel line does not link `module=aps`",
            others=other(boot.kernel.origin, "the kernel line"),
        )


def _members(statements: Sequence[Statement], image: Image) -> Iterator[Diagnostic]:
    """Modifiers that name a partition no earlier line made; `aps create` may make any."""
    made = {"System"}
    for statement in statements:
        if statement.command == "sched_aps" and statement.arguments:
            made.add(statement.arguments[0].text)
        if statement.command.rsplit("/", 1)[-1] == "aps":
            return
        use = statement.group.last("sched_aps") if statement.group else None
        if use is not None and use.value not in made and "${" not in (use.value or ""):
            yield UNKNOWN_PARTITION.at(
                use.span,
                f"no line before makes the partition `{use.value}`",
                helps=did_you_mean(use.value or "", sorted(made)),
            )
    for step in image.steps:
        partition = step.placement.partition if isinstance(step, CommandStep) else None
        by_on = isinstance(step, CommandStep) and any("aps=" in word for word in step.launcher)
        if by_on and partition is not None and partition not in made and not partition.isdigit():
            yield UNKNOWN_PARTITION.at(
                step.origin,
                f"no line of the script makes the partition `{partition}`",
                helps=did_you_mean(partition, sorted(made)),
            )
