from __future__ import annotations

import math
import time

import numpy as np
import pytest
from toys import COIN, CRACKED, SLOW, WHOLE, Coin, CoinParams

from sims.agreement import agreement
from sims.campaign import FALSE_ALARM, Campaign, Item
from sims.runner import run
from sims.store import Store, key_of
from sims.study import Preset


def item(study, trials=None, preset="quick"):
    found = study.preset(preset)
    return Item(study, found if trials is None else Preset("t", "t", found.params, trials))


def finish(campaign, seconds=60):
    deadline = time.monotonic() + seconds
    while campaign.step():
        assert time.monotonic() < deadline
    return campaign.entries


class Doubtful(Coin):
    """A coin whose check takes more trials than its preset has."""

    name = "toys/doubtful"
    presets = (Preset("quick", "Too few", CoinParams(throws=(10, 30)), 12),)

    def checks(self, outcome):
        return [agreement(outcome, "squared", tolerance=0.25)]


class Hopeless(Doubtful):
    """A coin whose check can't be decided by four times its preset's trials."""

    name = "toys/hopeless"

    def checks(self, outcome):
        return [agreement(outcome, "squared", tolerance=0.001)]


def test_every_study_gets_its_trials_and_a_verdict():
    entries = finish(Campaign([item(COIN, 200), item(WHOLE), item(SLOW, 30)]))
    assert [entry.state for entry in entries] == ["complete"] * 3
    assert entries[0].verdict == entries[1].verdict == "holds"
    assert entries[0].trials == 200
    expected = run(COIN, trials=200)
    assert entries[0].result.mean["squared"].tobytes() == expected.mean["squared"].tobytes()


def test_a_wrong_statement_fails():
    (entry,) = finish(Campaign([item(COIN, preset="wrong")]))
    assert (entry.state, entry.verdict) == ("complete", "fails")


def test_a_broken_study_does_not_stop_the_others():
    entries = finish(Campaign([item(CRACKED, 100), item(COIN, 50)]))
    assert [entry.state for entry in entries] == ["broken", "complete"]
    assert "the coin broke" in entries[0].error
    assert entries[0].verdict == "broken"


def test_a_study_whose_theory_raises_is_broken_too():
    class NoTheory(Coin):
        name = "toys/none"

        def theory(self, params, grid):
            raise ArithmeticError("no theory")

    entries = finish(Campaign([item(NoTheory(), 5), item(COIN, 5)]))
    assert [entry.state for entry in entries] == ["broken", "complete"]
    assert "no theory" in entries[0].error


def test_an_undecided_check_asks_for_more_once():
    (entry,) = finish(Campaign([item(Doubtful())]))
    assert entry.state == "complete"
    assert 12 < entry.trials <= 48
    (hopeless,) = finish(Campaign([item(Hopeless())]))
    assert (hopeless.trials, hopeless.verdict) == (48, "undecided")
    assert max(check.needs for check in hopeless.result.checks) > 48


def test_the_overall_false_alarm_rate_is_shared_among_studies_checks_and_looks():
    campaign = Campaign([item(COIN, 5), item(SLOW, 5), item(WHOLE)])
    entries = finish(campaign)
    shares = [entry.experiment.alarm * 2 * len(entry.result.checks) for entry in entries]
    assert math.isclose(sum(shares), FALSE_ALARM)
    assert all(math.isclose(entry.result.alarm, entry.experiment.alarm) for entry in entries)


def test_cheapest_first():
    """A budget that is enough for the quick study, not for the slow one, buys its verdict."""
    campaign = Campaign([item(SLOW, 5000), item(COIN, 200)], seconds=1.5)
    slow, quick = finish(campaign)
    assert quick.state == "complete"
    assert slow.state == "stopped"
    assert slow.verdict in ("undecided", "holds")
    assert 0 < slow.trials < 5000


def test_stopping_keeps_what_is_there(tmp_path):
    with Store(tmp_path / "trials.sqlite") as store:
        campaign = Campaign([item(SLOW, 1000)], store=store)
        while campaign.entries[0].trials < 5:
            campaign.step()
        campaign.stop()
        (entry,) = campaign.entries
        assert campaign.finished
        assert not campaign.step()
        assert entry.state == "stopped"
        assert store.count(key_of(SLOW, CoinParams(), 0)) >= entry.trials >= 5
        again = finish(Campaign([item(SLOW, 40)], store=store))
        assert again[0].experiment.recalled >= 5


def test_workers_and_this_process_agree(pool):
    items = [item(COIN, 100), item(SLOW, 40), item(CRACKED, 60), item(WHOLE)]
    alone, together = (
        finish(Campaign(items, seed=3)),
        finish(Campaign(items, seed=3, executor=pool)),
    )
    for one, other in zip(alone, together):
        assert one.verdict == other.verdict
        if one.state == "complete":
            assert one.trials == other.trials
            for name, mean in one.result.mean.items():
                assert np.asarray(mean).tobytes() == np.asarray(other.result.mean[name]).tobytes()


def test_two_campaigns_on_one_store_share_the_trials(tmp_path):
    path = tmp_path / "trials.sqlite"
    items = [item(COIN, 300), item(SLOW, 60)]
    with Store(path) as one, Store(path) as two:
        pair = [Campaign(items, store=store) for store in (one, two)]
        going = [True]
        while any(going):
            going = [campaign.step(0.005) for campaign in pair]
        computed = [[entry.experiment.computed for entry in c.entries] for c in pair]
        assert np.sum(computed, axis=0).tolist() == [300, 60]
        for mine, theirs in zip(pair[0].entries, pair[1].entries):
            assert mine.state == theirs.state == "complete"
            one_mean, other_mean = (e.result.mean["squared"] for e in (mine, theirs))
            assert one_mean.tobytes() == other_mean.tobytes()


@pytest.mark.parametrize("count", [0, 1])
def test_studies_of_closed_forms_alone(count):
    campaign = Campaign([item(WHOLE)] * count)
    assert all(entry.verdict == "holds" for entry in finish(campaign))
    assert campaign.finished
