"""Schedules and the assumptions of the model, for people and programs."""

from hvbuild.diagnostics import Diagnostic
from hvbuild.machine.profiles import PROFILES, assumption_lines
from hvbuild.machine.schedule import Schedule, schedule_json
from hvbuild.report.model import cost_rows, ending_rows, exchange_rows, exit_rows, operation_rows, rows_text
from hvbuild.report.outcome import Outcome
from hvbuild.report.tables import Row, table
from hvbuild.units import duration_text


def scenario_outcome(answer: Schedule | tuple[Diagnostic, ...]) -> Outcome:
    """A schedule as the document of the contract and as two tables; or what is wrong with the scenario."""
    if isinstance(answer, tuple):
        return Outcome(diagnostics=answer)
    totals = [Row((str(thread), duration_text(spent))) for thread, spent in answer.cpu_time_ns.items()]
    rows = [
        Row((str(one.cpu), str(one.thread), str(one.start), str(one.end), duration_text(one.end - one.start)))
        for one in answer.segments
    ]
    numbers = ("start ns", "end ns", "length")
    text = (
        table(["thread", "CPU time"], totals, right=("thread", "CPU time"))
        + "\n"
        + table(["CPU", "thread", *numbers], rows, right=numbers)
    )
    return Outcome(text=text, data=schedule_json(answer), whole=True)


def model_outcome() -> Outcome:
    """Every assumption of the execution model with its value and where it is from."""
    tables = (
        ("exits", exit_rows()),
        ("costs", cost_rows()),
        ("operations", operation_rows()),
        ("exchange", exchange_rows()),
        ("endings", ending_rows()),
    )
    texts = ["\n".join(assumption_lines()) + "\n", *(rows_text(name, rows) for name, rows in tables)]
    return Outcome(
        text="\n".join(texts),
        data={
            "format": "hvbuild-model/1",
            "profiles": [
                {
                    "name": one.name,
                    "title": one.title,
                    "assumptions": [
                        {
                            "name": each.name,
                            "value": each.value,
                            "provenance": each.provenance,
                            "explorable": each.explorable,
                            **({"otherwise": each.otherwise} if each.explorable else {}),
                        }
                        for each in one.assumptions
                    ],
                }
                for one in PROFILES
            ],
            **{name: list(rows) for name, rows in tables},
        },
    )
