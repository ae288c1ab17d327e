from __future__ import annotations

import math
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from toys import COIN, CRACKED, SLOW, WHOLE, Coin, CoinParams

import sims
from sims.moments import Moments
from sims.runner import Experiment, Stop, TrialError, run, run_batch
from sims.store import Store, key_of
from sims.study import Measure

HERE = Path(__file__).parent
PARAMS = CoinParams()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """Count the trials that are computed, by index."""
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("COIN_COUNT", str(folder))

    def count(process=""):
        found = (file.name.split("-") for file in folder.iterdir())
        return Counter(int(index) for index, where, _ in found if process in ("", where))

    return count


def by_hand(study, trials, seed=0, params=PARAMS):
    """Run trials as the documentation says they are run, without the runner."""
    found = []
    for index in range(trials):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        found.append(study.trial(params, study.grid(params), rng)["squared"])
    return found


def finish(experiment):
    while experiment.step():
        pass


def assert_same_bits(one, other):
    for arrays in ("theory", "mean", "stderr", "low", "high"):
        left, right = getattr(one, arrays), getattr(other, arrays)
        assert left.keys() == right.keys()
        for name in left:
            assert np.asarray(left[name]).tobytes() == np.asarray(right[name]).tobytes()
    assert one.trials == other.trials


def stored(path, study, seed=0, params=PARAMS):
    with Store(path) as store:
        assert store.verify() == []
        return store.read(key_of(study, params, seed))


# --- the same bits everywhere ---


def test_a_trial_depends_on_seed_and_index_alone():
    trials = by_hand(COIN, 7, seed=5)
    whole = run_batch(COIN, PARAMS, 5, 0, 7)
    apart = [run_batch(COIN, PARAMS, 5, index, 1)[0] for index in (6, 2, 0, 4, 1, 3, 5)]
    assert [trial.index for trial in whole] == list(range(7))
    for trial in [*whole, *apart]:
        assert trial.arrays["squared"].tobytes() == trials[trial.index].tobytes()
        assert trial.seconds >= 0


def test_the_mean_is_that_of_the_trials():
    trials = np.stack(by_hand(COIN, 25, seed=3))
    result = run(COIN, trials=25, seed=3)
    np.testing.assert_allclose(result.mean["squared"], trials.mean(axis=0), rtol=1e-13)
    error = trials.std(axis=0, ddof=1) / 5
    np.testing.assert_allclose(result.stderr["squared"], error, rtol=1e-12, atol=1e-17)
    assert result.trials == result.provenance.computed == 25
    assert result.provenance.stopped == "trials"
    assert not np.array_equal(result.mean["squared"], run(COIN, trials=25, seed=4).mean["squared"])


@pytest.mark.parametrize("study", [COIN, SLOW], ids=["batched", "one by one"])
def test_serial_and_two_processes_give_the_same_bits(pool, path, study):
    alone = run(study, trials=60, seed=1)
    together = run(study, trials=60, seed=1, executor=pool, store=path)
    assert_same_bits(alone, together)
    kept = stored(path, study, seed=1)
    assert [trial.index for trial in kept] == list(range(60))
    for trial, expected in zip(kept, run_batch(study, PARAMS, 1, 0, 60)):
        assert trial.arrays["squared"].tobytes() == expected.arrays["squared"].tobytes()


class Backwards(Executor):
    """Run what was sent last first, so that results arrive in the wrong order."""

    _max_workers = 3

    def __init__(self):
        self.waiting = []

    def submit(self, call, /, *arguments):
        future = Future()
        self.waiting.append((future, call, arguments))
        threading.Timer(0.002, self._run_last).start()
        return future

    def _run_last(self):
        future, call, arguments = self.waiting.pop()
        if future.set_running_or_notify_cancel():
            future.set_result(call(*arguments))


def test_the_order_of_arrival_changes_nothing():
    assert_same_bits(run(COIN, trials=30), run(COIN, trials=30, executor=Backwards()))


def test_threads_are_an_executor_too(path):
    with ThreadPoolExecutor(3) as threads:
        assert_same_bits(run(COIN, trials=50), run(COIN, trials=50, executor=threads, store=path))


# --- the store: nothing is computed twice ---


def test_a_second_run_computes_nothing(path, traces):
    first = run(COIN, trials=30, store=path)
    second = run(COIN, trials=30, store=path)
    assert_same_bits(first, second)
    assert (first.provenance.computed, second.provenance.computed) == (30, 0)
    fewer = run(COIN, trials=12, store=path)
    assert_same_bits(fewer, run(COIN, trials=12))
    more = run(COIN, trials=80, store=path)
    assert more.provenance.computed == 50
    assert_same_bits(more, run(COIN, trials=80))
    counted = traces()
    assert counted[11] == 1 + 1 + 1  # with the store once, and twice in the comparisons without
    assert counted[79] == 1 + 1


def test_other_values_seeds_and_studies_are_computed_anew(path):
    run(COIN, trials=10, store=path)
    assert run(COIN, {"p": 0.25}, trials=10, store=path).provenance.computed == 10
    assert run(COIN, trials=10, seed=1, store=path).provenance.computed == 10
    assert run(SLOW, trials=10, store=path).provenance.computed == 10
    assert run(COIN, {"p": "0.5"}, trials=10, store=path).provenance.computed == 0


def test_a_store_object_stays_open_and_a_path_is_closed(path):
    with Store(path) as store:
        run(COIN, trials=3, store=store)
        run(COIN, trials=5, store=store)
        assert store.count(key_of(COIN, PARAMS, 0)) == 5


@pytest.fixture(scope="module")
def many():
    """Return 600 trials and their summary."""
    return run_batch(COIN, PARAMS, 0, 0, 600), run(COIN, trials=600)


@pytest.mark.parametrize("executor", [None, Backwards()], ids=["serial", "executor"])
@pytest.mark.parametrize(
    "there",
    [
        [*range(4), *range(6, 20)],  # a run with two workers was killed between two commits
        [*range(2, 590)],  # more than is read at once lies beyond the gap
        [5, 9, 11, 13, 40],
    ],
    ids=["gap", "long", "holes"],
)
def test_trials_beyond_a_gap_are_not_computed_again(path, traces, many, there, executor):
    trials, summary = many
    with Store(path) as store:
        store.write(key_of(COIN, PARAMS, 0), [trials[index] for index in there])
        experiment = Experiment(COIN, PARAMS, stop=Stop(600), executor=executor, store=store)
        finish(experiment)
    assert traces() == Counter(set(range(600)) - set(there))
    assert (experiment.computed, experiment.recalled) == (600 - len(there), len(there))
    assert_same_bits(experiment.result(), summary)


def kill_when_it_has(trials, process, path):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            with closing(sqlite3.connect(path)) as store:
                if store.execute("SELECT count(*) FROM trials").fetchone()[0] >= trials:
                    break
        time.sleep(0.01)
    ended = process.poll()
    process.kill()
    assert ended is None, process.communicate()
    process.wait()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_resumes_to_the_same_bits(path, traces, workers):
    command = [sys.executable, str(HERE / "toy_cli.py"), "run", "slow", "--trials", "2000"]
    command += ["--store", str(path), "--workers", str(workers), "--seed", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=HERE)
    kill_when_it_has(12, process, path)
    committed = {trial.index for trial in stored(path, SLOW, seed=2)}
    assert 12 <= len(committed) < 2000
    resumed = run(SLOW, trials=60, seed=2, store=path)
    assert_same_bits(resumed, run(SLOW, trials=60, seed=2))
    missing = len(set(range(60)) - committed)
    assert resumed.provenance.computed == missing
    again = traces(str(os.getpid()))  # not those of workers that outlive their parent for a while
    for index in range(60):
        times = again[index] - 1  # less one for the comparison without a store
        assert times == (0 if index in committed else 1)


# --- stopping rules ---


def first_precise(target, seed=0):
    """Return how many trials a relative standard error takes, from its definition."""
    moments = Moments([Measure("squared", "s", ("side", "throws"))])
    for count, trial in enumerate(by_hand(COIN, 5000, seed), start=1):
        moments.add({"squared": trial})
        if count >= 10 and moments.relative_error() <= target:
            return count
    raise AssertionError


def test_precision_stops_at_the_same_trial_everywhere(pool, path):
    expected = first_precise(0.2)
    alone = run(COIN, precision=0.2)
    together = run(COIN, precision=0.2, executor=pool, store=path)
    again = run(COIN, precision=0.2, store=path)
    assert 10 < expected < 500
    for result in (alone, together, again):
        assert result.trials == expected
        assert result.provenance.stopped == "precision"
        assert_same_bits(result, alone)
    assert again.provenance.computed == 0


def test_precision_is_not_believed_before_the_tenth_trial():
    """A coin that always shows the same after two throws has a standard error of zero."""
    result = run(COIN, {"throws": (1,)}, precision=0.5)  # the deviation is always 1/4
    assert (result.trials, result.provenance.stopped) == (10, "precision")


def test_the_first_rule_that_is_met_stops():
    assert run(COIN, trials=15, precision=1e-6).provenance.stopped == "trials"
    both = run(COIN, trials=4000, precision=0.2)
    assert (both.provenance.stopped, both.trials) == ("precision", first_precise(0.2))


@pytest.mark.parametrize("with_pool", [False, True])
def test_a_time_budget_stops_and_keeps_what_is_there(path, pool, with_pool):
    executor = pool if with_pool else None
    begun = time.monotonic()
    result = run(SLOW, seconds=0.4, executor=executor, store=path)
    taken = time.monotonic() - begun
    assert result.provenance.stopped == "seconds"
    assert 0.4 <= result.provenance.seconds < taken < 10
    assert 0 < result.trials <= len(stored(path, SLOW))
    assert_same_bits(run(SLOW, trials=result.trials, store=path), result)


def test_zero_trials_is_theory_alone():
    result = run(COIN, trials=0)
    assert (result.trials, result.mean, result.low) == (0, {}, {})
    assert result.provenance.stopped == "trials"
    np.testing.assert_allclose(result.theory["bound"], [0.25, 0.025, 0.0025])
    assert result.holds is None


def test_one_trial_has_no_interval():
    result = run(COIN, trials=1)
    assert result.mean["squared"].tobytes() == by_hand(COIN, 1)[0].tobytes()
    for arrays in (result.stderr, result.low, result.high):
        assert np.isnan(arrays["squared"]).all()
    assert result.holds is None


def test_a_study_without_an_experiment(path):
    result = run(WHOLE, trials=10, store=path)
    assert (result.trials, result.mean, result.provenance.stopped) == (0, {}, "theory")
    assert result.holds


def test_the_preset_gives_the_number_when_nobody_does():
    assert run(COIN).trials == 40
    assert run(COIN, preset="paper").params.throws == (1, 10, 100, 1000)


# --- step by step ---


def test_steps_cancel_and_extend(traces):
    experiment = Experiment(SLOW, PARAMS, stop=Stop(30))
    assert experiment.step(timeout=0.0)
    assert (experiment.trials, experiment.done) == (1, False)
    assert experiment.result().provenance.stopped == "running"
    experiment.step(timeout=0.05)
    reached = experiment.trials
    assert 1 < reached < 30
    experiment.cancel()
    assert not experiment.step()
    assert experiment.result().provenance.stopped == "cancelled"
    assert experiment.trials == reached
    experiment.extend(Stop(40))
    finish(experiment)
    assert set(traces().items()) == {(index, 1) for index in range(40)}
    experiment.cancel()  # too late: it is done
    assert experiment.result().provenance.stopped == "trials"
    assert_same_bits(experiment.result(), run(SLOW, trials=40))


def test_extending_a_run_in_flight_sends_nothing_out_twice(traces):
    with ThreadPoolExecutor(2) as threads:
        experiment = Experiment(SLOW, PARAMS, stop=Stop(10), executor=threads)
        experiment.step(timeout=0.0)
        experiment.extend(Stop(20))
        experiment.step(timeout=0.0)
        experiment.extend(Stop(30))
        finish(experiment)
    assert set(traces().items()) == {(index, 1) for index in range(30)}
    assert experiment.computed == experiment.trials == 30


def test_extending_past_a_precision_uses_what_came_too_early():
    with ThreadPoolExecutor(2) as threads:
        experiment = Experiment(COIN, PARAMS, stop=Stop(precision=0.3), executor=threads)
        finish(experiment)
        stopped_at = experiment.trials
        threads.submit(int).result()
    experiment.extend(Stop(stopped_at + 5))
    finish(experiment)
    assert_same_bits(experiment.result(), run(COIN, trials=stopped_at + 5))


def test_extending_takes_from_the_store_what_another_run_has_put_there(path):
    with Store(path) as store:
        experiment = Experiment(COIN, PARAMS, stop=Stop(5), store=store)
        finish(experiment)
        run(COIN, trials=50, store=path)
        experiment.extend(Stop(40))
        assert (experiment.done, experiment.computed, experiment.trials) == (True, 5, 40)


def test_cancelling_with_workers_keeps_what_was_gathered(path):
    with ThreadPoolExecutor(2) as threads, Store(path) as store:
        experiment = Experiment(SLOW, PARAMS, stop=Stop(500), executor=threads, store=store)
        while experiment.trials < 8:
            experiment.step()
        experiment.cancel()
        assert not experiment.step()
        assert 8 <= experiment.trials < 500
        assert store.count(key_of(SLOW, PARAMS, 0)) >= experiment.trials
        experiment.extend(Stop(experiment.trials + 10))  # what was in flight is sent out again
        finish(experiment)
        assert_same_bits(experiment.result(), run(SLOW, trials=experiment.trials))


def test_progress_is_told_and_may_cancel():
    seen = []

    def watch(experiment):
        seen.append(experiment.trials)
        if experiment.trials >= 3:
            experiment.cancel()

    result = run(SLOW, trials=1000, progress=watch)
    assert result.provenance.stopped == "cancelled"
    assert seen[-1] == result.trials < 1000


# --- trials that go wrong ---


def first_crack(seed):
    for index in range(200):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        if rng.random() < 0.2:
            return index
    raise AssertionError


@pytest.mark.parametrize("with_pool", [False, True])
def test_a_failing_trial_is_named(pool, with_pool):
    with pytest.raises(TrialError) as caught:
        run(CRACKED, {"p": 0.25}, trials=50, seed=4, executor=pool if with_pool else None)
    message = str(caught.value)
    if not with_pool:  # with workers another one may come first
        assert message.startswith(f"trial {first_crack(4)} of toys/cracked")
    index = int(message.split()[1])
    assert "CoinParams(p=0.25, throws=(1.0, 10.0, 100.0), claim=1.0), seed 4" in message
    assert message.endswith("ArithmeticError: the coin broke")
    assert str(pickle.loads(pickle.dumps(caught.value))) == message
    with pytest.raises(TrialError, match="the coin broke"):  # so that it can be run again alone
        run_batch(CRACKED, CoinParams(p=0.25), 4, index, 1)


def test_a_failed_experiment_stays_failed_until_it_is_extended():
    experiment = Experiment(CRACKED, PARAMS, stop=Stop(50))
    for _ in range(3):
        with pytest.raises(TrialError):
            finish(experiment)
        assert experiment.done
        assert experiment.result().provenance.stopped == "failed"
    experiment.extend(Stop(experiment.trials))
    assert not experiment.step()


def returning(arrays, summary="mean"):
    class Odd(Coin):
        name = "toys/odd"
        measures = (Measure("squared", "s", ("side", "throws"), summary=summary),)

        def theory(self, params, grid):
            return {}

        def trial(self, params, grid, rng):
            return arrays

    return Odd()


@pytest.mark.parametrize(
    ("arrays", "summary", "message"),
    [
        ({"other": np.ones((2, 3))}, "mean", "returned 'other', but its measures are squared"),
        ({"squared": np.ones((3, 2))}, "mean", r"has shape \(3, 2\), but .* have \(2, 3\)"),
        ({"squared": np.ones(3)}, "mean", r"has shape \(3,\), but its axes \(side, throws\)"),
        ({"squared": np.full((2, 3), math.nan)}, "mean", "squared that is not finite"),
        ({"squared": np.full((2, 3), math.inf)}, "median", "squared that is not finite"),
        ({"squared": np.zeros((2, 3))}, "log-mean", "squared <= 0, which has no logarithm"),
    ],
)
def test_what_a_study_did_not_declare_is_refused_before_it_is_stored(
    path, arrays, summary, message
):
    odd = returning(arrays, summary)
    with pytest.raises(TrialError, match=f"trial 0 of toys/odd at .*{message}"):
        run(odd, trials=5, store=path)
    assert stored(path, odd) == []


def test_a_theory_of_the_wrong_shape_is_refused():
    class Flat(Coin):
        def theory(self, params, grid):
            return {"squared": np.ones(3)}

    with pytest.raises(ValueError, match=r"toys/coin: squared has shape \(3,\)"):
        run(Flat(), trials=1)


def test_a_worker_that_is_killed_breaks_the_run_and_loses_no_trial(path):
    from joblib.externals.loky import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor, Store(path) as store:
        experiment = Experiment(SLOW, PARAMS, stop=Stop(5000), executor=executor, store=store)
        while experiment.trials < 5:
            experiment.step()
        victim = next(iter(executor._processes.values()))
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            finish(experiment)
        gathered = experiment.trials
        assert store.count(key_of(SLOW, PARAMS, 0)) >= gathered >= 5
    resumed = run(SLOW, trials=gathered, store=path)
    assert resumed.provenance.computed == 0


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": -1}, r"trials = -1 is not allowed: it must be a whole number in \[0, inf\)"),
        ({"trials": 2.5}, r"trials = 2.5 is not allowed: it must be a whole number"),
        ({"precision": 0}, r"precision = 0 is not allowed: it must be in \(0, inf\)"),
        ({"precision": math.nan}, r"precision = nan is not allowed"),
        ({"seconds": -1}, r"seconds = -1 is not allowed: it must be in \(0, inf\)"),
        ({"seed": -1}, r"seed = -1 is not allowed: it must be a whole number in \[0, 9.22"),
        ({"seed": 2**63}, r"seed = 9223372036854775808 is not allowed"),
        ({"seed": 0.5}, r"seed = 0.5 is not allowed: it must be a whole number"),
        ({"params": {"p": 7}}, r"p = 7 is not allowed: it must be a number in \[0, 1\] \(bias\)"),
        ({"params": {"q": 7}}, r"q is not a parameter of this study"),
        ({"preset": "best"}, r"preset = 'best' is not allowed: toys/coin has quick, paper, wrong"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(COIN, **{"trials": 1, **arguments})


def test_parameters_of_another_study_are_refused():
    class Other(CoinParams):
        """The same fields and more: a study's own parameters in a wider sense."""

    from sims.params import Params

    class Stranger(Params):
        pass

    assert run(COIN, Other(), trials=1).trials == 1
    with pytest.raises(ValueError, match=r"params = Stranger\(\) is not allowed: it must be CoinP"):
        run(COIN, Stranger(), trials=1)


def test_numbers_from_numpy_are_numbers(path):
    result = run(COIN, trials=np.int64(4), seed=np.uint32(3), store=path)
    assert_same_bits(result, run(COIN, trials=4.0, seed=3, store=path))


def test_seeds_are_told_apart_beyond_floating_point(path):
    large = 2**53
    one = run(COIN, trials=3, seed=large, store=path)
    other = run(COIN, trials=3, seed=large + 1, store=path)
    assert not np.array_equal(one.mean["squared"], other.mean["squared"])
    assert run(COIN, trials=3, seed=2**63 - 1, store=path).provenance.seed == 2**63 - 1


# --- names ---


def test_studies_are_found_by_name(toy_catalogue):
    assert_same_bits(sims.run("toys/coin", trials=3), run(COIN, trials=3))
    assert sims.run("coin", trials=3).study is COIN
    with pytest.raises(ValueError, match="study = 'toys/coyn' is not in the catalogue: did you me"):
        sims.run("toys/coyn")
    with pytest.raises(ValueError, match="`sims list` shows them all"):
        sims.run("nothing like it")


# --- many workers ---


class Wide(Backwards):
    """An executor that says it has very many places."""

    places = 400


def test_many_workers_get_longer_batches():
    """A scheduler hands out some hundred tasks a second, however many workers wait."""
    few, many = (Experiment(COIN, PARAMS, stop=Stop(10**6), executor=e) for e in (None, Wide()))
    for experiment in (few, many):
        experiment.trial_seconds = 0.02
    assert few.take().count == 5
    assert many.take().count == 400
    many.trial_seconds = 100.0
    assert many.take().count == 1
    assert_same_bits(run(COIN, trials=500, executor=Wide()), run(COIN, trials=500))
