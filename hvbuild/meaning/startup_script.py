"""What the scripts of an image do: steps of the startup script, commands of shell scripts beside it."""

import re
from collections.abc import Iterable, Iterator

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.formats.buildfile_script import Statement
from hvbuild.formats.shell_lines import ShellCommand
from hvbuild.meaning.command_line import command_step, read_priority
from hvbuild.meaning.startup_line import read_getsize
from hvbuild.model.image import BuiltInStep, CommandStep, PartitionStep, Placement, Step, WaitStep
from hvbuild.source import origin_at
from hvbuild.units import Nanoseconds

_SECONDS = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]*)(?:\.([0-9]))?")
_TENTH = 100_000_000
_BUDGET = re.compile(r"\s*([+-]?[0-9]+)%?\Z")
_CRITICAL = re.compile(r"\s*([+-]?[0-9]+)(?:ms)?\Z")
# Words of the shell itself that start nothing.
_SHELL_WORDS = frozenset(
    {"[", "[[", ":", ".", "alias", "break", "cd", "continue", "echo", "eval", "exit", "export", "false"}
    | {"let", "local", "print", "printf", "pwd", "read", "readonly", "return", "set", "shift", "sleep"}
    | {"test", "trap", "true", "typeset", "ulimit", "umask", "unalias", "unset", "wait"}
)


def wait_time(text: str) -> Nanoseconds:
    """The time of `waitfor` and `reopen` as mkifs stores it: tenths of a second, at most 6553.5 s."""
    match = _SECONDS.match(text)
    whole = (read_getsize(match[1]) or 0) if match else 0
    tenths = whole * 10 + int((match[2] or 0) if match else 0)
    return Nanoseconds(min(tenths, buildfile_catalog().limits["wait_tenths"]) * _TENTH)


def script_steps(statements: Iterable[Statement], environment: dict[str, str]) -> Iterator[Step]:
    """The steps of a startup script, in order; assignments without a command are put into `environment`."""
    for statement in statements:
        if statement.words:
            yield _step(statement, environment)
            continue
        for word in statement.assignments:
            name, _, value = word.resolved(environment).partition("=")
            environment[name] = value


def _step(statement: Statement, environment: dict[str, str]) -> Step:
    words = tuple(word.resolved(environment) for word in statement.words)
    origin = origin_at(statement.span)
    if statement.value("external") == "+" or words[0] not in buildfile_catalog().commands:
        return _command(statement, words, environment)
    if words[0] == "waitfor" and len(words) > 1:
        timeout = wait_time(words[2]) if len(words) > 2 else wait_time("5")
        return WaitStep(path=words[1], timeout=timeout, origin=origin)
    if words[0] == "sched_aps":
        return PartitionStep(
            name=words[1] if len(words) > 1 else "",
            budget=_number(_BUDGET, words[2] if len(words) > 2 else "0"),
            critical_ms=_number(_CRITICAL, words[3] if len(words) > 3 else "0"),
            origin=origin,
        )
    return BuiltInStep(name=words[0], arguments=words[1:], origin=origin)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.match(text)
    return int(match[1]) if match else None


def _command(statement: Statement, words: tuple[str, ...], environment: dict[str, str]) -> CommandStep:
    pairs = (word.resolved(environment).partition("=") for word in statement.assignments)
    priority = statement.value("pri")
    cpu = statement.value("cpu")
    step = CommandStep(
        words=words,
        background=statement.background is not None,
        placement=Placement(
            priority=read_priority(priority) if priority else None,
            cpus=frozenset({int(cpu)}) if cpu and cpu.isdigit() else None,
            partition=statement.value("sched_aps"),
        ),
        environment=tuple(sorted((name, value) for name, _, value in pairs)),
        session=statement.value("session") == "+",
        argv0=statement.value("argv0") or "",
        origin=origin_at(statement.span),
    )
    return command_step(step)


def shell_steps(commands: Iterable[ShellCommand], script: str) -> Iterator[CommandStep | WaitStep]:
    """What the shell script at image path `script` starts and waits for, in written order."""
    for command in commands:
        words = tuple(word.text for word in command.words)
        origin = origin_at(command.span)
        if words[0] == "waitfor" and len(words) > 1:
            timeout = wait_time(words[2]) if len(words) > 2 else wait_time("5")
            yield WaitStep(path=words[1], timeout=timeout, script=script, origin=origin)
        elif words[0] not in _SHELL_WORDS and not words[0].startswith("$"):
            step = CommandStep(
                words=words,
                background=command.background,
                environment=_environment(command),
                script=script,
                conditional=command.depth > 0,
                origin=origin,
            )
            yield command_step(step)


def _environment(command: ShellCommand) -> tuple[tuple[str, str], ...]:
    pairs = (word.text.partition("=") for word in command.assignments)
    return tuple(sorted((name, value) for name, _, value in pairs))
