"""What a certificate says, for people and programs."""

from collections import Counter

from hvbuild.certifying import Certified
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome
from hvbuild.report.tables import Row, table


def certified_outcome(certified: Certified) -> Outcome:
    """The verdict with one row for each guarantee; exit 3 when it is a refusal."""
    rows = certified.properties
    # A shard leaves open what waits for the runs of the others.
    status = [row["status"] or "open" for row in rows]
    shown = [
        Row((row["id"], said, str(row["examples"] or ""), row["title"]))
        for row, said in zip(rows, status, strict=True)
    ]
    counts = Counter(status)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return Outcome(
        diagnostics=certified.diagnostics,
        text=f"{certified.folder}: {certified.verdict} ({told})\n",
        remark=table(["id", "status", "runs", "guarantee"], shown, right=("runs",)),
        data={
            "folder": str(certified.folder),
            "verdict": certified.verdict,
            "properties": [dict(row) for row in rows],
        },
        exit=Exit.REFUSED if certified.refused else Exit.YES,
    )
