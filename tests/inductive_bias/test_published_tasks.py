from dataclasses import asdict

import numpy as np
import pytest

from sims.inductive_bias.difficulty import control_difficulty, generalization_difficulty
from sims.inductive_bias.published_tasks import (
    CONTROL_TASKS,
    IMAGE_TASKS,
    MISSING,
    OMNIGLOT,
    OMNIGLOT_ALPHABETS,
    cart_pole,
    union_difficulty,
)

IMAGENET = asdict(IMAGE_TASKS["ImageNet"])


@pytest.mark.parametrize(
    ("name", "log10_bits", "bits", "degree"),
    [
        ("MNIST", 16.172, 1.485e16, 38.966),
        ("SVHN", 31.084, 1.213e31, 205.859),
        ("CIFAR10", 32.536, 3.438e32, 113.114),
        ("ImageNet", 41.554, 3.583e41, 70.690),
    ],
)
def test_image_tasks(name, log10_bits, bits, degree):
    found = IMAGE_TASKS[name].difficulty()
    assert found.log10_bits == pytest.approx(log10_bits, abs=5.1e-4)
    assert found.bits == pytest.approx(bits, rel=5.1e-4)
    assert found.degree == pytest.approx(degree, abs=5.1e-4)


@pytest.mark.parametrize(
    ("name", "log10_bits"), [("Reacher", 25.465), ("Hopper", 58.882), ("Half-Cheetah", 66.235)]
)
def test_control_tasks(name, log10_bits):
    found = CONTROL_TASKS[name].difficulty()
    assert found.log10_bits == pytest.approx(log10_bits, abs=5.1e-4)


def test_cart_pole():
    found = [float(cart_pole(stacked).difficulty().log10_bits) for stacked in range(1, 6)]
    np.testing.assert_allclose(found, [9.645, 17.522, 25.166, 32.671, 40.075], atol=5.1e-4)
    with pytest.raises(ValueError, match="stacked"):
        cart_pole(0)


def test_omniglot():
    assert (len(OMNIGLOT_ALPHABETS), sum(OMNIGLOT_ALPHABETS)) == (30, 964)
    assert OMNIGLOT.difficulty().log10_bits == pytest.approx(145.25, abs=5.1e-3)


def test_unions():
    # rows: second task, columns: first task
    table = [
        [26.245, 45.684, 42.457, 46.166],
        [39.771, 54.591, 50.607, 47.200],
        [44.923, 61.645, 55.242, 48.544],
        [131.980, 152.092, 147.737, 65.658],
    ]
    tasks = IMAGE_TASKS.values()
    found = [[float(union_difficulty(a, b).log10_bits) for a in tasks] for b in tasks]
    np.testing.assert_allclose(found, table, atol=5.1e-4)


@pytest.mark.parametrize(
    ("name", "values", "field", "unit", "published"),
    [
        (
            "samples",
            [1e2, 1e5, 1e9, 1e13, 1e17, 1e19],
            "bits",
            1e41,
            [3.624, 3.594, 3.555, 3.515, 3.475, 3.455],
        ),
        ("dimension", [48, 60, 80, 99], "log10_bits", 1, [41.554, 44.701, 48.167, 50.036]),
        ("classes", [10, 100, 500, 999], "log10_bits", 1, [37.279, 39.452, 40.924, 41.553]),
        ("resolution", [30, 65, 119], "log10_bits", 1, [57.279, 41.554, 29.999]),
        ("error", [0.97, 0.375, 0.219, 0.0906], "bits", 1e41, [3.113, 3.310, 3.421, 3.604]),
    ],
)
def test_imagenet_curves(name, values, field, unit, published):
    found = getattr(generalization_difficulty(**(IMAGENET | {name: values})), field)
    np.testing.assert_allclose(found / unit, published, atol=6e-4)


def test_reacher_against_error():
    task = asdict(CONTROL_TASKS["Reacher"]) | {"error": 10.0 ** -np.arange(1, 9)}
    found = control_difficulty(**task).bits / 1e25
    published = [2.069, 2.492, 2.914, 3.337, 3.759, 4.182, 4.604, 5.027]
    np.testing.assert_allclose(found, published, atol=5.1e-4)


def test_what_is_missing_is_named_with_its_reason():
    assert any("Table 1" in name for name in MISSING)
    assert all(len(reason) > 20 for reason in MISSING.values())
