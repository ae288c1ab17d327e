"""The eigenframework straight from its two published equations, in as many digits as it takes.

And rough random tasks to try it on.
"""

from dataclasses import fields

import mpmath as mp
import numpy as np

from sims.random_features.estimates import Risk

FIELDS = tuple(field.name for field in fields(Risk))


def eigenframework(n, k, ridge, eigenvalues, target_power, noise=0.0, multiplicity=None):
    """Return the nine fields of `risk`, or None where gamma = 0 (no ridge, rank too small).

    The root is found by bisection and Newton's method; both published equations are then checked.
    The test error is the published formula, whose cancellation is outlived by carrying digits.
    """
    lost = 0 if ridge == 0 else max(0, -int(mp.log10(ridge)))
    with mp.workdps(140 + 3 * lost):
        f = mp.mpf
        lam, v2 = [f(float(x)) for x in eigenvalues], [f(float(x)) for x in target_power]
        m = [f(float(x)) for x in multiplicity] if multiplicity is not None else [f(1)] * len(lam)
        n, k, ridge, noise = f(float(n)), f(float(k)), f(float(ridge)), f(float(noise))
        low = min(n, k)
        if ridge == 0 and low >= mp.fsum(w for w, x in zip(m, lam) if x > 0):
            return None
        gamma = _gamma(n, k, ridge, lam, m)
        return _estimates(n, k, ridge, gamma, lam, v2, m, noise)


def _gamma(n, k, ridge, lam, m):
    low, endless = min(n, k), mp.isinf(k)

    def residual(t):
        gamma = mp.exp(t)
        z = mp.fsum(w * x / (x + gamma) for w, x in zip(m, lam))
        c = mp.fsum(w * x * gamma / (x + gamma) ** 2 for w, x in zip(m, lam))
        if endless:
            return z - n + ridge / gamma, -c - ridge / gamma
        product = ridge * k / gamma
        root = mp.sqrt((n - k) ** 2 + 4 * product)
        small = (root - abs(n - k)) / 2
        return z - low + small, -c - (product / root if root else 0)

    trace = mp.fsum(w * x for w, x in zip(m, lam))
    high = mp.log(ridge / n + trace / n + trace / k) + 1
    left = high - 1
    while residual(left)[0] <= 0:
        left -= 20
    while high - left > 0.01:
        middle = (left + high) / 2
        left, high = (middle, high) if residual(middle)[0] > 0 else (left, middle)
    t, tolerance = (left + high) / 2, mp.mpf(10) ** (-mp.mp.dps // 2)
    for _ in range(100):
        value, slope = residual(t)
        left, high = (t, high) if value > 0 else (left, t)
        new = t - value / slope
        if abs(new - t) < tolerance:
            return mp.exp(new)
        t = new if left < new < high else (left + high) / 2
    raise AssertionError("the reference did not converge")


def _estimates(n, k, ridge, gamma, lam, v2, m, noise):
    share = [x / (x + gamma) for x in lam]
    z = mp.fsum(w * s for w, s in zip(m, share))
    q = mp.fsum(w * s * s for w, s in zip(m, share))
    c = mp.fsum(w * s * (1 - s) for w, s in zip(m, share))
    s1 = mp.fsum(w * v * s * (1 - s) for w, v, s in zip(m, v2, share))
    s2 = mp.fsum(w * v * (1 - s) ** 2 for w, v, s in zip(m, v2, share))
    a = n - z if ridge or n > k else mp.mpf(0)
    parts = {
        "gamma": gamma,
        "bias_squared": s2,
        "variance_data": q * s2 / (n - q),
        "variance_noise": q * noise / (n - q),
    }
    if mp.isinf(k):
        kappa, features, test = gamma, mp.mpf(0), n * (s2 + noise) / (n - q)
    else:
        b = k - z if ridge or k > n else mp.mpf(0)
        kappa, features = gamma * b / k, c * s1 / (b + c)
        if a == b == 0:
            rest = {"kappa": 0, "variance_features": features, "train": 0}
            return parts | rest | {"test": mp.inf, "variance_interaction": mp.inf}
        bracket = mp.fsum(
            w * v * (gamma / (x + gamma) - kappa * x / (x + gamma) ** 2 * k / (k - q))
            for w, v, x in zip(m, v2, lam)
        )
        test = (bracket + noise) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))
    if ridge:
        assert abs(n - z - ridge / kappa) < n * mp.mpf(10) ** -60
        assert mp.isinf(k) or abs(k - z - k * kappa / gamma) < k * mp.mpf(10) ** -60
    parts |= {"kappa": kappa, "variance_features": features, "test": test}
    known = sum(parts[name] for name in parts if name.startswith(("bias", "variance")))
    return parts | {"variance_interaction": test - noise - known, "train": (a / n) ** 2 * test}


def worst_relative_error(result, exact):
    """Compare all nine fields; values that float64 cannot hold must be as near as it can."""
    worst = 0.0
    for name in FIELDS:
        ours, true = mp.mpf(float(getattr(result, name))), exact[name]
        if mp.isinf(true):
            error = 0.0 if ours == true else float("inf")
        elif abs(true) < mp.mpf("1e-290") or abs(true) < exact["test"] * mp.mpf("1e-120"):
            error = float(abs(ours) > mp.mpf("1e-290") and abs(ours) > exact["test"] * 1e-100)
        else:
            error = float(abs(ours - true) / abs(true))
        worst = max(worst, error)
    return worst


def small_task(seed, modes=None):
    """A rough random task: eigenvalues over many decades, unrelated target, some multiplicities."""
    rng = np.random.default_rng(seed)
    modes = modes or int(rng.integers(2, 12))
    eigenvalues = 10.0 ** rng.uniform(-rng.choice([1, 4, 12]), 1, modes)
    target = 10.0 ** rng.uniform(-4, 2, modes)
    multiplicity = rng.choice([1.0, 3.0, 20.0, 2.5], modes)
    return {
        "eigenvalues": eigenvalues,
        "target_power": target,
        "multiplicity": multiplicity,
        "noise_variance": float(rng.choice([0.0, 1e-4, 1.0])),
    }
