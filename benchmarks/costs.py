"""What the trials of every study cost: seconds and bytes a trial, and a whole preset.

    python -m benchmarks.costs                   # at "paper"
    python -m benchmarks.costs --preset quick --family random-features

Two trials are timed after a first one that fills caches. The sums are what `docs/scaling.md`
starts from.
"""

from __future__ import annotations

import argparse
import time

from sims.reproduction import plan
from sims.runner import run_batch
from sims.store import encode


def main() -> None:
    """Time every study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--family", default="")
    chosen = parser.parse_args()
    print(f"{'study':<44}{'theory':>9}{'a trial':>10}{'bytes':>9}{'trials':>8}{'whole':>10}")
    whole, trials, size = 0.0, 0, 0
    for item in plan(chosen.family, preset=chosen.preset):
        study, params = item.study, item.preset.params
        begun = time.perf_counter()
        study.theory(params, study.grid(params))
        theory = time.perf_counter() - begun
        if not study.has_trials:
            print(f"{study.name:<44}{theory:>8.2f}s{'-':>10}{'-':>9}{'-':>8}{'-':>10}")
            continue
        run_batch(study, params, 0, 0, 1)
        timed = run_batch(study, params, 0, 1, 2)
        seconds = sum(trial.seconds for trial in timed) / len(timed)
        each = len(encode(timed[0].arrays))
        count = item.preset.trials
        whole, trials, size = whole + seconds * count, trials + count, size + each * count
        print(
            f"{study.name:<44}{theory:>8.2f}s{seconds:>9.3f}s{each:>9}{count:>8}"
            f"{seconds * count:>9.1f}s",
            flush=True,
        )
    print(f"\n{trials} trials, {whole:.0f} processor seconds, {size / 1e6:.1f} MB in a store")


if __name__ == "__main__":
    main()
