"""What to do when our answer cannot be written: its reader went away, or the disk is full."""

import os
import sys
from io import UnsupportedOperation


def drop_stdout() -> None:
    """Send what is still to be written to stdout nowhere, so that leaving does not fail on it."""
    try:
        stdout = sys.stdout.fileno()
    except UnsupportedOperation:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stdout)
    os.close(nowhere)
