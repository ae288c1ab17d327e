"""Time the learning half: ``python -m benchmarks.information_bottleneck_training``.

K8: all initialisations of the 12-10-7-5-4-3-2 network together against one after another, and
against scikit-learn's perceptron. CS-QMI against the released form, whose trace of a product of
Gram matrices is O(N³), and against elementwise NumPy on whole matrices. The penalty of all
networks of a mini-batch together against one after another. And how soon a live information plane
shows its first and its last picture.
"""

from __future__ import annotations

import itertools
import sys
import time
import warnings

import numpy as np

from benchmarks.harness import Contender, compare, gemm_rate, ufunc_rate
from sims.information_bottleneck import (
    TrainingSettings,
    cs_qmi,
    cs_qmi_gradient,
    icosahedron_dataset,
    information_plane,
    train_networks,
)
from sims.information_bottleneck.minibatch import information_penalty, input_kernel
from sims.numerics.descent import Adam, cross_entropy
from sims.numerics.networks import backward, forward, initialise

SIZES = (12, 10, 7, 5, 4, 3, 2)
BATCH = 256
TRAIN = 3276


def epoch_job(networks: int):
    """One epoch of every network, each with its own order of patterns."""
    data = icosahedron_dataset()
    inputs, labels = data.patterns.astype(np.float32), data.labels
    rng = np.random.default_rng(0)
    names = ("tanh",) * 5 + ("linear",)
    first = initialise(SIZES, names, networks, rng, dtype=np.float32)
    order = np.argsort(rng.random((networks, len(inputs))), axis=1)[:, :TRAIN]

    def epoch(which):
        nets = first.like(first.parameters[which].copy())
        slope, adam = nets.like(np.empty_like(nets.parameters)), Adam(nets.parameters, rate=8e-4)
        for start in range(0, TRAIN, BATCH):
            chosen = order[which, start : start + BATCH]
            trace = forward(nets, inputs[chosen])
            backward(nets, trace, cross_entropy(trace.output, labels[chosen])[1], into=slope)
            adam.step(slope.parameters)
        return nets.parameters

    def together():
        return epoch(slice(None))

    def one_by_one():
        return np.concatenate([epoch(slice(i, i + 1)) for i in range(networks)])

    def learn():
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(
            SIZES[1:-1], activation="tanh", batch_size=BATCH, max_iter=1, alpha=0.0, shuffle=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one epoch does not converge
            model.fit(inputs[order[0]], labels[order[0]])

    return together, one_by_one, learn


def epoch_limit(networks: int) -> float:
    """Multiply-adds at BLAS speed (three products a layer) and the hyperbolic tangents."""
    layers = list(itertools.pairwise(SIZES))
    products = 3 * sum(2 * a * b for a, b in layers) / gemm_rate(np.float32)
    tangents = sum(SIZES[1:-1]) / ufunc_rate(np.tanh, np.float32)
    return networks * TRAIN * (products + tangents)


def qmi_job(count: int):
    """CS-QMI of two pairs of coordinates."""
    x, t = np.random.default_rng(count).normal(size=(2, count, 2))

    def gram(points):
        squares = (points**2).sum(1)
        return np.exp(-0.5 * (squares[:, None] + squares - 2 * points @ points.T))

    def ours():
        return cs_qmi(x, t, width_x=1.0, width_t=1.0)

    def released():
        kernel, other = gram(x), gram(t)
        product = kernel @ other
        joint = np.trace(product) / count**2
        marginal = kernel.sum() * other.sum() / count**4
        return np.log(joint * marginal / (product.sum() / count**3) ** 2)

    def elementwise():
        kernel, other = gram(x), gram(t)
        joint, total = (kernel * other).sum(), kernel.sum() * other.sum()
        return np.log(joint * total / (kernel.sum(0) @ other.sum(0)) ** 2)

    return ours, released, elementwise


def penalty_job(networks: int):
    """Normalised CS-QMI and its gradient on a batch of 128."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 8))
    t = rng.normal(size=(networks, 128, 16)) + x[:, :1]

    def together():
        return information_penalty(input_kernel(x, 3.0), t, 3.0).gradient

    def one_by_one():
        settings = {"width_x": 3.0, "width_t": 3.0, "normalised": True}
        return np.stack([cs_qmi_gradient(x, one, **settings).gradient for one in t])

    return together, one_by_one


def live_picture() -> str:
    """Seconds until the first and the last picture of a live plane of eight networks."""
    data, settings = icosahedron_dataset(), TrainingSettings()
    times = []
    start = time.perf_counter()

    def watched():
        for look in train_networks(data.patterns, data.labels, settings, np.random.default_rng(0)):
            yield look
            times.append(time.perf_counter() - start)

    information_plane(watched(), data.labels, low=settings.low)
    return (
        f"Live plane, {settings.networks} tanh networks, {settings.epochs} epochs, adaptive bins: "
        f"first point after {times[0]:.2f} s, last of {len(times)} after {times[-1]:.2f} s"
    )


def main() -> None:
    """Print the tables."""
    rounds = 5 if "--quick" in sys.argv else 11
    for networks in (8, 32):
        together, one_by_one, learn = epoch_job(networks)
        exact = one_by_one()

        def error(found, exact=exact):
            return float(np.abs(found - exact).max())

        peers = [
            Contender("one after another, same code", one_by_one),
            Contender("MLPClassifier", learn, lambda _: float("nan"), 1 / networks),
        ]
        title = f"K8 one epoch of {networks} networks 12-10-7-5-4-3-2, batch {BATCH}, Adam"
        print(
            compare(
                title,
                Contender("ours, together", together),
                peers,
                error=error,
                tolerance=1e-5,
                rounds=rounds,
                budget=15.0,
                limit=epoch_limit(networks),
            ),
            end="\n\n",
            flush=True,
        )
    for count in (1000, 3000):
        ours, released, elementwise = qmi_job(count)
        exact_value = elementwise()
        print(
            compare(
                f"CS-QMI, N = {count}",
                Contender("ours", ours),
                [
                    Contender("released form, trace of a product", released),
                    Contender("elementwise on whole matrices", elementwise),
                ],
                error=lambda found, exact=exact_value: abs(found / exact - 1),
                tolerance=1e-8,
                rounds=rounds,
                budget=15.0,
                limit=count**2 / ufunc_rate(np.exp),
            ),
            end="\n\n",
            flush=True,
        )
    both, alone = penalty_job(32)
    expected = alone()
    print(
        compare(
            "Penalty and gradient of 32 networks, batch 128",
            Contender("ours, together", both),
            [Contender("one after another", alone)],
            error=lambda found: float(np.abs(found - expected).max()),
            tolerance=1e-10,
            rounds=rounds,
            budget=15.0,
        ),
        end="\n\n",
        flush=True,
    )
    print(live_picture())


if __name__ == "__main__":
    main()
