import math

import numpy as np
import pytest

from sims.information_bottleneck.particles import (
    cs_divergence,
    cs_divergence_gradient,
    mmd_squared,
    particle_flow,
    run_particles,
    two_gaussians,
)


def kernel(a, b, width):
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * width**2))


def test_divergence_and_discrepancy_by_their_definitions():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(12, 2)), 0.5 + rng.normal(size=(9, 2))
    own, cross, other = kernel(p, p, 0.7).mean(), kernel(p, q, 0.7).mean(), kernel(q, q, 0.7).mean()
    assert cs_divergence(p, q, width=0.7) == pytest.approx(
        math.log(own) + math.log(other) - 2 * math.log(cross), rel=1e-12
    )
    assert mmd_squared(p, q, width=0.7) == pytest.approx(own + other - 2 * cross, rel=1e-12)
    assert cs_divergence(p, p, width=0.7) == pytest.approx(0, abs=1e-14)


def test_divergence_of_samples_is_the_closed_form_of_the_smoothed_laws():
    """N(0, 1) against N(1, 1), both smoothed by width²/2."""
    rng = np.random.default_rng(3)
    width, runs = 1.0, []
    for _ in range(20):
        p, q = rng.normal(size=400), 1 + rng.normal(size=400)
        runs.append(cs_divergence(p, q, width=width))
    # self-pairs raise the two own means: E = [1 + (N-1) e]/N with e = 1/sqrt(1 + 2/width²)
    e = 1 / math.sqrt(1 + 2 / width**2)
    bias = 2 * math.log1p((1 / e - 1) / 400)
    expected = 1 / (2 * (1 + width**2 / 2)) + bias
    error = np.std(runs, ddof=1) / math.sqrt(20)
    assert abs(np.mean(runs) - expected) < 3.5 * error  # t law, 19 degrees: false alarm 0.25 %


def test_far_samples_stay_finite():
    found = cs_divergence_gradient([0.0, 1.0], [1e4], width=1.0)
    assert found.value == pytest.approx(
        9999.0**2 - 2 * math.log(0.5) + math.log(0.5 + 0.5 / math.e**0.5)
    )
    assert found.gradient[1] == pytest.approx(-2 * 9999.0, rel=1e-3)


def test_gradient_against_finite_differences():
    rng = np.random.default_rng(1)
    p, q = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    found = cs_divergence_gradient(p, q, width=0.8)
    for index in np.ndindex(p.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = p.copy()
            moved[index] += step
            ends.append(cs_divergence(moved, q, width=0.8))
        assert found.gradient[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-9)


def test_flow_fills_both_modes():
    rng = np.random.default_rng(2)
    target = two_gaussians(200, rng)
    start = rng.normal(size=(200, 2))
    flow = particle_flow(start, target, rate=100.0, steps=(0, 5, 50, 150))
    np.testing.assert_array_equal(flow.positions[0], start)
    assert flow.divergence[0] == pytest.approx(cs_divergence(start, target, width=1.0), rel=1e-12)
    last = flow.positions[-1]
    assert flow.divergence[-1] == pytest.approx(cs_divergence(last, target, width=1.0), rel=1e-9)
    assert flow.mmd_squared[-1] == pytest.approx(mmd_squared(last, target, width=1.0), abs=1e-12)
    assert (np.diff(flow.divergence) < 0).all()
    assert flow.divergence[-1] < 0.02 < 5 < flow.divergence[0]
    share = (last.sum(1) > 0).mean()
    assert 0.4 < share < 0.6  # mode covering: half of the target is on either side


def test_flow_is_plain_gradient_descent():
    rng = np.random.default_rng(4)
    start, target = rng.normal(size=(6, 2)), rng.normal(size=(5, 2))
    flow = particle_flow(start, target, width=0.9, rate=0.3, steps=(1, 2))
    at = start
    for position in flow.positions:
        at = at - 0.3 * cs_divergence_gradient(at, target, width=0.9).gradient
        np.testing.assert_allclose(position, at, rtol=1e-12)


def test_one_repetition_is_a_flow_between_its_own_draws():
    one = run_particles(30, np.random.default_rng(5), steps=(0, 3))
    two = particle_flow(one.positions[0], one.target, rate=15.0, steps=(0, 3))
    np.testing.assert_array_equal(one.positions, two.positions)
    assert one.target.shape == (30, 2)


def test_start_is_left_alone():
    start = np.zeros((3, 2))
    particle_flow(start, np.ones((2, 2)), steps=(3,))
    assert not start.any()


def test_target_has_two_halves():
    points = two_gaussians(401, np.random.default_rng(0), centre=50.0)
    assert (points[:200] > 0).all()
    assert (points[200:] < 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": [[0.0]]}, r"target.shape = \(1, 1\) .* \(M, 2\) like points"),
        ({"start": [[0.0, np.inf]]}, r"points\[0, 1\] = inf"),
        ({"width": 0}, "width = 0"),
        ({"rate": -1}, "rate = -1"),
        ({"steps": ()}, r"steps = \(\) .* increasing and not empty"),
        ({"steps": (3, 3)}, "increasing"),
        ({"steps": (-1,)}, "steps = -1"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        particle_flow(**{"start": [[0.0, 1.0]], "target": [[0.0, 1.0]], **change})
