import numpy as np
import pytest

from sims import datasets


@pytest.mark.parametrize(
    ("name", "shape", "outputs"),
    [
        ("digits", (1797, 64), 10),
        ("digits-parity", (1797, 64), 1),
        ("diabetes", (442, 10), 1),
        ("breast-cancer", (569, 30), 1),
    ],
)
def test_shapes_and_provenance(name, shape, outputs):
    data = datasets.load(name)
    assert data.name == name
    assert data.inputs.shape == shape == (data.size, data.dimension)
    assert data.targets.shape == (data.size, outputs)
    assert np.isfinite(data.inputs).all()
    assert "scikit-learn" in data.source
    assert "BSD" in data.licence


def test_every_loader_goes_by_its_name():
    assert [loader().name for loader in datasets.LOADERS.values()] == list(datasets.LOADERS)


def test_digits_are_standardised_globally():
    inputs = datasets.digits().inputs
    assert inputs.mean() == pytest.approx(0, abs=1e-12)
    assert inputs.std() == pytest.approx(1)
    border = inputs[:, 0]  # white on every image: kept, and not blown up
    assert border.std() == 0
    assert abs(border[0]) < 1


def test_targets_of_digits():
    one_hot, parity = datasets.digits(), datasets.digits("parity")
    np.testing.assert_array_equal(one_hot.targets.sum(axis=1), 1)
    np.testing.assert_array_equal(one_hot.targets.argmax(axis=1), one_hot.labels)
    np.testing.assert_array_equal(parity.targets[:, 0] == 1, one_hot.labels % 2 == 0)
    assert set(parity.targets.ravel()) == {-1.0, 1.0}


def test_digits_read_directly_are_those_of_the_library():
    from sklearn.datasets import load_digits

    pixels = load_digits().data
    assert datasets.digits().inputs.tobytes() == ((pixels - pixels.mean()) / pixels.std()).tobytes()
    np.testing.assert_array_equal(datasets.digits().labels, load_digits().target)


@pytest.mark.parametrize("name", ["diabetes", "breast-cancer"])
def test_tables_are_standardised_by_column(name):
    data = datasets.load(name)
    np.testing.assert_allclose(data.inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.inputs.std(axis=0), 1)


def test_the_diabetes_target_is_standardised_and_has_no_classes():
    data = datasets.diabetes()
    assert data.targets.mean() == pytest.approx(0, abs=1e-12)
    assert data.targets.std() == pytest.approx(1)
    assert data.labels is None


def test_loaded_once_and_protected():
    assert datasets.digits() is datasets.digits()
    with pytest.raises(ValueError, match="read-only"):
        datasets.digits().inputs[0, 0] = 1.0


def test_unknown_names():
    with pytest.raises(ValueError, match="name = 'mnist'"):
        datasets.load("mnist")
    with pytest.raises(ValueError, match="targets = 'odd'"):
        datasets.digits("odd")
