import inspect

import numpy as np
import pytest

import sims.information_bottleneck as family
from sims.information_bottleneck import ESTIMATOR_TABLE, comparable, estimator

OPTIONS = {
    "width": 0.3,
    "variance": 0.1,
    "width_x": 0.5,
    "width_t": 0.5,
    "width_y": 0.5,
}


def inputs(kind, rng):
    x = rng.standard_normal((60, 2))
    y = x + 0.5 * rng.standard_normal((60, 2))
    return {
        "samples": (x, y),
        "layer and labels": (x, rng.integers(0, 2, 60)),
        "critic": (0.1 * x @ y.T,),
        "prediction": (x, y, x),
    }[kind]


def numbers(result):
    if isinstance(result, float):
        return [result]
    return [n for value in vars(result).values() for n in numbers(value)]


def call(entry):
    rng = np.random.default_rng(0)
    options = {name: rng if name == "rng" else OPTIONS[name] for name in entry.options}
    return entry.call(*inputs(entry.inputs, rng), **options)


@pytest.mark.parametrize("entry", ESTIMATOR_TABLE, ids=lambda entry: entry.name)
@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_every_entry_runs_below_its_ceiling(entry):
    found = numbers(call(entry))
    assert found
    assert np.isfinite(found).all()
    assert max(found) <= entry.ceiling_at(60) + 1e-9
    assert bool(entry.ceiling_name) == (entry.ceiling is not None)
    for text in (entry.title, entry.bias, entry.cost, entry.reference):
        assert text
    assert entry.unit in ("nats", "", "units of the data")


@pytest.mark.parametrize("entry", ESTIMATOR_TABLE, ids=lambda entry: entry.name)
def test_options_are_those_without_default(entry):
    parameters = inspect.signature(entry.call).parameters.values()
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return  # a variant; the call above shows that its options suffice
    assert set(entry.options) == set(needed)


def test_names_are_unique_and_looked_up():
    names = [entry.name for entry in ESTIMATOR_TABLE]
    assert len(set(names)) == len(names)
    assert estimator("ebab").title.startswith("Adaptive bins")
    with pytest.raises(ValueError, match="name = 'ksg'"):
        estimator("ksg")


def test_only_one_quantity_shares_an_axis():
    assert comparable(["ksg1", "ksg2", "histogram", "infonce"])
    assert comparable(["hsic"])
    for other in ("cs-qmi", "renyi", "hsic", "wasserstein-dependency", "ebab"):
        assert not comparable(["ksg1", other])


def test_public_names_exist():
    assert len(set(family.__all__)) == len(family.__all__)
    for name in family.__all__:
        assert getattr(family, name) is not None
