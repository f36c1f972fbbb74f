"""Faults as values: a code row, the diagnostic it makes, and the collector that stops at a barrier."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from hvbuild.source import Origin, SourceFile, Span
from hvbuild.values import dataclass


class Severity(StrEnum):
    """How much a diagnostic weighs: an error stops at the next barrier, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A place with a word on what is there; exactly one label of a diagnostic is primary."""

    span: Span
    text: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row of the list of codes: stable for ever, printed by `hvbuild explain`.

    `severity` follows the evidence (documented: error, inferred: warning) unless `policy` says why not.
    """

    code: str
    name: str
    severity: Severity
    meaning: str
    source: str
    policy: str = ""

    def at(
        self,
        place: Span | Origin | None,
        message: str,
        label: str = "",
        *,
        others: Iterable[Label] = (),
        route: str = "",
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
        severity: Severity | None = None,
    ) -> "Diagnostic":
        """A diagnostic of this code with its primary label at `place`."""
        span = place.span if isinstance(place, Origin) else place
        return Diagnostic(
            code=self.code,
            name=self.name,
            severity=severity or self.severity,
            message=message,
            route=route,
            labels=(Label(span or NO_PLACE, label, primary=True), *others),
            notes=tuple(notes),
            helps=tuple(helps),
        )


NO_PLACE = Span(SourceFile("<none>", ""), 0, 0)


def error_code(code: str, name: str, meaning: str, source: str, *, policy: str = "") -> Code:
    """The row of a code that is an error."""
    return Code(code=code, name=name, severity=Severity.ERROR, meaning=meaning, source=source, policy=policy)


def warning_code(code: str, name: str, meaning: str, source: str, *, policy: str = "") -> Code:
    """The row of a code that is a warning."""
    return Code(
        code=code, name=name, severity=Severity.WARNING, meaning=meaning, source=source, policy=policy
    )


def other(place: Span | Origin | None, text: str) -> tuple[Label, ...]:
    """A secondary label, or none where the place is unknown."""
    span = place.span if isinstance(place, Origin) else place
    return (Label(span, text),) if span is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault of the input, with every place it concerns."""

    code: str
    name: str
    severity: Severity
    message: str
    labels: tuple[Label, ...]
    route: str = ""
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(label.primary for label in self.labels) != 1:
            raise ValueError(f"{self.code}: exactly one label is primary")

    @property
    def primary(self) -> Label:
        """The label that says where to look first."""
        return next(label for label in self.labels if label.primary)

    @property
    def sort_key(self) -> tuple[object, ...]:
        """By place, then code, then words: the order in which diagnostics are reported."""
        return *self.primary.span.sort_key, self.code, self.message


class StackInvalid(Exception):  # noqa: N818 - named for what it says about the user's input
    """Raised at a barrier when errors are held; carries all diagnostics, ordered by place."""

    def __init__(self, stage: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(f"{stage}: {len(diagnostics)} diagnostics")
        self.stage = stage
        self.diagnostics = diagnostics


class Diagnostics:
    """Mutable: collects diagnostics of one run and drops exact repeats."""

    def __init__(self) -> None:
        self._held: dict[Diagnostic, None] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Hold `diagnostic`."""
        self._held[diagnostic] = None

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Hold each of `diagnostics`."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.ordered)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def ordered(self) -> tuple[Diagnostic, ...]:
        """All that is held, ordered by place."""
        return tuple(sorted(self._held, key=lambda diagnostic: diagnostic.sort_key))

    @property
    def has_errors(self) -> bool:
        """True when an error is held."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self._held)

    def barrier(self, stage: str) -> None:
        """Raise StackInvalid when an error is held; warnings pass."""
        if self.has_errors:
            raise StackInvalid(stage, self.ordered)
