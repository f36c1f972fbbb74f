"""The command line, run in the process of the test."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from hvbuild.__main__ import main


@dataclass(frozen=True)
class Said:
    """What one run said: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """Its answer as JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def say(*arguments: object) -> Said:
    """Run the command line in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in arguments])
        out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return Said(code, buffer.getvalue().decode(), err.getvalue())
