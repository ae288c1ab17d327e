import importlib

import numpy as np
import pytest
from scipy.stats import ks_2samp

from sims.active_multitask_lasso import (
    ActiveSampler,
    draw_data,
    draw_statistics,
    joint_erm,
    no_statistics,
    statistics_of,
)

statistics = importlib.import_module("sims.active_multitask_lasso.statistics")


@pytest.mark.parametrize("n", [1, 3, 4, 5, 40])
def test_drawn_statistics_have_the_law_of_data(n):
    """Five sizes around d = 4, five statistics each, KS at 1e-4: false alarm below 0.3 %."""
    repeats, rng = 1500, np.random.default_rng(n)
    theta = np.tile([1.0, -0.5, 0.0, 2.0], (repeats, 1))
    drawn = draw_statistics(theta, n, noise_variance=0.7, rng=rng)
    data = statistics_of(draw_data(theta, np.full(repeats, n), noise_variance=0.7, rng=rng))
    assert np.array_equal(np.linalg.matrix_rank(drawn.gram), np.full(repeats, min(n, 4)))
    for summary in (
        lambda s: np.trace(s.gram, axis1=1, axis2=2),
        lambda s: s.gram[:, 0, 3],
        lambda s: s.cross @ [0.3, 1.0, -1.0, 0.1],
        lambda s: s.square,
        lambda s: s.square - np.einsum("ti,tij,tj->t", s.cross, np.linalg.pinv(s.gram), s.cross),
    ):
        one, other = summary(drawn), summary(data)
        if np.ptp(other) > 1e-9:
            assert ks_2samp(one, other).pvalue > 1e-4
        else:  # n <= d: no residual is left
            np.testing.assert_allclose(one, other, atol=1e-9)


def test_without_noise_everything_follows_from_the_gram_matrix():
    theta = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    drawn = draw_statistics(theta, [2, 30], noise_variance=0, rng=np.random.default_rng(0))
    product = np.einsum("tij,tj->ti", drawn.gram, theta)
    np.testing.assert_allclose(drawn.cross, product, rtol=1e-13)
    np.testing.assert_allclose(drawn.square, (product * theta).sum(axis=1), rtol=1e-12)


def test_many_draws_are_those_of_their_parts():
    """Blocks are an implementation detail; each task has its own parameters and counts."""
    theta = np.arange(3000.0).reshape(1000, 3) / 3000
    drawn = draw_statistics(
        theta, np.arange(1000) + 4000, noise_variance=0, rng=np.random.default_rng(0)
    )
    solved = np.linalg.solve(drawn.gram, drawn.cross[..., None])[..., 0]
    np.testing.assert_allclose(solved, theta, atol=1e-11)
    assert drawn.counts.tolist() == list(range(4000, 5000))


def test_statistics_of_data_add_up():
    rng = np.random.default_rng(1)
    data = draw_data(rng.standard_normal((3, 4)), [5, 0, 70_000], noise_variance=1.0, rng=rng)
    whole = statistics_of(data)
    for t, (x, y) in enumerate(data):
        np.testing.assert_allclose(whole.gram[t], x.T @ x, rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(whole.cross[t], x.T @ y, rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(whole.square[t], y @ y, rtol=1e-12)
    halves = [
        statistics_of([(x[part], y[part]) for x, y in data])
        for part in (slice(None, 3), slice(3, None))
    ]
    total = halves[0] + halves[1]
    np.testing.assert_allclose(total.gram, whole.gram, rtol=1e-10, atol=1e-9)
    assert total.counts.tolist() == whole.counts.tolist() == [5, 0, 70_000]
    assert whole.take([2, 0]).counts.tolist() == [70_000, 5]
    by_number = statistics_of({2: data[2], 0: data[0]}, tasks=3)
    np.testing.assert_array_equal(by_number.cross, whole.cross)


def test_raw_data_are_read_once(monkeypatch):
    """However many fits and epochs follow, each row enters one product."""
    rows = []
    original = statistics.moments

    def counted(inputs, responses, *into):
        rows.append(len(responses))
        return original(inputs, responses, *into)

    monkeypatch.setattr(statistics, "moments", counted)
    rng = np.random.default_rng(2)
    theta = rng.standard_normal((6, 2)) @ np.eye(2, 8)
    target = draw_data(theta[:1], [60], noise_variance=0.1, rng=rng)[0]
    sampler = ActiveSampler(target, tasks=6, rank=2, budgets=[150, 300, 600])
    while not sampler.done:
        sampler.add(draw_data(theta, sampler.propose(), noise_variance=0.1, rng=rng))
    for rank in (1, 2, 3):
        joint_erm(sampler.statistics, rank)
    assert sum(rows) == 600 + 60


@pytest.mark.parametrize(
    ("data", "settings", "word"),
    [
        ([([[1.0, np.nan]], [1.0])], {}, r"X of task 0\[0, 1\]"),
        ([([[1.0]], [np.inf])], {}, r"y of task 0\[0\]"),
        ([([[1e200]], [1.0])], {}, "small enough"),
        ([([[1.0]], [1.0, 2.0])], {}, "shape of y of task 0"),
        ([([1.0], [1.0])], {}, "shape of X of task 0"),
        ([([[1.0]], [1.0]), ([[1.0, 2.0]], [1.0])], {}, "shape of X of task 1"),
        ([([["a"]], [1.0])], {}, "data of task 0"),
        ([3.0], {}, "data of task 0"),
        ([None, None], {}, "dimension"),
        ({0: ([[1.0]], [1.0])}, {}, "tasks"),
        ({4: ([[1.0]], [1.0])}, {"tasks": 2}, "task number"),
        ([], {}, "tasks"),
    ],
)
def test_bad_data_are_named(data, settings, word):
    with pytest.raises(ValueError, match=word):
        statistics_of(data, **settings)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"parameters": [1.0, 2.0]}, "parameters"),
        ({"counts": [1.5]}, "counts"),
        ({"counts": [-1]}, "counts"),
        ({"counts": [1, 2]}, "counts.shape"),
        ({"noise_variance": -1.0}, "noise_variance"),
    ],
)
def test_bad_laws_are_named(change, word):
    arguments = {"parameters": [[1.0, 2.0]], "counts": [3], "noise_variance": 1.0, **change}
    for draw in (draw_statistics, draw_data):
        with pytest.raises(ValueError, match=word):
            draw(
                arguments.pop("parameters"),
                arguments.pop("counts"),
                **arguments,
                rng=np.random.default_rng(0),
            )
        arguments = {"parameters": [[1.0, 2.0]], "counts": [3], "noise_variance": 1.0, **change}


def test_statistics_of_other_tasks_are_not_added():
    with pytest.raises(ValueError, match="shape"):
        no_statistics(2, 3) + no_statistics(3, 3)
