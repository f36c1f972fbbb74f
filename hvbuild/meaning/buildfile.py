"""A buildfile's meaning: the image that mkifs would build, and what it tells of the host."""

from collections.abc import Iterable, Iterator

from hvbuild.formats.buildfile import BuildDocument, Line
from hvbuild.formats.buildfile_script import read_script
from hvbuild.formats.shell_lines import is_shell_script, read_shell
from hvbuild.meaning.command_line import peer_bindings, qvm_launch
from hvbuild.meaning.startup_line import boot_meaning, read_getsize
from hvbuild.meaning.startup_script import script_steps, shell_steps
from hvbuild.model.image import (
    Boot,
    CommandStep,
    Entry,
    EntryType,
    Image,
    PeerBinding,
    QvmLaunch,
    Step,
    WaitStep,
)
from hvbuild.source import NOWHERE, origin_at

# Attributes that have a field of their own in an entry, or that change the image and not the file.
_FOLDED = frozenset({"type", "uid", "gid", "perms", "dperms", "optional", "dupignore", "prefix", "script"})


def image_meaning(document: BuildDocument) -> Image:
    """What mkifs would build from `document`."""
    bootable = any(line.boot for line in document.lines) or bool(document.includes)
    reader = _Reader("/proc/boot" if bootable else "")
    for line in document.lines:
        if line.words:
            reader.take(line)
    area = document.image_setting("image")
    launches, peers = _started((*reader.steps, *reader.shell_steps))
    return Image(
        entries=tuple(reader.entries),
        boot=reader.boot,
        steps=tuple(reader.steps),
        shell_steps=tuple(reader.shell_steps),
        load_address=area_address(area.value or "") if area else None,
        image_area=(area.value or "") if area else "",
        environment=tuple(sorted(reader.environment.items())),
        launches=launches,
        peers=peers,
        complete=reader.complete and not document.includes,
        origin=origin_at(document.lines[0].span) if document.lines else NOWHERE,
        area_origin=origin_at(area.span) if area else NOWHERE,
    )


def area_address(text: str) -> int | None:
    """The address that `image=` or `ram=` begins with, or None."""
    at = next((index for index, char in enumerate(text) if char in "-,=%"), len(text))
    return read_getsize(text[:at])


class _Reader:
    """Mutable: follows the lines of one document and the variables that its scripts set."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.environment: dict[str, str] = {}
        self.entries: list[Entry] = []
        self.boot: Boot | None = None
        self.steps: list[Step] = []
        self.shell_steps: list[CommandStep | WaitStep] = []
        self.complete = True
        self._has_script = False

    def take(self, line: Line) -> None:
        if line.is_on("include"):
            self.complete = False
        elif line.boot is not None:
            self._boot(line)
        elif line.is_on("script"):
            self._script(line)
        else:
            entry = self._entry(line)
            self.entries.append(entry)
            if entry.content is not None and line.body and is_shell_script(entry.content):
                self.shell_steps.extend(shell_steps(read_shell(line.body.layer), entry.path))

    def _boot(self, line: Line) -> None:
        boot = boot_meaning(line)
        self.complete = self.complete and line.body is not None
        if self.boot is None:
            self.boot = boot
            self.environment.update(boot.environment)

    def _script(self, line: Line) -> None:
        if line.body is None:
            self.complete = False
            return
        self.steps.extend(script_steps(read_script(line.body.layer), self.environment))
        if not self._has_script:
            # Several scripts are merged into the file of the first one.
            self._has_script = True
            self.entries.append(
                Entry(
                    path=self._path(line), settings=(("script", "+"),), origin=origin_at(line.words[0].span)
                )
            )

    def _path(self, line: Line) -> str:
        first = line.words[0].resolved(self.environment)
        type_name = line.value("type") or "file"
        if len(line.words) == 1 and type_name in ("file", "link"):
            first = first.rsplit("/", 1)[-1]
        prefix = line.value("prefix")
        return target_path(first, self._prefix if prefix is None else prefix)

    def _entry(self, line: Line) -> Entry:
        type_name = line.value("type") or "file"
        entry_type = next((kind for kind in EntryType if kind.value == type_name), EntryType.FILE)
        host = line.host or (line.words[0] if line.body is None else None)
        source = host.resolved(self.environment) if host else ""
        directory = entry_type is EntryType.DIRECTORY
        mode = line.value("dperms" if directory else "perms") or ""
        return Entry(
            path=self._path(line),
            type=entry_type,
            source=source if entry_type is EntryType.FILE else "",
            content=line.body.text if line.body else None,
            link=source if entry_type is EntryType.LINK else "",
            user=_owner(line.value("uid")),
            group=_owner(line.value("gid")),
            mode="" if mode == "*" else mode,
            optional=line.value("optional") != "-",
            ignores_duplicate=line.is_on("dupignore"),
            settings=tuple(sorted(_settings(line))),
            origin=origin_at(line.words[0].span),
            source_origin=origin_at(host.span) if host else NOWHERE,
        )


def _owner(value: str | None) -> str:
    return "" if value in (None, "*") else value or ""


def _settings(line: Line) -> Iterator[tuple[str, str]]:
    for name, use in line.settings.items():
        if name not in _FOLDED and use.row is not None and use.row.scope == "file":
            yield name, use.setting


def target_path(name: str, prefix: str) -> str:
    """The absolute path in the image: an absolute name as it is, a relative one under `prefix`.

    mkifs' default prefix is `proc/boot` for a bootable image, else empty; `/./` is removed, `..` is kept
    (mkifs source, `set_target_name`).
    """
    path = name if name.startswith("/") else f"{prefix}/{name}"
    path = path if path.startswith("/") else f"/{path}"
    while "/./" in path:
        path = path.replace("/./", "/")
    path = path.removesuffix("/.")
    while "//" in path:
        path = path.replace("//", "/")
    return path if path == "/" else path.rstrip("/")


def _started(steps: Iterable[Step]) -> tuple[tuple[QvmLaunch, ...], tuple[PeerBinding, ...]]:
    launches: list[QvmLaunch] = []
    peers: list[PeerBinding] = []
    for position, step in enumerate(steps):
        if isinstance(step, CommandStep):
            launch = qvm_launch(step, position)
            if launch is not None:
                launches.append(launch)
            peers.extend(peer_bindings(step))
    return tuple(launches), tuple(peers)
