from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest
from toys import COIN, SLOW, CoinParams

import sims
from sims import catalogue
from sims.reproduction import plan, reproduce
from sims.runner import run, run_batch
from sims.store import Store, key_of

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


def verdicts(found):
    return {entry.item.study.name: entry.verdict for entry in found.entries}


def program(folder, path, *more):
    """Start `sims reproduce` with the toys in its catalogue."""
    command = [sys.executable, str(HERE / "toy_cli.py"), "reproduce", "--store", str(path)]
    command += ["--out", str(folder), *more]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# --- what is meant ---


def test_everything_one_family_or_one_study():
    assert len(plan()) == len(catalogue.studies())
    family = plan(family="random-features")
    assert {item.study.family for item in family} == {"random-features"}
    assert all(item.preset.name == "quick" for item in family)
    (one,) = plan(study="random-features/double-descent", preset="paper")
    assert (one.study.name, one.preset.name) == ("random-features/double-descent", "paper")


def test_closed_forms_have_no_larger_scale():
    presets = {item.study.name: item.preset.name for item in plan(preset="paper")}
    assert presets["random-features/symmetry"] == "quick"
    assert presets["random-features/double-descent"] == "paper"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"family": "random"}, "family = 'random' is not allowed"),
        ({"study": "random-features/nothing"}, "random-features/nothing"),
        ({"preset": "huge"}, "huge"),
    ],
)
def test_bad_names_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        plan(**words)


@pytest.mark.parametrize("false_alarm", [0, -0.1, 1.5, float("nan")])
def test_a_false_alarm_rate_is_a_probability(false_alarm):
    with pytest.raises(ValueError, match="false_alarm"):
        reproduce(study="random-features/symmetry", false_alarm=false_alarm)


# --- verdicts ---


def test_verdicts_and_the_numbers_behind_them(toy_catalogue):
    found = reproduce(seed=2)
    assert verdicts(found)["toys/whole"] == "holds"
    assert verdicts(found)["toys/cracked"] == "broken"
    assert found.holds is False
    assert not found.complete
    entry = found.entries[0]
    expected = run(COIN, trials=entry.trials, seed=2)
    assert entry.result.mean["squared"].tobytes() == expected.mean["squared"].tobytes()


def test_a_verdict_is_strict_json_with_all_that_decides(toy_catalogue):
    found = reproduce(false_alarm=0.01)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads(json.dumps(found.verdict()), parse_constant=refuse)
    assert read["false_alarm"] == 0.01
    assert read["version"] == sims.__version__
    assert [study["study"] for study in read["studies"]] == list(toy_catalogue)
    by_name = {study["study"]: study for study in read["studies"]}
    assert "the coin broke" in by_name["toys/cracked"]["error"]
    (check,) = by_name["toys/whole"]["checks"]
    assert (check["status"], check["threshold"]) == ("holds", 1.0)


def test_junit_has_a_case_a_check(toy_catalogue):
    root = ElementTree.fromstring(reproduce().junit())
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == set(toy_catalogue)
    assert suites["toys/whole"].find("testcase").find("failure") is None
    assert suites["toys/cracked"].get("errors") == "1"
    assert "the coin broke" in suites["toys/cracked"].find("testcase/error").get("message")
    for suite in root:
        assert int(suite.get("tests")) == len(list(suite))


def test_junit_tells_failed_and_undecided(toy_catalogue):
    wrong = ElementTree.fromstring(reproduce(study="toys/coin", preset="wrong").junit())
    assert wrong.find("testsuite").get("failures") == "1"
    stopped = ElementTree.fromstring(reproduce(study="toys/slow", seconds=0.001).junit())
    assert stopped.find("testsuite").get("skipped") == "1"


def test_a_frame_has_a_row_a_check(toy_catalogue):
    found = reproduce()
    frame = found.to_frame()
    assert set(frame["study"]) >= {"toys/coin", "toys/whole"}
    assert set(frame["verdict"]) <= {"holds", "fails", "undecided"}
    assert "toys/whole" in found._repr_html_()


def test_a_budget_is_kept(toy_catalogue):
    begun = time.monotonic()
    found = reproduce(study="toys/slow", preset="paper", seconds=0.3)
    assert time.monotonic() - begun < 10
    assert found.entries[0].state == "stopped"
    assert not found.complete


def test_progress_can_stop_it(toy_catalogue):
    seen = []

    def watch(campaign):
        seen.append(campaign.entries[0].trials)
        if seen[-1] >= 10:
            campaign.stop()

    found = reproduce(study="toys/slow", preset="paper", progress=watch)
    assert found.entries[0].state == "stopped"
    assert 10 <= found.entries[0].trials < 400


# --- interrupted and resumed ---


def test_a_second_run_computes_nothing(toy_catalogue, path):
    first = reproduce(study="toys/slow", store=path)
    again = reproduce(study="toys/slow", store=path)
    assert again.entries[0].experiment.computed == 0
    assert verdicts(first) == verdicts(again)


def traces(folder):
    found = [file.name.split("-") for file in folder.iterdir()]
    return Counter((int(index), process) for index, process, _ in found)


def test_killed_at_random_moments_it_resumes_to_the_same_numbers(tmp_path, path, monkeypatch):
    """kill -9 after random times, some before the first trial; then count what was computed."""
    folder, out = tmp_path / "traces", tmp_path / "out"
    folder.mkdir()
    moments = random.Random(7)
    words = ["--study", "toys/slow", "--preset", "paper", "--workers", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COIN_COUNT", str(folder))
        for _ in range(4):
            process = program(out, path, *words)
            time.sleep(moments.uniform(0.5, 3.5))
            process.kill()
            process.communicate()
        final = program(out, path, *words, "--json")
        said, _ = final.communicate(timeout=120)
    verdict = json.loads(said)
    expected = reproduce_alone()
    assert verdict["studies"][0]["checks"] == expected["studies"][0]["checks"]
    assert verdict["studies"][0]["trials"] == expected["studies"][0]["trials"]
    params = SLOW.preset("paper").params
    with Store(path) as store:
        assert store.verify() == []
        kept = store.read(key_of(SLOW, params, 0))
    count = expected["studies"][0]["trials"]
    assert [trial.index for trial in kept] == list(range(count))
    for trial, other in zip(kept, run_batch(SLOW, params, 0, 0, count)):
        assert trial.arrays["squared"].tobytes() == other.arrays["squared"].tobytes()
    last = {index for index, process in traces(folder) if process == str(final.pid)}
    assert verdict["studies"][0]["provenance"]["computed"] == len(last)
    # A kill loses the batch in flight and no more: at most ten of these trials (0.1 s) each time.
    assert sum(traces(folder).values()) <= count + 4 * 10


def reproduce_alone():
    """Return the verdict of an uninterrupted run, as a process of its own gives it."""
    command = [sys.executable, str(HERE / "toy_cli.py"), "reproduce", "--study", "toys/slow"]
    command += ["--preset", "paper", "--no-store", "--json", "--workers", "1", "--out"]
    ended = subprocess.run(
        [*command, os.devnull + "-none"], cwd=HERE, capture_output=True, check=False
    )
    return json.loads(ended.stdout)


def test_ctrl_c_leaves_a_gallery_that_says_what_is_there(tmp_path, path):
    out = tmp_path / "out"
    words = ["--study", "toys/slow", "--preset", "paper", "--workers", "2"]
    process = program(out, path, *words)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists():
            with Store(path) as store:
                if store.count(key_of(SLOW, SLOW.preset("paper").params, 0)) > 5:
                    break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"the same command goes on from there" in err
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Not complete:" in page


def test_two_processes_share_one_store(tmp_path, path, monkeypatch):
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("COIN_COUNT", str(folder))
    words = ["--study", "toys/slow", "--preset", "paper", "--workers", "1", "--json"]
    both = [program(tmp_path / name, path, *words) for name in ("one", "two")]
    said = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    first, second = (read["studies"][0] for read in said)
    assert first["checks"] == second["checks"]
    computed = Counter(index for index, _ in traces(folder).elements())
    assert computed == Counter(range(first["trials"]))
    with Store(path) as store:
        assert store.verify() == []


def test_values_do_not_depend_on_workers(toy_catalogue, pool):
    alone, together = reproduce(), reproduce(executor=pool)
    assert verdicts(alone) == verdicts(together)
    for one, other in zip(alone.entries, together.entries):
        if one.state == "complete" and one.result.mean:
            mine, theirs = one.result.mean["squared"], other.result.mean["squared"]
            assert mine.tobytes() == theirs.tobytes()
            assert one.item.preset.params == CoinParams()
