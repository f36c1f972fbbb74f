"""What is known of a guarantee: what it claims, how it is judged, and for which kernels."""

from collections.abc import Sequence

from hvbuild.certify.property import Method, Property
from hvbuild.report.outcome import Outcome

_JUDGED = {
    Method.PROVE: "by an argument over all cases",
    Method.EXHAUST: "by trying every case of a finite space",
    Method.SAMPLE: "by drawn runs, or all of them where they are few",
}


def guarantee_outcome(topic: str, properties: Sequence[Property]) -> Outcome | None:
    """The answer to a guarantee's code or name in any case; None for any other topic."""
    known = {key.lower(): row for row in properties for key in (row.code, row.name)}
    row = known.get(topic.lower())
    if row is None:
        return None
    lines = (
        f"guarantee[{row.code}]: {row.name}",
        "",
        f"{row.title}.",
        row.statement,
        "",
        f"judged: {_JUDGED[row.method]}",
        f"claimed under: {', '.join(row.profiles)}",
    )
    data = {
        "format": "hvbuild-guarantee/1",
        "code": row.code,
        "name": row.name,
        "title": row.title,
        "statement": row.statement,
        "method": row.method.value,
        "profiles": list(row.profiles),
    }
    return Outcome(text="\n".join(lines) + "\n", data=data, whole=True)
