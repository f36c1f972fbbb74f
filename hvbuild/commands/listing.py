"""The list of sub-commands and the top-level help made of it; imports nothing, for the sake of start-up."""

# Group, then (name, what it does). The module of a command is hvbuild.commands.<name>.
COMMANDS = (
    (
        "Declare",
        (
            ("new", "Start a first stack that checks, renders and certifies as it is."),
            ("check", "Read, validate and resolve a stack."),
            ("explain", "Show a code with its rule and source, or the execution model."),
            ("schema", "Print a shipped JSON Schema, or list them."),
            ("migrate", "Bring files of an older format to the present one."),
        ),
    ),
    (
        "Build",
        (
            ("render", "Write the artifacts, each read back and compared first."),
            ("certify", "Play the rendered system and write a certificate, or refuse."),
            ("verify", "Does a certificate still speak of these very files?"),
            ("image", "Make the images of a certified build."),
            ("bundle", "Pack all that a machine with the SDP needs to make the image."),
            ("deploy", "Put artifacts into a vendor tree, or show what differs there."),
        ),
    ),
    (
        "Look",
        (
            ("map", "Show memory, interrupts and vCPUs: who owns what, what is free."),
            ("blame", "Show which input lines made a line of an output."),
            ("diff", "Compare two stacks, builds or hand-kept files by meaning."),
            ("plan", "Show what a build would change in an earlier one, by meaning."),
            ("drift", "Compare the declared system with captured target output."),
            ("simulate", "Run the execution model on a stack, or the scheduler on a scenario."),
            ("calibrate", "Make a board's cost table from kernel-trace text."),
        ),
    ),
    (
        "Hand-kept files",
        (
            ("lint", "Check hand-kept files by the same rules."),
            ("adopt", "Turn hand-kept files into a stack that renders the same meaning."),
        ),
    ),
)

NAMES = tuple(name for _, rows in COMMANDS for name, _ in rows)


def summary(name: str) -> str:
    """What the command `name` does, in one sentence."""
    return next(said for _, rows in COMMANDS for row, said in rows if row == name)


def top_help() -> str:
    """The text of `hvbuild --help`."""
    lines = [
        "Usage: hvbuild COMMAND [ARGS]...",
        "",
        "  Declarative infrastructure-as-code for QNX hypervisor systems: validate,",
        "  render, certify.",
    ]
    for group, rows in COMMANDS:
        lines += ["", f"{group}:", *(f"  {name:<10} {said}" for name, said in rows)]
    lines += [
        "",
        "Options:",
        "  --version  Show the version and exit.",
        "  --help     Show this message and exit.",
        "",
        "`hvbuild COMMAND --help` shows the arguments of a command.",
        "",
    ]
    return "\n".join(lines)
