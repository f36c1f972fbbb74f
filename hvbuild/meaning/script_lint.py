"""Lint of startup scripts: built-in commands, modifiers, partitions, order, and what nobody provides."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Code, Diagnostic, error_code, other, warning_code
from hvbuild.formats.buildfile import BuildDocument
from hvbuild.formats.buildfile_faults import statements_of
from hvbuild.formats.buildfile_script import Statement
from hvbuild.meaning.command_line import read_priority
from hvbuild.meaning.host_facts import may_provide
from hvbuild.meaning.partition_lint import CODES as PARTITION_CODES
from hvbuild.meaning.partition_lint import partition_lint
from hvbuild.model.image import BuiltInStep, CommandStep, EntryType, Image, WaitStep
from hvbuild.nearest import did_you_mean

_SOURCE = "mkifs source: parse_script, parse_script_attr; QNX SDP, startup script commands"

_error = partial(error_code, source=_SOURCE)
_warning = partial(warning_code, source=_SOURCE)

BUILT_IN = _error("HV8550", "built-in-command", "a command of mkifs itself has the wrong arguments")
REOPEN_ORDER = _warning("HV8551", "reopen-order", "mkifs takes the path of reopen first, then the seconds")
PRIORITY = _error(
    "HV8552",
    "script-priority",
    "a priority is 0 to 255, with f, r or o after it",
    policy="mkifs keeps one byte of it and says nothing",
)
AMPERSAND = _error(
    "HV8553",
    "ampersand-not-last",
    "only an `&` that is the last word of its line puts a command into the background",
    policy="mkifs hands every other `&` to the command as an argument",
)
JOINED_AMPERSAND = _warning(
    "HV8554", "ampersand-joined", "an `&` that touches the last word is part of that word"
)
SHELL_WORD = _warning(
    "HV8555", "shell-in-startup-script", "a startup script has no pipes, redirection or conditions"
)
NOBODY_PROVIDES = _warning(
    "HV8556",
    "waitfor-nobody",
    "nothing that is started before makes the path, so the wait runs into its time limit",
)
NO_LINKER_LINK = _warning(
    "HV8557",
    "no-linker-link",
    "programs of a startup script need `procmgr_symlink` for the runtime linker first",
)
NOT_IN_IMAGE = _warning(
    "HV8558", "program-not-in-image", "a startup script starts a program that the image does not hold"
)
FOREGROUND_QVM = _warning(
    "HV8559", "qvm-in-foreground", "qvm runs as long as its guest: without `&` nothing after it starts"
)
LONG_WAIT = _warning(
    "HV8560", "wait-cut-short", "`waitfor` and `reopen` wait 6553.5 s at most; a longer time is cut to that"
)
NO_CONFIG = _warning(
    "HV8561",
    "configuration-not-in-image",
    "qvm is started with a file that the image does not hold, under a name that is nearly one it holds",
)
ON_PRIORITY = warning_code(
    "HV8562",
    "on-priority",
    "`on -p` takes a priority of 1 to 255, with f, r or o after it; the command is not started otherwise",
    "QNX Utilities Reference, on; QNX OS, thread scheduling: 255 is the highest priority, 0 is idle's",
)

CODES: tuple[Code, ...] = (
    BUILT_IN,
    REOPEN_ORDER,
    PRIORITY,
    AMPERSAND,
    JOINED_AMPERSAND,
    SHELL_WORD,
    NOBODY_PROVIDES,
    NO_LINKER_LINK,
    NOT_IN_IMAGE,
    FOREGROUND_QVM,
    LONG_WAIT,
    NO_CONFIG,
    ON_PRIORITY,
    *PARTITION_CODES,
)

_HIGHEST = 255
_OPERATORS = frozenset({"|", "||", "&&", ">", ">>", "<", "<<", "2>", "2>&1", ";", ";;"})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "fi", "while", "until", "for", "do", "done", "case"})


def script_lint(
    document: BuildDocument, image: Image, catalog: Catalog, target: str | None
) -> Iterator[Diagnostic]:
    """Faults of the startup script of `image`, and of what it starts and waits for."""
    statements = [
        statement
        for line in document.lines
        if line.is_on("script") and line.boot is None
        for statement in statements_of(line)
    ]
    for statement in statements:
        yield from priority(statement)
        yield from ampersands(statement)
        yield from built_in(statement)
        yield from long_wait(statement)
        yield from shell_words(statement)
    yield from partition_lint(statements, image, catalog, target)
    yield from launch_priorities(image)
    yield from waits(image)
    yield from linker_link(image)
    yield from programs(image)
    yield from foreground(image)
    yield from configurations(image)


def priority(statement: Statement) -> Iterator[Diagnostic]:
    """`pri=` beyond one byte or not of its form."""
    use = statement.group.last("pri") if statement.group else None
    if use is None or use.value in (None, "*") or "${" in (use.value or ""):
        return
    value = use.value or ""
    read = read_priority(value)
    if read is None:
        yield PRIORITY.at(use.span, f"`{value}` is no priority", helps=("write it like `10r` or `20f`",))
    elif read.priority > 255:
        message = f"priority {read.priority} is stored as {read.priority & 255}"
        yield PRIORITY.at(use.span, message)


def launch_priorities(image: Image) -> Iterator[Diagnostic]:
    """`on -p` with something that is no priority."""
    for step in image.commands:
        for flag, following in pairwise((*step.launcher, "")):
            value = following if flag == "-p" else flag.removeprefix("-p") if flag.startswith("-p") else None
            if value is None or "$" in value or "@" in value:
                continue
            read = read_priority(value)
            if read is None or not 1 <= read.priority <= _HIGHEST:
                yield ON_PRIORITY.at(step.origin, f"`on -p {value}` is no priority from 1 to {_HIGHEST}")


def ampersands(statement: Statement) -> Iterator[Diagnostic]:
    """`&` before the end of a line, or touching its last word."""
    if not statement.words or statement.command == "display_msg":
        return
    *most, last = statement.words
    for word in (*most, *((last,) if statement.background else ())):
        if word.text == "&":
            yield AMPERSAND.at(word.span, "this `&` is handed to the command as an argument")
    ends = last.text.endswith("&") and not last.quoted and last.text != "&"
    if statement.background is None and ends:
        yield JOINED_AMPERSAND.at(
            last.span,
            f"`{last.text}` is one word, the command runs in the foreground",
            helps=("put a blank before `&`",),
        )


def built_in(statement: Statement) -> Iterator[Diagnostic]:
    """Built-in commands with too few or too many arguments."""
    row = buildfile_catalog().commands.get(statement.command)
    if row is None or statement.value("external") == "+":
        return
    count = len(statement.arguments)
    if count < row.least or (row.most is not None and count > row.most and row.name == "procmgr_symlink"):
        wanted = f"{row.least}" if row.least == row.most else f"at least {row.least}"
        message = f"`{row.name}` takes {wanted} arguments, not {count}"
        yield BUILT_IN.at(statement.words[0].span, message)
    elif row.name == "reopen" and count and statement.arguments[0].text[:1].isdigit():
        yield REOPEN_ORDER.at(
            statement.arguments[0].span,
            f"`{statement.arguments[0].text}` is taken as the path to open",
            helps=("write the path first, then the seconds",),
        )


def long_wait(statement: Statement) -> Iterator[Diagnostic]:
    """Built-in waits for longer than mkifs can store."""
    if statement.command not in ("waitfor", "reopen") or statement.value("external") == "+":
        return
    limit = buildfile_catalog().limits["wait_tenths"]
    for word in statement.arguments[1:2]:
        whole = word.text.partition(".")[0]
        if whole.isascii() and whole.isdigit() and int(whole) * 10 > limit:
            yield LONG_WAIT.at(word.span, f"a wait of {word.text} s ends after {limit / 10:g} s")


def shell_words(statement: Statement) -> Iterator[Diagnostic]:
    """Words that only a shell would understand."""
    words = statement.words
    if not words or statement.command == "display_msg":
        return
    if statement.command in _KEYWORDS:
        message = f"`{statement.command}` is started as a program: a startup script has no conditions"
        yield SHELL_WORD.at(words[0].span, message)
    for word in words[1:]:
        if word.text in _OPERATORS and not word.quoted:
            yield SHELL_WORD.at(word.span, f"`{word.text}` is handed to the command as an argument")


def waits(image: Image) -> Iterator[Diagnostic]:
    """Waits for a path that no entry is and that nothing started before can make.

    Silent when a program of which nothing is known was started before: it may make the path.
    """
    paths = {entry.path for entry in image.entries}
    builtin = buildfile_catalog().builtin_paths
    before: list[CommandStep] = []
    for step in image.steps if image.complete else ():
        if isinstance(step, CommandStep):
            before.append(step)
            # What a script of the image starts may provide it, too.
            before.extend(
                inner
                for inner in image.shell_steps
                if isinstance(inner, CommandStep) and inner.script in step.words
            )
        elif isinstance(step, WaitStep):
            known = step.path in paths or any(fnmatchcase(step.path, pattern) for pattern in builtin)
            if not known and not any(_may(image, command, step.path) for command in before):
                yield NOBODY_PROVIDES.at(
                    step.origin,
                    f"nothing started before provides `{step.path}`",
                    notes=(f"the wait ends after {step.timeout / 1_000_000_000:g} s and the script goes on",),
                )


def _may(image: Image, command: CommandStep, path: str) -> bool:
    entries = [entry for word in command.words if (entry := image.entry(word)) is not None]
    if any(entry.content is not None for entry in entries):
        # A script of the image: what it starts is looked at by itself.
        return False
    answer = may_provide(command, path)
    return answer is True or (answer is None and not buildfile_catalog().has_provider(path))


def linker_link(image: Image) -> Iterator[Diagnostic]:
    """A bootable image whose script starts programs and never links the runtime linker."""
    if image.boot is None or not image.complete:
        return
    first = next((step for step in image.steps if isinstance(step, CommandStep)), None)
    links = any(isinstance(step, BuiltInStep) and step.name == "procmgr_symlink" for step in image.steps)
    holds = any(entry.path.startswith("/usr/lib/ldqnx") for entry in image.entries)
    if first is not None and not links and not holds:
        yield NO_LINKER_LINK.at(
            first.origin,
            f"`{first.program}` is started, but no `procmgr_symlink` makes the runtime linker known",
            helps=("begin with `procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2`",),
        )


def programs(image: Image) -> Iterator[Diagnostic]:
    """Plain program names that no entry of the image has; silent when folders are imported whole."""
    if image.boot is None or not image.complete or _imports_folders(image):
        return
    names = {entry.path.rsplit("/", 1)[-1] for entry in image.entries}
    paths = {entry.path for entry in image.entries}
    told: set[str] = set()
    for step in image.steps:
        if not isinstance(step, CommandStep):
            continue
        for word in (step.words[0], *step.launcher[:1]):
            held = word in paths if "/" in word else word in names
            own = "/" not in word or word.startswith("/proc/boot/")
            if own and not held and word not in told and "${" not in word:
                told.add(word)
                yield NOT_IN_IMAGE.at(step.origin, f"`{word}` is started, but the image does not hold it")


def configurations(image: Image) -> Iterator[Diagnostic]:
    """Files of VMs that the image lacks and nearly has; any other may lie on a partition."""
    if not image.complete or _imports_folders(image):
        return
    paths = sorted(entry.path for entry in image.entries)
    for launch in image.launches:
        for path in launch.configs:
            helps = did_you_mean(path, paths, alike=0.9) if path not in paths else ()
            if helps:
                message = f"qvm is started with `{path}`, which the image does not hold"
                yield NO_CONFIG.at(launch.origin, message, "no such file in the image", helps=helps)


def _imports_folders(image: Image) -> bool:
    """True when a host name has no file of its own: it may be a folder, taken in with all it holds."""
    return any(
        entry.type is EntryType.FILE and (entry.source.endswith("/") or entry.source in (".", ".."))
        for entry in image.entries
    )


def foreground(image: Image) -> Iterator[Diagnostic]:
    """A qvm without `&` that is not the last step."""
    for position, step in enumerate(image.steps):
        if not isinstance(step, CommandStep) or step.program not in ("qvm", "qvm-safety") or step.background:
            continue
        rest = image.steps[position + 1 :]
        if rest:
            yield FOREGROUND_QVM.at(
                step.origin,
                "qvm is started in the foreground, and the script goes on after it",
                others=other(rest[0].origin, "waits until the guest ends"),
                helps=("end the line with ` &`",),
            )
