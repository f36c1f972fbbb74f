"""Certificates as bytes: canonical, repeatable, joined from shards, waived, signed, and tampered with."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import certify_subjects as make
import pytest
import rfc8785
from builders import a_place, vcpu
from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.certify.canonical import NotCanonical, digest_of, plain, read_canonical, sha256
from hvbuild.certify.certificate import CertificateResult, certify
from hvbuild.certify.chunk import Chunk, chunk_json, chunk_seed, of_shard, plan_chunks, read_chunk
from hvbuild.certify.draws import Field, Run
from hvbuild.certify.merge import merge, shard_name
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Family
from hvbuild.certify.replay import read_counterexample
from hvbuild.certify.sampling import _drive
from hvbuild.certify.subject import Subject, judgement_date
from hvbuild.certify.verify import Verification, is_local, verify
from hvbuild.machine.profiles import profile, profile_of_target
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import simulate
from hvbuild.model.stack import CertificateTerms, Waiver

TESTS = Path(__file__).resolve().parents[1]
SMALL = tuple(row for row in ALL_PROPERTIES if row.family in (Family.MEMORY, Family.LOAD, Family.SCHEDULE))
LONG_AGO = "2020-01-01"


def waiver(name: str, expires: str = "2030-12-31") -> Waiver:
    return Waiver(property=name, reason="bench only", owner="somebody", expires=expires, origin=a_place())


def a_refused_subject(**more: Any) -> Subject:
    """Guest qnx shares its pCPU with linux, which goes first and never rests."""
    return make.a_subject(
        declared=(
            make.qnx_vm(vcpus=(vcpu("10r", [1]),)),
            make.linux_vm(vcpus=(vcpu("20r", [1]),)),
        ),
        demands={"qnx": (make.demand(2, 10, 10),), "linux": (make.BUSY,)},
        services=(),
        **more,
    )


def folder_of(result: CertificateResult, folder: Path, artifacts: dict[str, bytes]) -> Path:
    for name, data in artifacts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "certificate.json").write_bytes(result.data)
    return folder


ARTIFACTS = {
    "guests/qnx.qvmconf": b"system qnx\n",
    "host/mifs.build": b"[image=0]\n",
    "manifest.json": b"{}\n",
}
INPUTS = {"stacks/test/stack.yaml": b"format: 1\n", "templates/any/guest.qvmconf.j2": b"{{ view }}\n"}


def a_built_subject(**more: Any) -> Subject:
    return make.a_subject(
        artifacts={name: sha256(data) for name, data in ARTIFACTS.items()},
        inputs=tuple((name, sha256(data)) for name, data in INPUTS.items()),
        **more,
    )


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A build folder with its certificate; the inputs lie above it."""
    for name, data in INPUTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder_of(certify(a_built_subject(), properties=SMALL), tmp_path / "build/test/base", ARTIFACTS)


def codes(found: Verification) -> set[str]:
    return {diagnostic.code for diagnostic in found.diagnostics}


# --- form -----------------------------------------------------------------------------------------------


def test_the_certificate_is_canonical_and_carries_its_digest() -> None:
    result = certify(make.a_subject(), properties=SMALL)
    statement = json.loads(result.data)

    assert rfc8785.dumps(statement) == result.data
    assert digest_of(statement) == statement["predicate"]["digest"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"


def test_the_certificate_says_what_the_contract_asks() -> None:
    predicate = certify(make.a_subject(seed=1 << 60), properties=SMALL).statement["predicate"]

    assert {"hvbuild", "python", "hypothesis", "target"} <= set(predicate["versions"])
    assert predicate["parameters"]["seed"] == str(1 << 60)
    assert predicate["rules"] == {"ran": 1}
    assert all(
        {"id", "title", "status", "examples", "seed", "counterexample"} <= set(row)
        for row in predicate["properties"]
    )
    assert all(row["reason"] for row in predicate["properties"] if row["status"] == "not-applicable")
    assert "second" not in json.dumps(list(predicate))


def test_numbers_beyond_two_to_the_53_become_text() -> None:
    assert {"a": [str(1 << 53), (1 << 53) - 1, str(-(1 << 60))]} == plain(
        {"a": (1 << 53, (1 << 53) - 1, -(1 << 60))}
    )
    with pytest.raises(TypeError):
        plain({"a": 0.5})


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b'{"b":1,"a":2}', b"[1.0]", b"nonsense", b"\xff", b"[" * 100_000]
)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(data)


# --- the same bytes -------------------------------------------------------------------------------------

_PROGRAM = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
{more}
import certify_subjects as make
from hvbuild.certify.canonical import sha256
from hvbuild.certify.certificate import certify
print(sha256(certify(make.a_subject(examples=6)).data))
"""


def digest_in_process(seed: str, more: str, folder: Path) -> str:
    program = _PROGRAM.format(tests=str(TESTS), root=str(TESTS.parent), more=more)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "CI": seed}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=folder,
    )
    return done.stdout.strip()


def test_hash_seed_and_unrelated_modules_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "unrelated.py").write_text("A, B, C = 123456789, 'a word of its own', 98765432123456789\n")
    importing = "sys.path.insert(0, '.'); import unrelated"
    found = {digest_in_process("0", "", tmp_path), digest_in_process("1", importing, tmp_path)}

    assert len(found) == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == ["unrelated.py"]


def drawn_runs() -> list[Run]:
    fields = tuple(Field(f"field {number}", 64) for number in range(12))
    seen: list[Run] = []

    def judge(run: Run) -> float:
        seen.append(run)
        return float(run[0][1] % 1000)

    _drive(fields, judge, 100, 1)
    return seen


def test_neither_modules_nor_earlier_draws_change_what_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hypothesis collects constants of local modules, and keeps them in one cache for the process."""
    first = drawn_runs()
    constants = ", ".join(str(3**40 + number) for number in range(500))
    (tmp_path / "some_local_module.py").write_text(f"CONSTANTS = [{constants}]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("some_local_module")

    @settings(max_examples=100, database=None)
    @given(st.integers(0, (1 << 64) - 1))
    def draw(number: int) -> None:
        assert number >= 0

    draw()

    assert drawn_runs() == first


def test_another_seed_draws_other_runs() -> None:
    streams = {
        json.dumps(certify(make.a_subject(seed=seed), properties=SMALL).statement["predicate"]["families"])
        for seed in (0, 1)
    }

    assert len(streams) == 2


# --- shards ---------------------------------------------------------------------------------------------


def test_joined_shards_are_the_whole(tmp_path: Path) -> None:
    subject = make.a_subject(examples=205)
    chosen = tuple(row for row in SMALL if row.code in ("HC1001", "HC4001", "HC4005"))
    whole = certify(subject, properties=chosen)
    paths = []
    for shard in ((3, 3), (1, 3), (2, 3)):
        part = certify(subject, properties=chosen, shard=shard)
        paths.append(tmp_path / shard_name(shard))
        paths[-1].write_bytes(part.data)

        assert part.verdict == "partial"

    assert whole.data == merge(paths).data
    assert {"HV7202"} == {row.code for row in merge(paths[:2]).diagnostics}
    assert {"HV7202"} == {row.code for row in merge([*paths, paths[0]]).diagnostics}


def test_shards_of_other_subjects_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for index, path in enumerate(paths):
        subject = make.a_subject(seed=index)
        path.write_bytes(certify(subject, properties=SMALL, shard=(index + 1, 2)).data)

    assert {"HV7201"} == {row.code for row in merge(paths).diagnostics}


def test_a_shard_is_no_certificate(tmp_path: Path) -> None:
    part = certify(a_built_subject(), properties=SMALL, shard=(1, 2))
    folder = folder_of(part, tmp_path, ARTIFACTS)

    assert "HV7108" in codes(verify(folder))


def test_chunks_divide_the_examples() -> None:
    rows = plan_chunks(("a", "b"), 250)

    assert [row for row in rows if row[0] == "a"] == [("a", 0, 100), ("a", 1, 100), ("a", 2, 50)]
    assert sorted(rows) == sorted(of_shard(rows, (1, 2)) + of_shard(rows, (2, 2)))
    assert len({chunk_seed(0, family, index) for family, index, _ in rows}) == len(rows)


def test_chunks_are_read_as_written() -> None:
    chunk = Chunk(
        family="schedule",
        index=1,
        examples=3,
        stream="s",
        judged=(("HC4001", 3),),
        worst=(("response|a", 1 << 60),),
    )

    assert chunk == read_chunk(json.loads(json.dumps(chunk_json(chunk))))


# --- refusals and waivers -------------------------------------------------------------------------------


def test_a_waiver_in_force_turns_the_verdict() -> None:
    names = ("HC3005", "HC4001", "vcpus-meet-bounds", "waits-are-bounded", "shares-are-given", "HC3004")
    terms = CertificateTerms(waivers=tuple(waiver(name) for name in names))
    result = certify(a_refused_subject(terms=terms, date="2026-01-01"), properties=SMALL)

    assert result.verdict == "certified-with-waivers"
    assert "HV7002" in {row.code for row in result.diagnostics}
    assert all("somebody" in reason for reason in result.statement["predicate"]["reasons"])


@pytest.mark.parametrize("day", ["", "2031-01-01"])
def test_a_waiver_that_ran_out_does_not_count(day: str) -> None:
    terms = CertificateTerms(waivers=(waiver("HC4001"),))
    result = certify(a_refused_subject(terms=terms, date=day), properties=SMALL)

    assert result.verdict == "refused"
    assert "HV7003" in {row.code for row in result.diagnostics}


def test_a_waiver_that_nobody_needs_is_told() -> None:
    terms = CertificateTerms(waivers=(waiver("HC1001"),))
    result = certify(make.a_subject(terms=terms, date="2026-01-01"), properties=SMALL)

    assert result.verdict == "certified"
    assert [row.code for row in result.diagnostics] == ["HV7004"]


def test_without_rules_there_is_no_certificate() -> None:
    result = certify(replace(make.a_subject(), rules_ran=0), properties=SMALL)

    assert result.verdict == "refused"
    assert result.statement["predicate"]["reasons"] == ["no rule was run"]


def test_a_vcpu_without_load_is_named_with_its_line() -> None:
    result = certify(make.a_subject(demands={"linux": (make.demand(), None)}), properties=SMALL)
    row = next(r for r in result.statement["predicate"]["properties"] if r["id"] == "HC3001")

    assert result.verdict == "refused"
    assert "vCPU 1 of guest `linux`" in row["counterexample"]["what"]
    assert row["counterexample"]["place"]["line"] > 0


# --- counterexamples ------------------------------------------------------------------------------------


def test_a_counterexample_is_plain_replays_exactly_and_is_stored() -> None:
    result = certify(a_refused_subject(), properties=SMALL)
    example = next(row for row in result.counterexamples if row.property == "HC4001")
    held = json.loads(example.text)
    scenario, faults = read_scenario(held)
    chosen = profile(held["profile"])

    assert faults == ()
    assert scenario is not None
    assert chosen is not None
    assert held["exact"]
    assert {"0"} == set(held["run"].values())
    assert any("`linux/0`" in line for line in held["story"])
    assert simulate(scenario, chosen).segments
    assert any(row.get("name") == "linux/0" for row in json.loads(example.trace)["traceEvents"])


def test_a_stored_counterexample_is_played_first_and_only_refuses() -> None:
    example = next(
        r for r in certify(a_refused_subject(), properties=SMALL).counterexamples if r.property == "HC4001"
    )
    text = example.text
    stored = (("stacks/test/counterexamples/HC4001.json", text),)
    sound = certify(make.a_subject(counterexamples=stored), properties=SMALL)
    again = certify(a_refused_subject(counterexamples=stored), properties=SMALL)
    family = next(row for row in again.statement["predicate"]["families"] if row["family"] == "schedule")

    assert sound.verdict == "certified"
    assert again.verdict == "refused"
    assert [row["index"] for row in family["chunks"]] == [-1, 0]
    assert read_counterexample(text) is not None
    assert read_counterexample(text.replace("hvbuild-counterexample/1", "x")) is None


def test_an_unreadable_counterexample_refuses_and_is_told() -> None:
    result = certify(make.a_subject(counterexamples=(("x.json", "{"),)), properties=SMALL)

    assert [row.code for row in result.diagnostics] == ["HV7005"]
    assert result.verdict == "refused"
    assert result.statement["predicate"]["reasons"] == ["stored counterexample `x.json` cannot be read"]


# --- verify ---------------------------------------------------------------------------------------------


def test_a_build_folder_verifies(built: Path) -> None:
    found = verify(built)

    assert found.holds
    assert found.inputs_compared == 2
    assert found.holds == verify(built / "certificate.json").holds


def test_inputs_that_are_not_there_are_said_and_not_compared(built: Path) -> None:
    found = verify(built, find_input=lambda name: None)

    assert found.holds
    assert "inputs not compared" in found.note
    assert {"HV7111"} == codes(verify(built, find_input=lambda name: None, every_input=True))


@pytest.mark.parametrize("name", sorted(ARTIFACTS))
def test_one_flipped_byte_of_an_artifact_is_named(built: Path, name: str) -> None:
    data = bytearray((built / name).read_bytes())
    data[0] ^= 1
    (built / name).write_bytes(data)
    found = verify(built)

    assert {"HV7104"} == codes(found)
    assert name in found.diagnostics[0].message


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_one_flipped_byte_of_an_input_is_named(built: Path, name: str) -> None:
    path = built.parents[2] / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = verify(built)

    assert {"HV7107"} == codes(found)
    assert name in found.diagnostics[0].message


def test_any_flipped_byte_of_the_certificate_refuses(built: Path) -> None:
    place = built / "certificate.json"
    data = place.read_bytes()
    for at in range(0, len(data), max(1, len(data) // 150)):
        for bit in (1, 0x20):
            spoiled = bytearray(data)
            spoiled[at] ^= bit
            place.write_bytes(spoiled)

            assert verify(built, find_input=lambda name: None).diagnostics, f"byte {at}"


def test_a_rewritten_certificate_with_a_wrong_verdict_refuses(built: Path) -> None:
    """Whoever computes the digest anew still cannot say `certified` over a refused guarantee."""
    from hvbuild.certify.canonical import certificate_bytes, sealed  # noqa: PLC0415

    place = built / "certificate.json"
    statement = json.loads(place.read_bytes())
    statement["predicate"]["properties"][0]["status"] = "refused"
    place.write_bytes(certificate_bytes(sealed(statement)))

    assert {"HV7101"} == codes(verify(built))


def test_a_rewritten_certificate_of_something_else_refuses(built: Path) -> None:
    """Another predicate, a sample without an example: whoever computes the digest anew."""
    from hvbuild.certify.canonical import certificate_bytes, sealed  # noqa: PLC0415

    place = built / "certificate.json"
    whole = json.loads(place.read_bytes())
    rows = whole["predicate"]["properties"]
    empty = [{**row, "examples": 0} if row["status"] == "sampled" else row for row in rows]
    said = []
    for statement in (
        {**whole, "predicateType": "https://slsa.dev/provenance/v1"},
        {**whole, "predicate": {**whole["predicate"], "properties": empty}},
    ):
        place.write_bytes(certificate_bytes(sealed(statement)))
        said += [row.message.partition(": ")[2] for row in verify(built).diagnostics]

    assert len(said) == 2
    assert said[0] == "its predicate is not one of hvbuild"
    assert said[1].endswith("was sampled without an example")


def test_missing_and_unknown_files_are_named(built: Path) -> None:
    (built / "manifest.json").unlink()
    (built / "guests/other.qvmconf").write_text("system other\n")
    (built / "timings.json").write_text("{}")
    (built / "guests/qnx.qvmconf.edited").write_text("x")
    (built / "image").mkdir()
    (built / "image/host.ifs").write_bytes(b"x")

    assert {"HV7105", "HV7106"} == codes(verify(built))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "a\\b", "a\0b"])
def test_names_that_climb_are_not_local(name: str) -> None:
    assert not is_local(name)


def test_verify_imports_nothing_heavy(built: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(TESTS.parent)!r}); from pathlib import Path\n"
        f"from hvbuild.certify.verify import verify; verify(Path({str(built)!r}))\n"
        "heavy = ('hypothesis', 'jinja2', 'ruamel', 'cryptography', 'jsonschema')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# --- signed ---------------------------------------------------------------------------------------------


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def test_a_signed_certificate_holds_with_its_key_only(built: Path, tmp_path: Path) -> None:
    pytest.importorskip("securesystemslib")
    from hvbuild.certify.sign import signed_envelope  # noqa: PLC0415

    mine, mine_public = keys(tmp_path, "mine")
    _, other_public = keys(tmp_path, "other")

    assert {"HV7109"} == codes(verify(built, mine_public))

    envelope = built / "certificate.dsse.json"
    envelope.write_bytes(signed_envelope((built / "certificate.json").read_bytes(), mine))

    assert verify(built, mine_public).holds
    assert {"HV7110"} == codes(verify(built, other_public))
    assert {"HV7112"} == codes(verify(built, mine))

    envelope.write_bytes(signed_envelope(b"{}", mine))

    assert {"HV7110"} == codes(verify(built, mine_public))

    envelope.write_bytes(b"{}")

    assert {"HV7110"} == codes(verify(built, mine_public))


# --- small things ---------------------------------------------------------------------------------------


def test_the_profile_follows_the_target() -> None:
    assert [profile_of_target(name) for name in ("qnx-7.0", "qnx-7.1", "qnx-8.0", "qnx-8.0.4")] == [
        "sdp71",
        "sdp71",
        "sdp80",
        "sdp80",
    ]


def test_the_day_of_judgement_is_an_input() -> None:
    assert judgement_date({}) == ""
    assert judgement_date({"SOURCE_DATE_EPOCH": "86400"}) == "1970-01-02"
    assert judgement_date({"SOURCE_DATE_EPOCH": "86400"}, LONG_AGO) == LONG_AGO
    with pytest.raises(ValueError, match="ISO"):
        judgement_date({}, "soon")


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match="no profile `x`"):
        certify(make.a_subject(profile="x"))
