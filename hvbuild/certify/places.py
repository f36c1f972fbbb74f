"""Places of the stack as certificates name them: the same on every machine."""

from typing import Any

from hvbuild.certify.canonical import Json
from hvbuild.certify.outcome import Finding
from hvbuild.source import Origin


def named_path(path: str, inputs: tuple[tuple[str, str], ...]) -> str:
    """The name of the input that `path` is, else its last part: never a path of this machine."""
    unified = path.replace("\\", "/")
    fits = [name for name, _ in inputs if unified == name or unified.endswith("/" + name)]
    if fits:
        return max(fits, key=len)
    return unified if not unified.startswith("/") else unified.rsplit("/", 1)[-1]


def place_json(origin: Origin, inputs: tuple[tuple[str, str], ...]) -> Json | None:
    """Path, line and text of the place that set a value; None where it is not known."""
    span = origin.span
    if span is None:
        return None
    line = span.line
    return {
        "path": named_path(span.file.path, inputs),
        "line": line,
        "text": span.file.line(line).strip(),
    }


def finding_json(finding: Finding, inputs: tuple[tuple[str, str], ...]) -> Json:
    """A finding as a certificate holds it."""
    result: dict[str, Any] = {"what": finding.what, "place": place_json(finding.place, inputs)}
    if finding.story:
        result["story"] = list(finding.story)
    if finding.change:
        result["change"] = finding.change
    if finding.numbers:
        result["numbers"] = {name: str(value) for name, value in finding.numbers}
    others = [(place_json(origin, inputs), text) for origin, text in finding.others]
    if any(place for place, _ in others):
        result["others"] = [{**place, "says": text} for place, text in others if place]
    return result
