"""Time the estimators next to their peers: ``python -m benchmarks.information_bottleneck``.

Peers that are packages (npeet-plus, infomeasure) are left out, with a line that says so, where
they are not installed; the others are the usual formulas in NumPy, among them the product of
matrices that a released code forms where a sum of products is meant.
"""

from __future__ import annotations

import importlib
import sys
import tracemalloc
import warnings

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import digamma, logsumexp
from sklearn.feature_selection import mutual_info_regression

from benchmarks.harness import Contender, compare, copy_rate, gemm_rate, ufunc_rate
from sims.information_bottleneck import (
    binned_information,
    cs_qmi,
    kde_entropy_bounds,
    ksg,
    renyi_information,
)

BUDGET = 20.0


def peer(name: str):
    """Import a module, or print what is missing and return None."""
    try:
        return importlib.import_module(name)
    except ImportError as reason:
        print(f"({name} is left out: {reason})")
        return None


def definition(x, y, k=3):
    """KSG 1 by its definition, all pairs, a row at a time."""
    counts = []
    for i in range(len(x)):
        dx, dy = np.abs(x - x[i]).max(axis=1), np.abs(y - y[i]).max(axis=1)
        joint = np.maximum(dx, dy)
        joint[i] = np.inf
        reach = np.partition(joint, k - 1)[k - 1]
        counts.append([(dx < reach).sum(), (dy < reach).sum()])  # itself included
    return digamma(k) + digamma(len(x)) - digamma(counts).sum(axis=1).mean()


def neighbours(size: int, dx: int, dy: int, rounds: int) -> None:
    """KSG 1 against the packages that have it."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((size, dx)), rng.standard_normal((size, dy))
    shared = min(dx, dy)
    y[:, :shared] = 0.6 * x[:, :shared] + 0.8 * y[:, :shared]
    exact = definition(x, y)
    peers = [Contender("definition, a row at a time", lambda: definition(x, y))]
    if npeet := peer("npeet_plus"):
        peers.append(Contender("npeet-plus", lambda: npeet.mi(x, y, k=3, base=np.e)))
    if infomeasure := peer("infomeasure"):
        peers.append(
            Contender(
                "infomeasure",
                lambda: infomeasure.mutual_information(
                    x, y, approach="ksg", k=3, base="e", noise_level=0
                ),
            )
        )
    if dx == dy == 1:
        peers.append(
            Contender("scikit-learn", lambda: mutual_info_regression(x, y[:, 0], n_neighbors=3)[0])
        )
    report(
        f"K7 KSG 1, N = {size}, {dx} + {dy} dimensions",
        lambda: ksg(x, y),
        peers,
        lambda value: abs(float(value) - exact),
        1e-12,
        rounds,
    )


def kernel_bounds(size: int, d: int, rounds: int) -> None:
    """Both KDE bounds against full matrices."""
    points = np.tanh(np.random.default_rng(0).standard_normal((size, d)))
    variance = 0.1

    def full():
        squares = cdist(points, points, "sqeuclidean")
        sums = [logsumexp(-squares / (c * variance), axis=1) for c in (8.0, 2.0)]
        return [float(np.log(size) - s.mean()) for s in sums]

    def blocks():
        sums = np.empty((2, size))
        for start in range(0, size, 512):
            squares = cdist(points[start : start + 512], points, "sqeuclidean")
            for row, c in zip(sums, (8.0, 2.0)):
                row[start : start + 512] = np.exp(-squares / (c * variance)).sum(axis=1)
        return list(np.log(size) - np.log(sums).mean(axis=1))

    def ours():
        found = kde_entropy_bounds(points, variance=variance)
        return [found.lower, found.upper]

    exact = np.array(full())
    report(
        f"K7 KDE bounds, N = {size}, d = {d}",
        ours,
        [Contender("full matrix, logsumexp", full), Contender("blocks of cdist", blocks)],
        lambda found: float(np.abs(np.array(found) - exact).max()),
        1e-10,
        rounds,
        size**2 / 2 / ufunc_rate(np.exp),
    )


def quadratic_information(size: int, rounds: int) -> None:
    """CS-QMI against the product of matrices and the elementwise form."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((size, 2))
    t = x + 0.5 * rng.standard_normal((size, 2))

    def grams():
        return (np.exp(-cdist(v, v, "sqeuclidean") / 2) for v in (x, t))

    def combine(product, k, q):
        return np.log(product * k.sum() * q.sum() / (k.sum(0) @ q.sum(0)) ** 2)

    def trace():
        k, q = grams()
        return combine(np.trace(k @ q.T), k, q)

    def elementwise():
        k, q = grams()
        return combine((k * q).sum(), k, q)

    def ours():
        return cs_qmi(x, t, width_x=1.0, width_t=1.0)

    exact = elementwise()
    report(
        f"K7 CS-QMI, N = {size}",
        ours,
        [
            Contender("trace of a product (released form)", trace),
            Contender("elementwise, full matrices", elementwise),
        ],
        lambda value: abs(float(value) - exact),
        1e-10,
        rounds,
        size**2 / ufunc_rate(np.exp),
    )


def memory(size: int) -> None:
    """Peak memory at a size at which two full Gram matrices would not fit."""
    x = np.random.default_rng(0).standard_normal((size, 2))
    for name, task in (
        ("CS-QMI", lambda: cs_qmi(x, x, width_x=0.5, width_t=0.5)),
        ("KDE bounds", lambda: kde_entropy_bounds(x, variance=0.1)),
    ):
        tracemalloc.start()
        task()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        full = size**2 * 8
        print(f"peak memory of {name}, N = {size}: {peak / 1e6:.1f} MB (a Gram: {full / 1e6:.0f})")
    print()


def matrix_entropies(size: int, rounds: int) -> None:
    """Matrix Rényi information at the orders 2 and 1.01 against eigendecompositions."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, size, 2))

    def by_vectors(alpha):
        k, q = (np.exp(-cdist(v, v, "sqeuclidean") / (2 * 0.5**2)) for v in (x, y))
        entropies = []
        for gram in (k, q, k * q):
            values = np.maximum(np.linalg.eigh(gram / size)[0], 0)
            entropies.append(np.log((values**alpha).sum()) / (1 - alpha))
        return entropies[0] + entropies[1] - entropies[2]

    for alpha, tolerance in ((2.0, 1e-9), (1.01, 1e-9)):
        exact = by_vectors(alpha)
        report(
            f"K7 matrix Rényi information, order {alpha}, N = {size}",
            lambda alpha=alpha: renyi_information(x, y, width_x=0.5, width_y=0.5, alpha=alpha),
            [Contender("eigh of three matrices", lambda alpha=alpha: by_vectors(alpha))],
            lambda value, exact=exact: abs(float(value) - exact),
            tolerance,
            rounds,
        )


def binning(epochs: int, rounds: int) -> None:
    """I(T;X), I(T;Y) of a stack of layers against the usual ways to count rows."""
    rng = np.random.default_rng(0)
    count, units, width = 4096, 5, 0.07
    hidden = rng.standard_normal((count, units))
    stack = np.tanh(np.linspace(0.2, 4, epochs)[:, None, None] * hidden).astype(np.float32)
    labels = rng.integers(0, 2, count)

    def entropy(counts):
        p = counts / counts.sum()
        return -(p * np.log(p)).sum()

    def informations(unique):
        result = []
        for layer in stack:
            bins = np.floor(layer.astype(np.float64) / width).astype(np.int64)
            whole = entropy(unique(bins))
            parts = [entropy(unique(bins[labels == y])) for y in (0, 1)]
            shares = np.bincount(labels) / count
            result.append([whole, whole - shares @ parts])
        return np.array(result).T

    def as_bytes(bins):
        rows = np.ascontiguousarray(bins)
        keys = rows.view(np.dtype((np.void, rows.itemsize * units)))
        return np.unique(keys, return_counts=True)[1]

    def as_rows(bins):
        return np.unique(bins, axis=0, return_counts=True)[1]

    def ours():
        found = binned_information(stack, labels, width=width)
        return np.array([found.information_x, found.information_y])

    exact = informations(as_bytes)
    values = stack.size
    report(
        f"K7 binning, {epochs} layers of {count} x {units}",
        ours,
        [
            Contender("np.unique of bytes", lambda: informations(as_bytes)),
            Contender("np.unique(axis=0)", lambda: informations(as_rows)),
        ],
        lambda found: float(np.abs(found - exact).max()),
        1e-11,
        rounds,
        values / ufunc_rate(np.floor) + 3 * 16.0 * epochs * count / copy_rate(),
    )


def report(title, ours, peers, error, tolerance, rounds, limit=None) -> None:
    """Print one table."""
    table = compare(
        title,
        Contender("ours", ours),
        peers,
        error=error,
        tolerance=tolerance,
        rounds=rounds,
        budget=BUDGET,
        limit=limit,
    )
    print(table, end="\n\n", flush=True)


def main() -> None:
    """Print every table."""
    warnings.simplefilter("ignore")  # samples are as small as the peers can still bear
    rounds = 3 if "--quick" in sys.argv else 11
    print(f"GEMM {gemm_rate() / 1e9:.0f} GF/s, exp {ufunc_rate(np.exp) / 1e9:.2f} G/s\n")
    neighbours(10_000, 1, 1, rounds)
    neighbours(4_000, 3, 3, rounds)
    neighbours(2_000, 10, 10, rounds)
    kernel_bounds(4_096, 10, rounds)
    quadratic_information(3_000, rounds)
    memory(10_000)
    matrix_entropies(1_000, rounds)
    binning(60, rounds)


if __name__ == "__main__":
    main()
