"""Jobs on the board: shared by watchers, abandoned by the last one to leave."""

from __future__ import annotations

import time

import numpy as np
import pytest
from toys import COIN, HEAVY, CoinParams

from sims.dashboard.evidence import Board, Watch
from sims.runner import run
from sims.store import Store


@pytest.fixture
def board(monkeypatch, pool, tmp_path):
    with Store(tmp_path / "trials.sqlite") as store:
        monkeypatch.setattr("sims.dashboard.evidence._executor", lambda: pool)
        monkeypatch.setattr("sims.dashboard.evidence._store", lambda: store)
        yield Board()


def finish(job, seconds=30.0):
    end = time.monotonic() + seconds
    while job.running and time.monotonic() < end:
        job.advance()
        time.sleep(0.02)
    assert not job.running
    return job.advance()


def watch_of(params, seed=0):
    return Watch(COIN.name, params.canonical(), seed)


def test_theory_is_there_at_once_and_evidence_follows(board):
    params = CoinParams()
    job = board.watch(watch_of(params), COIN, params, 30)
    first = job.advance()
    assert first.theory["squared"].shape == (2, 3)
    done = finish(job)
    assert done.trials == 30
    expected = run(COIN, params, trials=30)
    assert np.array_equal(done.mean["squared"], expected.mean["squared"])


def test_two_watchers_share_one_job_and_more_trials_keep_the_first(board):
    params = CoinParams()
    one = board.watch(watch_of(params), COIN, params, 10)
    finish(one)
    two = board.watch(watch_of(params), COIN, params, 25)
    assert two is one
    assert finish(two).trials == 25


def test_the_last_to_leave_abandons_the_work(board):
    params = CoinParams(throws=(1000,))
    watch = watch_of(params)
    one = board.watch(watch, COIN, params, 2000)
    two = board.watch(watch, COIN, params, 2000)
    board.leave(watch, two)
    assert one.running
    board.leave(watch, one)
    assert not one.running
    trials = one.advance().trials
    time.sleep(0.3)
    assert one.advance().trials == trials
    assert board.watch(watch, COIN, params, 5) is not one


def test_the_work_of_closed_pages_makes_room_and_goes_on_when_they_come_back(board, monkeypatch):
    here = {"ann": True, "bob": True}
    monkeypatch.setattr("sims.dashboard.evidence._open", here.get)
    params = CoinParams()
    heavy = board.watch(watch_of(params, 1), HEAVY, params, 4, "ann")
    heavy.advance()
    light = board.watch(watch_of(params, 2), COIN, params, 10, "bob")
    here["ann"] = False
    board.rest_unseen()
    assert finish(light).trials == 10
    assert heavy.running
    assert heavy.advance().trials == 0  # not thrown away by the rest, not computed in it either
    here["ann"] = True
    assert finish(heavy).trials == 4


def test_what_was_computed_before_is_there_at_once(board):
    params = CoinParams()
    watch = watch_of(params)
    job = board.watch(watch, COIN, params, 20)
    finish(job)
    board.leave(watch, job)
    again = board.watch(watch, COIN, params, 20)
    assert not again.running
    assert again.advance().provenance.computed == 0
