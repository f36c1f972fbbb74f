"""What a rule is: a code row and the function that looks for the fault; makers and runners of rules."""

from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc

from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.diagnostics import Code, Diagnostic, Diagnostics, Label, Severity
from hvbuild.model.system import System
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.source import NOWHERE, Origin, Span
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault that a rule saw, before it has a code: where, what, and the other places it concerns."""

    place: Span | Origin
    message: str
    label: str = ""
    others: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    severity: Severity | None = None


def found(
    place: Span | Origin | Iterable[Origin],
    message: str,
    label: str = "",
    *,
    others: Iterable[Label] = (),
    notes: Iterable[str] = (),
    helps: Iterable[str] = (),
    severity: Severity | None = None,
) -> Finding:
    """A finding at `place`; of several origins, the first that is known."""
    if isinstance(notes, str) or isinstance(helps, str):
        raise TypeError("notes and helps are several texts, not one")
    if not isinstance(place, Span | Origin):
        place = next((origin for origin in place if origin), NOWHERE)
    return Finding(
        place=place,
        message=message,
        label=label,
        others=tuple(others),
        notes=tuple(notes),
        helps=tuple(helps),
        severity=severity,
    )


SystemCheck = Callable[[Scene], Iterable[Finding]]
VmCheck = Callable[[VmScene], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `function` is called once per VM when it takes a `VmScene`, once in all for a `Scene`."""

    row: Code
    function: Callable[..., Iterable[Finding]]
    per_vm: bool

    def check(self, subject: System | Scene) -> Iterator[Diagnostic]:
        """Every fault of this kind in the system, in the order of its VMs."""
        scene = subject if isinstance(subject, Scene) else Scene(subject)
        stages: Iterable[object] = scene.vms if self.per_vm else (scene,)
        for stage in stages:
            for finding in self.function(stage):
                yield self.row.at(
                    finding.place,
                    finding.message,
                    finding.label,
                    others=finding.others,
                    notes=finding.notes,
                    helps=finding.helps,
                    severity=finding.severity,
                )


def rule(
    code: str, name: str, *, source: str, severity: Severity = Severity.ERROR, policy: str = ""
) -> Callable[[SystemCheck | VmCheck], Rule]:
    """A maker that turns a documented function into a rule; its docstring is the rule's meaning.

    The function's parameter is annotated as a `VmScene`, to be called for each VM, or as a `Scene`, to be
    called once; TypeError otherwise.
    """

    def make(function: SystemCheck | VmCheck) -> Rule:
        subject = _subject(function)
        row = Code(
            code=code,
            name=name,
            severity=severity,
            meaning=cleandoc(function.__doc__ or ""),
            source=source,
            policy=policy,
        )
        return Rule(row, function, subject == VmScene.__name__)

    return make


def _subject(function: SystemCheck | VmCheck) -> str:
    """What a rule looks at: the name of its parameter's type, also where annotations are kept as texts."""
    words = (word for name, word in function.__annotations__.items() if name != "return")
    word = next(words, None)
    name = (word if isinstance(word, str) else getattr(word, "__name__", "")).rpartition(".")[2]
    if name not in (Scene.__name__, VmScene.__name__):
        raise TypeError(f"`{function.__name__}` is a rule: annotate its parameter as Scene or VmScene")
    return name


def nothing_further(_scene: Scene) -> tuple[Diagnostic, ...]:
    """No further rules."""
    return ()


def run_rules(
    system: System,
    rules: Iterable[Rule],
    catalog: Catalog | None = None,
    further: Callable[[Scene], Iterable[Diagnostic]] = nothing_further,
) -> tuple[Diagnostic, ...]:
    """What `rules` and then `further` ones find in `system`, ordered by place; an exact repeat stands once.

    `catalog` is the shipped one unless the project knows devices of its own.
    """
    scene = Scene(system, catalog or shipped_catalog())
    held = Diagnostics()
    for each in rules:
        held.extend(each.check(scene))
    held.extend(further(scene))
    return held.ordered
