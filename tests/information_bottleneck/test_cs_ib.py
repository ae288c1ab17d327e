import math

import numpy as np
import pytest

from sims.information_bottleneck.cauchy_schwarz import normalised_cs_qmi
from sims.information_bottleneck.conditional import conditional_cs_divergence
from sims.information_bottleneck.cs_ib import (
    BOTTLENECK,
    BottleneckSettings,
    friedman_samples,
    measure,
    objective_gradient,
    run_bottleneck,
    train_bottleneck,
)
from sims.numerics.networks import backward, forward, predict

SMALL = {"train": 60, "test": 40, "epochs": 2, "hidden": 6, "latent": 3, "batch": 20}


# ----- data


def test_data_follow_the_function():
    """Residuals from the function are Gamma(2, 1) - 2: mean 0, variance 2, third moment 4."""
    train, test = friedman_samples(1, 40_000, 40_000, np.random.default_rng(0))
    u = test.x[0] / math.sqrt(12) + 0.5
    assert 0 <= u.min() < u.max() <= 1
    f = 10 * np.sin(math.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    f += 10 * u[:, 3] + 5 * u[:, 4]
    # undo the standardisation by regression of y on f: y = (f + noise - mean)/deviation
    slope, constant = np.polyfit(f, test.y[0, :, 0], 1)
    noise = (test.y[0, :, 0] - constant) / slope - f
    assert np.mean(noise**2) == pytest.approx(2, rel=0.045)  # 4 standard errors: false alarm 6e-5
    assert np.mean(noise**3) == pytest.approx(4, rel=0.2)  # 5 of them
    assert noise.min() > -2.1
    assert train.x[0].mean(0) == pytest.approx(np.zeros(8), abs=0.025)  # 5 of them
    assert train.x[0].std(0) == pytest.approx(np.ones(8), abs=0.012)


def test_seeds_have_their_own_data():
    train, test = friedman_samples(3, 50, 20, np.random.default_rng(1), features=6)
    assert train.x.shape == (3, 50, 6)
    assert test.y.shape == (3, 20, 1)
    np.testing.assert_allclose(train.y.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(train.y.std(1), 1, rtol=1e-12)
    assert len(np.unique(train.y)) == 150


# ----- the objective


def objective(x, y, output, latent, settings):
    """Each network's loss, written with the public functions on one network after the other."""
    rivals = len(settings.losses) * len(settings.betas)
    values = []
    for i in range(len(output)):
        seed, rest = divmod(i, rivals)
        loss, beta = divmod(rest, len(settings.betas))
        if settings.losses[loss] == "mse":
            value = ((output[i] - y[seed]) ** 2).mean()
        else:
            value = conditional_cs_divergence(
                x[seed], y[seed], output[i], width_x=settings.width_x, width_y=settings.width_y
            )
        width = settings.width_penalty
        penalty = normalised_cs_qmi(x[seed], latent[i], width_x=width, width_t=width)
        values.append(value + settings.betas[beta] * penalty)
    return np.array(values)


@pytest.mark.parametrize("losses", [("cs", "mse"), ("mse",), ("cs",)])
def test_gradient_of_the_objective_by_differences(losses):
    settings = BottleneckSettings(losses=losses, betas=(0.0, 0.5, 2.0), width_x=2.5, seeds=2)
    rng = np.random.default_rng(2)
    networks = 2 * len(losses) * 3
    x, y = rng.normal(size=(2, 9, 5)), rng.normal(size=(2, 9, 1))
    output, latent = rng.normal(size=(networks, 9, 1)), rng.normal(size=(networks, 9, 2))
    pulls = objective_gradient(x, y, output, latent, settings)
    for which, pull in enumerate(pulls):
        direction = rng.normal(size=pull.shape)
        ends = []
        for step in (1e-5, -1e-5):
            parts = [output, latent]
            parts[which] = parts[which] + step * direction
            ends.append(objective(x, y, *parts, settings))
        numeric = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose((pull * direction).sum((1, 2)), numeric, atol=1e-8)


def test_the_first_step_goes_downhill_in_all_parameters():
    """The objective's gradient carried through the network, penalty and all."""
    settings = BottleneckSettings(betas=(0.0, 1.0), width_x=2.0, **SMALL)
    rng = np.random.default_rng(3)
    data, _ = friedman_samples(1, 60, 2, rng)
    networks = train_bottleneck(data, settings, rng)
    x, y = data.x[:, :20], data.y[:, :20]

    def values():
        trace = forward(networks, np.repeat(x, 4, axis=0))
        return objective(x, y, trace.output, trace.after[BOTTLENECK], settings)

    trace = forward(networks, np.repeat(x, 4, axis=0))
    output, hidden = objective_gradient(x, y, trace.output, trace.after[BOTTLENECK], settings)
    slope = backward(networks, trace, output, hidden={BOTTLENECK: hidden})[0].parameters
    direction = rng.normal(size=slope.shape)
    ends = []
    for step in (1e-6, -2e-6):  # forward, then as far backward
        networks.parameters[...] += step * direction
        ends.append(values())
    np.testing.assert_allclose((slope * direction).sum(1), (ends[0] - ends[1]) / 2e-6, atol=2e-7)


# ----- training and measuring


def test_networks_of_one_seed_start_alike_and_seeds_are_independent():
    """With a rate of almost nothing the first weights are still to be seen."""
    settings = BottleneckSettings(seeds=2, rate=1e-300, **SMALL)
    rng = np.random.default_rng(4)
    data, _ = friedman_samples(2, 60, 2, rng)
    found = train_bottleneck(data, settings, rng).parameters.reshape(2, 8, -1)
    assert np.abs(found - found[:, :1]).max() < 1e-290
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_every_beta_and_loss_trains_its_own_network():
    settings = BottleneckSettings(betas=(0.0, 1.0, 1.0), **SMALL)
    rng = np.random.default_rng(5)
    data, _ = friedman_samples(1, 60, 2, rng)
    found = train_bottleneck(data, settings, rng).parameters
    np.testing.assert_allclose(found[1], found[2], rtol=1e-12)  # equal weights, equal networks
    np.testing.assert_allclose(found[4], found[5], rtol=1e-12)
    assert np.abs(found[0] - found[1]).max() > 1e-4
    assert np.abs(found[0] - found[3]).max() > 1e-4


def test_measures_by_hand():
    settings = BottleneckSettings(seeds=2, betas=(0.0, 1.0), epsilon=0.3, **SMALL)
    rng = np.random.default_rng(6)
    train, test = friedman_samples(2, 60, 40, rng)
    networks = train_bottleneck(train, settings, rng)
    found = measure(networks, train, test, settings)
    assert found.test_rmse.shape == (2, 2, 2)
    for i in range(8):
        seed, loss, beta = np.unravel_index(i, (2, 2, 2))
        where = loss, seed, beta
        one = networks.like(networks.parameters[i : i + 1].copy())
        trace = forward(one, test.x[seed])
        residual = trace.output[0] - test.y[seed]
        mse = (residual**2).mean()
        assert found.test_rmse[where] == pytest.approx(math.sqrt(mse), rel=1e-10)
        expected = 0.5 * math.log(test.y[seed].var() / mse)
        assert found.information_y[where] == pytest.approx(expected, rel=1e-9)
        seen = predict(one, train.x[seed])[0] - train.y[seed]
        assert found.train_rmse[where] == pytest.approx(math.sqrt((seen**2).mean()), rel=1e-10)
        qmi = normalised_cs_qmi(test.x[seed], trace.after[BOTTLENECK][0], width_x=3, width_t=3)
        assert found.qmi[where] == pytest.approx(qmi, rel=1e-9)
        attack = backward(one, trace, residual[None], inputs=True)[1][0]
        hit = predict(one, test.x[seed] + 0.3 * np.sign(attack))[0] - test.y[seed]
        assert found.adversarial_rmse[where] == pytest.approx(math.sqrt((hit**2).mean()), rel=1e-9)
    np.testing.assert_allclose(found.compression, 1 - found.qmi / found.qmi[..., :1], rtol=1e-12)


def test_penalty_compresses_and_learning_works():
    """A shape, not a figure: r grows with beta, and the networks beat the mean by far."""
    settings = BottleneckSettings(
        betas=(0.0, 0.5, 5.0), train=400, test=300, epochs=12, hidden=32, latent=8, rate=5e-3
    )
    found = run_bottleneck(settings, np.random.default_rng(7))
    assert (np.diff(found.compression[:, 0], axis=1) > 0).all()
    assert (found.test_rmse[..., 0] < 0.75).all()
    assert (found.adversarial_rmse > found.test_rmse).all()
    assert (found.compression[..., 0] == 0).all()


def test_same_generator_same_outcome():
    settings = BottleneckSettings(**SMALL)
    one, two = (run_bottleneck(settings, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one.test_rmse, two.test_rmse)
    np.testing.assert_array_equal(one.qmi, two.qmi)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"losses": ("mae",)}, r"losses = \('mae',\)"),
        ({"losses": ()}, "losses"),
        ({"betas": (0.1,)}, "starts with 0"),
        ({"betas": ()}, "starts with 0"),
        ({"betas": (0.0, -1.0)}, "betas = -1.0"),
        ({"seeds": 0}, "seeds = 0"),
        ({"train": 1}, "train = 1"),
        ({"batch": 1}, "batch = 1"),
        ({"features": 4}, "features = 4"),
        ({"width_penalty": 0}, "width_penalty = 0"),
        ({"epsilon": -0.1}, "epsilon = -0.1"),
        ({"rate": math.inf}, "rate = inf"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        BottleneckSettings(**settings)
