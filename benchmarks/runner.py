"""What the runner and the trial store cost beside the trials, and whether memory stays flat.

    python -m benchmarks.runner            # overhead, memory, rates of workers, a million trials
    python -m benchmarks.runner --quick    # the same on a tenth of the trials

The trial is a product of matrices repeated until it takes about 20 ms, the length that the
overhead is asked for. Peers are a bare loop over the same calls (the least that can be done) and
joblib's parallel loop over the same batches.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks.harness import Contender, compare
from sims.executors import executor
from sims.params import Params, parameter
from sims.runner import Experiment, Stop, run, run_batch
from sims.store import Key, Store, Trial, key_of
from sims.study import Axis, Curves, Measure, Preset, Study

_SIZE = 128


class LoadParams(Params):
    """How much a trial works."""

    products: int = parameter(1, title="products", symbol="r", help="Matrix products.", ge=0)


class Load(Study[LoadParams]):
    """A trial of adjustable length that returns eight numbers."""

    name = "benchmark/load"
    title = chapter = statement = takeaway = "A trial of adjustable length."
    standing = "exact"
    Params = LoadParams
    axes = (Axis("index", "index", "i"),)
    measures = (Measure("value", "value", ("index",)),)
    views = (Curves("curve", "Values", "index", ("value",)),)
    presets = (Preset("quick", "Quick", LoadParams(), 10),)

    def grid(self, params):
        """Return eight indices."""
        return {"index": np.arange(8.0)}

    def theory(self, params, grid):
        """Return zeros: the mean of a normal variable."""
        return {"value": np.zeros(8)}

    def trial(self, params, grid, rng):
        """Multiply matrices, and return normal variables."""
        matrix = np.full((_SIZE, _SIZE), 1 / _SIZE)
        for _ in range(params.products):
            matrix = matrix @ matrix
        return {"value": rng.standard_normal(8) * matrix.sum() / _SIZE}

    def checks(self, outcome):
        """Claim nothing."""
        return ()


LOAD = Load()


def products_for(seconds: float) -> int:
    """Return how many products take about that long."""
    grid, rng = LOAD.grid(LoadParams()), np.random.default_rng(0)
    count = 64
    LOAD.trial(LoadParams(products=count), grid, rng)
    begun = time.perf_counter()
    for _ in range(10):
        LOAD.trial(LoadParams(products=count), grid, rng)
    return max(1, round(seconds * 10 * count / (time.perf_counter() - begun)))


def overhead(trials: int, rounds: int) -> None:
    """Compare runner and store with a bare loop over the same trials of 20 ms."""
    params = LoadParams(products=products_for(0.02))
    grid = LOAD.grid(params)

    def bare() -> float:
        total = np.zeros(8)
        for index in range(trials):
            rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(index,)))
            total += LOAD.trial(params, grid, rng)["value"]
        return float((total / trials).sum())

    def ours(kept: bool) -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "trials.sqlite" if kept else None
            return float(run(LOAD, params, trials=trials, store=store).mean["value"].sum())

    expected = bare()
    report = compare(
        f"{trials} trials of about 20 ms: the same loop with and without us",
        Contender("bare loop", bare),
        [
            Contender("runner", lambda: ours(False)),
            Contender("runner and store", lambda: ours(True)),
        ],
        error=lambda value: abs(value - expected),
        tolerance=1e-12,
        rounds=rounds,
    )
    print(report)
    for name in ("runner", "runner and store"):
        print(f"overhead of {name}: {report.ratio(name) - 1:+.1%}")
    print()


def workers(trials: int, rounds: int) -> None:
    """Compare two workers with joblib's parallel loop over batches of the same size."""
    import joblib

    params = LoadParams(products=products_for(0.02))
    batch = 5

    def peer() -> float:
        with joblib.Parallel(n_jobs=2) as parallel:
            found = parallel(
                joblib.delayed(run_batch)(LOAD, params, 0, first, batch)
                for first in range(0, trials, batch)
            )
        values = [trial.arrays["value"] for part in found for trial in part]
        return float(np.mean(values, axis=0).sum())

    with executor(2) as where:
        run(LOAD, params, trials=4, executor=where)
        print(
            compare(
                f"{trials} trials of about 20 ms on two workers",
                Contender(
                    "runner, two workers",
                    lambda: float(
                        run(LOAD, params, trials=trials, executor=where).mean["value"].sum()
                    ),
                ),
                [Contender("joblib.Parallel", peer)],
                error=lambda value: abs(value - peer()),
                tolerance=1e-12,
                rounds=rounds,
            )
        )
    print()


def memory(trials: int) -> None:
    """Peak memory at a tenth of the trials and at all of them, through runner and store."""
    params = LoadParams(products=0)
    for count in (trials // 10, trials):
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "t.sqlite") as store:
            tracemalloc.start()
            begun = time.perf_counter()
            experiment = Experiment(LOAD, params, stop=Stop(count), store=store)
            while experiment.step():
                pass
            seconds = time.perf_counter() - begun
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            print(
                f"{count} trials through runner and store: peak {peak / 1e6:.2f} MB, "
                f"{seconds / count * 1e6:.0f} us a trial (while memory is traced)"
            )
    print()


def many(trials: int) -> None:
    """Write, look through, resume and verify a store of very many small trials."""
    key = Key("benchmark/load", LoadParams().canonical(), 1, "digest")
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.sqlite"
        with Store(path) as store:
            begun = time.perf_counter()
            for first in range(0, trials, 64):
                values = rng.standard_normal((64, 8))
                last = min(64, trials - first)
                store.write(
                    key, [Trial(first + i, 0.02, {"value": values[i]}) for i in range(last)]
                )
            _tell(f"write {trials} trials in batches of 64", begun, trials)
            begun = time.perf_counter()
            (holding,) = store.holdings()
            _tell("list holdings", begun, holding.trials)
            begun = time.perf_counter()
            first, _ = store.claim(key, "me", 0, trials + 1, 64, 60)
            _tell(f"find the first free trial ({first})", begun, trials)
            begun, start = time.perf_counter(), 0
            while found := store.read(key, start, 500):
                start = found[-1].index + 1
            _tell("read everything back, as a resumed run does", begun, start)
            begun = time.perf_counter()
            problems = store.verify()
            _tell(f"verify ({len(problems)} problems)", begun, trials)
        size = path.stat().st_size
        print(f"file: {size / 1e6:.0f} MB, {size / trials:.0f} bytes a trial of eight numbers")
    print()


def _tell(what: str, begun: float, trials: int) -> None:
    seconds = time.perf_counter() - begun
    print(f"{what:<58}{seconds:>8.2f} s  {seconds / trials * 1e6:>8.2f} us a trial")


def rate(trials: int) -> None:
    """How many empty trials a second one driver passes through the runner."""
    params = LoadParams(products=0)
    with tempfile.TemporaryDirectory() as folder:
        for name, where in (("this process", 1), ("two workers", 2)):
            path = Path(folder) / f"{where}.sqlite"
            with executor(where) as places, Store(path) as store:
                run(LOAD, params, trials=64, seed=1, executor=places, store=store)
                begun = time.perf_counter()
                run(LOAD, params, trials=trials, executor=places, store=store)
                seconds = time.perf_counter() - begun
                assert store.count(key_of(LOAD, params, 0)) == trials
            print(f"empty trials through {name}: {trials / seconds:,.0f} a second")
    print()


def cluster(tasks: int) -> None:
    """How many tasks a second a Dask scheduler on this machine hands out: its own limit."""
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as running,
        executor(scheduler=running.scheduler_address) as where,
    ):
        run(LOAD, LoadParams(products=0), trials=64, executor=where)
        begun = time.perf_counter()
        futures = [where.submit(run_batch, LOAD, LoadParams(), 0, i, 1) for i in range(tasks)]
        for future in futures:
            future.result()
        seconds = time.perf_counter() - begun
        print(f"tasks of one empty trial through Dask: {tasks / seconds:,.0f} a second")
        begun = time.perf_counter()
        run(LOAD, LoadParams(products=0), trials=20 * tasks, seed=2, executor=where)
        seconds = time.perf_counter() - begun
        print(f"empty trials through Dask, in batches: {20 * tasks / seconds:,.0f} a second\n")


def main() -> None:
    """Run every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    overhead(50, 3 if quick else 9)
    workers(100, 3 if quick else 7)
    rate(2_000 if quick else 20_000)
    cluster(1_000)
    memory(10_000 if quick else 100_000)
    many(100_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()
