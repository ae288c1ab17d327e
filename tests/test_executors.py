from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import numpy as np
import pytest
from toys import COIN, SLOW, CoinParams

from sims.executors import Cluster, Leash, Pool, Recalled, executor
from sims.runner import Experiment, Stop, TrialError, run
from sims.store import Store, key_of


class Deadly(type(COIN)):
    """A coin that takes its worker with it whenever it is thrown."""

    name = "toys/deadly"

    def trial(self, params, grid, rng):
        os.kill(os.getpid(), signal.SIGKILL)


def same(one, other):
    assert one.trials == other.trials
    for name in one.mean:
        assert np.asarray(one.mean[name]).tobytes() == np.asarray(other.mean[name]).tobytes()


def finish(experiment):
    while experiment.step():
        pass


def kill_one(pids):
    os.kill(next(iter(pids)), signal.SIGKILL)


def test_one_worker_is_this_process():
    with executor(1) as where:
        assert where is None


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_a_number_of_workers_is_checked(workers):
    with pytest.raises(ValueError, match="workers"), executor(workers):
        pass


def test_a_pool_says_how_many_tasks_run_at_once_and_gives_the_same_bits():
    with executor(2) as where:
        assert where.places == 2
        same(run(SLOW, trials=20, executor=where), run(SLOW, trials=20))


def test_a_worker_that_is_killed_costs_its_trials_not_the_run(tmp_path):
    path = tmp_path / "trials.sqlite"
    with executor(2) as where, Store(path) as store:
        workers = {where.submit(os.getpid).result() for _ in range(20)}
        experiment = Experiment(SLOW, CoinParams(), stop=Stop(120), executor=where, store=store)
        while experiment.trials < 10:
            experiment.step()
        kill_one(workers)
        finish(experiment)
        same(experiment.result(), run(SLOW, trials=120))
        assert store.count(key_of(SLOW, CoinParams(), 0)) == 120
        assert experiment.computed == 120
        assert store.verify() == []


def test_trials_that_kill_every_worker_are_named():
    with executor(2) as where:
        experiment = Experiment(Deadly(), CoinParams(), stop=Stop(4), executor=where)
        with pytest.raises(TrialError, match="3 workers died"):
            finish(experiment)


def test_a_pool_starts_fresh_workers_after_a_death():
    pool = Pool(1)
    try:
        first = pool.submit(os.getpid).result()
        with pytest.raises(BrokenExecutor):
            pool.submit(os.kill, first, signal.SIGKILL).result()
        assert pool.submit(os.getpid).result() != first
    finally:
        pool.shutdown()


# --- a Dask cluster on this machine ---


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as running:
        yield running


def test_a_cluster_gives_the_same_bits(cluster, tmp_path):
    path = tmp_path / "trials.sqlite"
    with executor(scheduler=cluster.scheduler_address) as where:
        assert where.places == 2
        same(run(SLOW, trials=60, executor=where, store=path), run(SLOW, trials=60))
    with Store(path) as store:
        assert store.count(key_of(SLOW, CoinParams(), 0)) == 60
    assert run(SLOW, trials=60, store=path).provenance.computed == 0


def test_a_cluster_worker_killed_in_flight_changes_no_number(cluster):
    with executor(scheduler=cluster.scheduler_address) as where:
        pids = {worker.pid for worker in cluster.workers.values() if worker.pid}
        experiment = Experiment(SLOW, CoinParams(), stop=Stop(200), executor=where)
        while experiment.trials < 10:
            experiment.step()
        kill_one(pids)
        deadline = time.monotonic() + 120
        while experiment.step():
            assert time.monotonic() < deadline
        same(experiment.result(), run(SLOW, trials=200))


def test_a_trial_that_raises_on_a_cluster_is_named(cluster):
    from toys import CRACKED

    with (
        executor(scheduler=cluster.scheduler_address) as where,
        pytest.raises(TrialError, match="the coin broke"),
    ):
        run(CRACKED, trials=50, executor=where)


def test_nobody_answers():
    with pytest.raises(ValueError, match=r"scheduler = tcp://127\.0\.0\.1:9 is not allowed"):
        Cluster("tcp://127.0.0.1:9")


def test_tasks_that_wait_are_called_back(pool, tmp_path):
    leash = Leash(pool, tmp_path)
    assert leash.submit(pow, 2, 3).result(timeout=60) == 8
    tasks = [leash.submit(time.sleep, 2) for _ in range(30)]  # half a minute for two workers
    while not any(task.running() for task in tasks):
        time.sleep(0.01)
    leash.recall()
    begun = time.monotonic()
    ends = [task.exception(timeout=60) for task in tasks]
    assert time.monotonic() - begun < 15
    assert sum(isinstance(end, Recalled) for end in ends) >= 26
    assert list(tmp_path.iterdir()) == []
    assert [leash.submit(pow, 2, k).result(timeout=60) for k in range(4)] == [1, 2, 4, 8]


def test_a_leash_calls_back_its_own_tasks_only(pool, tmp_path):
    one, two = Leash(pool, tmp_path), Leash(pool, tmp_path)
    busy = [two.submit(time.sleep, 1) for _ in range(4)]
    gone = one.submit(pow, 2, 3)
    one.recall()
    assert [task.result(timeout=60) for task in busy] == [None] * 4
    assert isinstance(gone.exception(timeout=60), Recalled)
    del two
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["nonsense://x", "127.0.0.1:port"])
def test_an_address_that_is_none(address):
    with pytest.raises(ValueError, match="scheduler"):
        Cluster(address)


@pytest.mark.parametrize("tasks", [1, 20])  # while the second worker starts, and afterwards
def test_workers_do_not_outlive_a_killed_program(tmp_path, tasks):
    """kill -9 leaves no process behind that would hold memory for ever."""
    script = (
        "import os, signal, sys\n"
        "from sims.executors import Pool\n"
        "pool = Pool(2)\n"
        "tasks = [pool.submit(os.getpid) for _ in range(int(sys.argv[1]))]\n"
        "print(*{task.result() for task in tasks}, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tasks)],
        stdout=subprocess.PIPE,  # closed when the last worker is gone
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in ended.stdout.split()]
    assert workers
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
