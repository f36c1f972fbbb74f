"""Our parts put into a buildfile that others keep: at its anchors, or by rule; the rest stays byte for byte.

An anchor is a comment line of its own:

    # hvbuild: startup    before the boot line that gets our startup options
    # hvbuild: script     inside a startup script: our steps follow
    # hvbuild: files      between the entries: ours follow

Without anchors: options go to the end of the first boot line, steps before the first guest is started, guests
to the end of the script, entries to the end of the file. What the file says already is not said again; what
it says otherwise is left to read-back, which reports it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvbuild.diagnostics import Diagnostics
from hvbuild.formats.buildfile import Body, BuildDocument, Line, read_buildfile
from hvbuild.formats.buildfile_script import Statement, read_boot, read_script
from hvbuild.formats.mkifs_spelling import escape_inline, spell_attribute, spell_script_word
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.startup_script import script_steps
from hvbuild.model.image import CommandStep, Image, PartitionStep, Step, WaitStep
from hvbuild.model.plan import HostPlan
from hvbuild.render.bootcheck import missing_options, wanted_boot
from hvbuild.render.codes import ANCHOR
from hvbuild.render.hostview import BuildfileView, EntryView
from hvbuild.render.mergedfile import Insert, MergedFile, merged_file
from hvbuild.render.readback_host import found_entry
from hvbuild.resolve.hostrows import host_steps
from hvbuild.source import SourceFile, Span

_ANCHOR = re.compile(r"^[ \t]*#[ \t]*hvbuild:[ \t]*(\w+)[ \t]*\r?$", re.MULTILINE)
_STARTUP, _SCRIPT, _FILES = "startup", "script", "files"


def merged_buildfile(
    base: SourceFile, host: HostPlan, view: BuildfileView, faults: Diagnostics
) -> MergedFile:
    """`base` with what the plan needs and `base` lacks put in; misplaced anchors are reported."""
    document = read_buildfile(base.text, base.path)
    merger = _Merger(document, faults)
    inserts = [
        *merger.startup(host),
        *merger.modules(host),
        *merger.steps(view.script, host),
        *merger.entries(view.entries, host),
    ]
    return merged_file(base, inserts)


class _Merger:
    """Mutable: knows the base file and where its anchors are; collects faults."""

    def __init__(self, document: BuildDocument, faults: Diagnostics) -> None:
        self._document = document
        self._text = document.file.text
        self._image: Image = image_meaning(document)
        self._faults = faults
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        self._anchors = self._find_anchors()

    def _find_anchors(self) -> dict[str, re.Match[str]]:
        found: dict[str, re.Match[str]] = {}
        for match in _ANCHOR.finditer(self._text):
            name = match[1]
            place = Span(self._document.file, match.start(), match.end())
            if name not in (_STARTUP, _SCRIPT, _FILES):
                self._faults.add(
                    ANCHOR.at(place, f"`{name}` is no anchor", helps=("startup, script or files",))
                )
            elif name in found:
                self._faults.add(ANCHOR.at(place, f"a second anchor `{name}`"))
            else:
                found[name] = match
        return found

    def _misplaced(self, name: str, why: str) -> None:
        match = self._anchors[name]
        place = Span(self._document.file, match.start(), match.end())
        self._faults.add(ANCHOR.at(place, f"anchor `{name}` {why}", "this anchor"))

    def _after(self, name: str) -> int:
        """The start of the line after an anchor."""
        return min(self._anchors[name].end() + 1, len(self._text))

    # --- boot section ---------------------------------------------------------------------------------------

    def _boot_statements(self) -> tuple[Statement, ...]:
        line = next((line for line in self._document.lines if line.boot and line.body), None)
        if line is None or line.body is None:
            return ()
        return tuple(statement for statement in read_boot(line.body.layer) if statement.words)

    def startup(self, host: HostPlan) -> Iterator[Insert]:
        """Our options at the end of the startup line."""
        statements = self._boot_statements()
        if self._image.boot is None or not statements:
            return
        line = statements[0]
        if _STARTUP in self._anchors:
            after = self._after(_STARTUP)
            chosen = [statement for statement in statements if statement.span.start >= after]
            if not chosen:
                self._misplaced(_STARTUP, "has no boot line after it")
                return
            line = chosen[0]
        words: list[str] = []
        for option in missing_options(self._image.boot, wanted_boot(host)):
            words += [f"-{option.letter}", *([option.value] if option.value is not None else [])]
        yield from self._append(line, words)

    def modules(self, host: HostPlan) -> Iterator[Insert]:
        """Our kernel modules in the bracket group of the kernel line, and our kernel arguments at its end."""
        statements = self._boot_statements()
        boot = self._image.boot
        if len(statements) < 2 or boot is None or boot.kernel is None:
            return
        kernel, line = boot.kernel, statements[-1]
        yield from self._append(line, [word for word in host.kernel[1:] if word not in kernel.arguments])
        names = [name for name in host.modules if name not in kernel.modules]
        words = " ".join(word for name in names if (word := spell_attribute("module", name)) is not None)
        if not words:
            return
        if line.group is not None and line.group.closed:
            yield Insert(line.group.span.end - 1, f" {words}")
        else:
            inherited = " ".join(f"module={use.value}" for use in line.modules)
            group = " ".join(part for part in ("+keeplinked", inherited, words) if part)
            yield Insert(line.span.start, f"[{group}] ")

    def _append(self, line: Statement, words: Sequence[str]) -> Iterator[Insert]:
        spelled = [spell_script_word(word) for word in words]
        text = escape_inline(" ".join(word for word in spelled if word is not None))
        if text:
            yield Insert(line.words[-1].span.end, f" {text}")

    # --- startup script -------------------------------------------------------------------------------------

    def steps(self, lines: Sequence[str], host: HostPlan) -> Iterator[Insert]:
        """Our steps that the script lacks: services before the first guest, guests at the end."""
        bodies = [line.body for line in self._document.lines if line.is_on("script") and line.body]
        if not bodies:
            return
        missing = [(line, step) for line in lines for step in _read_steps(line) if not self._has(step)]
        if _SCRIPT in self._anchors:
            at = self._after(_SCRIPT)
            if not any(body.span.start <= at <= body.span.end for body in bodies):
                self._misplaced(_SCRIPT, "does not stand inside a startup script")
                return
            yield from (self._line(at, line) for line, _ in missing)
            return
        end = bodies[-1].span.end
        first, last = self._first_launch(end), self._end_of_body(bodies[-1])
        guests = {words for launch in host.launches for words in (launch.config_path, launch.script)}
        for line, step in missing:
            is_guest = isinstance(step, CommandStep) and any(
                word.removeprefix("@") in guests for word in step.words[1:]
            )
            yield last(line) if is_guest or first == end else self._line(first, line)

    def _has(self, step: Step) -> bool:
        """True when the base file does the same already."""
        held = (*self._image.steps, *self._image.shell_steps)
        if isinstance(step, WaitStep):
            return any(
                isinstance(each, WaitStep) and each.path == step.path and each.timeout >= step.timeout
                for each in held
            )
        if isinstance(step, PartitionStep):
            return any(isinstance(each, PartitionStep) and each.name == step.name for each in held)
        if isinstance(step, CommandStep):
            return self._starts(step)
        return step in held

    def _starts(self, step: CommandStep) -> bool:
        configs = {word for word in step.words[1:] if word.startswith("@")}
        if step.program == "qvm" and any(
            configs & {f"@{c}" for c in each.configs} for each in self._image.launches
        ):
            return True
        always = {row.command.split()[0] for row in host_steps() if row.step == "start"}
        if step.program in always and any(each.program == step.program for each in self._image.commands):
            return True
        wanted = (*step.launcher, *step.words)
        return any((*each.launcher, *each.words) == wanted for each in self._image.commands)

    def _first_launch(self, otherwise: int) -> int:
        """The start of the line that starts the first guest, or `otherwise`."""
        places = [
            launch.origin.span.start
            for launch in self._image.launches
            if not launch.script and launch.origin.span is not None
        ]
        return self._text.rfind("\n", 0, min(places)) + 1 if places else otherwise

    def _end_of_body(self, body: Body) -> "_Ending":
        tail = self._text[body.span.start : body.span.end].rstrip(" \t")
        at = body.span.start + len(tail)
        return _Ending(at, self._newline, lead=bool(tail) and not tail.endswith("\n"))

    def _line(self, at: int, line: str) -> Insert:
        return Insert(at, line + self._newline)

    # --- entries --------------------------------------------------------------------------------------------

    def entries(self, views: Sequence[EntryView], host: HostPlan) -> Iterator[Insert]:
        """Our entries that the file lacks, with the attributes reset that are in force where they go."""
        at, lead = len(self._text), "" if self._text.endswith("\n") or not self._text else self._newline
        if _FILES in self._anchors:
            at, lead = self._after(_FILES), ""
            if any(line.span.start < at <= line.span.end for line in self._document.lines):
                self._misplaced(_FILES, "stands inside an entry")
                return
            if not self._text[:at].endswith("\n"):
                lead = self._newline
        resets = self._resets(at)
        for view, entry in zip(views, host.entries, strict=True):
            if found_entry(host, entry, self._image) is not None:
                continue
            own = view.attributes.split()
            said = {_name(word) for word in own}
            group = " ".join([*(word for word in resets if _name(word) not in said), *own])
            yield Insert(at, f"{lead}[{group}] {view.text}{self._newline}")
            lead = ""

    def _resets(self, at: int) -> tuple[str, ...]:
        """Attributes that undo what is in force at `at` and must not reach our entries."""
        settings = dict(_defaults(self._document.lines, at))
        words = ["-optional"]
        for name in ("uid", "gid", "perms", "dperms"):
            if settings.get(name, "*") != "*":
                words.append(f"{name}=*")
        if settings.get("type", "file") != "file":
            words.append("type=file")
        words += [f"-{name}" for name in ("raw", "script") if settings.get(name) == "+"]
        if settings.get("filter", "none") != "none":
            words.append("filter=none")
        return tuple(words)


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of a script body; the first line put there may need the line before it to be ended."""

    at: int
    newline: str
    lead: bool

    def __call__(self, line: str) -> Insert:
        return Insert(
            self.at, f"{self.newline if self.lead else ''}{line}{'' if self.lead else self.newline}"
        )


def _name(word: str) -> str:
    return word.lstrip("+-").partition("=")[0]


def _defaults(lines: Sequence[Line], at: int) -> Iterator[tuple[str, str]]:
    """Name and value of each attribute in force at offset `at`."""
    before = [line for line in lines if line.sets_defaults and line.span.start < at]
    for name in before[-1].settings if before else ():
        value = before[-1].value(name)
        if value is not None:
            yield name, value


def _read_steps(line: str) -> Iterator[Step]:
    """What one script line of ours does, read as mkifs reads it."""
    document = read_buildfile(f"[+script] s = {{\n{line}\n}}\n", "plan")
    body = document.lines[0].body
    if body is not None:
        yield from script_steps(read_script(body.layer), {})
