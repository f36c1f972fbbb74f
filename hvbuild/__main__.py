"""The entry point; answers `--version` and `--help` itself, so that they cost little more than Python."""

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run hvbuild on `arguments` (default: the process's own) and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if sys.stdout is None:
        # Started with stdout closed: the exit code is all that is asked for.
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    # A name in a file may be no character of the terminal's encoding: show it escaped instead of failing.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if given in (["--version"], ["--help"]):
        return _answer_at_once(given[0])
    from hvbuild.cli import run

    return run(given)


def _answer_at_once(option: str) -> int:
    if option == "--version":
        from hvbuild.version import __version__

        text = f"hvbuild {__version__}\n"
    else:
        from hvbuild.commands.listing import top_help

        text = top_help()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as fault:
        from hvbuild.commands.pipe import drop_stdout

        drop_stdout()
        if not isinstance(fault, BrokenPipeError):
            sys.stderr.write(f"hvbuild: output: {fault.strerror}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
