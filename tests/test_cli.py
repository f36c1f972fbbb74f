"""The command line from outside: help, exit codes, formats, and what is imported when.

Commands whose stage is missing answer `not yet`; the frame around commands is tested with some made here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from command_line import say

from hvbuild.cli import group
from hvbuild.codes import all_codes
from hvbuild.commands.answer import AnsweringCommand, Settings, spoken
from hvbuild.commands.arguments import DURATION, LINE, PATH, SHARD, TARGET
from hvbuild.commands.certify import MergingCommand
from hvbuild.commands.fault import fault_report
from hvbuild.commands.listing import NAMES, summary, top_help
from hvbuild.diagnostics import Code, Diagnostic, Severity, StackInvalid
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import CANNOT_OPEN, CannotAnswer, Outcome, cannot_open
from hvbuild.version import __version__

DATA = Path(__file__).parent / "data"
HARD = Code(code="HV2003", name="vdev-inside-ram", severity=Severity.ERROR, meaning="m", source="s")
SOFT = Code(code="HV4007", name="one-cpu", severity=Severity.WARNING, meaning="m", source="s")
ERROR, WARNING = HARD.at(None, "hard"), SOFT.at(None, "soft")

# Nothing of this may be imported for help, version and completion (contract, section 7).
HEAVY = {
    "asyncio", "doit", "hypothesis", "importlib.metadata", "jinja2", "jsonschema", "numba", "rich", "ruamel",
    "ruamel.yaml", "unittest",
}  # fmt: skip


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run hvbuild in a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=DATA.parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- help and listing -----------------------------------------------------------------------------------


def test_help_of_every_command(bless: bool) -> None:
    pages = [say("--help").out, *(say(name, "--help").out for name in NAMES)]
    text = ("-" * 80 + "\n").join(pages)
    if bless:
        (DATA / "help.txt").write_text(text, "utf-8")

    assert text == (DATA / "help.txt").read_text("utf-8")


def test_version_and_help_are_said_at_once_and_alike_by_click() -> None:
    assert (say("--version").code, say("--version").out) == (0, f"hvbuild {__version__}\n")
    assert say("--help").out == top_help()

    with group.make_context("hvbuild", [], resilient_parsing=True) as context:
        assert group.get_help(context) + "\n" == top_help()


def test_no_command_shows_help_as_wrong_use() -> None:
    said = say()

    assert (said.code, said.out) == (Exit.NO_ANSWER, "")
    assert said.err.startswith("Usage: hvbuild COMMAND")


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_command_is_there_with_the_common_options(name: str) -> None:
    with click.Context(group) as context:
        command = group.get_command(context, name)

    assert isinstance(command, AnsweringCommand)
    assert command.name == name
    assert (command.help or "").startswith(summary(name))
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--format", "--deny", "--no-color", "-q", "--quiet"} <= options


def test_every_command_module_is_listed() -> None:
    folder = DATA.parents[1] / "hvbuild/commands"
    frame = {"__init__", "answer", "arguments", "fault", "listing", "pipe", "stacks"}

    assert {path.stem for path in folder.glob("*.py")} - frame == set(NAMES)


def test_a_command_body_is_short() -> None:
    for name in NAMES:
        with click.Context(group) as context:
            command = group.get_command(context, name)
        assert command is not None
        assert command.callback is not None
        lines = command.callback.__code__.co_lines()
        body = {line for _, _, line in lines if line}
        assert len(body) <= 15, name


# --- wrong use ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chek", "Did you mean"),
        ("render", "Missing argument 'STACK'"),
        ("check x --variant a --all-variants", "exclude each other"),
        ("check x --format xml", "Invalid value for '--format'"),
        ("check x --deny errors", "Invalid value for '--deny'"),
        ("check x --colour", "No such option"),
        ("new x", "Missing option '--board'"),
        ("plan x", "Missing option '--against'"),
        ("bundle x", "Missing option '-o'"),
        ("adopt f --board rpi4", "Missing option '-o'"),
        ("simulate", "give STACK or --scenario"),
        ("simulate x --scenario y", "give STACK or --scenario"),
        ("simulate --scenario y --until 1ms", "goes with --profile, --explore, --fast and --trace only"),
        ("simulate x --until 3", "is not a time like 10ms"),
        ("simulate --scenario y --profile none", "Invalid value for '--profile'"),
        ("certify x --shard 1/2 --merge a b", "exclude each other"),
        ("certify x --shard 3/2", "parts count from 1 to 2"),
        ("certify x --shard 2", "is not a part like 2/8"),
        ("certify x --examples 0", "Invalid value for '--examples'"),
        ("certify x --merge", "requires an argument"),
        ("drift x", "give --asinfo, --showmem or --pidin"),
        ("lint", "give a FILE or --vm"),
        ("lint x --target qnx-6.6", "is not one of qnx-7.0, qnx-7.1"),
        ("blame x", "is not FILE:LINE"),
        ("blame x:0", "is not FILE:LINE"),
        ("schema nothing", "there are"),
    ],
)
def test_wrong_use_is_two_with_one_message(line: str, said: str) -> None:
    answer = say(*line.split())

    assert answer.code == Exit.NO_ANSWER
    assert said in answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err


def test_an_empty_path_is_wrong_use() -> None:
    assert say("check", "").code == Exit.NO_ANSWER
    assert "is not a path" in say("check", "a\0b").err


def test_a_near_miss_of_a_command_is_offered() -> None:
    assert "No such command 'rendr'" in say("rendr").err
    assert "'render'" in say("rendr").err
    assert "Did you mean" not in say("zzzzzz").err


def test_argument_types() -> None:
    assert DURATION.convert("2.5us", None, None) == 2500
    assert SHARD.convert("2/8", None, None) == (2, 8)
    assert LINE.convert("a:b.qvmconf:12", None, None) == (Path("a:b.qvmconf"), 12)
    assert TARGET.convert("qnx-8.0.4", None, None) == "qnx-8.0.4"
    assert PATH.convert("x/y", None, None) == Path("x/y")


@pytest.mark.parametrize(
    "words",
    [
        ["s", "--merge", "a", "b", "--seed", "3"],
        ["s", "--merge", "a", "--merge", "b", "--seed=3"],
        ["--seed", "3", "s", "--merge", "a", "b"],
        ["s", "--merge=a", "--merge", "b", "--seed", "3"],
    ],
)
def test_merge_takes_every_word_up_to_the_next_option(words: list[str]) -> None:
    with click.Context(group) as context:
        command = group.get_command(context, "certify")
    assert isinstance(command, MergingCommand)
    params = command.make_context("certify", words).params

    assert (params["stack"], params["merge"], params["seed"]) == (Path("s"), (Path("a"), Path("b")), 3)


# --- the frame of a command -----------------------------------------------------------------------------


@pytest.fixture
def command_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Outcome]], None]:
    """Makes `hvbuild check` a command without arguments that does what it is given."""

    def install(work: Callable[[], Outcome]) -> None:
        command = AnsweringCommand("check", callback=work)
        monkeypatch.setattr(type(group), "get_command", lambda *_: command)

    return install


Install = Callable[[Callable[[], Outcome]], None]


def raising(fault: BaseException) -> Callable[[], Outcome]:
    def work() -> Outcome:
        raise fault

    return work


@pytest.mark.parametrize(
    ("outcome", "options", "code"),
    [
        (Outcome(), [], Exit.YES),
        (Outcome(diagnostics=(WARNING,)), [], Exit.YES),
        (Outcome(diagnostics=(WARNING,)), ["--deny", "warnings"], Exit.NO),
        (Outcome(diagnostics=(ERROR,)), [], Exit.NO),
        (Outcome(exit=Exit.NO), [], Exit.NO),
        (Outcome(exit=Exit.REFUSED, diagnostics=(ERROR,)), [], Exit.REFUSED),
        (Outcome(exit=Exit.NO_ANSWER, diagnostics=(ERROR,)), [], Exit.NO_ANSWER),
    ],
)
def test_the_exit_code_is_the_verdict(
    command_of: Install, outcome: Outcome, options: list[str], code: Exit
) -> None:
    command_of(lambda: outcome)

    for form in ("text", "line", "json", "sarif", "junit"):
        assert say("check", "--format", form, *options).code == code


def test_faults_at_a_barrier_are_an_answer(command_of: Install) -> None:
    command_of(raising(StackInvalid("checking", (ERROR, WARNING))))
    said = say("check")

    assert (said.code, said.err) == (Exit.NO, "")
    assert said.out.startswith("error[HV2003]: hard\n")
    assert said.out.endswith("\nerror: 1 error, 1 warning\n")


def test_a_file_that_cannot_be_opened(command_of: Install) -> None:
    command_of(raising(FileNotFoundError(2, "No such file or directory", "stacks/x/stack.yaml")))
    said = say("check")

    assert (said.code, said.out) == (Exit.NO_ANSWER, "")
    assert said.err == "hvbuild: cannot open `stacks/x/stack.yaml`: no such file or directory\n"


def test_a_file_that_cannot_be_opened_in_every_form(command_of: Install) -> None:
    command_of(raising(PermissionError(13, "Permission denied", "a.yaml")))
    as_json, as_line = say("check", "--format", "json"), say("check", "--format", "line")
    [fault] = json.loads(as_json.out)["diagnostics"]

    assert (as_json.code, as_json.err) == (Exit.NO_ANSWER, "")
    assert fault["labels"] == [
        {
            "primary": True,
            "path": "a.yaml",
            "line": 1,
            "column": 1,
            "end_line": 1,
            "end_column": 1,
            "text": "",
        }
    ]
    assert as_line.out == f"a.yaml:1:1: error[{CANNOT_OPEN.code}]: cannot open `a.yaml`: permission denied\n"


def test_an_operating_system_fault_without_a_file_is_said_too() -> None:
    assert (
        cannot_open(OSError(28, "No space left on device")).diagnostics[0].message
        == "no space left on device"
    )
    assert cannot_open(OSError()).diagnostics[0].message == "oserror"
    assert "`a\\xff`" in cannot_open(OSError(2, "x", b"a\xff")).diagnostics[0].message


def test_what_cannot_be_answered_is_one_line(command_of: Install) -> None:
    command_of(raising(CannotAnswer("mkifs is not on PATH")))
    said = say("check", "--format", "json")

    assert (said.code, said.out, said.err) == (Exit.NO_ANSWER, "", "hvbuild: mkifs is not on PATH\n")


def test_a_fault_of_ours_is_seventy_with_all_that_repeats_it(command_of: Install) -> None:
    command_of(raising(RecursionError("too deep")))
    said = say("check")

    assert (said.code, said.out) == (Exit.FAULT, "")
    for words in (
        "Traceback (most recent call last)",
        "RecursionError: too deep",
        "this is a fault in hvbuild",
    ):
        assert words in said.err
    assert f"hvbuild {__version__}, Python 3." in said.err


def test_a_fault_report_has_the_digests_of_what_was_named(tmp_path: Path) -> None:
    (tmp_path / "variants").mkdir()
    for name in ("stack.yaml", "variants/v.yaml", "other.yaml"):
        (tmp_path / name).write_text("x\n")
    report = fault_report(ValueError("v"), ["check", str(tmp_path), f"--trace={tmp_path}/other.yaml", "none"])
    digest = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac"

    assert [line for line in report.splitlines() if "sha256" in line] == [
        f"  sha256 {digest}  {tmp_path / name}" for name in ("stack.yaml", "variants/v.yaml", "other.yaml")
    ]


def test_an_interrupt_is_130(command_of: Install) -> None:
    command_of(raising(KeyboardInterrupt()))
    said = say("check")

    assert said.code == Exit.INTERRUPTED
    assert "Traceback" not in said.err


# --- what is said ---------------------------------------------------------------------------------------


def test_text_has_diagnostics_then_answer_then_remark() -> None:
    outcome = Outcome(diagnostics=(WARNING,), text="table", remark="clean")

    assert spoken(outcome, Settings()).endswith("warning: 1 warning\n\ntable\n\nclean\n")
    assert spoken(outcome, Settings(quiet=True)).endswith("warning: 1 warning\n\ntable\n")
    assert spoken(outcome, Settings(format="line")) == "hvbuild: warning[HV4007]: soft\ntable\n"
    assert spoken(Outcome(), Settings()) == ""


def documents(outcome: Outcome) -> dict[str, object]:
    result = json.loads(spoken(outcome, Settings(format="json")))
    assert isinstance(result, dict)
    return result


def test_json_holds_diagnostics_and_data() -> None:
    assert list(documents(Outcome())) == ["format", "diagnostics", "summary"]
    assert documents(Outcome(data={"artifacts": ["a"]}))["format"] == "hvbuild-diagnostics/1"
    assert documents(Outcome(data={"artifacts": ["a"]}))["artifacts"] == ["a"]


def test_a_document_of_its_own_keeps_its_format() -> None:
    own = {"format": "schedule/1", "segments": []}

    assert list(documents(Outcome(data=own))) == ["format", "segments", "diagnostics", "summary"]
    assert documents(Outcome(data=own, whole=True)) == own
    assert documents(Outcome(data=own, whole=True, diagnostics=(WARNING,)))["summary"] == {
        "errors": 0,
        "warnings": 1,
    }


@pytest.mark.parametrize("faults", [(), (ERROR,), (WARNING,)])
def test_colour_only_on_a_terminal(faults: tuple[Diagnostic, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    outcome = Outcome(diagnostics=faults)

    assert ("\x1b[" in spoken(outcome, Settings(), terminal=True)) is bool(faults)
    assert "\x1b[" not in spoken(outcome, Settings(), terminal=False)
    assert "\x1b[" not in spoken(outcome, Settings(colour_allowed=False), terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in spoken(outcome, Settings(), terminal=True)


def test_progress_goes_to_stderr_and_not_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    Settings().say("checking")
    Settings(quiet=True).say("never")

    assert capsys.readouterr() == ("", "checking\n")


# --- commands that answer already -----------------------------------------------------------------------


def test_schema_lists_and_prints() -> None:
    names = say("schema").out.split()

    assert "stack" in names
    assert json.loads(say("schema", "stack").out)["$schema"].endswith("2020-12/schema")
    assert json.loads(say("schema", "stack", "--format", "json").out)["schema"]["type"] == "object"
    assert json.loads(say("schema", "--format", "json").out)["schemas"] == names


def test_every_code_is_explained() -> None:
    for code in all_codes():
        by_code, by_name = say("explain", code.code), say("explain", code.name.upper())

        assert (by_code.code, by_code.err) == (Exit.YES, "")
        assert by_code.out.startswith(f"{code.severity}[{code.code}]: {code.name}\n")
        assert f"\nsource: {code.source}\n" in by_code.out
        assert by_name.out == by_code.out


def test_an_unknown_code_is_wrong_use_with_near_misses() -> None:
    said = say("explain", "HV20003")

    assert (said.code, said.out) == (Exit.NO_ANSWER, "")
    assert said.err.startswith("hvbuild: no code 'HV20003'; did you mean HV2003")


def test_an_explanation_as_json_is_one_document() -> None:
    said = json.loads(say("explain", CANNOT_OPEN.code, "--format", "json").out)

    assert (said["format"], said["name"], said["severity"]) == ("hvbuild-code/1", "cannot-open", "error")


# --- processes: imports, pipes, entry -------------------------------------------------------------------

SHOW_MODULES = """
import sys
sys.argv = ["hvbuild", *sys.argv[1:]]
from hvbuild.__main__ import main
try:
    main()
finally:
    sys.stderr.write("MODULES " + " ".join(sorted(sys.modules)))
"""


def modules_after(*arguments: str, **environment: str) -> set[str]:
    done = run_python("-c", SHOW_MODULES, *arguments, **environment)

    return set(done.stderr.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_but_the_list(option: str) -> None:
    own = {name for name in modules_after(option) if name.startswith(("hvbuild", "click"))}

    assert own == (
        {"hvbuild", "hvbuild.__main__", "hvbuild.version"}
        if option == "--version"
        else {"hvbuild", "hvbuild.__main__", "hvbuild.commands", "hvbuild.commands.listing"}
    )


@pytest.mark.parametrize("name", ["check", "certify", "simulate", "lint"])
def test_help_of_a_command_imports_that_command_only(name: str) -> None:
    found = modules_after(name, "--help")

    assert not found & HEAVY
    assert {module for module in found if module.startswith("hvbuild.")} - {"hvbuild.commands.stacks"} == {
        "hvbuild.__main__",
        "hvbuild.cli",
        "hvbuild.commands",
        "hvbuild.commands.answer",
        "hvbuild.commands.arguments",
        "hvbuild.commands.listing",
        "hvbuild.commands.pipe",
        f"hvbuild.commands.{name}",
        "hvbuild.report",
        "hvbuild.report.exits",
        "hvbuild.version",
    }
    assert not found & {"dataclasses", "pathlib", "json", "shutil"}


def completed(words: str, at: int) -> tuple[set[str], set[str]]:
    """What is completed at word `at` of a command line, and what was imported for it."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(at), "_HVBUILD_COMPLETE": "bash_complete"}
    done = run_python("-c", SHOW_MODULES, **asked)

    return set(done.stdout.split()), set(done.stderr.rpartition("MODULES ")[2].split())


def test_completion_of_a_command_loads_no_command() -> None:
    names, found = completed("hvbuild ", 1)

    assert names == {f"plain,{name}" for name in NAMES}
    assert not found & HEAVY
    assert not any(f"hvbuild.commands.{name}" in found for name in NAMES)
    assert completed("hvbuild ce", 1)[0] == {"plain,certify"}


def test_completion_of_options_loads_one_command() -> None:
    names, found = completed("hvbuild certify --s", 2)

    assert names == {"plain,--seed", "plain,--sign", "plain,--shard"}
    assert not found & HEAVY
    assert [name for name in NAMES if f"hvbuild.commands.{name}" in found] == ["certify"]


def test_a_reader_that_goes_away_changes_nothing() -> None:
    script = (
        "import sys; from hvbuild.commands.answer import say, Settings;"
        "from hvbuild.report.outcome import Outcome; from hvbuild.report.exits import Exit;"
        "sys.exit(say(Outcome(text='x' * 1000000, exit=Exit.NO), Settings()))"
    )
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, cwd=DATA.parents[1]
    ) as process:
        os.close(writer)
        os.close(reader)
        _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (Exit.NO, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [["schema"], ["--help"], ["check", "--help"]])
def test_a_full_disk_is_no_answer(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hvbuild", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=DATA.parents[1],
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (Exit.NO_ANSWER, "hvbuild: output: No space left on device\n")


def test_a_closed_stdout_leaves_the_exit_code() -> None:
    script = (
        "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-m', 'hvbuild', 'schema'])"
    )
    done = run_python("-c", script)

    assert (done.returncode, done.stderr) == (Exit.YES, "")


def test_a_name_beyond_the_terminals_characters_is_escaped() -> None:
    done = run_python("-m", "hvbuild", "blame", "値", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == Exit.NO_ANSWER
    assert "Traceback" not in done.stderr


def test_the_module_is_an_entry_point() -> None:
    done = run_python("-m", "hvbuild", "--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"hvbuild {__version__}\n", "")
