"""For tests of your own stacks: strategies, subjects made from stack folders, properties of your own.

Rules of one's own are made with `hvbuild.site`; `diagnostics` gives what a check with them says. A guarantee
of one's own is a `Property`; it is judged with the others and stands in the certificate. In `checks.py`
beside the project file `hvbuild.yaml`, with `properties: [checks:QUIET]` in that, every certificate of the
project judges it:

    from hvbuild.certify.outcome import Finding
    from hvbuild.testing import Family, Method, Property, certified, subject_of

    def console_is_quiet(ground, run):
        for part in run.parts:
            if part.thread.guest == "linux" and run.jobs.get(part.thread.name):
                slowest = max(job.response(run.horizon) for job in run.jobs[part.thread.name])
                if slowest > 15_000_000:
                    return Finding(what=f"{part.thread.name} takes {slowest} ns", place=part.thread.origin)
        return None

    QUIET = Property(
        code="MY0001", name="console-is-quiet", title="Linux answers within 15 ms",
        statement="No vCPU of linux takes longer than 15 ms.",
        family=Family.SCHEDULE, method=Method.SAMPLE, watch=console_is_quiet,
    )

    def test_console():
        assert certified(subject_of("stacks/rpi4"), QUIET).status["MY0001"] == "sampled"
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from hvbuild import certifying
from hvbuild.building import draft
from hvbuild.certify.certificate import CertificateResult, certify
from hvbuild.certify.families import schedule_fields, schedule_run
from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.own import NoSuchProperty, own_properties
from hvbuild.certify.playing import ScheduleRun
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Family, Method, Property
from hvbuild.certify.strategies import runs
from hvbuild.certify.subject import EXAMPLES, Subject
from hvbuild.certifying import Terms
from hvbuild.checking import Checker
from hvbuild.diagnostics import Diagnostic
from hvbuild.machine.memory import MachineMemory
from hvbuild.model.guest import Demand
from hvbuild.project import stack_place
from hvbuild.units import Nanoseconds

__all__ = [
    "Family",
    "Method",
    "NoSuchProperty",
    "Property",
    "Verdict",
    "certified",
    "demands",
    "diagnostics",
    "machines",
    "own_properties",
    "stacks",
    "subject_of",
    "variants",
    "workloads",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a certificate says: its verdict and the status of each guarantee by its code."""

    verdict: str
    status: Mapping[str, str]
    result: CertificateResult


def subject_of(
    stack: str | Path, variant: str = "base", *, examples: int = EXAMPLES, seed: int = 0
) -> Subject:
    """The subject of a stack folder, rendered and read back in memory; nothing is written.

    StackInvalid with every fault where the stack does not check or render.
    """
    checked = Checker(None).check(stack_place(Path(stack)), variant)
    return certifying.subject_of(checked, draft(checked), Terms(examples=examples, seed=seed))


def diagnostics(stack: str | Path, variant: str = "base") -> tuple[Diagnostic, ...]:
    """What a check of a stack folder says, a project's own rules among the rest; ordered by place."""
    return Checker(None).verdict(stack_place(Path(stack)), variant).diagnostics


def certified(subject: Subject, *own: Property) -> Verdict:
    """The verdict on `subject` by all guarantees of hvbuild and `own` ones."""
    result = certify(subject, properties=(*ALL_PROPERTIES, *own))
    rows = result.statement["predicate"]["properties"]
    return Verdict(verdict=result.verdict, status={row["id"]: row["status"] for row in rows}, result=result)


# --- strategies ---------------------------------------------------------------------------------------------


def variants(stack: str | Path, *, composed: bool = True) -> st.SearchStrategy[str]:
    """Names of variants of the stack in folder `stack`: `base`, each of its own, and pairs as `a+b`."""
    place = stack_place(Path(stack))
    own = sorted(path.stem for path in (place.folder / "variants").glob("*.yaml"))
    pairs = [f"{a}+{b}" for a in own for b in own if a != b] if composed else []
    return st.sampled_from(["base", *own, *pairs])


def demands(*, longest: int = 100_000_000) -> st.SearchStrategy[Demand]:
    """Loads: a period up to `longest` nanoseconds, half of it work at most, the period as bound."""

    def made(pattern: str, period: int, share: int) -> Demand:
        return Demand(
            pattern=pattern,
            period=Nanoseconds(period),
            work=Nanoseconds(max(1, period * share // 100)),
            bound=Nanoseconds(period),
        )

    periods = st.integers(1_000_000, longest)
    return st.builds(made, st.sampled_from(("periodic", "sporadic", "bursty")), periods, st.integers(1, 50))


def workloads(subject: Subject) -> st.SearchStrategy[ScheduleRun]:
    """Runs of `subject` under its declared loads: alignments, gaps and less work drawn, and played."""
    ground = ground_of(subject)
    return runs(schedule_fields(ground)).map(lambda run: schedule_run(ground, run))


def machines(subject: Subject) -> st.SearchStrategy[tuple[Ground, MachineMemory]]:
    """The machine of `subject` under both extremes of how the host lays memory out."""
    from hvbuild.certify.properties.memory import SCATTERED  # noqa: PLC0415
    from hvbuild.machine.memory import DEFAULT_TERMS, build_memory  # noqa: PLC0415

    ground = ground_of(subject)
    terms = st.sampled_from((DEFAULT_TERMS, SCATTERED))
    return terms.map(lambda row: (ground, build_memory(ground.system, subject.shapes, row)))


@st.composite
def stacks(draw: st.DrawFn, board: str = "rpi4", cpus: int = 4) -> str:
    """Texts of stack.yaml files that check: one to three guests on `board`, each with pCPUs of its own."""
    guests = draw(st.integers(1, min(3, cpus)))
    rows = [
        "format: 1",
        "name: drawn",
        f"board: {board}",
        "target: qnx-7.1",
        "host: {services: []}",
        "guests:",
    ]
    for number in range(guests):
        size = draw(st.sampled_from((16, 64, 256)))
        priority = draw(st.integers(8, 60))
        policy = draw(st.sampled_from("rf"))
        work = draw(st.integers(1, 4))
        rows += [
            f"  g{number}:",
            f"    system: guest-{number}",
            f"    cpus: [{{sched: {priority}{policy}, runmask: [{number}]}}]",
            f"    load: {{pattern: periodic, period: 20ms, work: {work}ms, bound: 20ms}}",
            "    ram:",
            f"      - {{name: main, base: 0x80000000, size: {size}MiB}}",
            "    images:",
            f"      - {{name: ifs, load: /guests/g{number}.ifs, external: true}}",
            "    vdevs:",
            '      - {name: uart, type: pl011, loc: auto, intr: auto, hostdev: ">-"}',
        ]
    return "\n".join(rows) + "\n"
