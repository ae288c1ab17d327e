from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from sims.moments import Moments
from sims.study import Measure

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)
TRIALS = st.integers(2, 30).flatmap(lambda n: arrays(float, (n, 3), elements=VALUES))


def folded(trials, summary="mean"):
    moments = Moments([Measure("e", "e", ("k",), summary=summary)])
    for trial in trials:
        moments.add({"e": np.asarray(trial)})
    return moments


@given(TRIALS)
def test_mean_error_and_interval_are_numpys(trials):
    moments, count = folded(trials), len(trials)
    scale = np.abs(trials).max() + 1e-300
    mean, error = trials.mean(axis=0), trials.std(axis=0, ddof=1) / math.sqrt(count)
    np.testing.assert_allclose(moments.mean()["e"], mean, rtol=1e-12, atol=1e-13 * scale)
    np.testing.assert_allclose(moments.stderr()["e"], error, rtol=1e-9, atol=1e-12 * scale)
    half = stats.t.ppf(0.975, count - 1) * error
    low, high = moments.interval()
    tolerance = 1e-11 * scale
    np.testing.assert_allclose(low["e"], mean - half, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(high["e"], mean + half, rtol=1e-9, atol=tolerance)


@given(TRIALS.map(lambda a: np.exp(a / 1e5)))
def test_log_mean_is_the_mean_of_logarithms(trials):
    moments, count = folded(trials, "log-mean"), len(trials)
    logs = np.log(trials)
    mean, error = logs.mean(axis=0), logs.std(axis=0, ddof=1) / math.sqrt(count)
    np.testing.assert_allclose(moments.mean()["e"], np.exp(mean), rtol=1e-10)
    np.testing.assert_allclose(
        moments.stderr()["e"], error * np.exp(mean), rtol=1e-8, atol=1e-12 * np.exp(mean).max()
    )
    half = stats.t.ppf(0.975, count - 1) * error
    low, high = moments.interval()
    np.testing.assert_allclose(low["e"], np.exp(mean - half), rtol=1e-8)
    np.testing.assert_allclose(high["e"], np.exp(mean + half), rtol=1e-8)


@given(TRIALS)
def test_median_is_numpys_and_its_interval_are_order_statistics(trials):
    moments = folded(trials, "median")
    np.testing.assert_array_equal(moments.mean()["e"], np.median(trials, axis=0))
    low, high = moments.interval()
    if len(trials) < 6:
        assert np.isnan(low["e"]).all()
        assert np.isnan(high["e"]).all()
        assert np.isnan(moments.stderr()["e"]).all()
    else:
        assert all(value in trials[:, i] for i, value in enumerate(low["e"]))
        assert np.all(low["e"] <= moments.mean()["e"])
        assert np.all(moments.mean()["e"] <= high["e"])


@pytest.mark.parametrize("count", range(1, 120))
def test_median_interval_covers_at_95_percent_and_is_the_shortest(count):
    """Ranks r+1 … n-r cover the median unless at most r trials fall on one side: exact binomial."""
    moments = folded(np.arange(float(count))[:, None], "median")
    low, high = (ends["e"][0] for ends in moments.interval())
    tails = np.cumsum([math.comb(count, k) for k in range(count + 1)], dtype=object)
    misses = [2 * int(tail) / 2**count for tail in tails[: (count + 1) // 2]]
    legal = [rank for rank, miss in enumerate(misses) if miss <= 0.05]
    if not legal:
        assert math.isnan(low)
        assert math.isnan(high)
    else:
        assert (low, high) == (legal[-1], count - 1 - legal[-1])


@given(TRIALS, st.randoms(use_true_random=False))
def test_the_order_of_trials_matters_to_the_last_bits_only(trials, random):
    """Same trials in the same order: same bits. Another order: rounding, no more.

    That is why the runner folds by index and never by arrival.
    """
    again = folded(trials)
    np.testing.assert_array_equal(folded(trials).mean()["e"], again.mean()["e"])
    np.testing.assert_array_equal(folded(trials).stderr()["e"], again.stderr()["e"])
    order = list(range(len(trials)))
    random.shuffle(order)
    scale = np.abs(trials).max()
    shuffled = folded(trials[order])
    np.testing.assert_allclose(shuffled.mean()["e"], again.mean()["e"], atol=1e-13 * scale)
    np.testing.assert_allclose(shuffled.stderr()["e"], again.stderr()["e"], atol=1e-12 * scale)


def test_a_large_offset_does_not_eat_the_variance():
    trials = 1e9 + np.random.default_rng(1).normal(size=(1000, 1))
    exact = np.std(trials - 1e9, ddof=1, axis=0) / math.sqrt(1000)
    np.testing.assert_allclose(folded(trials).stderr()["e"], exact, rtol=1e-6)


def test_one_trial_has_a_mean_and_no_error():
    for summary in ("mean", "median", "log-mean"):
        moments = folded([[2.0, 3.0]], summary)
        np.testing.assert_allclose(moments.mean()["e"], [2, 3])
        assert np.isnan(moments.stderr()["e"]).all()
        assert all(np.isnan(end["e"]).all() for end in moments.interval())
        assert moments.relative_error() == math.inf


def test_no_trial_has_nothing():
    moments = folded([])
    assert moments.count == 0
    assert moments.mean() == moments.stderr() == {}
    assert moments.interval() == ({}, {})
    assert moments.relative_error() == math.inf


@pytest.mark.parametrize("summary", ["mean", "median", "log-mean"])
def test_scalars_are_measures_too(summary):
    moments = folded(np.arange(1.0, 8.0), summary)
    centre = {"mean": 4, "median": 4, "log-mean": math.factorial(7) ** (1 / 7)}[summary]
    low, high = moments.interval()
    assert np.shape(moments.mean()["e"]) == np.shape(low["e"]) == ()
    assert float(moments.mean()["e"]) == pytest.approx(centre)
    assert low["e"] < centre < high["e"]
    assert 0 < moments.relative_error() < 1


def test_measures_that_no_trial_returns_are_absent():
    moments = Moments([Measure("e", "e", ()), Measure("bound", "b", ())])
    moments.add({"e": np.array(1.0)})
    assert set(moments.mean()) == {"e"}


@pytest.mark.parametrize(
    ("summary", "trial", "message"),
    [
        ("mean", {"f": 1.0}, "a trial returned 'f', which the study does not declare"),
        ("mean", {"e": [1.0, math.nan]}, "a value of e that is not finite"),
        ("mean", {"e": [1.0, math.inf]}, "a value of e that is not finite"),
        ("median", {"e": [1.0, -math.inf]}, "a value of e that is not finite"),
        ("log-mean", {"e": [1.0, 0.0]}, "a trial returned e <= 0"),
        ("log-mean", {"e": [1.0, math.nan]}, "a trial returned e <= 0"),
        ("log-mean", {"e": [1.0, math.inf]}, "a value of e that is not finite"),
    ],
)
def test_a_refused_trial_changes_nothing(summary, trial, message):
    moments = folded([[1.0, 2.0], [2.0, 5.0]], summary)
    before = moments.mean()["e"].copy()
    with pytest.raises(ValueError, match=message):
        moments.add({name: np.asarray(value) for name, value in trial.items()})
    assert moments.count == 2
    np.testing.assert_array_equal(moments.mean()["e"], before)


def test_what_is_returned_is_not_what_is_kept():
    moments = folded([[1.0], [3.0]])
    moments.mean()["e"][:] = 99
    moments.stderr()["e"][:] = 99
    assert moments.mean()["e"].tolist() == [2.0]
    assert moments.stderr()["e"].tolist() == [1.0]


# --- the precision that a stopping rule asks for ---


def test_relative_error_is_the_worst_point():
    trials = np.array([[10.0, 1.0], [10.0, 2.0], [11.0, 3.0]])
    error = trials.std(axis=0, ddof=1) / math.sqrt(3) / trials.mean(axis=0)
    assert folded(trials).relative_error() == pytest.approx(error.max())


def test_relative_error_of_a_centre_at_zero_is_infinite_unless_it_is_certain():
    assert folded([[-1.0], [1.0]]).relative_error() == math.inf
    assert folded([[0.0], [0.0]]).relative_error() == 0


def test_relative_error_of_a_median_without_an_interval_is_infinite():
    """Or else a precision target would be met at once, with no interval at all."""
    assert folded([[1.0], [2.0], [3.0]], "median").relative_error() == math.inf
    assert math.isfinite(folded(np.arange(1.0, 8.0)[:, None], "median").relative_error())


def test_relative_error_of_negative_values():
    assert folded([[-1.0], [-3.0]]).relative_error() == pytest.approx(0.5)
