"""The random-feature eigenframework on a 50 x 50 grid of sample and feature numbers.

Ours is the public `risk`, cold (the spectrum compressed anew) and with the spectrum remembered.
The peers solve the same equations on the full spectrum and put their gamma into the same formula;
the error column is the largest relative deviation of the test error from a converged reference.
Peers too slow to run whole are timed on a few points spread over the grid and extrapolated.

    python -m benchmarks.eigenframework [modes ...]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, fsolve

from benchmarks.harness import Contender, Report, compare, divide_rate
from sims.random_features import spectral_sums
from sims.random_features.eigenframework import solve
from sims.random_features.estimates import reduced_equation
from sims.random_features.theory import risk

FloatArray = NDArray[np.float64]

RIDGE, NOISE, ALPHA, BETA = 1e-3, 0.5, 1.5, 1.5
SIZES = np.geomspace(10, 9000, 50)
BLOCK = 1 << 14  # elements of a temporary, so that it stays in cache


def main() -> None:
    """Run for each number of modes named on the command line."""
    for modes in [int(word) for word in sys.argv[1:]] or [10_000, 100_000]:
        print(report(modes), end="\n\n")


def report(modes: int) -> Report:
    """Measure all contenders on a power-law task with this many modes."""
    index = np.arange(1.0, modes + 1)
    lam, v2 = index**-ALPHA, index**-BETA
    n, k = (x.ravel() for x in np.meshgrid(SIZES, SIZES, indexing="ij"))
    exact = full_newton(n, k, lam, v2, steps=40)

    def ours() -> FloatArray:
        return risk(n, k, RIDGE, lam, v2, noise_variance=NOISE).test

    def peer(name: str, gamma_at: Callable[..., float], points: int) -> Contender:
        some = np.linspace(0, len(n) - 1, points).astype(int)
        start = 0.7 * implicit_ridge(lam, n, k)  # what a user could guess

        def run() -> FloatArray:
            gamma = np.array([gamma_at(n[i], k[i], lam, start[i]) for i in some])
            return np.array([test_error(*x, lam, v2) for x in zip(n[some], k[some], gamma)])

        def error(values: FloatArray) -> float:
            return deviation(values, exact[some])

        return Contender(name, run, error, points / len(n))

    few = 250 if modes <= 20_000 else 50
    peers = [
        Contender("ours, cold", ours, prepare=spectral_sums._remembered.cache_clear),
        Contender("full-spectrum Newton", lambda: full_newton(n, k, lam, v2)),
        peer("brentq per point", by_brentq, few),
        peer("fsolve on both equations", by_fsolve, few),
        peer("nested bisection", by_nested_bisection, 4),
    ]
    sums = spectral_sums.spectral_sums(lam, v2)
    solution = solve(sums, reduced_equation(sums, n, k, np.full_like(n, RIDGE)))
    nodes = len(spectral_sums.compress(lam, np.ones(modes), v2).level)
    return compare(
        f"risk on {len(n)} points, {modes} modes, {nodes} nodes, "
        f"{solution.newton} Newton evaluations",
        Contender("ours, spectrum remembered", ours),
        peers,
        error=lambda values: deviation(values, exact),
        tolerance=1e-10,
        budget=30.0,
        # One division for each point, compressed level and Newton evaluation.
        limit=solution.newton * len(n) * nodes / divide_rate(),
    )


def deviation(values: FloatArray, exact: FloatArray) -> float:
    """Largest relative deviation; not finite counts as infinite."""
    return float(np.nan_to_num(np.abs(values / exact - 1), nan=np.inf).max())


def implicit_ridge(lam: FloatArray, n: FloatArray, k: FloatArray) -> FloatArray:
    """Guess gamma: the eigenvalue at the smaller of n and k, plus the ridge's share."""
    rank = np.clip(np.minimum(n, k), 1, len(lam)).astype(int)
    return RIDGE / n + lam[rank - 1]


def test_error(n: float, k: float, gamma: float, lam: FloatArray, v2: FloatArray) -> float:
    """Put gamma into the cancellation-free formula with sums over the full spectrum."""
    share = lam / (lam + gamma)
    product = share * (1 - share)
    c, s1, s2 = product.sum(), v2 @ product, v2 @ (1 - share) ** 2
    a, b = gaps(n, k, gamma)
    return n * ((b + c) * (s2 + NOISE) + c * s1) / (a * b + a * c + b * c)


def gaps(n: float, k: float, gamma: float) -> tuple[float, float]:
    """``n - z`` and ``k - z`` from their product and difference."""
    product = RIDGE * k / gamma
    large = (abs(n - k) + np.sqrt((n - k) ** 2 + 4 * product)) / 2
    return (large, product / large) if n >= k else (product / large, large)


def full_newton(
    n: FloatArray, k: FloatArray, lam: FloatArray, v2: FloatArray, steps: int = 30
) -> FloatArray:
    """Newton's method on all points at once, every sum over the full spectrum, in blocks."""
    low, difference = np.minimum(n, k), np.abs(n - k)
    t = np.log(implicit_ridge(lam, n, k))
    active = np.ones(len(n), dtype=bool)
    for _ in range(steps):
        now = np.flatnonzero(active)
        z, c, *_ = full_sums(np.exp(t[now]), lam, v2)
        product = RIDGE * k[now] * np.exp(-t[now])
        root = np.sqrt(difference[now] ** 2 + 4 * product)
        small = 2 * product / (difference[now] + root)
        step = np.clip((z - low[now] + small) / (c + product / root), -2, 2)
        t[now] += step
        active[now] = np.abs(step) > 1e-8
        if not active.any():
            break
    gamma = np.exp(t)
    _, c, s1, s2 = full_sums(gamma, lam, v2)
    a, b = np.array([gaps(*point) for point in zip(n, k, gamma)]).T
    return n * ((b + c) * (s2 + NOISE) + c * s1) / (a * b + a * c + b * c)


def full_sums(gamma: FloatArray, lam: FloatArray, v2: FloatArray) -> FloatArray:
    """Add z, c, S1, S2 up over the full spectrum, shape (4, points)."""
    out = np.empty((4, len(gamma)))
    rows = max(1, BLOCK // len(lam))
    for start in range(0, len(gamma), rows):
        part = slice(start, start + rows)
        share = lam / (lam + gamma[part, None])
        out[0, part] = share.sum(axis=1)
        rest = 1 - share
        out[3, part] = (rest * rest) @ v2
        rest *= share
        out[1, part], out[2, part] = rest.sum(axis=1), rest @ v2
    return out


def by_brentq(n: float, k: float, lam: FloatArray, guess: float) -> float:
    """Bracket the scalar equation by the trace and solve it point by point."""

    def residual(t: float) -> float:
        gamma = np.exp(t)
        return float((lam / (lam + gamma)).sum() - n + gaps(n, k, gamma)[0])

    trace = lam.sum()
    left, right = np.log(RIDGE / n), np.log(RIDGE / n + trace / n + trace / k)
    return float(np.exp(brentq(residual, left, right, xtol=1e-14, rtol=1e-14)))


def by_fsolve(n: float, k: float, lam: FloatArray, guess: float) -> float:
    """Give both published equations, in logarithms of kappa and gamma, to a general solver."""

    def residuals(x: FloatArray) -> list[float]:
        kappa, gamma = np.exp(x)
        z = float((lam / (lam + gamma)).sum())
        return [(z + RIDGE / kappa) / n - 1, (z + k * kappa / gamma) / k - 1]

    start = np.log([max(guess * max(1 - n / k, 0.1), RIDGE / n), guess])
    with np.errstate(all="ignore"):
        x, _, _, _ = fsolve(residuals, start, xtol=1e-13, full_output=True)
    return float(np.exp(x[1]))


def by_nested_bisection(n: float, k: float, lam: FloatArray, guess: float) -> float:
    """Bisect kappa over [1e-15, 1e15], and inside every step gamma: the published shape."""

    def bisect(above: Callable[[float], bool]) -> float:
        left, right = np.log(1e-15), np.log(1e15)
        while right - left > 1e-13:
            middle = (left + right) / 2
            left, right = (middle, right) if above(middle) else (left, middle)
            if middle in (left, right) and right - left < 4 * np.spacing(abs(middle)):
                break
        return float((left + right) / 2)

    def gamma_at(log_kappa: float) -> float:
        kappa = np.exp(log_kappa)
        return bisect(lambda t: (lam / (lam + np.exp(t))).sum() + k * kappa / np.exp(t) > k)

    def too_small(log_kappa: float) -> bool:
        gamma = np.exp(gamma_at(log_kappa))
        return bool((lam / (lam + gamma)).sum() + RIDGE / np.exp(log_kappa) > n)

    return float(np.exp(gamma_at(bisect(too_small))))


if __name__ == "__main__":
    main()
