import json

import numpy as np
import pytest

from sims.active_multitask_lasso import (
    ActiveSampler,
    allocation,
    design_value,
    draw_data,
    draw_statistics,
    geometric_budgets,
    random_instance,
    relevance,
)

TASKS, RANK, DIMENSION = 10, 3, 12
INSTANCE = random_instance(TASKS, RANK, 0)
THETA = INSTANCE.heads.T @ np.eye(RANK, DIMENSION)
AIM = INSTANCE.target @ np.eye(RANK, DIMENSION)
BUDGETS = (500, 1000, 2000)


def sampler(**settings):
    rng = np.random.default_rng(99)
    target = draw_data(AIM[None], [400], noise_variance=0.25, rng=rng)[0]
    given = {"tasks": TASKS, "rank": RANK, "budgets": BUDGETS} | settings
    return ActiveSampler(target, **given)


def deliver(one, rng, wanted=None):
    wanted = one.propose() if wanted is None else wanted
    one.add(draw_data(THETA, wanted, noise_variance=0.25, rng=rng))


def finish(one, rng):
    while not one.done:
        deliver(one, rng)
    return one


@pytest.mark.parametrize("rule", ["uniform", "l1", "l2"])
def test_budgets_are_spent_to_the_last_sample(rule):
    one, rng = sampler(rule=rule), np.random.default_rng(0)
    assert one.propose().tolist() == [50] * TASKS
    for budget in BUDGETS:
        before = one.counts
        wanted = one.propose()
        assert wanted.dtype.kind == "i"
        assert wanted.sum() + before.sum() == budget
        deliver(one, rng)
        np.testing.assert_array_equal(one.counts, before + wanted)
    assert one.done
    with pytest.raises(ValueError, match="extend"):
        one.propose()


def test_the_rules_find_what_is_relevant():
    one = finish(sampler(rule="l1"), np.random.default_rng(1))
    known = relevance(INSTANCE.heads, INSTANCE.target, p=1)
    best = allocation(known.nu, BUDGETS[-1], p=1, floor=50)
    value, least, uniform = (
        design_value(INSTANCE.heads, INSTANCE.target, n) for n in (one.counts, best, [200] * TASKS)
    )
    assert least <= value < 1.1 * least
    assert value < 0.75 * uniform
    np.testing.assert_allclose(np.abs(one.relevance()).sum(), known.norm, rtol=0.15)
    np.testing.assert_allclose(one.parameters(), AIM, atol=0.15)
    other = finish(sampler(rule="l2"), np.random.default_rng(1))
    squares = relevance(INSTANCE.heads, INSTANCE.target, p=2).nu ** 2
    np.testing.assert_allclose(
        other.relevance() ** 2 / squares.sum(), squares / squares.sum(), atol=0.1
    )


@pytest.mark.parametrize("settings", [{}, {"rule": "l2", "selection": 4}, {"noise_variance": 0.25}])
@pytest.mark.parametrize("moment", [0, 1, 2, 3, 4])
def test_a_saved_sampler_continues_exactly(tmp_path, settings, moment):
    """Saved before, between and in the middle of epochs."""
    one, rng = sampler(**settings), np.random.default_rng(2)
    for epoch in range(moment):
        if epoch == moment - 1:
            wanted = one.propose()
            deliver(one, rng, wanted // 2)
        else:
            deliver(one, rng)
        if one.done:
            break
    file = tmp_path / "state.npz"
    one.save(file)
    copies = [ActiveSampler.load(file), ActiveSampler.from_state(one.state())]
    if not one.done:
        finish(one, np.random.default_rng(3))
    for copy in copies:
        finish(copy, np.random.default_rng(3))
        np.testing.assert_array_equal(copy.counts, one.counts)
        np.testing.assert_array_equal(copy.statistics.gram, one.statistics.gram)
        np.testing.assert_array_equal(copy.parameters(), one.parameters())
        assert copy.settings == one.settings
        assert copy.selected == one.selected
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_state_is_a_snapshot_of_plain_parts():
    one, rng = sampler(), np.random.default_rng(4)
    deliver(one, rng)
    state = one.state()
    before = {name: np.array(value) for name, value in state.items() if name != "settings"}
    deliver(one, rng)
    one.extend(9000)
    for name, value in before.items():
        np.testing.assert_array_equal(np.array(state[name]), value)
    json.dumps({k: v for k, v in state.items() if not isinstance(v, np.ndarray)})


def test_deliveries_may_come_in_parts_and_in_any_form():
    whole, parts, rng = sampler(), sampler(), np.random.default_rng(5)
    wanted = whole.propose()
    data = draw_data(THETA, wanted, noise_variance=0.25, rng=rng)
    whole.add(data)
    parts.propose()
    parts.add({3: data[3]})
    assert parts.propose().tolist() == [50, 50, 50, 0] + [50] * 6
    parts.add([None if t == 3 else (x[:20], y[:20]) for t, (x, y) in enumerate(data)])
    assert parts.propose().max() == 30
    parts.add({t: (x[20:], y[20:]) for t, (x, y) in enumerate(data) if t != 3})
    np.testing.assert_allclose(parts.statistics.gram, whole.statistics.gram, rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(parts.propose(), whole.propose())
    drawn = draw_statistics(THETA, whole.propose(), noise_variance=0.25, rng=rng)
    whole.add(drawn)
    assert whole.counts.sum() == BUDGETS[1]


def test_more_than_was_asked_for_is_counted():
    one = sampler()
    deliver(one, np.random.default_rng(6), np.full(TASKS, 120))  # beyond the second budget
    assert (one.propose().sum() + one.counts.sum()) == BUDGETS[2]


def test_it_can_be_continued_beyond_its_budgets():
    one = finish(sampler(), np.random.default_rng(7))
    with pytest.raises(ValueError, match="total"):
        one.extend(BUDGETS[-1])
    one.extend(3500)
    assert not one.done
    assert one.propose().sum() == 1500


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_only_selected_tasks_are_sampled_after_the_exploration(rule):
    one, rng = sampler(rule=rule, selection=3), np.random.default_rng(8)
    assert one.selected is None
    deliver(one, rng)
    wanted = one.propose()
    assert len(one.selected) == 3
    assert set(np.flatnonzero(wanted)) <= set(one.selected)
    kept = one.selected
    finish(one, rng)
    assert one.selected == kept


def test_excluded_tasks_get_nothing_more():
    one, rng = sampler(rule="l2"), np.random.default_rng(9)
    deliver(one, rng)
    dry = int(one.propose().argmax())
    one.exclude([dry])
    assert one.propose()[dry] == 0
    assert one.propose().sum() == 500
    finish(one, rng)
    assert one.counts[dry] == 50
    again = ActiveSampler.from_state(one.state())
    again.extend(3000)
    assert again.propose()[dry] == 0
    with pytest.raises(ValueError, match="not all"):
        one.exclude(range(TASKS))
    with pytest.raises(ValueError, match="task number"):
        one.exclude([TASKS])


def test_rules_can_be_compared_on_the_same_samples(monkeypatch):
    one, rng = sampler(rule="l2"), np.random.default_rng(13)
    deliver(one, rng)
    wanted = one.propose()
    fits = []
    monkeypatch.setattr("sims.active_multitask_lasso.sampler.joint_erm", fits.append)
    other = one.with_rule("l1")
    assert (other.propose() != wanted).any()
    assert not fits  # the samples are fitted once
    monkeypatch.undo()
    finish(other, rng)
    assert one.counts.sum() == BUDGETS[0]
    np.testing.assert_array_equal(one.propose(), wanted)
    with pytest.raises(ValueError, match="rule"):
        one.with_rule("l3")


def test_the_noise_is_estimated_or_given():
    small = sampler(budgets=(30, 200))
    deliver(small, np.random.default_rng(10))
    with pytest.raises(ValueError, match="noise_variance"):
        small.propose()
    given = sampler(budgets=(30, 200), noise_variance=0.25)
    deliver(given, np.random.default_rng(10))
    assert given.propose().sum() == 170
    one = finish(sampler(), np.random.default_rng(11))
    assert abs(one.fit().noise_variance / 0.25 - 1) < 0.15  # 2000 samples: four standard errors


def test_geometric_budgets_fit():
    budgets = geometric_budgets(4000, 4, tasks=TASKS, dimension=DIMENSION)
    assert len(finish(sampler(budgets=budgets), np.random.default_rng(12)).settings.budgets) == 4


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"tasks": 0}, "tasks"),
        ({"rank": 0}, "rank"),
        ({"rank": 11}, "rank"),
        ({"rank": 12, "tasks": 20}, "below the input dimension"),
        ({"budgets": [500, 500]}, "budgets"),
        ({"budgets": [500.5]}, "budgets"),
        ({"budgets": [-5]}, "budgets"),
        ({"budgets": []}, "budgets"),
        ({"budgets": [2]}, "budgets"),
        ({"rule": "l0"}, "rule"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"noise_variance": np.nan}, "noise_variance"),
        ({"lasso": -0.1}, "lasso"),
        ({"lasso": "cv"}, "lasso"),
        ({"selection": 0}, "selection"),
        ({"selection": 2, "rule": "uniform"}, "selection"),
        ({"target_ridge": -1.0}, "target_ridge"),
    ],
)
def test_bad_settings_are_named(change, word):
    with pytest.raises(ValueError, match=word):
        sampler(**change)


def test_bad_data_are_named_and_not_taken():
    one = sampler()
    x = np.zeros((2, DIMENSION))
    for data, word in (
        ([(x, [0.0, 0.0])], r"len\(data\)"),
        ({0: (x, [0.0])}, "shape of y of task 0"),
        ({0: (x[:, :3], [0.0, 0.0])}, "shape of X of task 0"),
        ({0: (x * np.nan, [0.0, 0.0])}, "X of task 0"),
        ({10: (x, [0.0, 0.0])}, "task number"),
        (draw_statistics(THETA[:3], 3, noise_variance=1.0, rng=np.random.default_rng(0)), "shape"),
    ):
        with pytest.raises(ValueError, match=word):
            one.add(data)
    assert one.counts.sum() == 0
    with pytest.raises(ValueError, match="target samples"):
        ActiveSampler((x, [0.0, 0.0]), tasks=10, rank=3, budgets=[100])
    with pytest.raises(ValueError, match="target's statistics"):
        ActiveSampler(one.statistics, tasks=10, rank=3, budgets=[100])


def test_bad_states_are_named(tmp_path):
    state = sampler().state()
    for change, word in (
        ({"format": 7}, "format"),
        ({"settings": 3}, "incomplete"),
        ({"source_counts": -np.ones(TASKS)}, "source_counts"),
        ({"source_gram": np.zeros((2, 2))}, "shapes of the source"),
        ({"plan": [1, 2]}, "plan"),
        ({"selected": [99]}, "task number"),
    ):
        with pytest.raises(ValueError, match=word):
            ActiveSampler.from_state(state | change)
    with pytest.raises(ValueError, match="incomplete"):
        ActiveSampler.from_state({k: v for k, v in state.items() if k != "source_gram"})
    with pytest.raises(ValueError, match="format"):
        ActiveSampler.from_state([])
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="no saved sampler"):
        ActiveSampler.load(broken)
    with pytest.raises(FileNotFoundError):
        ActiveSampler.load(tmp_path / "absent.npz")
