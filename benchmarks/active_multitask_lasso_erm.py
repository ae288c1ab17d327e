"""Time the joint fit and the whole trial: ``python -m benchmarks.active_multitask_lasso_erm``.

Forty tasks of fifty inputs share five directions; the counts are those of the L2 rule, from five
to thousands. Peers are the published recipe written down directly: alternating least squares on
the data with NumPy or scikit-learn, the same with sufficient statistics and loops, and L-BFGS.
The error is how far the pooled residual sum of squares lies above its minimum.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression

from benchmarks.harness import Contender, compare, gemm_rate
from sims.active_multitask_lasso import (
    STRATEGIES,
    allocation,
    draw_data,
    draw_statistics,
    exploration_budget,
    joint_erm,
    random_instance,
    relevance,
    statistics_of,
    strategy_trial,
)

TASKS, RANK, DIMENSION = 40, 5, 50
INSTANCE = random_instance(TASKS, RANK, 3)
BASIS = np.linalg.qr(np.random.default_rng(1).standard_normal((DIMENSION, RANK)))[0]
THETA = (BASIS @ INSTANCE.heads).T
BUDGETS = (4000, 8000, 16_000, 32_000, 64_000, 128_000)
ROUNDS = 6  # of an alternation from the usual start, to 1e-6 of the objective at n >> d


def counts_of(total: int):
    """Return the counts of the L2 rule."""
    nu = relevance(INSTANCE.heads, INSTANCE.target, p=2).nu
    return allocation(nu, total, p=2, floor=5)


def starting(solutions):
    """Return the leading singular vectors of the tasks' own solutions."""
    return np.linalg.svd(np.transpose(solutions), full_matrices=False)[0][:, :RANK]


def solutions_of(data):
    """Return weighted least squares solutions of the tasks with enough samples."""
    rich = [(x, y) for x, y in data if len(y) >= 1.5 * DIMENSION + 5]
    return [np.linalg.lstsq(x, y)[0] * np.sqrt(len(y)) for x, y in rich]


def by_numpy(data):
    """Alternate on the data: a Kronecker design for B, tasks one by one for the heads."""
    basis = starting(solutions_of(data))
    y = np.concatenate([part for _, part in data])
    for _ in range(ROUNDS):
        heads = [np.linalg.lstsq(x @ basis, part)[0] for x, part in data]
        design = np.concatenate([np.kron(w, x) for (x, _), w in zip(data, heads)])
        basis = np.linalg.qr(np.linalg.lstsq(design, y)[0].reshape(RANK, DIMENSION).T)[0]
    return basis


def by_scikit_learn(data):
    """Do the same with LinearRegression."""
    plain = lambda x, y: LinearRegression(fit_intercept=False).fit(x, y).coef_  # noqa: E731
    basis = starting(solutions_of(data))
    y = np.concatenate([part for _, part in data])
    for _ in range(ROUNDS):
        heads = [plain(x @ basis, part) for x, part in data]
        design = np.concatenate([np.kron(w, x) for (x, _), w in zip(data, heads)])
        basis = np.linalg.qr(plain(design, y).reshape(RANK, DIMENSION).T)[0]
    return basis


def by_loops(grams, crosses, counts, rounds=ROUNDS):
    """Alternate on sufficient statistics, with a Kronecker product for every task."""
    rich = np.flatnonzero(counts >= 1.5 * DIMENSION + 5)
    solved = [np.linalg.solve(grams[t], crosses[t]) * np.sqrt(counts[t]) for t in rich]
    basis = starting(solved)
    for _ in range(rounds):
        matrix, right = np.zeros((RANK * DIMENSION,) * 2), np.zeros(RANK * DIMENSION)
        for gram, cross in zip(grams, crosses):
            inner = basis.T @ gram @ basis
            w = np.linalg.solve(inner + 1e-10 * np.trace(inner) * np.eye(RANK), basis.T @ cross)
            matrix += np.kron(np.outer(w, w), gram)
            right += np.kron(w, cross)
        basis = np.linalg.qr(np.linalg.solve(matrix, right).reshape(RANK, DIMENSION).T)[0]
    return basis


def loops_from_data(data):
    """Do the same from raw data."""
    grams, crosses = [x.T @ x for x, _ in data], [x.T @ y for x, y in data]
    return by_loops(grams, crosses, np.array([len(y) for _, y in data]))


def by_lbfgs(data):
    """Minimise over B and all heads at once, from the usual start."""
    basis = starting(solutions_of(data))
    heads = np.array([np.linalg.lstsq(x @ basis, y)[0] for x, y in data])
    cut = basis.size

    def objective(flat):
        b, w = flat[:cut].reshape(basis.shape), flat[cut:].reshape(heads.shape)
        value, to_b, to_w = 0.0, np.zeros_like(b), np.empty_like(w)
        for t, (x, y) in enumerate(data):
            features = x @ b
            off = features @ w[t] - y
            value += off @ off
            to_b += np.outer(x.T @ off, w[t])
            to_w[t] = features.T @ off
        return value, 2 * np.concatenate([to_b.ravel(), to_w.ravel()])

    first = np.concatenate([basis.ravel(), heads.ravel()])
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-6, "maxcor": 20}
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options=options)
    return np.linalg.qr(found.x[:cut].reshape(basis.shape))[0]


def fit_report(total: int, rounds: int):
    """Compare fits of one data set, to the same minimum."""
    rng = np.random.default_rng(total)
    counts = counts_of(total)
    data = draw_data(THETA, counts, noise_variance=1.0, rng=rng)
    exact = statistics_of(data)
    least = joint_erm(exact, RANK, tolerance=1e-10, rounds=300).residual

    def error(basis):
        fit = joint_erm(exact, RANK, method="start only", start=basis)
        return fit.residual / least - 1

    flops = total * DIMENSION**2 + ROUNDS * (
        2 * TASKS * RANK**2 * DIMENSION**2 + (RANK * DIMENSION) ** 3 / 3
    )
    return compare(
        f"K2 fit from data, d = {DIMENSION}, K = {RANK}, T = {TASKS}, N = {total}",
        Contender("ours", lambda: joint_erm(statistics_of(data), RANK).basis),
        [
            Contender("statistics and loops", lambda: loops_from_data(data)),
            Contender("SciPy L-BFGS on the data", lambda: by_lbfgs(data)),
            Contender("NumPy lstsq on the data", lambda: by_numpy(data)),
            Contender("scikit-learn on the data", lambda: by_scikit_learn(data)),
        ],
        error=error,
        tolerance=1e-5,
        rounds=rounds,
        budget=15.0,
        limit=flops / gemm_rate(),
    )


def draw_report(total: int, rounds: int):
    """One budget, one strategy: statistics drawn exactly in law against data drawn and fitted."""
    rng, counts = np.random.default_rng(0), counts_of(total)
    law = {"noise_variance": 1.0, "rng": rng}
    return compare(
        f"K2 draw and fit, N = {total}",
        Contender("ours", lambda: joint_erm(draw_statistics(THETA, counts, **law), RANK)),
        [
            Contender("draw X, loops", lambda: loops_from_data(draw_data(THETA, counts, **law))),
            Contender("drawing X alone", lambda: rng.standard_normal((total, DIMENSION))),
        ],
        rounds=rounds,
        budget=15.0,
    )


def trial_report(rounds: int):
    """Six budgets, five strategies; the peer draws every cell afresh and does 32000 only.

    Its active strategies explore, fit, and draw the rest by the same plans as ours.
    """
    rng = np.random.default_rng(0)
    known = {"dimension": DIMENSION, "basis": BASIS, "rng": rng}

    def ours():
        return strategy_trial(INSTANCE.heads, INSTANCE.target, BUDGETS, **known).representation

    plans = strategy_trial(INSTANCE.heads, INSTANCE.target, [32_000], **known).counts[0]
    first = exploration_budget(32_000, tasks=TASKS, dimension=DIMENSION, floor=5)
    explored = allocation(np.ones(TASKS), first, p=1)

    def afresh():
        for name, plan in zip(STRATEGIES, plans):
            before = None
            if name.endswith("active"):
                before = draw_data(THETA, explored, noise_variance=1.0, rng=rng)
                loops_from_data(before)
                plan = plan - explored
            data = draw_data(THETA, plan, noise_variance=1.0, rng=rng)
            if before is not None:
                data = [
                    (np.concatenate([x, u]), np.concatenate([y, v]))
                    for (x, y), (u, v) in zip(before, data)
                ]
            loops_from_data(data)

    return compare(
        f"K2 whole trial, budgets {BUDGETS}, strategies {len(STRATEGIES)}",
        Contender("ours", ours),
        [Contender("every cell drawn and fitted afresh", afresh, share=32_000 / sum(BUDGETS))],
        rounds=rounds,
        budget=20.0,
    )


def main() -> None:
    """Print the tables."""
    rounds = 4 if "--quick" in sys.argv else 15
    for total in (16_000, 64_000):
        print(fit_report(total, rounds), end="\n\n", flush=True)
        print(draw_report(total, rounds), end="\n\n", flush=True)
    print(trial_report(max(3, rounds // 3)))


if __name__ == "__main__":
    main()
