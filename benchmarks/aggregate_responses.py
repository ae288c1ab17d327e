"""Time the rho path and the exact-law trial: ``python -m benchmarks.aggregate_responses``.

Both jobs cover a grid of bag sizes and fifty weights. Peers solve the same systems afresh for
every weight, by a generalised eigenproblem for every bag size, or by least squares on stacked
rows; peers too slow to run whole do a share of the job and are extrapolated.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import linalg
from sklearn.linear_model import LinearRegression

from benchmarks.harness import Contender, compare, gemm_rate, normal_rate
from sims.aggregate_responses import as_bags, equal_bags, optimal_bags_1d
from sims.aggregate_responses.rho_path import whiten, whitened_path
from sims.aggregate_responses.simulate import risk_trial

RHOS = np.geomspace(1e-3, 1.0, 50)
SIZES = (2, 3, 6, 12)
PSI = 6


def path_job(d: int):
    """Coefficients for every bag size and weight, given features and responses."""
    rng = np.random.default_rng(d)
    n = PSI * d
    features, responses = rng.standard_normal((n, d)), rng.standard_normal(n)
    partitions = [as_bags(equal_bags(n, size, rng)) for size in SIZES]

    def reduced():
        for bags in partitions:
            root = np.sqrt(bags.sizes)
            yield bags, root[:, None] * bags.means(features), root * bags.means(responses)

    def ours():
        coordinates = whiten(features, 0.0)
        paths = [whitened_path(coordinates, a, u, RHOS, 0.0) for _, a, u in reduced()]
        return np.array(paths)

    def cholesky():
        total = features.T @ features
        result = []
        for _, a, u in reduced():
            between, right = a.T @ a, a.T @ u
            within = total - between
            for rho in RHOS:
                factor = linalg.cho_factor(between + rho * within, lower=True, check_finite=False)
                result.append(linalg.cho_solve(factor, right, check_finite=False))
        return np.reshape(result, (len(SIZES), len(RHOS), d))

    def eigenproblem():
        total = features.T @ features
        result = []
        for _, a, u in reduced():
            mu, basis = linalg.eigh(a.T @ a, total, driver="gvd", check_finite=False)
            damping = mu + RHOS[:, None] * (1.0 - mu)
            result.append((basis.T @ (a.T @ u) / damping) @ basis.T)
        return np.array(result)

    def stacked(solve, weights):
        result = []
        for bags, a, u in reduced():
            inside = features - bags.means(features)[bags.index]
            right = np.concatenate([u, np.zeros(n)])
            for rho in weights:
                result.append(solve(np.concatenate([a, np.sqrt(rho) * inside]), right))
        return np.reshape(result, (len(SIZES), len(weights), d))

    some = RHOS[[10, 40]]
    lstsq = lambda: stacked(lambda x, y: np.linalg.lstsq(x, y)[0], some)  # noqa: E731
    learn = lambda: stacked(  # noqa: E731
        lambda x, y: LinearRegression(fit_intercept=False).fit(x, y).coef_, some
    )
    return ours, cholesky, eigenproblem, lstsq, learn


def path_limit(d: int) -> float:
    """Seconds of unavoidable arithmetic at the rate of a matrix product."""
    n, flops = PSI * d, 0.0
    flops += n * d**2 + d**3 / 3  # half of X'X, its Cholesky factor
    for size in SIZES:
        m = n // size
        rank = min(m, d)
        flops += m * d**2  # half of A'A, or the triangular solve of A
        flops += d**3 if m >= d else m**2 * d
        flops += 4 / 3 * rank**3  # tridiagonal form
        flops += 2 * len(RHOS) * rank**2 + (len(RHOS) + 1) * d**2
    return flops / gemm_rate()


def trial_job(d: int):
    """One trial over every bag size and weight: risk given the features against drawn data."""
    n = PSI * d
    rng = np.random.default_rng(d)
    counts = [n // size for size in SIZES]
    theta = np.ones(d) / np.sqrt(d)

    def ours():
        return risk_trial(n, d, counts, RHOS, noise_variance=0.5, rng=rng).total

    def drawn(solve):
        features = rng.standard_normal((n, d))
        responses = features @ theta + np.sqrt(0.5) * rng.standard_normal(n)
        total = features.T @ features
        errors = []
        for size in SIZES:
            a = np.sqrt(size) * features.reshape(-1, size, d).mean(1)
            right = a.T @ (np.sqrt(size) * responses.reshape(-1, size).mean(1))
            errors.append(solve(a.T @ a, total, right))
        return np.array(errors)

    def by_cholesky(between, total, right):
        within = total - between
        found = [
            linalg.cho_solve(
                linalg.cho_factor(between + rho * within, lower=True, check_finite=False),
                right,
                check_finite=False,
            )
            for rho in RHOS
        ]
        return np.square(np.array(found) - theta).sum(1)

    def by_eigenproblem(between, total, right):
        mu, basis = linalg.eigh(between, total, driver="gvd", check_finite=False)
        found = (basis.T @ right / (mu + RHOS[:, None] * (1.0 - mu))) @ basis.T
        return np.square(found - theta).sum(1)

    return (
        ours,
        lambda: drawn(by_cholesky),
        lambda: drawn(by_eigenproblem),
        lambda: rng.standard_normal((n, d)),
    )


def bags_job(n: int, size: int):
    """Optimal bags against the textbook recursion."""
    scores = np.random.default_rng(n).standard_normal(n)

    def textbook():
        ordered = np.sort(scores)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        squares = np.concatenate([[0.0], np.cumsum(ordered**2)])
        best = np.full(n + 1, np.inf)
        best[0] = 0.0
        for end in range(size, n + 1):
            lengths = np.arange(size, min(2 * size, end + 1))
            start = end - lengths
            cost = squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / lengths
            best[end] = (best[start] + cost).min()
        return best[n]

    def scatter(labels):
        bags = as_bags(labels)
        return np.square(scores - bags.means(scores)[bags.index]).sum()

    least = textbook()
    return (
        Contender("ours", lambda: optimal_bags_1d(scores, size), lambda v: scatter(v) / least - 1),
        Contender("textbook recursion in NumPy", textbook, lambda v: abs(v / least - 1)),
    )


def main() -> None:
    """Print the tables of both jobs at two dimensions."""
    rounds = 5 if "--quick" in sys.argv else 15
    for d in (200, 500):
        ours, cholesky, eigenproblem, lstsq, learn = path_job(d)
        exact = cholesky()
        size = np.abs(exact).max()

        def error(found, exact=exact, size=size):
            known = exact if found.shape == exact.shape else exact[:, [10, 40]]
            return float(np.abs(found - known).max() / size)

        share = 2 / len(RHOS)
        title = f"K5 coefficients, d = {d}, n = {PSI * d}, bag sizes {SIZES}, {len(RHOS)} weights"
        peers = [
            Contender("Cholesky for every weight", cholesky),
            Contender("generalised eigenproblem", eigenproblem),
            Contender("lstsq on stacked rows", lstsq, share=share),
            Contender("LinearRegression on stacked rows", learn, share=share),
        ]
        limit = path_limit(d)
        report = compare(
            title,
            Contender("ours", ours),
            peers,
            error=error,
            tolerance=1e-8,
            rounds=rounds,
            budget=20.0,
            limit=limit,
        )
        print(report, end="\n\n", flush=True)
        ours, cholesky, eigenproblem, draw = trial_job(d)
        peers = [
            Contender("draw X, Cholesky for every weight", cholesky),
            Contender("draw X, generalised eigenproblem", eigenproblem),
            Contender("drawing X alone", draw),
        ]
        title = f"K5 whole trial, d = {d}, n = {PSI * d} (ours averages the noise exactly)"
        normals = (d * (d - 1) / 2) / normal_rate() + 2 * d**3 / gemm_rate()
        print(
            compare(
                title, Contender("ours", ours), peers, rounds=rounds, budget=20.0, limit=normals
            ),
            end="\n\n",
            flush=True,
        )
    ours, textbook = bags_job(20_000, 20)
    print(
        compare("Optimal bags of 20000 scores, at least 20 each", ours, [textbook], rounds=rounds)
    )


if __name__ == "__main__":
    main()
