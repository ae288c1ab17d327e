import sys
from subprocess import run

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from scipy.special import expit, xlogy
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from sims.aggregate_responses import (
    AggregateLogisticRegression,
    InterpolatingNetwork,
    InterpolatingRegressor,
    LabelPrivacy,
    equal_bags,
    interpolating_path,
)
from sims.aggregate_responses.bags import as_bags
from sims.aggregate_responses.estimators.logistic import instance_loss, mixed_loss
from sims.aggregate_responses.estimators.network import interpolating_slope


@pytest.mark.parametrize(
    "estimator",
    [
        InterpolatingRegressor(),
        InterpolatingRegressor(rho="loo"),
        InterpolatingRegressor(rho=0.0, ridge=0.1, fit_intercept=False),
        AggregateLogisticRegression(),
        AggregateLogisticRegression(loss="proportion"),
        AggregateLogisticRegression(loss="debiased"),
        AggregateLogisticRegression(loss="interpolating"),
        InterpolatingNetwork(steps=150, learning_rate=1e-2),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_contract(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert len(results) > 40
    # no claim is made about other array libraries, whose check scikit-learn leaves out itself
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert {result["check_name"] for result in results} - passed <= {"check_array_api_input"}


def test_the_package_does_not_load_scikit_learn():
    code = "import sys, sims.aggregate_responses; print('sklearn' in sys.modules)"
    out = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False"]


def test_every_public_name_exists():
    import sims.aggregate_responses as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    assert sorted(package.__all__) == package.__all__
    with pytest.raises(AttributeError, match="nothing"):
        package.nothing  # noqa: B018


def data(n=120, d=6, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d)) * [1, 2, 3, 1, 1, 0.1][:d] + 1
    return features, features @ np.arange(1.0, d + 1) + rng.normal(size=n) + 5, rng


# ----- regression


def test_regressor_is_the_path():
    features, responses, rng = data()
    labels = rng.integers(0, 40, 120)
    for rho in (0.0, 0.2, 1.0, 4.0):
        model = InterpolatingRegressor(rho, ridge=0.05).fit(features, responses, labels)
        path = interpolating_path(features, responses, [rho], bags=labels, ridge=0.05)
        np.testing.assert_allclose(model.coef_, path.coefficients[0], rtol=1e-12)
        assert model.intercept_ == pytest.approx(path.intercepts[0])
        assert model.rho_ == rho
        assert model.n_bags_ == len(np.unique(labels))


def test_no_bags_and_no_ridge_is_least_squares():
    features, responses, _ = data()
    model = InterpolatingRegressor(rho=0.7).fit(features, responses)
    plain = LinearRegression().fit(features, responses)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.predict(features), plain.predict(features), rtol=1e-9)


def test_only_bag_means_of_responses_are_used():
    features, responses, rng = data()
    bags = as_bags(rng.integers(0, 40, 120))
    repeated = bags.means(responses)[bags.index]
    one = InterpolatingRegressor().fit(features, responses, bags.labels[bags.index])
    other = InterpolatingRegressor().fit(features, repeated, bags.labels[bags.index])
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-10)
    order = rng.permutation(120)
    third = InterpolatingRegressor().fit(
        features[order], responses[order], bags.labels[bags.index][order]
    )
    np.testing.assert_allclose(one.coef_, third.coef_, rtol=1e-10)


def test_the_intercept_absorbs_every_shift():
    features, responses, rng = data()
    labels = rng.integers(0, 40, 120)
    one = InterpolatingRegressor(0.3, ridge=0.1).fit(features, responses, labels)
    other = InterpolatingRegressor(0.3, ridge=0.1).fit(features + 50, responses - 7, labels)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-8)


def test_loo_chooses_a_weight_and_reports_it():
    features, responses, rng = data(n=400)
    labels = equal_bags(400, 8, rng)
    model = InterpolatingRegressor(rho="loo").fit(features, responses, labels)
    assert 0 <= model.rho_ <= 100
    same = InterpolatingRegressor(rho=model.rho_).fit(features, responses, labels)
    np.testing.assert_allclose(model.coef_, same.coef_, rtol=1e-12)
    assert model.loo_error_ > 0
    assert InterpolatingRegressor(rho="loo").fit(features, responses).rho_ == 1.0
    few = InterpolatingRegressor(rho="loo").fit(features[:4], responses[:4], [0, 0, 1, 1])
    assert few.rho_ == 1.0


def test_regressor_works_in_scikit_learn():
    features, responses = load_diabetes(return_X_y=True)
    scores = cross_val_score(
        make_pipeline(StandardScaler(), InterpolatingRegressor()), features, responses
    )
    assert scores.mean() > 0.4


def test_private_responses_fit_directly():
    features, responses, rng = data(n=400)
    labels = equal_bags(400, 4)
    out = LabelPrivacy(epsilon=50.0, clip=20.0).release(responses, labels, rng=rng)
    model = InterpolatingRegressor(0.01).fit(features, out.responses, labels)
    clear = InterpolatingRegressor(0.01).fit(features, responses, labels)
    assert np.abs(model.coef_ - clear.coef_).max() > 0
    assert model.score(features, responses) > 0.8


@pytest.mark.parametrize(
    ("model", "bags", "word"),
    [
        (InterpolatingRegressor(rho=-1), None, "rho"),
        (InterpolatingRegressor(rho="cv"), None, "'loo'"),
        (InterpolatingRegressor(ridge=-1), None, "ridge"),
        (InterpolatingRegressor(), [0, 1], "2 labels"),
        (InterpolatingRegressor(), np.full(120, np.nan), "bags"),
        (InterpolatingNetwork(rho=-1), None, "rho"),
        (InterpolatingNetwork(hidden=()), None, "hidden"),
        (InterpolatingNetwork(steps=0), None, "steps"),
        (InterpolatingNetwork(learning_rate=0), None, "learning_rate"),
    ],
)
def test_bad_arguments_are_named(model, bags, word):
    features, responses, _ = data()
    with pytest.raises(ValueError, match=word):
        model.fit(features, responses, bags)


def test_responses_must_be_finite():
    features, responses, _ = data()
    responses[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        InterpolatingRegressor().fit(features, responses)


# ----- the losses


def test_instance_loss_is_bag_loss_plus_scatter():
    """Lemma of the notes: L_int = L_bag + rho R, with R the scatter of predictions inside bags."""
    rng = np.random.default_rng(0)
    bags = as_bags(equal_bags(60, 4, rng))
    predictions, means = rng.normal(size=60), rng.normal(size=15)
    inner = bags.means(predictions)
    bag_loss = np.mean((inner - means) ** 2)
    pairs = sum(
        (predictions[i] - predictions[j]) ** 2
        for i in range(60)
        for j in range(60)
        if bags.index[i] == bags.index[j]
    ) / (2 * 15 * 4**2)
    assert pairs == pytest.approx(np.mean((predictions - inner[bags.index]) ** 2), rel=1e-13)
    for rho in (0.0, 0.3, 1.0, 2.0):
        loss = interpolating_slope(predictions, means, bags, rho)[1]
        assert loss == pytest.approx(bag_loss + rho * pairs, rel=1e-13)


def test_logistic_instance_loss_is_sandwiched():
    """L_bag at the mean logit <= L_ins <= L_bag + R/8, since the second derivative is <= 1/4."""
    rng = np.random.default_rng(1)
    for scale in (0.1, 1.0, 8.0):
        bags = as_bags(equal_bags(60, 4, rng))
        logits, means = scale * rng.normal(size=60), rng.uniform(size=15)
        middle = bags.means(logits)
        at_middle = np.mean(np.logaddexp(0, middle) - means * middle)
        scatter = np.mean((logits - middle[bags.index]) ** 2)
        loss = instance_loss(means, bags)(logits)[0]
        assert at_middle <= loss <= at_middle + scatter / 8


@pytest.mark.parametrize("rho", [0.0, 0.4, 1.0])
def test_gradients_by_differences(rho):
    rng = np.random.default_rng(2)
    bags = as_bags(rng.integers(0, 9, 30))
    means = rng.uniform(size=bags.count)
    loss = mixed_loss(means, bags, rho)
    point = rng.normal(size=30)
    assert check_grad(lambda f: loss(f)[0], lambda f: loss(f)[1], point) < 1e-6
    squares = [
        lambda f, part=part: interpolating_slope(f, means, bags, rho)[part] for part in (1, 0)
    ]
    assert check_grad(*squares, point) < 1e-6


def test_network_gradient_by_differences():
    features, responses, rng = data(n=20, d=3)
    bags = as_bags(rng.integers(0, 6, 20))
    model = InterpolatingNetwork(rho=0.3, hidden=(4, 3), steps=1).fit(
        features, responses, bags.index
    )
    rows, means = rng.normal(size=(20, 3)), rng.normal(size=bags.count)
    sizes = [parameter.size for parameter in [*model.weights_, *model.biases_]]
    shapes = [parameter.shape for parameter in [*model.weights_, *model.biases_]]

    def load(flat):
        parts = [p.reshape(s) for p, s in zip(np.split(flat, np.cumsum(sizes)[:-1]), shapes)]
        model.weights_, model.biases_ = parts[:3], parts[3:]
        layers = model._forward(rows)
        slope, loss = interpolating_slope(layers[-1][:, 0], means, bags, 0.3)
        return loss, np.concatenate([g.ravel() for g in model._backward(layers, slope)])

    point = rng.normal(size=sum(sizes))
    assert check_grad(lambda p: load(p)[0], lambda p: load(p)[1], point) < 1e-5


def test_network_learns_from_bag_means():
    rng = np.random.default_rng(0)
    features = rng.uniform(-2, 2, (600, 2))
    responses = np.sin(2 * features[:, 0]) + features[:, 1] ** 2
    model = InterpolatingNetwork(rho=0.02).fit(features, responses, equal_bags(600, 3))
    assert model.score(features, responses) > 0.9
    bags = as_bags(equal_bags(600, 3))
    loss = interpolating_slope(model.predict(features), bags.means(responses), bags, 0.02)[1]
    assert model.loss_ == pytest.approx(loss, rel=1e-9)


# ----- logistic regression


def labelled(n=3000, d=4, norm=1.5, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d))
    labels = (rng.uniform(size=n) < expit(norm * features[:, 0] - 0.3)).astype(int)
    return features, labels, rng


def test_without_bags_every_loss_is_logistic_regression():
    features, labels, _ = labelled()
    plain = LogisticRegression(C=np.inf, tol=1e-10).fit(features, labels)
    for loss in ("instance", "proportion", "debiased", "interpolating"):
        model = AggregateLogisticRegression(loss=loss, ridge=0.0).fit(features, labels)
        np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-4)
        np.testing.assert_allclose(model.intercept_, plain.intercept_, atol=1e-4)


def test_losses_are_minimised():
    features, labels, rng = labelled(n=400)
    names = equal_bags(400, 4, rng)
    bags = as_bags(names)
    means = bags.means(labels.astype(float))

    def proportion(theta):
        chance = bags.means(expit(features @ theta[:-1] + theta[-1]))
        return -np.mean(xlogy(means, chance) + xlogy(1 - means, 1 - chance)) + 5e-3 * (
            theta[:-1] @ theta[:-1]
        )

    model = AggregateLogisticRegression("proportion", ridge=1e-2).fit(features, labels, names)
    theta = np.append(model.coef_[0], model.intercept_)
    found = minimize(proportion, theta, tol=1e-12)
    assert proportion(theta) <= found.fun + 1e-9


def test_string_labels_and_probabilities():
    features, labels, _ = labelled(n=300)
    names = np.where(labels == 1, "yes", "no")
    model = AggregateLogisticRegression().fit(features, names, equal_bags(300, 3))
    assert set(model.predict(features)) <= {"yes", "no"}
    np.testing.assert_allclose(model.predict_proba(features).sum(1), 1.0)
    assert model.classes_.tolist() == ["no", "yes"]


def test_proportions_as_input():
    features, labels, _ = labelled(n=300)
    bags = as_bags(equal_bags(300, 3))
    repeated = bags.means(labels.astype(float))[bags.index]
    for loss in ("instance", "proportion", "debiased"):
        one = AggregateLogisticRegression(loss).fit(features, labels, bags.index)
        other = AggregateLogisticRegression(loss).fit_proportions(features, repeated, bags.index)
        np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-6)
    wild = AggregateLogisticRegression("proportion").fit_proportions(
        features, 3 * repeated - 1, bags.index
    )
    assert np.isfinite(wild.coef_).all()


@pytest.mark.parametrize(
    ("arguments", "labels", "word"),
    [
        ({"loss": "bag"}, None, "loss"),
        ({"loss": "interpolating", "rho": 1.5}, None, "rho"),
        ({"ridge": -1}, None, "ridge"),
        ({"max_iter": 0}, None, "max_iter"),
        ({}, np.zeros(300, dtype=int), "one class"),
        ({}, np.arange(300) % 3, "binary"),
    ],
)
def test_bad_classification_arguments_are_named(arguments, labels, word):
    features, known, _ = labelled(n=300)
    with pytest.raises(ValueError, match=word):
        AggregateLogisticRegression(**arguments).fit(features, known if labels is None else labels)
