"""Feeds broken qvmconf texts to the reader and to the meaning: `fuzz_qvmconf.py [COUNT] [SEED]`.

Every text must print back the same and be read without an exception. Prints how many were tried and how
many were found faulty; the first one that breaks a promise ends the run with its text.
"""

import sys
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from qvmconf_mutation import corpus_texts, faults_of, mutations, vocabulary

from hvbuild.catalog import shipped_catalog

SHARED = Path(__file__).parents[3] / "shared" / "corpus" / "qvmconf"


def run(count: int, seed: int) -> tuple[int, int]:
    """Texts tried and texts with faults."""
    texts = corpus_texts(*([SHARED] if SHARED.is_dir() else []))
    targets = [None, *shipped_catalog().targets]
    catalog = shipped_catalog()
    faulty = 0
    for number, text in enumerate(islice(mutations(texts, vocabulary(catalog), seed), count)):
        try:
            faulty += bool(faults_of(text, catalog, targets[number % len(targets)]))
        except Exception:
            print(f"text {number} of seed {seed}: {text!r}", file=sys.stderr)
            raise
    return count, faulty


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    start = time.perf_counter()
    tried, faulty = run(count, seed)
    print(f"{tried} texts, {faulty} with faults, no crash, {time.perf_counter() - start:.0f} s (seed {seed})")


if __name__ == "__main__":
    main()
