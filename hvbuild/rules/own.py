"""Rules of a site's own, HV9000 to HV9999: had from the modules that a project names, and run with ours."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path

from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.ownmodules import Unusable, fault_place, fault_text, line_of, own_value
from hvbuild.rules.rule import Finding, Rule
from hvbuild.rules.scene import Scene
from hvbuild.source import Span
from hvbuild.values import dataclass

UNUSABLE = Code(
    code="HV0067",
    name="own-rule-unusable",
    severity=Severity.ERROR,
    meaning="A name of the project file's `rules` leads to no rule that can be used.",
    source="hvbuild: a site's own rule has a code HV9xxx, a name, a docstring and a source, as ours have",
)
FAILED = Code(
    code="HV0068",
    name="own-rule-failed",
    severity=Severity.ERROR,
    meaning="A rule of the site's own broke off while it looked at the system, and so says nothing.",
    source="hvbuild: what a rule raises is a fault of that rule",
)
CODES = (UNUSABLE, FAILED)
ATTRIBUTE = "RULES"
_CODE = re.compile(r"HV9[0-9]{3}\Z")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRules:
    """A project's own rules, each with the place that names it, and what is wrong with others."""

    rules: tuple[tuple[Rule, Span], ...] = ()
    faults: tuple[Diagnostic, ...] = ()

    @property
    def rows(self) -> tuple[Code, ...]:
        """The code rows of the rules."""
        return tuple(rule.row for rule, _ in self.rules)

    def known(self, rows: Mapping[str, Code]) -> Mapping[str, Code]:
        """`rows` and those of the rules, each under its code and its name."""
        return {**rows, **{key: row for row in self.rows for key in (row.code, row.name)}}

    def run(self, scene: Scene) -> Iterator[Diagnostic]:
        """What the rules find in `scene`; of one that breaks off, that it did, and where."""
        for rule, named in self.rules:
            try:
                with redirect_stdout(sys.stderr):
                    found = tuple(_checked(rule).check(scene))
            except (Exception, SystemExit) as fault:
                yield _broken_off(rule, named, fault)
            else:
                yield from found


NO_RULES = OwnRules()


def own_rules(names: Iterable[tuple[str, Span]], folder: Path, taken: Mapping[str, Code]) -> OwnRules:
    """The rules that `names` (`module:NAME` and its place) lead to, each a rule or a tuple of them.

    Modules are looked for in `folder`, too. `taken` has the codes and names that exist.
    """
    rules: list[tuple[Rule, Span]] = []
    faults: list[Diagnostic] = []
    seen: dict[str, Code] = dict(taken)
    for name, place in names:
        try:
            values = _values(name, folder)
        except Unusable as fault:
            faults.append(UNUSABLE.at(place, str(fault), "named here", others=other(fault.place, "here")))
            continue
        for value in values:
            why = _unfit(value, seen)
            if why:
                written = _written(value) if isinstance(value, Rule) else None
                faults.append(
                    UNUSABLE.at(place, f"`{name}` {why}", "named here", others=other(written, "here"))
                )
            elif isinstance(value, Rule):
                rules.append((value, place))
                seen |= {value.row.code: value.row, value.row.name: value.row}
    return OwnRules(rules=tuple(rules), faults=tuple(faults))


def _values(name: str, folder: Path) -> tuple[object, ...]:
    value = own_value(name, folder, ATTRIBUTE)
    if isinstance(value, Rule):
        return (value,)
    if not isinstance(value, tuple | list):
        raise Unusable(name, "is no rule and no tuple of rules")
    return tuple(value)


def _unfit(value: object, taken: Mapping[str, Code]) -> str:
    """Why `value` is no rule that can be used; empty when it is."""
    if not isinstance(value, Rule):
        return f"holds {value!r}, which is no rule: `@rule` above the function makes one"
    row = value.row
    texts = (row.code, row.name, row.meaning, row.source)
    if not all(isinstance(text, str) for text in texts) or not isinstance(row.severity, Severity):
        return "holds a rule whose code, name, source or severity is of a wrong type"
    if not _CODE.match(row.code):
        return f"gives a rule the code `{row.code}`: a site's own are HV9000 to HV9999"
    if not _NAME.match(row.name):
        return f"gives `{row.code}` the name `{row.name}`: small letters, digits and single `-`"
    if row.code in taken or row.name in taken:
        return f"gives a rule the code `{row.code}` and the name `{row.name}`: one of them is taken"
    if not row.meaning.strip():
        return f"gives `{row.code}` no docstring: it is what `hvbuild explain` prints"
    if not row.source.strip():
        return f"gives `{row.code}` no source"
    return ""


def _written(rule: Rule) -> Span | None:
    """Where the function of a rule is written."""
    code = getattr(rule.function, "__code__", None)
    return line_of(code.co_filename, code.co_firstlineno) if code is not None else None


def _broken_off(rule: Rule, named: Span, fault: BaseException) -> Diagnostic:
    at = fault_place(fault) or _written(rule)
    message = f"rule `{rule.row.code}` broke off: {fault_text(fault)}"
    return FAILED.at(at or named, message, "here", others=other(named if at else None, "named here"))


def _checked(rule: Rule) -> Rule:
    """`rule`, held to yield findings of texts."""

    def function(scene: object) -> Iterator[Finding]:
        for finding in rule.function(scene):
            if not isinstance(finding, Finding):
                raise TypeError(f"it yields {finding!r}, which `found` did not make")
            texts = (finding.message, finding.label, *finding.notes, *finding.helps)
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("message, label, notes and helps are texts")
            yield finding

    return Rule(rule.row, function, rule.per_vm)
