"""Campaigns: the same bytes from any number of workers, and nothing lost when one is broken off."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import certify_subjects as make
import pytest

from hvbuild.campaign import (
    CampaignProgress,
    NoCluster,
    campaign,
    campaign_at,
    campaign_on_cluster,
    pack,
    progress_line,
)
from hvbuild.certify.certificate import certify
from hvbuild.certify.merge import merge, shard_name
from hvbuild.certify.properties.catalog import ALL_PROPERTIES

CHOSEN = tuple(row for row in ALL_PROPERTIES if row.code in ("HC1001", "HC1201", "HC4201"))

ROOT = Path(__file__).resolve().parents[2]


class BrokenOff(Exception):  # noqa: N818 - says what happened
    pass


def test_workers_do_not_change_the_bytes(tmp_path: Path) -> None:
    subject = make.a_subject(examples=220)
    seen: list[CampaignProgress] = []
    whole = certify(subject, properties=CHOSEN)
    two = campaign(subject, folder=tmp_path, workers=2, properties=CHOSEN, report=seen.append)

    assert whole.data == two.data
    assert [seen[-1].examples, len(seen)] == [220, 3]
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    subject = make.a_subject(examples=220)
    seen: list[CampaignProgress] = []

    def stop(progress: CampaignProgress) -> None:
        if progress.examples >= 100:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        campaign(subject, folder=tmp_path, workers=1, properties=CHOSEN, report=stop)
    again = campaign(subject, folder=tmp_path, workers=1, properties=CHOSEN, report=seen.append)

    assert certify(subject, properties=CHOSEN).data == again.data
    assert len(seen) < 3


KILLED = """\
import multiprocessing, os, signal, sys
from pathlib import Path
import certify_subjects as make
from hvbuild.campaign import campaign

def stop(progress):
    print(*(each.pid for each in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    campaign(make.a_subject(examples=2000), folder=Path(sys.argv[1]), workers=2, report=stop)
"""


def test_a_killed_campaign_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "kept")],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # The processes below hold the pipe: reading it ends when they do.
        timeout=60,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 2


def test_what_another_subject_left_is_not_used(tmp_path: Path) -> None:
    def stop(_: CampaignProgress) -> None:
        raise BrokenOff

    with pytest.raises(BrokenOff):
        campaign(make.a_subject(seed=1), folder=tmp_path, workers=1, properties=CHOSEN, report=stop)
    subject = make.a_subject(seed=2)

    assert (
        certify(subject, properties=CHOSEN).data
        == campaign(subject, folder=tmp_path, workers=1, properties=CHOSEN).data
    )


def test_shards_by_campaigns_join_to_the_whole(tmp_path: Path) -> None:
    subject = make.a_subject(examples=220)
    paths = []
    for index in (1, 2):
        part = campaign(subject, folder=tmp_path, workers=1, properties=CHOSEN, shard=(index, 2))
        paths.append(tmp_path / shard_name((index, 2)))
        paths[-1].write_bytes(part.data)

    assert certify(subject, properties=CHOSEN).data == merge(paths).data


def test_a_cluster_gives_the_same_bytes(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    subject = make.a_subject(examples=220)
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        result = campaign_on_cluster(subject, client=client, folder=tmp_path, properties=CHOSEN)

    assert certify(subject, properties=CHOSEN).data == result.data


def test_a_subject_survives_packing() -> None:
    subject = make.a_subject()

    assert subject.plan.system == pickle.loads(pack(subject))[0].plan.system


def test_progress_is_one_line() -> None:
    progress = CampaignProgress(
        examples=50,
        of_examples=200,
        properties=55,
        refused=("HC4001",),
        seconds_left=12.4,
        tightest=(("response|la/0", 3_500_000),),
    )

    assert (
        progress_line(progress)
        == " 25 % 50 of 200 runs, 55 guarantees, 12 s left, refused: HC4001; longest: response|la/0 3.50 ms"
    )


def test_without_a_scheduler_there_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(NoCluster):
        campaign_at(
            "tcp://127.0.0.1:1",
            make.a_subject(examples=3),
            folder=tmp_path,
            properties=CHOSEN,
            patience=0.5,
        )
