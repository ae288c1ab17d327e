import itertools

import numpy as np
import pytest

from sims.active_multitask_lasso import homotopy as module
from sims.active_multitask_lasso import random_instance, two_level_instance
from sims.active_multitask_lasso.homotopy import Stalled, trace


def test_between_two_knots_everything_is_linear():
    instance = random_instance(30, 4, 0)
    path = trace(instance.heads, instance.target)
    knots = path.knots
    assert (np.diff(knots) < 0).all()
    for start, end in itertools.pairwise(knots):
        inside = np.array([0.75, 0.5, 0.25]) * start + np.array([0.25, 0.5, 0.75]) * end
        nu, _ = path.at(inside)
        np.testing.assert_allclose(nu[0] + nu[2], 2 * nu[1], atol=1e-12)
        assert (np.sign(nu[0]) == np.sign(nu[2])).all()


def test_the_active_set_changes_by_one_task_at_every_knot():
    instance = random_instance(500, 10, 3)
    pieces = trace(instance.heads, instance.target).segments
    assert len(pieces[0].active) == 1
    for one, other in itertools.pairwise(pieces):
        assert len(set(one.active) ^ set(other.active)) == 1
    assert any(len(b.active) < len(a.active) for a, b in itertools.pairwise(pieces))


def test_the_path_is_continuous():
    instance = random_instance(60, 6, 2)
    path = trace(instance.heads, instance.target)
    for knot in path.knots[1:-1]:
        above, below = path.at(np.array([knot * (1 + 1e-10), knot * (1 - 1e-10)]))[0]
        np.testing.assert_allclose(above, below, atol=1e-8 * np.abs(above).max())


def test_below_the_last_knot_norm_and_residual_are_linear_in_lambda():
    instance = random_instance(40, 5, 3)
    path = trace(instance.heads, instance.target)
    limit, dual = path.limit()
    for value in path.knots[-2] * np.array([1.0, 0.5, 1e-3, 1e-9, 1e-15]):
        nu, scaled = path.at(np.array([value]))
        length = np.linalg.norm(dual)
        assert np.linalg.norm(scaled[0]) == pytest.approx(length, rel=1e-12)
        norm = np.abs(limit).sum() - value * length**2
        assert np.abs(nu).sum() == pytest.approx(norm, rel=1e-12)


def test_stopping_early_gives_the_same_beginning():
    instance = random_instance(100, 6, 4)
    whole = trace(instance.heads, instance.target)
    stop = float(whole.knots[3] * 1.01)
    part = trace(instance.heads, instance.target, stop)
    assert len(part.segments) == 3
    values = np.linspace(stop, whole.knots[0], 7)
    np.testing.assert_array_equal(part.at(values)[0], whole.at(values)[0])


def test_a_regular_path_has_few_knots():
    knots = [
        len(trace(i.heads, i.target).segments)
        for i in (random_instance(500, 10, s) for s in range(10))
    ]
    assert max(knots) < 40
    assert np.mean(knots) < 20


def test_a_target_on_one_task_needs_that_task_only():
    heads = random_instance(20, 5, 0).heads
    heads /= np.linalg.norm(heads, axis=0)
    path = trace(heads, 3.0 * heads[:, 7])
    assert [piece.active for piece in path.segments] == [[7]]
    np.testing.assert_allclose(path.limit()[0], 3.0 * np.eye(20)[7], atol=1e-14)


def test_too_many_knots_are_an_error(monkeypatch):
    monkeypatch.setattr(module, "STEPS_PER_RANK", 1)
    instance = random_instance(100, 6, 4)
    with pytest.raises(Stalled, match="no end of the LASSO path after 6 knots"):
        trace(instance.heads, instance.target)


def test_a_column_in_the_span_of_the_active_ones_is_not_taken():
    state = module._State(np.array([[1.0, 1.0], [0.0, 1e-14]]), np.array([1.0, 1.0]))
    assert state.add(0)
    assert not state.add(1)
    assert state.active == [0]


def test_tied_tasks_are_taken_without_error():
    instance = two_level_instance(40, 5, 20)  # forty tasks reach the bound together
    path = trace(instance.heads, instance.target)
    nu, dual = path.limit()
    assert np.abs(dual @ instance.heads).max() <= 1 + 1e-13
    np.testing.assert_allclose(instance.heads @ nu, instance.target, atol=1e-14)
