from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from toys import COIN, SLOW, CoinParams

from sims.runner import Experiment, Stop, run, run_batch
from sims.store import Key, Store, Trial, key_of

HERE = Path(__file__).parent
KEY = Key("toys/coin", "{}", 0, "digest")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


@pytest.fixture
def store(path):
    with Store(path) as opened:
        yield opened


def kept(index):
    return Trial(index, 0.1, {"risk": np.ones(1)})


def test_claims_do_not_overlap_and_leave_out_what_is_stored(store):
    store.write(KEY, [kept(2), kept(3)])
    assert store.claim(KEY, "a", 0, 10, 4, 60) == (0, 2)
    assert store.claim(KEY, "b", 0, 10, 4, 60) == (4, 4)
    assert store.claim(KEY, "a", 0, 10, 4, 60) == (8, 2)
    assert store.claim(KEY, "b", 0, 10, 4, 60) == (10, 0)
    assert store.claim(KEY, "b", 0, 11, 4, 60) == (10, 1)


def test_claims_belong_to_one_experiment(store):
    other = Key("toys/coin", "{}", 1, "digest")
    assert store.claim(KEY, "a", 0, 4, 4, 60) == (0, 4)
    assert store.claim(other, "b", 0, 4, 4, 60) == (0, 4)


def test_a_long_stretch_of_stored_trials_is_passed_over(store):
    store.write(KEY, [kept(index) for index in range(1203)])
    assert store.claim(KEY, "a", 0, 5000, 3, 60) == (1203, 3)


def test_what_is_released_or_has_run_out_can_be_claimed_again(store):
    store.claim(KEY, "a", 0, 4, 4, 60)
    store.claim(KEY, "b", 4, 8, 4, 60)
    store.release("a")
    assert store.claim(KEY, "c", 0, 8, 8, 0.05) == (0, 4)
    time.sleep(0.1)
    assert store.claim(KEY, "d", 0, 8, 8, 60) == (0, 4)


def test_writing_a_trial_ends_its_claim(store):
    store.claim(KEY, "a", 0, 2, 2, 60)
    store.write(KEY, [kept(0), kept(1)])
    store.delete(KEY)
    assert store.claim(KEY, "b", 0, 2, 2, 60) == (0, 2)


def test_the_claims_of_a_dead_process_are_void(path):
    script = (
        "import os, sys; from sims.store import Key, Store\n"
        "store = Store(sys.argv[1])\n"
        "store.claim(Key('toys/coin', '{}', 0, 'digest'), 'dead', 0, 8, 8, 3600)\n"
        "os._exit(9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == 9
    with Store(path) as store:
        assert store.claim(KEY, "alive", 0, 8, 8, 60) == (0, 8)


def test_a_store_from_before_there_were_claims_still_opens(path):
    with Store(path) as store:
        store.write(KEY, [kept(0)])
        with closing(store._connection.cursor()) as cursor:
            cursor.execute("DROP TABLE claims")
    with Store(path) as store:
        assert store.claim(KEY, "a", 0, 4, 4, 60) == (1, 3)


def test_two_experiments_share_the_work_and_agree(path):
    with Store(path) as one, Store(path) as two:
        pair = [Experiment(COIN, CoinParams(), stop=Stop(400), store=store) for store in (one, two)]
        going = [True]
        while any(going):
            going = [experiment.step(0.002) for experiment in pair]
        expected = run(COIN, trials=400)
        for experiment in pair:
            assert experiment.computed > 0
            assert experiment.computed + experiment.recalled >= 400
            mean = experiment.result().mean["squared"]
            assert mean.tobytes() == expected.mean["squared"].tobytes()
        assert sum(experiment.computed for experiment in pair) == 400  # nothing twice
        assert one.verify() == []


def test_the_other_takes_over_what_a_cancelled_one_had_claimed(path):
    with Store(path) as store:
        first = Experiment(COIN, CoinParams(), stop=Stop(20), store=store)
        taken = first.take()
        second = Experiment(COIN, CoinParams(), stop=Stop(20), store=store)
        second.step(0.1)
        assert taken is not None
        assert second.trials == 0  # trial 0 is the first one's
        first.cancel()
        while second.step():
            pass
        assert second.computed == 20


def test_a_trial_stored_by_somebody_else_is_not_computed(path):
    with Store(path) as store:
        experiment = Experiment(COIN, CoinParams(), stop=Stop(30), store=store)
        experiment.step(0)
        done = experiment.computed
        trials = run_batch(COIN, CoinParams(), 0, 0, 30)
        store.write(key_of(COIN, CoinParams(), 0), trials)
        while experiment.step():
            pass
        assert (experiment.trials, experiment.computed) == (30, done)


def test_two_processes_on_one_store_compute_nothing_twice(path, tmp_path, monkeypatch):
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("COIN_COUNT", str(folder))
    command = [sys.executable, str(HERE / "toy_cli.py"), "run", "slow", "--trials", "300"]
    command += ["--store", str(path), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=HERE) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert {process.returncode for process in both} <= {0, 3}
    assert all(b'"trials": 300' in out for out in said)
    found = [file.name.split("-") for file in folder.iterdir()]
    assert Counter(int(index) for index, _, _ in found) == Counter(range(300))
    with Store(path) as store:
        assert store.verify() == []
        assert store.count(key_of(SLOW, CoinParams(), 0)) == 300
