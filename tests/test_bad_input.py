"""Bad input gives one clear diagnostic with its place, exit code 1, no traceback, and nothing is written."""

import json
from pathlib import Path

import pytest

from hvbuild.__main__ import main

GOOD = """\
format: 1
board: sa8155p
target: qnx-7.1
memory: [{name: gvm, base: 0xc0000000, size: 512MiB, owner: la, cleared: true}]
guests:
  la:
    ram: [{name: main, region: gvm}]
    cpus: [{sched: 45r, runmask: [7, 6, 5, 4]}]
    images: [{name: kernel, load: /vm/la/kernel, external: true}]
    vdevs: [{name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}]
"""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcde", "bcdef", strict=True)
)
CASES: dict[str, tuple[bytes, str, int]] = {
    "unknown key": (GOOD.encode() + b"borad: rpi4\n", "HV1001", 11),
    "duplicate key": (GOOD.encode() + b"board: rpi4\n", "HV0009", 11),
    "missing key": (GOOD.replace("board: sa8155p\n", "").encode(), "HV1002", 1),
    "YAML 1.1": (b"%YAML 1.1\n---\n" + GOOD.encode(), "HV0006", 1),
    "tab": (GOOD.replace("    ram", "\tram").encode(), "HV0005", 7),
    "not UTF-8": (GOOD.encode() + b"# \xff\n", "HV0001", 11),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), "HV0002", 1),
    "alias bomb": (BOMB.encode(), "HV0013", 6),
    "deep nesting": (b"[" * 3000, "HV0012", 1),
    "NUL": (GOOD.replace("la:", "l\0a:").encode(), "HV0003", 6),
    "control character": (GOOD.replace("/vm/la/kernel", '"/vm/la/ker\\x07nel"').encode(), "HV0003", 9),
    "beyond 64 bits": (GOOD.replace("0xc0000000", "0x10000000000000000").encode(), "HV0014", 4),
    "underscore": (GOOD.replace("0xc0000000", "0xc000_0000").encode(), "HV0015", 4),
    "float": (GOOD.replace("512MiB", "1.5").encode(), "HV0016", 4),
    "empty": (b"", "HV0008", 1),
    "not a mapping": (b"- a\n", "HV0020", 1),
    "other format": (GOOD.replace("format: 1", "format: 99").encode(), "HV0051", 1),
    "format beyond 64 bits": (GOOD.replace("format: 1", f"format: {10**30}").encode(), "HV0014", 1),
    "format with underscore": (GOOD.replace("format: 1", "format: 1_0").encode(), "HV0015", 1),
    "a line in a path": (GOOD.replace("/vm/la/kernel", '"/vm/la\\nvdev x"').encode(), "HV1005", 9),
    "a quote in a path": (GOOD.replace("/vm/la/kernel", "'/vm/\"la'").encode(), "HV1005", 9),
    "climbing guest name": (GOOD.replace("  la:", "  ../la:").encode(), "HV1005", 6),
    "absolute guest name": (GOOD.replace("  la:", "  /la:").encode(), "HV1005", 6),
    "region name no node can have": (GOOD.replace("gvm", "0gvm").encode(), "HV1005", 4),
    "host folder that is none": (GOOD.encode() + b"host: {files_path: vm}\n", "HV1005", 11),
    "unknown release": (GOOD.replace("qnx-7.1", "qnx-9").encode(), "HV1004", 3),
    "unknown board": (GOOD.replace("sa8155p", "sa8155x").encode(), "HV0055", 2),
    "text for a truth": (GOOD.replace("cleared: true", "cleared: yes").encode(), "HV1003", 4),
}


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("command", ["check", "render", "certify"])
def test_bad_input(
    name: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, code, line = CASES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "stack.yaml").write_bytes(data)
    exit_code = main([command, "stack.yaml", "--format", "json"])
    said = capsys.readouterr()
    rows = json.loads(said.out)["diagnostics"]

    assert exit_code == 1
    assert said.err == ""
    assert [(row["code"], row["labels"][0]["line"]) for row in rows] == [(code, line)]
    assert sum(label["primary"] for label in rows[0]["labels"]) == 1
    assert not (tmp_path / "build").exists()


def test_a_file_that_is_not_there_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exit_code = main(["check", "nowhere", "--format", "json"])
    document = json.loads(capsys.readouterr().out)

    assert exit_code == 2
    assert document["summary"] == {"errors": 1, "warnings": 0}
    assert document["diagnostics"][0]["labels"][0]["path"] == "nowhere"


def test_a_fault_of_the_project_file_is_told_as_long_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = "format: 1\nmatrix: [{stacks: [la]}]\n"
    texts = [
        sound,
        sound.replace("[la]", "[la], stack: x"),
        sound,
        sound.replace("1", "9"),
        sound.replace("1", "1_0"),
        sound,
    ]
    said = []
    for text in texts:
        _write_project(tmp_path, monkeypatch, {"hvbuild.yaml": text.encode()})
        said.append(_codes("check", capsys))

    assert said == [[], ["HV1001"], [], ["HV0051"], ["HV0015"], []]


def test_render_of_what_is_rendered_tells_a_fault_of_the_project_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for text in (b"format: 1\n", b"format: 1\nmatrix: 7\n"):
        _write_project(tmp_path, monkeypatch, {"hvbuild.yaml": text})
        said.append(_codes("render", capsys))

    assert said == [[], ["HV1003"]]


@pytest.mark.parametrize("name", ["stacks/la/variants/v.yaml", "parts/guest.yaml", "hvbuild.yaml"])
def test_a_file_that_can_be_read_again_is_read_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for change in (Path.mkdir, Path.rmdir, None):
        files = {
            "hvbuild.yaml": b"format: 1\n",
            "parts/guest.yaml": b"format: 1\nbody: {cmdline: hello}\n",
            "stacks/la/variants/v.yaml": b"format: 1\nguests: {la: {use: ../../../parts/guest.yaml}}\n",
        }
        if change is not None:
            del files[name]
        if change is Path.mkdir:
            (tmp_path / name).mkdir(parents=True)
        if change is Path.rmdir:
            (tmp_path / name).rmdir()
        _write_project(tmp_path, monkeypatch, files)
        said.append(_codes("check", capsys, "--variant", "v"))
    missing = {"hvbuild.yaml": [], "parts/guest.yaml": ["HV0022"]}.get(name, ["HV0052"])

    assert said == [["HV0022"], missing, []]


def test_a_fault_in_a_part_that_two_guests_take_in_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guests = "".join(f"  {name}: {{use: ../../parts/guest.yaml}}\n" for name in ("la", "lb"))
    stack = GOOD.partition("  la:")[0] + guests
    part = b"format: 1\nbody: {cpus: [{shed: 10r}]}\n"
    files = {"stacks/la/stack.yaml": stack.encode(), "parts/guest.yaml": part}
    _write_project(tmp_path, monkeypatch, files)

    assert _codes("check", capsys) == ["HV1001"]


def _write_project(root: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("HVBUILD_CACHE", str(root / "cache"))
    for name, data in {"stacks/la/stack.yaml": GOOD.encode(), **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def _codes(command: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    main([command, "stacks/la", *words, "--format", "json"])
    return [row["code"] for row in json.loads(capsys.readouterr().out).get("diagnostics", [])]
