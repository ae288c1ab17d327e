import numpy as np
import pytest

from sims.information_bottleneck.cauchy_schwarz import cs_qmi_gradient
from sims.information_bottleneck.minibatch import batch_gram, information_penalty, input_kernel


def test_gram_matrices_of_a_stack():
    points = 40 + np.random.default_rng(0).normal(size=(3, 9, 2))
    found = batch_gram(points, 0.6)
    for one, kernel in zip(points, found):
        expected = np.exp(-((one[:, None] - one) ** 2).sum(-1) / (2 * 0.36))
        np.testing.assert_allclose(kernel, expected, atol=1e-12)
        assert (np.diag(kernel) == 1).all()


@pytest.mark.parametrize("shared", [True, False])
def test_networks_together_are_networks_one_by_one(shared):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 3) if shared else (4, 20, 3))
    t = rng.normal(size=(4, 20, 5)) + x[..., :1]
    found = information_penalty(input_kernel(x, 1.5), t, 2.0)
    for i in range(4):
        inputs = x if shared else x[i]
        alone = cs_qmi_gradient(inputs, t[i], width_x=1.5, width_t=2.0, normalised=True)
        assert found.value[i] == pytest.approx(alone.value, rel=1e-12)
        np.testing.assert_allclose(found.gradient[i], alone.gradient, rtol=1e-9, atol=1e-15)


def test_two_leading_axes():
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(2, 1, 12, 3)), rng.normal(size=(2, 3, 12, 4))
    both = information_penalty(input_kernel(x, 1.0), t, 1.0)
    for i in range(2):
        one = information_penalty(input_kernel(x[i, 0], 1.0), t[i], 1.0)
        np.testing.assert_allclose(both.value[i], one.value, rtol=1e-13)
        np.testing.assert_allclose(both.gradient[i], one.gradient, rtol=1e-10, atol=1e-16)


def test_a_constant_representation_is_left_alone():
    x = np.random.default_rng(3).normal(size=(8, 2))
    t = np.stack([np.ones((8, 2)), x])
    found = information_penalty(input_kernel(x, 1.0), t, 1.0)
    assert found.value[0] == 0
    assert not found.gradient[0].any()
    assert found.value[1] == pytest.approx(1)
    constant = information_penalty(input_kernel(np.ones((8, 2)), 1.0), t, 1.0)
    assert not constant.value.any()
    assert not constant.gradient.any()
