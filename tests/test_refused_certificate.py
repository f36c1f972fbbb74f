"""A stack whose certificate is refused: what is written, what is kept, and what a waiver changes."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from demo_project import checked_stack, write_stack

from hvbuild import freshness, version
from hvbuild.building import Built, build
from hvbuild.certifying import Certified, Terms, certify_build, merge_shards, verify_folder
from hvbuild.diagnostics import StackInvalid
from hvbuild.freshness import Digests, is_fresh
from hvbuild.image import ready
from hvbuild.image.ready import certified_artifacts

# `one` waits behind 12 ms of `other` on the same CPU, though it must answer within 10 ms.
CROWD = """\
  other:
    cpus: [{sched: 20r, cluster: _cpu-0}]
    load: {pattern: periodic, period: 20ms, work: 12ms, bound: 20ms, assumed: a test}
    images: [{name: image, load: /guests/other/other.ifs, external: true}]
    ram: [{name: main, base: 0x80000000, size: 256MiB}]
    vdevs: [{name: gic, type: gic, anonymous: true}]
  one:
    cpus:
      - {sched: 10r, cluster: _cpu-0}
"""
ALONE = """\
  one:
    cpus:
      - {sched: 10r}
"""
REFUSED = ("HC3005", "HC4001", "HC4002", "HC4301", "HC4303")
WAIVERS = "certificate:\n  examples: 3\n  waivers:\n" + "".join(
    f'    - {{name: {code}, reason: a bench, owner: us, expires: "DAY"}}\n' for code in REFUSED
)


def judged(folder: Path) -> tuple[Built, Certified]:
    built = build(checked_stack(folder))
    return built, certify_build(built, Terms(examples=3))


def crowded(root: Path, more: str = "") -> Path:
    folder = write_stack(root, more)
    file = folder / "stack.yaml"
    file.write_text(file.read_text().replace(ALONE, CROWD))
    return folder


def kept(folder: Path) -> dict[str, bytes]:
    found = folder / "counterexamples"
    return {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*.json")}


def fresh(built: Built) -> bool:
    return is_fresh(built.folder, ("manifest.json", "certificate.json"), Digests({}))


def test_a_refusal_keeps_the_failing_runs_and_is_judged_again(tmp_path: Path) -> None:
    folder = crowded(tmp_path)
    built, first = judged(folder)

    assert first.refused
    assert tuple(row["id"] for row in first.properties if row["status"] == "refused") == REFUSED
    runs = kept(folder)
    assert {name.partition("-")[0] for name in runs if "/" not in name} == set(REFUSED) - {"HC3005"}
    assert {f"traces/{name}" for name in runs if "/" not in name} == {name for name in runs if "/" in name}
    assert not fresh(built), "a refused certificate must not count as made"

    again, second = judged(folder)
    assert second.refused
    assert kept(folder) == runs, "the same run is stored once"
    names = [name for name, _ in _inputs(again)]
    assert [f"stacks/demo/counterexamples/{name}" for name in sorted(runs) if "/" not in name] == [
        name for name in names if "counterexamples" in name
    ]


def test_a_stack_that_cannot_be_written_is_refused_all_the_same(tmp_path: Path) -> None:
    folder = crowded(tmp_path)
    (folder / "counterexamples").write_text("a file where a folder should be")
    told: list[str] = []
    found = certify_build(build(checked_stack(folder)), Terms(examples=3), told.append)

    assert found.refused
    assert "cannot be kept" in told[-1]


def test_stored_runs_are_replayed_by_a_stack_that_was_put_right(tmp_path: Path) -> None:
    folder = crowded(tmp_path)
    judged(folder)
    file = folder / "stack.yaml"
    file.write_text(
        file.read_text().replace("{sched: 20r, cluster: _cpu-0}", "{sched: 20r, cluster: _cpu-1}")
    )
    built, found = judged(folder)

    assert found.accepted, found.diagnostics
    assert fresh(built)
    assert verify_folder(built.folder, every_input=True).holds
    one = sorted((folder / "counterexamples").glob("*.json"))[0]
    one.unlink()
    assert not fresh(built), "a stored run that is gone makes the certificate stale"


def test_report_lies_beside_the_certificate_and_names_what_was_refused(tmp_path: Path) -> None:
    built, _ = judged(crowded(tmp_path))

    text = (built.folder / "report.html").read_text(encoding="utf-8")
    assert all(code in text for code in REFUSED)
    assert verify_folder(built.folder).verdict == "refused"


@pytest.mark.parametrize(
    ("day", "verdict"),
    [
        ("2000-01-03", "certified-with-waivers"),
        ("2000-01-02", "certified-with-waivers"),
        ("2000-01-01", "refused"),
    ],
)
def test_waivers_are_judged_for_the_day_of_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, verdict: str
) -> None:
    built_on = datetime(2000, 1, 2, 12, tzinfo=UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(built_on.timestamp())))
    built, found = judged(crowded(tmp_path, WAIVERS.replace("DAY", day)))

    assert found.verdict == verdict
    assert fresh(built) == (verdict != "refused")


def test_no_image_once_a_waiver_has_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = crowded(tmp_path, WAIVERS.replace("DAY", "2000-01-02"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "946800000")
    built, _ = judged(folder)
    assert certified_artifacts(built.checked, built.folder).refusals == ()

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "946900000")
    refusals = certified_artifacts(built.checked, built.folder).refusals
    assert len(refusals) == len(REFUSED)
    assert "ran out on 2000-01-02" in refusals[0].message


def test_what_other_versions_judged_is_stale_and_makes_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, found = judged(write_stack(tmp_path))
    assert found.accepted
    assert fresh(built)
    assert certified_artifacts(built.checked, built.folder).refusals == ()

    later = tuple(
        (name, "999" if name == "hypothesis" else held) for name, held in version.judging_versions()
    )
    for user in (freshness, ready):
        monkeypatch.setattr(user, "judging_versions", lambda: later)
    assert not fresh(built)
    (refusal,) = certified_artifacts(built.checked, built.folder).refusals
    assert "hypothesis" in refusal.message
    assert "999" in refusal.message


def test_without_a_day_set_waivers_are_judged_for_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)

    assert judged(crowded(tmp_path / "a", WAIVERS.replace("DAY", date.max.isoformat())))[1].accepted
    assert judged(crowded(tmp_path / "b", WAIVERS.replace("DAY", "2001-01-01")))[1].refused


def _inputs(built: Built) -> list[tuple[str, str]]:
    statement = verify_folder(built.folder).statement
    assert statement is not None
    return [(row["name"], row["sha256"]) for row in statement["predicate"]["inputs"]]


OWN = """\
from hvbuild.certify.outcome import Finding
from hvbuild.testing import Family, Method, Property

LIMIT = {limit}

def watch(ground, run):
    for part in run.parts:
        for job in run.jobs.get(part.thread.name, ()):
            if job.response(run.horizon) > LIMIT:
                return Finding(what="too slow for us", place=part.thread.origin)
    return None

QUICK = Property(code="MY0001", name="quick", title="Quick", statement="All is quick.",
                 family=Family.SCHEDULE, method=Method.SAMPLE, watch=watch)
"""


def test_a_guarantee_of_the_project_is_judged_and_its_module_is_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = write_stack(tmp_path)
    module = tmp_path / "our_quick_checks.py"
    module.write_text(OWN.format(limit=10_000_000))
    (tmp_path / "hvbuild.yaml").write_text("format: 1\nproperties: [our_quick_checks:QUICK]\n")

    built, found = judged(folder)
    assert {row["id"]: row["status"] for row in found.properties}["MY0001"] == "sampled"
    assert "our_quick_checks.py" in dict(_inputs(built))
    assert fresh(built)
    module.write_text(OWN.format(limit=1))
    assert not fresh(built)
    assert not verify_folder(built.folder).holds

    monkeypatch.delitem(sys.modules, "our_quick_checks")
    _, refused = judged(folder)
    assert refused.refused
    (tmp_path / "hvbuild.yaml").write_text("format: 1\nproperties: [our_quick_checks:SLOW]\n")
    with pytest.raises(StackInvalid, match="certifying") as stopped:
        judged(folder)
    assert [each.code for each in stopped.value.diagnostics] == ["HV7006"]


def played_in_two(folder: Path) -> tuple[Built, list[Path]]:
    built = build(checked_stack(folder))
    for index in (1, 2):
        certify_build(built, Terms(examples=150, shard=(index, 2)))
    return built, [built.folder / f"certificate.{index}-of-2.json" for index in (2, 1)]


def test_joined_shards_say_what_one_run_says(tmp_path: Path) -> None:
    built, shards = played_in_two(crowded(tmp_path))
    joined = merge_shards(built, shards)
    data = (built.folder / "certificate.json").read_bytes()
    stored = kept(built.checked.place.folder)
    for name in stored:
        (built.checked.place.folder / "counterexamples" / name).unlink()
    whole = certify_build(built, Terms(examples=150))

    assert data == (built.folder / "certificate.json").read_bytes()
    assert stored == kept(built.checked.place.folder)
    assert joined.refused
    assert "HV7001" in {each.code for each in joined.diagnostics}
    assert whole.diagnostics == joined.diagnostics


def test_shards_of_another_system_are_not_joined(tmp_path: Path) -> None:
    _, shards = played_in_two(write_stack(tmp_path / "a"))
    other = build(checked_stack(write_stack(tmp_path / "b", guest="    cmdline: hello\n")))
    with pytest.raises(StackInvalid) as refused:
        merge_shards(other, shards)

    assert [each.code for each in refused.value.diagnostics] == ["HV7201"]
    assert "guests/one.qvmconf" in refused.value.diagnostics[0].message
    assert not (other.folder / "certificate.json").exists()
