from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow.parquet
import pytest
from toys import COIN, SLOW, CoinParams

from sims.housekeeping import export, is_current, merge, prune, summary
from sims.runner import run, run_batch
from sims.store import Key, Store, Trial, key_of

COINS = key_of(COIN, CoinParams(), 0)


@pytest.fixture(autouse=True)
def _toys(toy_catalogue, monkeypatch):
    monkeypatch.setattr("sims.housekeeping.studies", lambda: toy_catalogue)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


@pytest.fixture
def store(path):
    with Store(path) as opened:
        yield opened


def old(store):
    """Store trials of code that has changed since, and of a study that is gone."""
    trials = run_batch(COIN, CoinParams(), 0, 0, 3)
    changed = Key("toys/coin", CoinParams().canonical(), 0, "another digest")
    gone = Key("toys/gone", "{}", 0, COINS.digest)
    for key in (changed, gone):
        store.write(key, trials)
    return {changed, gone}


def test_holdings_count_what_is_there(store):
    run(COIN, trials=5, store=store)
    run(SLOW, trials=2, store=store, seed=4)
    holdings = {holding.key.study: holding for holding in store.holdings()}
    assert {name: holding.trials for name, holding in holdings.items()} == {
        "toys/coin": 5,
        "toys/slow": 2,
    }
    assert holdings["toys/slow"].key.seed == 4
    assert holdings["toys/slow"].seconds >= 0.02
    assert holdings["toys/coin"].size > 5 * 48  # six numbers of eight bytes a trial
    assert all(is_current(holding) for holding in holdings.values())


def test_prune_deletes_what_nobody_reads_and_keeps_the_rest(store):
    run(COIN, trials=5, store=store)
    expected = old(store)
    assert {holding.key for holding in prune(store)} == expected
    assert [holding.key for holding in store.holdings()] == [COINS]
    assert store.count(COINS) == 5
    assert prune(store) == []
    assert store.verify() == []


def test_prune_one_study_or_everything(store):
    run(COIN, trials=5, store=store)
    run(SLOW, trials=2, store=store)
    old(store)
    assert {h.key.study for h in prune(store, study="toys/gone")} == {"toys/gone"}
    assert len(prune(store, study="toys/coin", everything=True)) == 2
    assert [holding.key.study for holding in store.holdings()] == ["toys/slow"]
    prune(store, everything=True)
    assert store.holdings() == []


def test_pruning_gives_the_space_back(store, path):
    store.write(
        COINS, [Trial(i, 0.0, {"risk": np.random.default_rng(i).random(50_000)}) for i in range(20)]
    )
    store.compact()
    before = path.stat().st_size
    prune(store, everything=True)
    assert path.stat().st_size < before / 10


def test_merge_brings_what_was_missing_and_no_more(store, tmp_path):
    whole = run(COIN, trials=40)
    trials = run_batch(COIN, CoinParams(), 0, 0, 40)
    store.write(COINS, trials[:25])
    other = tmp_path / "cluster.sqlite"
    with Store(other) as cluster:
        cluster.write(COINS, trials[15:])
        run(SLOW, trials=3, store=cluster)
    assert merge(store, other) == 15 + 3
    assert merge(store, other) == 0
    assert store.verify() == []
    result = run(COIN, trials=40, store=store)
    assert result.provenance.computed == 0
    assert result.mean["squared"].tobytes() == whole.mean["squared"].tobytes()


def test_merging_more_than_is_read_at_once(store, tmp_path):
    trials = run_batch(COIN, CoinParams(), 0, 0, 1100)
    with Store(tmp_path / "cluster.sqlite") as cluster:
        cluster.write(COINS, trials)
    assert merge(store, tmp_path / "cluster.sqlite") == 1100
    assert [trial.index for trial in store.read(COINS)] == list(range(1100))


def test_merging_what_is_not_there_makes_no_file(store, tmp_path):
    with pytest.raises(ValueError, match=r"other = .*nowhere.sqlite is not allowed"):
        merge(store, tmp_path / "nowhere.sqlite")
    assert not (tmp_path / "nowhere.sqlite").exists()


def test_export_holds_every_number(store, tmp_path):
    trials = run_batch(COIN, CoinParams(), 0, 0, 7)
    store.write(COINS, trials)
    target = tmp_path / "all.parquet"
    assert export(store, target) == 7
    frame = pyarrow.parquet.read_table(target).to_pandas()
    assert list(frame["trial"]) == list(range(7))
    for row, trial in zip(frame.itertuples(), trials):
        values = np.reshape(row.values, row.shape)
        assert values.tobytes() == trial.arrays["squared"].tobytes()
        assert json.loads(row.params)["p"] == 0.5
        assert (row.study, row.seed, row.measure) == ("toys/coin", 0, "squared")


def test_an_empty_store_exports_an_empty_table(store, tmp_path):
    assert export(store, tmp_path / "none.parquet") == 0
    assert pyarrow.parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_summary_is_plain_data(store):
    run(COIN, trials=5, store=store)
    (holding,) = store.holdings()
    read = json.loads(json.dumps(summary(holding)))
    assert (read["study"], read["trials"], read["current"]) == ("toys/coin", 5, True)
    assert read["params"]["throws"] == [1.0, 10.0, 100.0]


def test_verify_names_a_trial_that_was_changed(store, path):
    store.write(COINS, run_batch(COIN, CoinParams(), 0, 0, 3))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trials SET checksum = checksum + 1 WHERE trial = 1")
    (problem,) = store.verify()
    assert "trial 1 does not match its checksum" in problem
