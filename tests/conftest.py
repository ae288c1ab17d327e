"""What all tests share: steady settings, a store of their own, the toys in the catalogue."""

from __future__ import annotations

import os
from types import MappingProxyType

# Before NumPy is loaded: the machine's cores are for the test processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import toys
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _own_store(tmp_path_factory):
    """Keep every test away from the user's own trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMS_STORE", str(tmp_path_factory.mktemp("store") / "trials.sqlite"))
        yield


@pytest.fixture(scope="session")
def pool():
    """Return two worker processes, apart from the pool that the program itself reuses."""
    from joblib.externals.loky import ProcessPoolExecutor

    with ProcessPoolExecutor(max_workers=2) as executor:
        yield executor


@pytest.fixture
def toy_catalogue(monkeypatch):
    """Let names find the toys, and nothing else."""
    known = MappingProxyType(toys.STUDIES)
    monkeypatch.setattr("sims.catalogue.studies", lambda: known)
    return known
