"""report.html: a certificate for people in one file: words, tables and drawings as inline SVG."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.subject import Subject
from hvbuild.pages.drawings import guest_drawing, host_drawing, timeline_drawing
from hvbuild.render.environment import Rendered, Templates
from hvbuild.units import duration_text
from hvbuild.units import milliseconds as ms

TEMPLATE = "report.html.j2"
# From a build folder (build/STACK/VARIANT) to the project that its sources belong to.
ROOT = "../../../"

_STATUS_WORDS = {
    "proved": "proved: by an argument over all cases",
    "exhausted": "exhausted: every case of a finite space was tried",
    "sampled": "sampled: runs were drawn and none failed; not a proof",
    "refused": "refused: it does not hold",
    "not-applicable": "says nothing about this system",
    "": "not run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place of the sources: what is shown, and where it leads; `href` empty: nowhere."""

    text: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One guarantee with everything that a reader may ask."""

    code: str
    title: str
    statement: str
    status: str
    count: str
    note: str
    waiver: str
    requirements: str
    findings: tuple["FindingView", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """What is wrong, the story, the line to change, and numbers."""

    what: str
    story: tuple[str, ...]
    place: Link
    line: str
    change: str
    numbers: tuple[tuple[str, str], ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the interference matrix: `level` is calm, near or over."""

    text: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything the template shows, spelled."""

    title: str
    verdict: str
    verdict_words: str
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    counts: tuple[tuple[str, int, str], ...]
    rows: tuple[Row, ...]
    guests: tuple[tuple[str, str, str, Link], ...]
    loads: tuple[tuple[str, str, str, str, str, Link], ...]
    victims: tuple[str, ...]
    matrix: tuple[tuple[str, tuple[Cell, ...]], ...]
    costs: tuple[tuple[str, str, str], ...]
    assumptions: tuple[tuple[str, str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    artifacts: tuple[tuple[str, str], ...]
    drawings: tuple[tuple[str, str], ...]


def report_html(
    subject: Subject, statement: Mapping[str, Any], templates: Templates, root: str = ROOT
) -> Rendered:
    """The report on `statement`, which was made of `subject`; `root` leads from it to the sources."""
    return templates.render(TEMPLATE, report_view(subject, statement, root))


def report_view(subject: Subject, statement: Mapping[str, Any], root: str = ROOT) -> ReportView:
    """What the report shows of `statement`, with drawings of the system that it speaks of."""
    ground = ground_of(subject)
    predicate = statement["predicate"]
    statuses = [row["status"] for row in predicate["properties"]]
    victims, matrix = interference(predicate)
    return ReportView(
        title=f"{predicate['stack']} ({predicate['variant']}) on {predicate['board']}",
        verdict=predicate["verdict"],
        verdict_words=_verdict_words(predicate["verdict"]),
        facts=_facts(predicate),
        reasons=tuple(predicate.get("reasons", ())),
        counts=tuple((s, statuses.count(s), w) for s, w in _STATUS_WORDS.items() if s in statuses),
        rows=tuple(_row(row, root) for row in predicate["properties"]),
        guests=tuple(_guest(row, root) for row in predicate["guests"]),
        loads=tuple(_load(row, root) for row in predicate["loads"]),
        victims=victims,
        matrix=matrix,
        costs=tuple(
            (row["name"], f"{row['value']} {row['unit']}", row["source"])
            for row in predicate["parameters"]["costs"]
        ),
        assumptions=tuple((row["name"], row["value"], row["source"]) for row in predicate["assumptions"]),
        inputs=tuple((row["name"], row["sha256"]) for row in predicate["inputs"]),
        artifacts=tuple((row["name"], row["digest"]["sha256"]) for row in statement["subject"]),
        drawings=_drawings(ground),
    )


def _verdict_words(verdict: str) -> str:
    words = {
        "certified": "Every guarantee below was judged and none was refused.",
        "certified-with-waivers": "Some guarantees do not hold; somebody accepted that, with a reason.",
        "refused": "No image may be made from this build.",
    }
    return words.get(verdict, "A part of a certificate: it says nothing by itself.")


def _facts(predicate: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    versions, parameters = predicate["versions"], predicate["parameters"]
    return (
        ("target", versions["target"]),
        ("profile", f"{parameters['profile']}: {parameters['profile_title']}"),
        ("runs drawn for each family", str(parameters["examples"])),
        ("seed", parameters["seed"]),
        ("rules checked before", str(predicate["rules"]["ran"])),
        ("judged for the day", parameters["date"] or "none: nothing here depends on a day"),
        ("made with", f"hvbuild {versions['hvbuild']}, Hypothesis {versions['hypothesis']}"),
        ("digest", predicate["digest"]),
    )


def _link(place: Mapping[str, Any] | None, root: str) -> Link:
    if not place:
        return Link(text="", href="")
    path, line = place["path"], place["line"]
    return Link(text=f"{path}:{line}", href=f"{root}{path}#L{line}")


def _row(row: Mapping[str, Any], root: str) -> Row:
    waiver = row.get("waiver")
    accepted = (
        f"accepted by {waiver['owner']} until {waiver['expires']}: {waiver['reason']}" if waiver else ""
    )
    run = (row["counterexample"] or {}).get("run") if row["status"] == "refused" else None
    drawn = ", ".join(f"{name}={value}" for name, value in sorted((run or {}).items()))
    return Row(
        code=row["id"],
        title=row["title"],
        statement=row["statement"],
        status=row["status"],
        count=str(row["examples"]) if row["examples"] else "",
        note=row.get("note") or row.get("reason") or "",
        waiver=accepted,
        requirements=", ".join(row["requirements"]),
        findings=tuple(_finding(found, root, drawn) for found in row.get("findings", ())),
    )


def _finding(found: Mapping[str, Any], root: str, run: str) -> FindingView:
    numbers = found.get("numbers", {})
    return FindingView(
        what=found["what"],
        story=tuple(found.get("story", ())),
        place=_link(found.get("place"), root),
        line=(found.get("place") or {}).get("text", ""),
        change=found.get("change", ""),
        numbers=tuple((name, _amount(name, int(value))) for name, value in sorted(numbers.items())),
        run=run,
    )


def _amount(name: str, value: int) -> str:
    return ms(value) if name.endswith(" ns") else str(value)


def _guest(row: Mapping[str, Any], root: str) -> tuple[str, str, str, Link]:
    return row["name"], row["asil"] or "not said", ", ".join(row["requirements"]), _link(row["place"], root)


def _load(row: Mapping[str, Any], root: str) -> tuple[str, str, str, str, str, Link]:
    cpus = ",".join(map(str, row["cpus"]))
    asked = row["pattern"]
    if "work" in row and "period" in row:
        asked += f", {duration_text(int(row['work']))} each {duration_text(int(row['period']))}"
    bound = duration_text(int(row["bound"])) if "bound" in row else "none"
    asked += f" (assumed: {row['assumed']})" if row.get("assumed") else ""
    return row["thread"], f"{row['priority']} {row['sched']}", cpus, asked, bound, _link(row["place"], root)


# --- interference ------------------------------------------------------------------------------------------


def interference(
    predicate: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Cell, ...]], ...]]:
    """Who moves whom: for each guest that misbehaves the worst response of everybody else, of their bounds.

    The first row is the declared load, nobody misbehaving.
    """
    worst = {
        label: int(value) for row in predicate.get("families", ()) for label, value in row["worst"].items()
    }
    bounds = {row["thread"]: int(row["bound"]) for row in predicate["loads"] if "bound" in row}
    threads = tuple(dict.fromkeys(row["thread"] for row in predicate["loads"] if "bound" in row))
    victims = tuple(dict.fromkeys(name.split("/")[0] for name in threads))
    rows = [("nobody", tuple(_cell(worst, bounds, threads, victim, ("",)) for victim in victims))]
    attackers = sorted({label.split("|")[1] for label in worst if label.count("|") == 3})
    for attacker in attackers:
        prefixes = tuple(f"{kind}|{attacker}|" for kind in ("spin", "storm", "probe", "reset"))
        cells = [
            Cell(text="itself", level="self")
            if victim == attacker
            else _cell(worst, bounds, threads, victim, prefixes)
            for victim in victims
        ]
        rows.append((attacker, tuple(cells)))
    return victims, tuple(rows)


def _cell(
    worst: Mapping[str, int],
    bounds: Mapping[str, int],
    threads: Sequence[str],
    victim: str,
    prefixes: Iterable[str],
) -> Cell:
    mine = [name for name in threads if name.split("/")[0] == victim]
    kinds = ("response", "wait")
    seen = [
        (worst[label] * 1000 // max(1, bounds[name]), worst[label])
        for prefix in prefixes
        for name in mine
        for kind in kinds
        if (label := f"{prefix}{kind}|{name}") in worst
    ]
    if not seen:
        return Cell(text="not drawn", level="self")
    share, value = max(seen)
    level = "over" if share > 1000 else "near" if share > 800 else "calm"
    return Cell(text=f"{ms(value)}, {share // 10} %", level=level)


def _drawings(ground: Ground) -> tuple[tuple[str, str], ...]:
    rows = [("Host memory: who has what", host_drawing(ground))]
    rows += [(f"Guest {guest.vm}: its own addresses", guest_drawing(guest)) for guest in ground.memory.guests]
    timeline = timeline_drawing(ground)
    return (*rows, ("The declared load, everybody released at once", timeline)) if timeline else tuple(rows)
