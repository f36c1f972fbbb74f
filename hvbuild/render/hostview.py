"""The host image as strings for its template: every word spelled as mkifs reads it back."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvbuild.diagnostics import Diagnostics
from hvbuild.formats.mkifs_spelling import (
    escape_inline,
    spell_attribute,
    spell_command,
    spell_inline,
    spell_name,
    spell_script_word,
)
from hvbuild.model.host import HostFile, Service
from hvbuild.model.plan import HostPlan, Launch, Plan
from hvbuild.render.codes import UNSPELLABLE
from hvbuild.resolve.hostfiles import launch_words, on_words
from hvbuild.resolve.hostrows import host_steps
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import hex_address

# mkifs waits 5 s for a path unless told otherwise (mkifs reference, `waitfor`).
_DEFAULT_WAIT = ""
_TENTH = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One image entry: attribute words, and the rest of its line (an inline body included)."""

    attributes: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildfileView:
    """What `mifs.build.j2` places."""

    title: str
    target: str
    image: str
    virtual: str
    startup: str
    kernel_attributes: str
    environment: str
    kernel: str
    script: tuple[str, ...]
    entries: tuple[EntryView, ...]


class _Speller:
    """Mutable: spells words for mkifs and reports those it cannot carry."""

    def __init__(self, faults: Diagnostics) -> None:
        self._faults = faults

    def need(self, spelled: str | None, text: str, place: Origin) -> str:
        if spelled is None:
            self._faults.add(
                UNSPELLABLE.at(
                    place, f"mkifs cannot carry `{text!r}`", "this text", helps=["use a plain name"]
                )
            )
            return ""
        return spelled

    def boot_line(self, words: Sequence[str]) -> str:
        spelled = " ".join(self.need(spell_script_word(word), word, NOWHERE) for word in words)
        return self.need(escape_inline(spelled), spelled, NOWHERE)

    def command(self, words: Sequence[str], place: Origin, *, background: bool) -> str:
        line = self.need(spell_command(tuple(words), background=background), " ".join(words), place)
        return self.need(escape_inline(line), line, place)


def buildfile_view(plan: Plan, host: HostPlan, faults: Diagnostics) -> BuildfileView:
    """The buildfile of `plan` in strings; words that mkifs cannot carry are reported."""
    speller = _Speller(faults)
    modules = [speller.need(spell_attribute("module", name), name, NOWHERE) for name in host.modules]
    return BuildfileView(
        title=f"{plan.stack.name} ({plan.stack.variant})",
        target=plan.stack.target,
        image=hex_address(host.image_base) if host.image_base is not None else "",
        virtual=speller.need(spell_attribute("virtual", host.virtual), host.virtual, NOWHERE),
        startup=speller.boot_line(host.startup),
        kernel_attributes=" ".join(["+keeplinked", *modules]) if modules else "",
        environment=speller.boot_line((f"PATH={host.path}", f"LD_LIBRARY_PATH={host.library_path}")),
        kernel=speller.boot_line(host.kernel),
        script=tuple(_script(host, speller)),
        entries=tuple(_entry(entry, speller) for entry in host.entries),
    )


def _script(host: HostPlan, speller: _Speller) -> Iterator[str]:
    for step in host_steps():
        if step.step == "link":
            yield speller.command(("procmgr_symlink", step.command, step.path), NOWHERE, background=False)
        else:
            yield speller.command(shlex.split(step.command), NOWHERE, background=True)
            yield speller.command(("waitfor", step.wait_for), NOWHERE, background=False)
    for name, budget, critical_ms in host.partitions:
        words = ["sched_aps", name, str(budget), *([str(critical_ms)] if critical_ms else [])]
        yield speller.command(words, NOWHERE, background=False)
    for service in host.services:
        yield from _service(service, speller)
    for command, place in peer_commands(host):
        yield speller.command(command, place, background=False)
    for launch in host.launches:
        yield speller.command(started_by(launch), launch.origin, background=True)


def started_by(launch: Launch) -> tuple[str, ...]:
    """What the startup script says to start a guest: qvm itself, or the script that keeps it running."""
    return ("ksh", launch.script) if launch.script else launch_words(launch)


def peer_commands(host: HostPlan) -> Iterator[tuple[tuple[str, ...], Origin]]:
    """The commands that make and bind vdevpeer interfaces where io-sock runs; io-pkt is told when it starts.

    Source: QNX Hypervisor 8.0, networking: `ifconfig vp0 create`, `vpctl vp0 peer=… bind=…`.
    """
    if not any(service.command.startswith("io-sock") for service in host.services):
        return
    for peer in host.peers:
        yield ("ifconfig", peer.interface, "create"), peer.origin
        yield ("vpctl", peer.interface, f"peer={peer.vdev_path}", f"bind={peer.bind}"), peer.origin


def _service(service: Service, speller: _Speller) -> Iterator[str]:
    yield speller.command(service_words(service), service.origin, background=not service.foreground)
    for path in service.wait_for:
        seconds = _DEFAULT_WAIT
        if service.wait is not None:
            tenths = -(-service.wait // _TENTH)
            seconds = f"{tenths // 10}.{tenths % 10}"
        yield speller.command(
            ("waitfor", path, *([seconds] if seconds else [])), service.origin, background=False
        )


def service_words(service: Service) -> tuple[str, ...]:
    """The words that start a service, with what places it."""
    on = on_words(
        sched=service.sched,
        cpus=tuple(sorted(service.cpus or ())),
        cluster=service.cluster,
        partition=service.partition,
    )
    return (*on, *shlex.split(service.command))


def _entry(entry: HostFile, speller: _Speller) -> EntryView:
    attributes = []
    if entry.link:
        attributes.append("type=link")
    if entry.optional:
        attributes.append("+optional")
    if entry.raw:
        attributes.append("+raw")
    if entry.user is not None:
        attributes.append(f"uid={entry.user}")
    if entry.group is not None:
        attributes.append(f"gid={entry.group}")
    if entry.mode:
        attributes.append(f"perms={entry.mode}")
    name = speller.need(spell_name(entry.path), entry.path, entry.origin)
    if entry.content is not None:
        body = speller.need(spell_inline(entry.content), entry.content, entry.origin)
    else:
        host = entry.link or entry.source
        body = speller.need(spell_name(host), host, entry.origin)
    return EntryView(attributes=" ".join(attributes), text=f"{name}={body}", reason=entry.reason)
