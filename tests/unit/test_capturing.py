"""`hvbuild drift` and `hvbuild calibrate` on whole stacks and files."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from test_calibrate import written

from hvbuild.__main__ import main
from hvbuild.capturing import board_named, calibration_of
from hvbuild.load.yamltree import read_yaml
from hvbuild.machine.exits import Cause
from hvbuild.model.board import Board

ROOT = Path(__file__).resolve().parents[2]
STACK = str(ROOT / "stacks" / "sa8155-la")
CAPTURES = ROOT / "tests" / "corpus" / "target"
TABLE = "corpus/target/showmem-s-sa8155-seed.txt"


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs hvbuild in a folder of its own; exit code and stdout."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def called(*words: str) -> tuple[int, str]:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            code = main([*words])
        out.seek(0)
        return code, out.read()

    return called


@pytest.mark.parametrize("variant", ["base", "high-ram", "four-vcpus"])
def test_the_shipped_stack_does_not_differ_from_its_target(run: Run, shared: Path, variant: str) -> None:
    assert run("drift", STACK, "--variant", variant, "--showmem", str(shared / TABLE)) == (
        0,
        "no difference\n",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("qcpe 16384 16384 0", "qcpe 8192 8192 0"), ["HV8822"]),
        (("qcpe 16384 16384 0\n", ""), ["HV8820"]),
        (("gvm_pmem 40960 200 40760\n", ""), ["HV8820"]),
        (("dma 65536 12940 52596", "dma 65536 12940 52597"), ["HV8824"]),
        (("dma 65536 12940 52596", "dma 65536 12941 52595"), []),
        (("dma 65536 12940 52596", "dma2 65536 12940 52596"), ["HV8820", "HV8823"]),
        (("sysram 2954284 1611200 1343084", "sysram 9954284 1611200 8343084"), ["HV8822"]),
        (("mdf_mem 10240 8192 2048", "mdf_mem 10240 8192"), ["HV8801", "HV8820"]),
    ],
)
def test_a_changed_line_of_the_target_is_named(
    run: Run, shared: Path, change: tuple[str, str], expected: list[str]
) -> None:
    text = (shared / TABLE).read_text(encoding="utf-8")
    assert change[0] in text
    Path("table.txt").write_text(text.replace(*change), encoding="utf-8")
    code, answer = run("drift", STACK, "--showmem", "table.txt", "--format", "json")

    assert sorted(row["code"] for row in json.loads(answer)["diagnostics"]) == expected
    assert code == (1 if expected else 0)


@pytest.mark.parametrize("variant", ["base", "four-vcpus"])
def test_captures_of_the_declared_host_do_not_differ(run: Run, variant: str) -> None:
    """Written in the old form of the map, with the entries of every host and a range in two entries."""
    files = [f"--{kind}={CAPTURES}/sa8155-la-{kind}.txt" for kind in ("asinfo", "showmem")]

    assert run("drift", STACK, "--variant", variant, *files) == (0, "no difference\n")
    if variant == "base":
        pidin = f"--pidin={CAPTURES}/sa8155-la-pidin.txt"
        assert run("drift", STACK, *files, pidin) == (0, "no difference\n")


@pytest.mark.parametrize(
    ("kind", "change", "code", "said"),
    [
        # a changed line, a missing pool or region, a moved region: each by name and with its meaning
        (
            "showmem",
            ("qseecom 20480 1024 19456", "qseecom 24576 1024 23552"),
            "HV8822",
            "`qseecom`: declared 20480 KiB, on the target 24576 KiB; host tree and stack say different sizes",
        ),
        (
            "showmem",
            ("gvm_pmem 40960 0 40960\n", ""),
            "HV8820",
            "`gvm_pmem`: declared 0xf6000000..0xf8800000",
        ),
        ("showmem", ("mm_dma 1310720 65536 1245184", "mm_dma 1310720 65536 12"), "HV8824", "is not 1310720"),
        (
            "showmem",
            ("dma 65536 300 65236", "dma 65536 300 65236\nspare 64 0 64"),
            "HV8823",
            "a pool of 64 KiB",
        ),
        (
            "asinfo",
            ("f6000000-        f87fffff", "f6200000-        f89fffff"),
            "HV8821",
            "on the target 0xf6200000..0xf8a00000; guests that name the region follow it",
        ),
        (
            "asinfo",
            ("e2000000-        f5ffffff", "e2000000-        f4ffffff"),
            "HV8822",
            "`gvm_secmem`: declared 0xe2000000..0xf6000000, on the target 0xe2000000..0xf5000000",
        ),
        ("asinfo", ("n:memory/ram/gvm_sysram2", "n:memory/ram/gvm_sysramII"), "HV8820", "`gvm_sysram2`"),
        ("asinfo", ("220000000-       23fffffff", "220000000-       22fffffff"), "HV8822", "`gvm_sysram3`"),
        ("asinfo", ("100000000-       17fffffff", "100000000-       1800fffff"), "HV8825", "in sysram"),
        ("asinfo", ("100000000-       37fffffff", "100000000-       2ffffffff"), "HV8826", "no RAM at"),
        ("pidin", ("45r RUNNING", "44r RUNNING"), "HV8827", "`la`: declared vCPU threads 45r, 45r"),
        ("pidin", ("Release:7.1.0", "Release:8.0.0"), "HV8826", "`release`: declared 7.1"),
        ("pidin", ("Processor7: 13673407 Kryo-485 2841MHz FPU\n", ""), "HV8826", "`processors`: declared 8"),
    ],
)
def test_a_changed_capture_is_named_with_its_meaning_and_place(
    run: Run, kind: str, change: tuple[str, str], code: str, said: str
) -> None:
    text = (CAPTURES / f"sa8155-la-{kind}.txt").read_text(encoding="utf-8")
    assert text.count(change[0]) == 1
    changed = text.replace(*change)
    Path("capture.txt").write_text(changed, encoding="utf-8")
    exit_code, answer = run("drift", STACK, f"--{kind}", "capture.txt", "--format", "json")
    (found,) = json.loads(answer)["diagnostics"]
    (place,) = (label for label in found["labels"] if label["primary"])

    assert (exit_code, found["code"]) == (1, code)
    assert said in "; ".join((found["message"], *found["notes"]))
    assert found["notes"]
    assert place["path"] == "capture.txt"
    if change[1] and kind != "pidin" and code in ("HV8821", "HV8822", "HV8823", "HV8824"):
        assert change[1].split()[-1] in changed.splitlines()[place["line"] - 1]


def test_a_trace_gives_the_costs_section_of_a_board(run: Run, tmp_path: Path) -> None:
    rows = [(Cause.HYPERCALL, 100, 700, 300, 500), (Cause.HALT, 50, 400, 9000, 600)] * 4
    (tmp_path / "trace.txt").write_text(written(rows, 7), encoding="utf-8")
    code, answer = run("calibrate", "trace.txt", "--board", "rpi4")
    reading = read_yaml(answer.encode(), "costs.yaml")

    assert code == 0
    assert reading.faults == ()
    assert [line for line in answer.splitlines() if "name" in line] == [
        "  - name: exit-entry",
        "  - name: exit-halt",
        "  - name: exit-hypercall",
    ]
    assert "typical: 1500" in answer
    assert "measured, 4 exits in trace.txt" in answer


def test_a_board_takes_the_printed_section_as_it_is(run: Run, tmp_path: Path) -> None:
    rows = [(Cause.HYPERCALL, 100, 700, 300, 500)] * 3
    (tmp_path / "trace.txt").write_text(written(rows, 7), encoding="utf-8")
    _, answer = run("calibrate", "trace.txt", "--board", "rpi4")
    text = (ROOT / "stacks/boards/rpi4.yaml").read_text(encoding="utf-8")
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards/mine.yaml").write_text(text[: text.index("costs:")] + answer, encoding="utf-8")
    board = board_named("mine", tmp_path)

    assert isinstance(board, Board)
    assert [row.name for row in board.costs] == ["exit-entry", "exit-hypercall"]
    assert calibration_of(tmp_path / "trace.txt", board).rows == tuple(board.costs)


@pytest.mark.parametrize(
    ("text", "board", "code"), [("nothing\n", "rpi4", 1), ("nothing\n", "no-such", 2), ("x\n", "../rpi4", 2)]
)
def test_what_cannot_be_calibrated_is_refused(
    run: Run, tmp_path: Path, text: str, board: str, code: int
) -> None:
    (tmp_path / "trace.txt").write_text(text, encoding="utf-8")

    assert run("calibrate", "trace.txt", "--board", board)[0] == code
