"""Scenarios with their timelines, one rule each."""

import pytest
from timelines_format import Timeline, all_timelines

from hvbuild.machine.schedule import simulate
from hvbuild.machine.trace_export import timeline


@pytest.mark.parametrize("case", all_timelines(), ids=lambda case: str(case.path.stem))
def test_timeline(case: Timeline, bless: bool) -> None:
    found = timeline(simulate(case.scenario, case.profile), case.cell_ns)
    if bless and found != case.expected:
        case.path.write_text(case.above + "\n\n" + "\n".join(found) + "\n", encoding="utf-8")
        return

    assert case.expected == found
