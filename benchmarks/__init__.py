"""Benchmarks, each run as ``python -m benchmarks.<name>``.

Importing the package pins every thread pool to one thread, which only works before NumPy is
imported; that is why it happens here and why the benchmarks are run as modules.
"""

import os

for _pool in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "NUMEXPR"):
    os.environ[f"{_pool}_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"
