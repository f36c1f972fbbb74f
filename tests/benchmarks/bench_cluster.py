"""What handing chunks to Dask workers costs: `python tests/benchmarks/bench_cluster.py [EXAMPLES]`.

One worker process on this machine against one process without Dask, the same chunks, the same bytes.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from distributed import LocalCluster

from hvbuild.campaign import campaign, campaign_at
from hvbuild.testing import subject_of

ROOT = Path(__file__).resolve().parents[2]


def main(examples: int) -> None:
    subject = subject_of(ROOT / "stacks/rpi4", examples=examples)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        here = campaign(subject, folder=Path(folder), workers=1)
        alone = time.perf_counter() - started
        with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
            campaign_at(
                cluster.scheduler_address, subject_of(ROOT / "stacks/rpi4", examples=1), folder=Path(folder)
            )
            started = time.perf_counter()
            there = campaign_at(cluster.scheduler_address, subject, folder=Path(folder))
            spread = time.perf_counter() - started
    assert here.data == there.data
    print(f"{examples} examples: here {alone:.1f} s, one Dask worker {spread:.1f} s ({spread / alone:.2f} x)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
