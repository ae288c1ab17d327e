from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from toys import COIN

from sims.agreement import agreement, exceeds, never_above, never_rises, reach, statement
from sims.study import Outcome


def outcome(theory, mean, half, trials=20, alarm=1e-3):
    """Return an outcome with intervals ``mean ± half``, or from low to high where it is a pair."""
    theory, mean = np.asarray(theory, dtype=float), np.asarray(mean, dtype=float)
    low, high = half if isinstance(half, tuple) else (mean - half, mean + half)
    low, high = np.broadcast_to(low, mean.shape), np.broadcast_to(high, mean.shape)
    arrays = [{"e": a} for a in (theory, mean, (high - low) / 4, low, high)]
    return Outcome(COIN.presets[0].params, {}, *arrays, trials=trials, alarm=alarm)


def test_theory_inside_tight_intervals_holds():
    check = agreement(outcome([1, 2, 3], [1.001, 1.999, 3.0], 0.005), "e", tolerance=0)
    assert (check.status, check.figure, check.threshold) == ("holds", 1.0, 0.9)
    assert check.name == "e-agrees"
    assert check.detail == "100% of 3 points agree; largest deviation 0.1%"


@pytest.mark.parametrize("above", [True, False])
def test_theory_outside_fails_and_the_tolerance_is_relative_to_theory(above):
    side = 104.0 if above else 96.0
    found = outcome([100.0] * 10, [side] * 10, 1.0)
    assert agreement(found, "e", tolerance=0).status == "fails"
    # 20 trials: refused beyond 2.19 half-widths (two of ten may miss: t with 19 degrees, 2e-4)
    assert agreement(found, "e", tolerance=0.016).status == "fails"
    assert agreement(found, "e", tolerance=0.019).status == "undecided"
    assert agreement(found, "e", tolerance=0.029).status == "undecided"
    assert agreement(found, "e", tolerance=0.031).status == "holds"


def test_the_share_decides():
    mean = np.r_[np.ones(8), 2.0, 2.0]
    found = outcome(np.ones(10), mean, 0.01)
    assert agreement(found, "e", tolerance=0, share=0.8).status == "holds"
    check = agreement(found, "e", tolerance=0, share=0.9)
    assert (check.status, check.figure) == ("fails", 0.8)
    assert "largest deviation 100.0%" in check.detail


def test_wide_intervals_are_no_evidence():
    check = agreement(outcome([1, 1, 1], [1.2, 0.9, 1.1], 0.5), "e", tolerance=0.1)
    assert check.status == "undecided"
    assert "too wide" in check.detail
    assert agreement(outcome([1, 1], [9, 9], 0.5), "e", tolerance=0.1).status == "fails"


def test_an_interval_need_not_be_symmetric():
    """A median's interval reaches further to one side; the theory must lie in it, not near it."""
    low, high = np.array([0.9]), np.array([2.9])
    found = outcome([1.5], [1.0], (low, high), 50)
    assert agreement(found, "e", tolerance=0.5).figure == 1
    found = outcome([0.4], [1.0], (low, high), 50)  # within the half-width of the centre: not in it
    assert agreement(found, "e", tolerance=0).figure == 0


@pytest.mark.parametrize("trials", [0, 1])
def test_fewer_than_two_trials_decide_nothing(trials):
    empty = Outcome(COIN.presets[0].params, {}, {"e": np.ones(2)}, {}, {}, {}, {}, trials=trials)
    check = agreement(empty, "e", tolerance=0.1)
    assert check.status == "undecided"
    assert math.isnan(check.figure)


def test_points_that_are_not_finite_are_left_out_and_counted():
    found = outcome([1, math.inf, 1], [1, 5, 1], 0.001)
    check = agreement(found, "e", tolerance=0)
    assert (check.status, check.figure) == ("holds", 1.0)
    assert check.detail.endswith("1 without a finite value left out")
    found = outcome([1, 1], [1, 1], math.nan)
    assert agreement(found, "e", tolerance=0).status == "undecided"


def test_where_restricts_the_statement_and_broadcasts():
    theory, mean = np.ones((2, 3)), np.ones((2, 3))
    mean[:, 1] = 7
    found = outcome(theory, mean, 0.001)
    assert agreement(found, "e", tolerance=0).status == "fails"
    check = agreement(found, "e", tolerance=0, where=[True, False, True])
    assert (check.status, check.figure) == ("holds", 1.0)
    assert agreement(found, "e", tolerance=0, where=False).status == "undecided"


def test_zero_against_zero_agrees():
    check = agreement(outcome([0, 0], [0, 0], 0.0), "e", tolerance=0.1)
    assert (check.status, check.figure) == ("holds", 1.0)


def test_the_false_alarm_rate_of_an_exact_theory():
    """One point: an exact theory is doubted as often as its interval misses (5 %), refused as
    often as one twice as wide does (0.1 % at twelve trials)."""
    from sims.moments import Moments
    from sims.study import Measure

    rng = np.random.default_rng(0)
    seen = Counter()
    for _ in range(400):
        moments = Moments([Measure("e", "e", ())])
        for value in rng.normal(5, 1, size=12):
            moments.add({"e": np.asarray(value)})
        low, high = moments.interval()
        params = COIN.presets[0].params
        found = Outcome(
            params, {}, {"e": np.array(5.0)}, moments.mean(), moments.stderr(), low, high, trials=12
        )
        seen[agreement(found, "e", tolerance=1e-9, share=1).detail.count("more trials")] += 1
        seen["fails"] += agreement(found, "e", tolerance=1e-9, share=1).status == "fails"
    assert 5 <= seen[1] + seen["fails"] <= 40  # binomial(400, 0.05): outside with prob. 4e-5
    assert seen["fails"] <= 4  # binomial(400, 0.001): more with probability 6e-5


def simulated(rng, means, trials, alarm):
    """Return the outcome of unit-variance trials whose points all share one deviation."""
    values = means + rng.normal(size=(trials, 1))
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(trials)
    half = stats.t.ppf(0.975, trials - 1) * error
    return outcome(means, mean, half, trials, alarm)


def test_the_stated_false_alarm_rate_is_not_exceeded_however_points_depend():
    """All points go astray together: the worst case of the bound that `reach` uses."""
    rng = np.random.default_rng(1)
    alarm, repetitions = 0.05, 2000
    refused = Counter()
    for _ in range(repetitions):
        found = simulated(rng, np.full(20, 7.0), 6, alarm)
        refused["agreement"] += agreement(found, "e", tolerance=0).status == "fails"
        refused["never_above"] += never_above(found, "e", 7.0).status == "fails"
        refused["exceeds"] += exceeds(found, "e", 7.0).status == "holds"
    # binomial(2000, 0.05): more than 145 with probability 8e-6
    assert max(refused.values()) <= 145
    assert refused["agreement"] > 0


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_reach_grows_as_trials_alarm_and_points_ask(share):
    def at(trials, alarm, points):
        return reach(outcome([1.0], [1.0], 1.0, trials, alarm), share, points)

    assert at(3, 1e-3, 10) > at(10, 1e-3, 10) > at(1000, 1e-3, 10) > 1
    assert at(20, 1e-6, 10) > at(20, 1e-3, 10)
    if share == 1:
        assert at(20, 1e-3, 1000) > at(20, 1e-3, 10)


def test_an_undecided_check_says_how_many_trials_it_needs():
    check = agreement(outcome([1, 1, 1], [1, 1, 1], 0.08, trials=10), "e", tolerance=0.02)
    assert (check.status, check.needs) == ("undecided", 150)  # four times narrower: 16 times 10
    assert agreement(outcome([1], [1], 0.001), "e", tolerance=0.02).needs == 0


def test_never_above():
    found = outcome([0, 0], [0.9, 1.04], 0.05)
    assert never_above(found, "e", 1.0).status == "holds"
    assert never_above(found, "e", [1.0, 1.0]).figure == 1.04
    assert never_above(found, "e", 0.95).status == "undecided"
    assert never_above(found, "e", 0.95).needs > 0
    assert never_above(found, "e", 0.7).status == "fails"
    assert never_above(found, "e", 0.9, tolerance=0.2).status == "holds"
    assert never_above(found, "e", 0.95, where=[True, False]).status == "holds"
    assert never_above(found, "e", 0.95, where=False).status == "undecided"
    assert never_above(outcome([0], [0], 0, trials=1), "e", 1.0).status == "undecided"


def test_exceeds():
    found = outcome([0, 0, 0], [3.0, 2.0, 1.0], 0.5)
    assert exceeds(found, "e").status == "undecided"  # 1 is only two half-widths off
    assert exceeds(found, "e", share=0.6).status == "holds"
    assert exceeds(found, "e", -1.0).status == "holds"
    assert exceeds(found, "e", 9.0).status == "fails"
    assert exceeds(found, "e", [0.0, 0.0, 9.0], share=0.6).status == "holds"
    assert exceeds(found, "e", where=[True, True, False]).figure == 1
    assert exceeds(found, "e", where=False).status == "undecided"
    assert exceeds(outcome([0], [0], 0, trials=1), "e").status == "undecided"
    assert 0 < exceeds(found, "e").needs < 100


@pytest.mark.parametrize(
    ("figure", "below", "status"),
    [(1.0, True, "holds"), (1.1, True, "fails"), (1.0, False, "holds"), (0.9, False, "fails")],
)
def test_statement(figure, below, status):
    assert statement("s", "s", figure, 1.0, "", below=below).status == status


@pytest.mark.parametrize("below", [True, False])
def test_a_statement_about_nothing_fails(below):
    assert statement("s", "s", math.nan, 1.0, "", below=below).status == "fails"


def test_never_rises():
    falling = np.array([[3.0, 2.0, 1.0], [4.0, 4.0, 1.0]])
    assert never_rises(falling, 1) == 0
    assert never_rises(falling, 0) == pytest.approx(1.0)
    assert never_rises(np.array([2.0, 2.5]), 0) == pytest.approx(0.25)
    assert never_rises(np.array([1.0, 1 + 1e-12]), 0) == 0
    assert never_rises(np.array([1.0]), 0) == 0


def test_never_rises_at_zero_inf_and_nan():
    assert never_rises(np.array([math.inf, math.inf, 3.0, 0.0, 0.0]), 0) == 0
    assert never_rises(np.array([0.0, 1.0]), 0) == math.inf
    assert never_rises(np.array([1.0, math.inf]), 0) == math.inf
    assert math.isnan(never_rises(np.array([3.0, math.nan, 1.0]), 0))
    assert never_rises(np.array([-2.0, -1.0]), 0) == pytest.approx(0.5)
