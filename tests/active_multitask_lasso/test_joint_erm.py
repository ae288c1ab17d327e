import importlib

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.optimize import minimize

from sims.active_multitask_lasso import (
    draw_data,
    draw_statistics,
    joint_erm,
    no_statistics,
    random_instance,
    statistics_of,
)

module = importlib.import_module("sims.active_multitask_lasso.joint_erm")


def parameters(tasks, rank, dimension, seed=3):
    instance = random_instance(tasks, rank, seed)
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((dimension, rank)))[0]
    return (basis @ instance.heads).T, basis


def residual_of(data, basis, heads):
    return sum(np.square(y - x @ basis @ w).sum() for (x, y), w in zip(data, heads.T))


def test_the_minimum_is_the_one_that_lbfgs_finds_on_the_data():
    rng = np.random.default_rng(0)
    theta, _ = parameters(6, 2, 7)
    data = draw_data(theta, [40, 12, 25, 9, 1, 60], noise_variance=0.5, rng=rng)
    fit = joint_erm(statistics_of(data), 2)
    np.testing.assert_allclose(residual_of(data, fit.basis, fit.heads), fit.residual, rtol=1e-9)

    def objective(flat):
        b, w = flat[:14].reshape(7, 2), flat[14:].reshape(2, 6)
        value, to_b, to_w = 0.0, np.zeros_like(b), np.zeros_like(w)
        for t, (x, y) in enumerate(data):
            off = x @ b @ w[:, t] - y
            back = x.T @ off
            value += off @ off
            to_b += 2 * np.outer(back, w[:, t])
            to_w[:, t] = 2 * b.T @ back
        return value, np.concatenate([to_b.ravel(), to_w.ravel()])

    found = []
    for seed in range(4):
        start = np.random.default_rng(seed).standard_normal(26)
        options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9}
        found.append(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun)
    np.testing.assert_allclose(fit.residual, min(found), rtol=1e-7)


@pytest.mark.parametrize("counts", [200, [400] * 3 + [6] * 9, [20] * 12, [0, 300] * 6])
@pytest.mark.parametrize("objective", ["pooled", "per-task mean"])
def test_it_stops_where_the_gradient_vanishes(counts, objective):
    theta, _ = parameters(12, 3, 15)
    drawn = draw_statistics(theta, counts, noise_variance=1.0, rng=np.random.default_rng(5))
    fit = joint_erm(drawn, 3, objective=objective, tolerance=1e-9, rounds=200)
    assert fit.converged
    scale = np.ones(12) if objective == "pooled" else 1 / np.maximum(drawn.counts, 1)
    off = drawn.cross - np.einsum("tij,tj->ti", drawn.gram, (fit.basis @ fit.heads).T)
    slope = np.einsum("t,ti,kt->ik", scale, off, fit.heads)
    size = np.abs(np.einsum("t,ti,kt->ik", scale, drawn.cross, fit.heads)).max()
    assert np.abs(slope).max() < 1e-6 * size
    np.testing.assert_allclose(fit.basis.T @ fit.basis, np.eye(3), atol=1e-12)
    assert not fit.heads[:, drawn.counts == 0].any()


def test_both_methods_find_the_same_minimum_and_neither_raises_the_objective():
    theta, _ = parameters(20, 3, 12)
    drawn = draw_statistics(theta, 60, noise_variance=1.0, rng=np.random.default_rng(6))
    fits = {
        method: joint_erm(drawn, 3, method=method, tolerance=1e-9, rounds=500)
        for method in ("variable projection", "alternation", "start only")
    }
    best, other, first = fits.values()
    assert best.converged
    assert other.converged
    np.testing.assert_allclose(best.residual, other.residual, rtol=1e-10)
    assert subspace_angles(best.basis, other.basis).max() < 1e-6
    assert best.rounds <= 8 < other.rounds
    assert best.residual < first.residual
    again = joint_erm(drawn, 3, start=best.basis)
    np.testing.assert_allclose(again.residual, best.residual, rtol=1e-12)


def test_without_noise_the_subspace_is_recovered_and_more_dimensions_do_not_hurt():
    theta, basis = parameters(10, 3, 14)
    counts = [40] * 8 + [2, 0]
    drawn = draw_statistics(theta, counts, noise_variance=0.0, rng=np.random.default_rng(7))
    fit = joint_erm(drawn, 3)
    assert subspace_angles(fit.basis, basis).max() < 1e-6
    np.testing.assert_allclose((fit.basis @ fit.heads).T[:8], theta[:8], atol=1e-6)
    assert fit.residual < 1e-9 * drawn.square.sum()
    wide = joint_erm(drawn, 4)
    assert np.abs(basis - wide.basis @ (wide.basis.T @ basis)).max() < 1e-6


def test_few_samples_of_every_task_suffice_together():
    """Eight samples a task, d = 12: no task alone determines its parameters."""
    theta, basis = parameters(60, 2, 12)
    drawn = draw_statistics(theta, 8, noise_variance=0.01, rng=np.random.default_rng(8))
    assert subspace_angles(joint_erm(drawn, 2).basis, basis).max() < 0.1


def test_the_noise_estimate_has_the_right_mean():
    """K = 3, T = 12, d = 20; four standard errors, three counts: false alarm 2e-4."""
    theta, _ = parameters(12, 3, 20)
    rng = np.random.default_rng(9)
    for counts, repeats, bias in ((40, 40, 0.02), (100, 40, 0.01), (400, 20, 0.0)):
        draws = [
            draw_statistics(theta, counts, noise_variance=2.0, rng=rng) for _ in range(repeats)
        ]
        found = np.array([joint_erm(drawn, 3).noise_variance for drawn in draws]) / 2.0
        assert abs(found.mean() - 1) < bias + 4 * found.std(ddof=1) / np.sqrt(repeats)
    few = joint_erm(draw_statistics(theta, 6, noise_variance=1.0, rng=rng), 3)
    assert few.degrees_of_freedom == 72 - 3 * (20 + 12 - 3)
    assert np.isnan(few.noise_variance)


def test_the_objectives_agree_when_all_counts_are_equal():
    theta, _ = parameters(12, 3, 15)
    drawn = draw_statistics(theta, 80, noise_variance=1.0, rng=np.random.default_rng(10))
    fits = [joint_erm(drawn, 3, objective=name) for name in ("pooled", "per-task mean")]
    assert subspace_angles(fits[0].basis, fits[1].basis).max() < 1e-6
    np.testing.assert_allclose(fits[0].residual, fits[1].residual, rtol=1e-10)


def test_rotating_the_inputs_rotates_the_fit():
    theta, _ = parameters(8, 2, 9)
    drawn = draw_statistics(theta, 50, noise_variance=1.0, rng=np.random.default_rng(11))
    turn = np.linalg.qr(np.random.default_rng(12).standard_normal((9, 9)))[0]
    turned = type(drawn)(
        turn @ drawn.gram @ turn.T, drawn.cross @ turn.T, drawn.square, drawn.counts
    )
    one, other = joint_erm(drawn, 2), joint_erm(turned, 2)
    assert subspace_angles(turn @ one.basis, other.basis).max() < 1e-6


def test_kronecker_products_summed():
    rng = np.random.default_rng(13)
    heads, matrices = rng.standard_normal((4, 3)), rng.standard_normal((4, 5, 5))
    matrices = matrices @ matrices.mT
    full = sum(np.kron(np.outer(w, w), s) for w, s in zip(heads, matrices))
    found = module.weighted_kronecker(heads, matrices)
    for a in range(3):
        for b in range(3):
            block = np.s_[5 * a : 5 * a + 5, 5 * b : 5 * b + 5]
            np.testing.assert_allclose(found[block], full[block] * (b <= a), atol=1e-12)


def test_a_newton_step_solves_the_equations_of_the_true_second_derivatives():
    """Central differences of the eliminated objective along directions off the subspace."""
    theta, _ = parameters(5, 2, 4)
    drawn = draw_statistics(theta, 9, noise_variance=1.0, rng=np.random.default_rng(14))
    fit = joint_erm(drawn, 2, tolerance=1e-11, rounds=200)
    off = np.linalg.svd(fit.basis)[0][:, 2:]
    point = np.random.default_rng(15).standard_normal((2, 2)) * 0.02
    frame = np.linalg.qr(fit.basis + off @ point)[0]
    equations = module._Equations(drawn.gram, drawn.cross)
    equations.move(module._State.at(drawn.gram, drawn.cross, frame))
    step = equations.step(0.0, True)
    side = np.linalg.svd(frame)[0][:, 2:]

    def value(flat):
        basis = np.linalg.qr(frame + side @ flat.reshape(2, 2))[0]
        return -0.5 * module._State.at(drawn.gram, drawn.cross, basis).explained

    eye, h = 1e-3 * np.eye(4), 1e-3
    slope = np.array([value(e) - value(-e) for e in eye]) / (2 * h)
    second = [
        [value(a + b) - value(a - b) - value(b - a) + value(-a - b) for a in eye] for b in eye
    ]
    expected = side @ -np.linalg.solve(np.array(second) / (4 * h * h), slope).reshape(2, 2)
    np.testing.assert_allclose(step, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_a_large_problem_of_no_low_rank_converges_too():
    rng = np.random.default_rng(16)
    drawn = draw_statistics(rng.standard_normal((30, 12)), 40, noise_variance=1.0, rng=rng)
    fit = joint_erm(drawn, 4, rounds=200)
    assert fit.converged
    assert fit.residual <= joint_erm(drawn, 4, method="alternation").residual * (1 + 1e-9)


@pytest.mark.parametrize(
    ("rank", "settings", "word"),
    [
        (0, {}, "rank"),
        (1.5, {}, "rank"),
        (4, {}, "tasks"),
        (2, {}, "tasks with samples"),
        (1, {"objective": "sum"}, "objective"),
        (1, {"method": "adam"}, "method"),
        (1, {"start": [[1.0], [1.0], [0.0]]}, "start"),
        (1, {"start": [[1.0], [0.0]]}, "start.shape"),
        (1, {"tolerance": 0.0}, "tolerance"),
        (1, {"rounds": 0}, "rounds"),
    ],
)
def test_bad_arguments_are_named(rank, settings, word):
    rng = np.random.default_rng(0)
    drawn = draw_statistics(np.ones((3, 3)), [9, 0, 0], noise_variance=1.0, rng=rng)
    with pytest.raises(ValueError, match=word):
        joint_erm(drawn, rank, **settings)


def test_as_many_dimensions_as_inputs_are_refused():
    with pytest.raises(ValueError, match="below the input dimension"):
        joint_erm(no_statistics(5, 2), 2)
