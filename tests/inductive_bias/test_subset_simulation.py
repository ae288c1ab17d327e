import math

import numpy as np
import pytest
from scipy.special import log_ndtr
from scipy.stats import binom

from sims.inductive_bias.inversion import log_cdf
from sims.inductive_bias.subset_simulation import run_subset_simulation, two_stage_information

BITS = math.log(2)


def test_deep_quadratic_form():
    # 40 dimensions, 63.7 bits. Eight runs scatter by 0.33 bits, so their mean by 0.12: 5 sigma.
    weights = np.arange(1, 41) ** -0.5
    weights /= weights.sum()
    centre = 0.5 * np.random.default_rng(0).standard_normal(40)
    exact = -float(log_cdf(0.05, weights, noncentrality=centre**2)) / BITS
    runs = [
        run_subset_simulation(
            lambda theta: ((theta + centre) ** 2) @ weights,
            0.05,
            np.random.default_rng(seed),
            dimension=40,
            particles=500,
        )
        for seed in range(8)
    ]
    found = np.array([-run.log_probability / BITS for run in runs])
    assert 50 < exact < 80
    # half the particles, so sqrt(2) more scatter
    assert abs(found.mean() - exact) < 5 * 0.33 * math.sqrt(2) / math.sqrt(8)
    assert np.mean([run.deviation for run in runs]) / BITS == pytest.approx(found.std(), rel=2)
    run = runs[0]
    assert run.levels[-1] == 0.05
    assert np.all(np.diff(run.levels) < 0)
    assert run.log_probability == pytest.approx(np.log(run.fractions).sum())
    assert 0.2 < run.acceptance[-1] < 0.4


def test_common_events_are_counted():
    # one level, 4000 particles: 5 sigma of the binomial, false alarm < 1e-6
    run = run_subset_simulation(
        lambda theta: theta[:, 0], 0.5, np.random.default_rng(0), dimension=1, particles=4000
    )
    share = math.exp(float(log_ndtr(0.5)))
    assert len(run.levels) == 1
    assert abs(math.exp(run.log_probability) - share) < 5 * math.sqrt(share * (1 - share) / 4000)
    assert run.deviation == pytest.approx(math.sqrt((1 - share) / share / 4000), rel=0.1)


def test_scores_that_tie():
    # the number of wrong signs among 30: a 0-1 error; ln P(<= 2). Scatter of one run is 0.25
    # nats (20 % levels of 2000 particles, correlated moves): 5 sigma
    run = run_subset_simulation(
        lambda theta: (theta > 0).sum(axis=1).astype(float),
        2.0,
        np.random.default_rng(1),
        dimension=30,
        particles=2000,
        sweeps=20,
    )
    assert run.log_probability == pytest.approx(binom.logcdf(2, 30, 0.5), abs=1.25)


def test_unreachable_is_said():
    run = run_subset_simulation(
        lambda theta: 1.0 + theta[:, 0] ** 2,
        0.5,
        np.random.default_rng(2),
        dimension=1,
        particles=50,
        max_levels=15,
    )
    assert run.log_probability == -np.inf
    assert math.isnan(run.deviation)
    flat = run_subset_simulation(
        lambda theta: np.ones(len(theta)), 0.5, np.random.default_rng(3), dimension=1
    )
    assert flat.log_probability == -np.inf


def test_conditional_start():
    # half the plane, exactly sampled; the other coordinate's event does not care
    rng = np.random.default_rng(4)
    start = rng.standard_normal((2000, 2))
    start[:, 0] = np.abs(start[:, 0])
    run = run_subset_simulation(
        lambda theta: theta[:, 1],
        -4.0,
        rng,
        start=start,
        limit=lambda theta: theta[:, 0] > 0,
    )
    # 6 levels of 2000: about 0.15 nats, 5 sigma
    assert run.log_probability == pytest.approx(float(log_ndtr(-4.0)), abs=0.75)
    assert np.all(run.particles[:, 0] > 0)


def test_two_stages_with_a_thick_sheet():
    # independent stages: the second is P(theta_2² <= 0.01), -2.53 nats. 5 sigma of 0.1
    found = two_stage_information(
        lambda t: t[:, 0] ** 2,
        lambda t: t[:, 1] ** 2,
        0.1,
        0.01,
        np.random.default_rng(5),
        dimension=2,
        particles=2000,
        sweeps=20,
    )
    assert found.log_probability == pytest.approx(float(log_cdf(0.01, 1.0)), abs=0.5)
    assert np.all(found.particles[:, 0] ** 2 <= 0.1)


def test_first_stage_may_fail():
    found = two_stage_information(
        lambda t: 1.0 + t[:, 0] ** 2,
        lambda t: t[:, 1] ** 2,
        0.1,
        0.01,
        np.random.default_rng(6),
        dimension=2,
        particles=20,
        sweeps=1,
    )
    assert found.log_probability == -np.inf


def one(theta):
    return theta[:, 0]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"threshold": np.nan}, "threshold"),
        ({"keep": 0.0}, "keep"),
        ({"sweeps": 0}, "sweeps"),
        ({"particles": 3}, "particles"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": None}, "dimension and start"),
        ({"start": np.ones((20, 1))}, "dimension and start"),
        ({"dimension": None, "start": np.ones((2, 1))}, "start"),
        ({"max_levels": 0}, "max_levels"),
        ({"score": lambda theta: theta}, "score"),
        ({"score": lambda theta: theta[:, 0] * np.nan}, "score"),
    ],
)
def test_bad_input_is_named(arguments, name):
    given = {"score": one, "threshold": 0.0, "dimension": 1} | arguments
    with pytest.raises(ValueError, match=name):
        run_subset_simulation(
            given.pop("score"), given.pop("threshold"), np.random.default_rng(0), **given
        )
