import mpmath as mp
import numpy as np
import pytest

from sims.aggregate_responses import (
    debiased_risk,
    instance_logistic_norm,
    label_accuracy,
    linear_gain,
    risk,
    sign_label_accuracy,
)
from sims.aggregate_responses.trials import logistic_trial, sign_label_trial


def density(z):
    return mp.e ** (-z * z / 2) / mp.sqrt(2 * mp.pi)


@pytest.mark.parametrize("gain", [1e-3, 0.3, 3.0, 50.0, 1e6])
def test_slope_of_the_best_linear_fit(gain):
    with mp.workdps(25):
        g = mp.mpf(gain)
        ends = sorted(
            {mp.mpf(0), 1 / g / 10, 1 / g, 10 / g, 40 / g, mp.mpf(1), mp.mpf(4), mp.mpf(12)}
        )
        ends = [end for end in ends if end <= 12]
        exact = 2 * mp.quad(lambda z: z * mp.tanh(g * z / 2) * density(z), ends)
    assert linear_gain(gain) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize(
    ("cosine", "gain"), [(0.3, 3.0), (0.9999999, 30.0), (-0.4, 2.0), (0.7, 1e6)]
)
def test_accuracy_on_labels(cosine, gain):
    with mp.workdps(25):
        slope, g = cosine / mp.sqrt(1 - mp.mpf(cosine) ** 2), mp.mpf(gain)
        ends = {mp.mpf(end) for end in (0, 1, 4, 14)}
        ends |= {end / rate for rate in (g, abs(slope)) for end in (mp.mpf("0.1"), 1, 10, 40)}
        exact = 2 * mp.quad(
            lambda z: (
                (
                    mp.ncdf(slope * z) / (1 + mp.e ** (-g * z))
                    + mp.ncdf(-slope * z) / (1 + mp.e ** (g * z))
                )
                * density(z)
            ),
            sorted(end for end in ends if end <= 14),
        )
    assert label_accuracy(cosine, gain) == pytest.approx(float(exact), rel=1e-13)


def test_noiseless_labels_agree_with_the_direction():
    cosine = np.array([-1.0, -0.2, 0.0, 0.6, 1.0])
    expected = 1 - np.arccos(cosine) / np.pi
    np.testing.assert_allclose(label_accuracy(cosine, np.inf), expected, atol=1e-15)


def test_anchor_and_ends():
    out = sign_label_accuracy(6, 3, 0.3, gain=3.0)
    found = [out.cosine, out.direction_accuracy, out.label_accuracy]
    np.testing.assert_allclose(found, [0.7305537, 0.7607379, 0.7177456], atol=6e-8)
    lost = sign_label_accuracy([1, 3], [2, 3], [0.5, 0.0], gain=2.0)
    assert lost.cosine.tolist() == [0, 0]
    np.testing.assert_allclose(lost.label_accuracy, 0.5, atol=1e-15)
    assert sign_label_accuracy(6, 3, 0.3, gain=0.0).cosine == 0
    # an infinite weight shrinks the length to 0, not the direction
    far = [sign_label_accuracy(6, 3, rho, gain=2.0).cosine for rho in (1e9, np.inf)]
    assert far[0] == pytest.approx(far[1], rel=1e-8)
    assert far[1] > 0.3


def test_shrinkage_of_the_instance_loss():
    np.testing.assert_allclose(
        instance_logistic_norm([2, 5, 10], 3.0), [0.783, 0.2809, 0.1385], atol=6e-4
    )
    grid = instance_logistic_norm([[1.0], [1.5], [40.0]], [0.0, 1e-4, 1.0, 1e4])
    np.testing.assert_allclose(grid[0], [0.0, 1e-4, 1.0, 1e4], rtol=1e-12)
    for k, row in zip([1.5, 40.0], grid[1:], strict=True):
        np.testing.assert_allclose(
            linear_gain(row), linear_gain([0.0, 1e-4, 1.0, 1e4]) / k, rtol=1e-12
        )


def test_debiasing_is_k_times_the_instance_estimator():
    for psi, k in [(5.0, 3), (1.3, 7), (0.6, 3)]:
        point = risk(psi, k, 1.0, noise_variance=0.0, signal_power=1.0)
        shrinkage = min(psi, 1.0) / k
        stirred = point.bias_squared - (1 - shrinkage) ** 2
        variance = risk(psi, k, 1.0, noise_variance=0.7).variance
        expected = 1.9 * ((1 - k * shrinkage) ** 2 + k**2 * stirred) + k**2 * variance
        found = debiased_risk(psi, k, noise_variance=0.7, signal_power=1.9)
        assert found == pytest.approx(expected, rel=1e-12)
    # against the bag level: wins exactly below SNR = k/(psi - k)
    snr = 3 / (8 - 3)
    for factor, sign in [(0.99, -1), (1.01, 1)]:
        signal = factor * snr
        difference = (
            debiased_risk(8, 3, noise_variance=1.0, signal_power=signal)
            - risk(8, 3, 0.0, noise_variance=1.0, signal_power=signal).total
        )
        assert np.sign(difference) == sign
    assert debiased_risk(1, 3, noise_variance=1.0) == np.inf


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="gain"):
        sign_label_accuracy(6, 3, 0.3, gain=-1)
    with pytest.raises(ValueError, match="norm"):
        instance_logistic_norm(2, -1)
    with pytest.raises(ValueError, match="cosine"):
        label_accuracy(1.5, 2)


@pytest.mark.parametrize(("n", "gain"), [(1200, 1.3), (1200, np.inf), (160, 4.0)])
def test_monte_carlo_of_sign_labels(n, gain):
    # d = 240 or so, 25 draws; a cosine varies by about 1/sqrt(d) = 0.065 in absolute terms, so its
    # mean has a standard error of 0.013; five of those
    rng = np.random.default_rng(3)
    draws = [sign_label_trial(n, 240, [2, 5], [0.05, 1.0], gain=gain, rng=rng) for _ in range(25)]
    theory = sign_label_accuracy(n / 240, np.array([[2], [5]]), [0.05, 1.0], gain=gain)
    for part in ("cosine", "direction_accuracy", "label_accuracy"):
        mean = np.mean([getattr(draw, part) for draw in draws], axis=0)
        np.testing.assert_allclose(mean, getattr(theory, part), atol=0.065)


def test_monte_carlo_of_logistic_losses():
    # n = 60000, d = 6: the norms have relative standard errors below 2 %
    losses = ["instance", "proportion", "debiased"]
    norms, cosines = logistic_trial(
        60_000, 6, [2, 5], losses, norm=1.6, rng=np.random.default_rng(4)
    )
    assert (cosines > 0.998).all()
    np.testing.assert_allclose(norms[:, 0], instance_logistic_norm([2, 5], 1.6), rtol=0.06)
    np.testing.assert_allclose(norms[:, 1:], 1.6, rtol=0.08)
