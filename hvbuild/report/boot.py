"""A boot as text and as data: each step with its times and what it waited for."""

from hvbuild.machine.boot import Boot
from hvbuild.report.tables import Row, table


def boot_text(boot: Boot) -> str:
    """The steps as a table, then every qvm that ended and every guest that cannot come up."""
    rows = [
        Row(
            (
                str(step.number),
                step.name,
                step.subject,
                _ms(step.start_ns),
                _ms(step.end_ns),
                " ".join(str(number) for number in step.after),
                step.note,
            )
        )
        for step in boot.steps
    ]
    times = ("from ms", "to ms")
    text = table(["step", "what", "of", *times, "after", "note"], rows, right=("step", *times))
    text += "".join(f"qvm of {row.vm} exits {row.code}: {row.message}\n" for row in boot.exits)
    return text + "".join(f"{row.vm} cannot come up: {row.reason}\n" for row in boot.stalls)


def boot_data(boot: Boot) -> dict[str, object]:
    """The same as JSON values, times in nanoseconds."""
    return {
        "steps": [
            {
                "number": step.number,
                "name": step.name,
                "subject": step.subject,
                "start_ns": step.start_ns,
                "end_ns": step.end_ns,
                "after": list(step.after),
                "note": step.note,
            }
            for step in boot.steps
        ],
        "exits": [{"vm": row.vm, "code": row.code, "message": row.message} for row in boot.exits],
        "left_bytes": boot.left,
        "stalls": [{"vm": row.vm, "reason": row.reason} for row in boot.stalls],
    }


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000}.{nanoseconds // 1000 % 1000:03d}"
