"""What adopt wrote, for people and programs."""

from hvbuild.adopting import Adopted
from hvbuild.report.outcome import Outcome


def adopted_outcome(adopted: Adopted) -> Outcome:
    """The files that were written; beside them what of the input is carried without being understood."""
    names = ", ".join(f"`{name}`" for name in adopted.guests)
    return Outcome(
        diagnostics=adopted.diagnostics,
        text="".join(f"{adopted.folder / name}\n" for name in adopted.written),
        remark=f"guests {names} for {adopted.target}\n",
        data={
            "folder": str(adopted.folder),
            "written": list(adopted.written),
            "target": adopted.target,
            "guests": list(adopted.guests),
        },
    )
