"""The answer of commands that compare: a difference in the asked form, and its exit code."""

from hvbuild.compare.difference import Difference
from hvbuild.report.difference import difference_json, difference_markdown, difference_text
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome


def differing_outcome(difference: Difference, *, markdown: bool) -> Outcome:
    """Exit 0 when nothing differs, 1 when something does; text or Markdown for people, JSON beside it."""
    return Outcome(
        text=difference_markdown(difference) if markdown else difference_text(difference),
        data=difference_json(difference),
        whole=True,
        exit=Exit.YES if difference.same else Exit.NO,
    )
