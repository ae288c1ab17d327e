"""Ruben's positive series in many digits: what the exact law is held against."""

import mpmath as mp


def reference_log_cdf(y, weights, dof, noncentrality, terms=400, digits=60):
    """ln P(sum w chi'^2 <= y); raises when the terms do not suffice for 25 digits."""
    with mp.workdps(digits):
        w = [mp.mpf(value) for value in weights]
        nu = [mp.mpf(value) for value in dof]
        delta = [mp.mpf(value) for value in noncentrality]
        least, shape, z = min(w), sum(nu) / 2, mp.mpf(y) / (2 * min(w))
        spread = [1 - least / value for value in w]
        c = [mp.exp(-sum(delta) / 2)]
        for n, value in zip(nu, w, strict=True):
            c[0] *= (least / value) ** (n / 2)
        g = [mp.mpf(0)]
        powers = [mp.mpf(1)] * len(w)
        for k in range(1, terms):
            g.append(
                sum(
                    p * (n * s + k * d * least / value)
                    for p, n, s, d, value in zip(powers, nu, spread, delta, w, strict=True)
                )
            )
            powers = [p * s for p, s in zip(powers, spread, strict=True)]
            c.append(mp.fdot((g[k - j], c[j]) for j in range(k)) / (2 * k))
        below = mp.gammainc(shape + terms, 0, z, regularized=True)
        last = below
        step = z ** (shape + terms) * mp.exp(-z) / mp.gamma(shape + terms + 1)
        total = mp.mpf(0)
        for k in reversed(range(terms)):
            step *= (shape + k + 1) / z  # z^a e^-z / Gamma(a + 1) at a = shape + k
            below += step
            total += c[k] * below
        if (1 - mp.fsum(c)) * last > mp.mpf(10) ** -25 * total:
            raise ValueError(f"{terms} terms do not suffice")
        return mp.log(total)
