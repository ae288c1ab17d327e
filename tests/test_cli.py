from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from pathlib import Path

import pytest
from toys import COIN, CoinParams

import sims
from sims.cli import main
from sims.runner import run
from sims.store import Store, key_of

HERE = Path(__file__).parent


class Said(tuple):
    """Exit status, standard output and standard error of a command."""

    __slots__ = ()
    status = property(lambda self: self[0])
    out = property(lambda self: self[1])
    err = property(lambda self: self[2])


@pytest.fixture
def say(toy_catalogue, monkeypatch, capsys):
    """Run the program as the command `sims` does, with the toys in its catalogue."""

    def command(line, *more):
        monkeypatch.setattr(sys, "argv", ["sims", *line.split(), *map(str, more)])
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code
        captured = capsys.readouterr()
        return Said((0 if code is None else code, captured.out, captured.err))

    return command


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


# --- list, show, help ---


def test_list_shows_every_study(say):
    said = say("list")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "toys/coin", "toys/slow", "toys/cracked", "toys/whole",
    ]  # fmt: skip
    assert lines[0] == "toys/coin     Heads in a row of throws"
    assert say("list --family toys").out == said.out
    refused = say("list --family plays")
    assert refused.status == 2
    assert refused.err == "sims: family = 'plays' is not allowed: it must be toys\n"


def test_show_tells_what_can_be_set(say):
    said = say("show coin")
    assert said.status == 0
    for line in (
        r"toys/coin: Heads in a row of throws \(exact\)",
        r"  p +0\.5 +bias; a number in \[0, 1\]\. Chance of heads\.",
        r"  throws +1,10,100 +throws; numbers in \[1, 1e\+06\], separated by commas\.",
        r"  paper +400 trials +Paper",
    ):
        assert re.search(f"^{line}", said.out, re.MULTILINE)


@pytest.mark.parametrize("command", ["", "list", "show", "run", "serve", "version"])
def test_every_command_has_help(say, command):
    said = say(f"{command} --help")
    assert said.status == 0
    assert "Usage:" in said.out


def test_version(say):
    assert say("version").out == f"{sims.__version__}\n"


# --- exit statuses ---


def test_status_says_whether_the_checks_held(say):
    held = say("run coin --trials 1500 --no-store")
    assert held.status == 0
    assert re.search(r"^  holds +theory within 30% .*: 100% of 6 points agree", held.out, re.M)
    failed = say("run coin --preset wrong --no-store")
    assert failed.status == 1
    assert "  FAILS  " in failed.out
    undecided = say("run coin --trials 20 --no-store")
    assert undecided.status == 3
    assert "  undecided  " in undecided.out
    assert "20 trials (20 computed now), stopped by trials" in undecided.out
    assert say("run whole").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run coyn", "study = 'coyn' is not in the catalogue"),
        ("run toys/coyn", "study = 'toys/coyn' is not in the catalogue: did you mean toys/coin?"),
        ("show coyn", "study = 'coyn' is not in the catalogue"),
        ("run coin --set p=7", "p = 7 is not allowed: it must be a number in [0, 1] (bias)"),
        ("run coin --set p=nan", "p = nan is not allowed: it must be a number in [0, 1] (bias)"),
        ("run coin --set p=half", "p = half is not allowed: it must be a number in [0, 1] (bias)"),
        ("run coin --set throws=1,0", "throws = 1,0 is not allowed: it must be numbers in [1, "),
        ("run coin --set throws=,", "throws = '' is not allowed"),
        ("run coin --set throw=1", "throw is not a parameter of this study: did you mean throws?"),
        ("run coin --set p", "--set p is not allowed: it must be NAME=VALUE, such as n=512"),
        ("run coin --set p=", "--set p= is not allowed: it must be NAME=VALUE"),
        ("run coin --set =1", "--set =1 is not allowed: it must be NAME=VALUE"),
        ("run coin --preset best", "preset = 'best' is not allowed: toys/coin has quick, paper, w"),
        ("run coin --trials -1", "trials = -1 is not allowed: it must be a whole number in [0, i"),
        ("run coin --seed -1", "seed = -1 is not allowed: it must be a whole number in [0, "),
        ("run coin --precision 0", "precision = 0.0 is not allowed: it must be in (0, inf)"),
        ("run coin --precision nan", "precision = nan is not allowed"),
        ("run coin --budget soon", "budget = soon is not allowed: it must be a time such as 90s"),
        ("run coin --budget -3s", "budget = -3s is not allowed"),
        ("run coin --budget nan", "budget = nan is not allowed"),
        ("run coin --budget 0m", "budget = 0m is not allowed"),
        ("run coin --workers 0", "workers = 0 is not allowed: it must be a whole number in [1, i"),
    ],
)
def test_bad_input_is_refused_in_one_line(say, words, message):
    said = say(words)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith(f"sims: {message}")
    assert said.err.count("\n") == 1


def test_all_bad_values_are_named_at_once(say):
    said = say("run coin --set p=7 --set claim=0 --set q=1")
    assert said.status == 2
    assert [line.split()[1] for line in said.err.splitlines()] == ["p", "claim", "q"]


@pytest.mark.parametrize(
    "words", ["run", "run coin --trials many", "run coin --unknown", "jump", "run coin extra"]
)
def test_misuse_is_status_2(say, words):
    said = say(words)
    assert (said.status, said.out) == (2, "")
    assert "Usage:" in said.err


def test_bad_input_makes_no_file(say, tmp_path, path):
    for words in ("--set p=7", "--preset best"):
        say(f"run coin {words}", "--store", path, "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(say, tmp_path):
    (tmp_path / "file").write_text("")
    said = say("run coin --out", tmp_path / "file" / "out", "--no-store")
    assert (said.status, said.out) == (2, "")
    assert str(tmp_path / "file") in said.err
    said = say("run coin --store", tmp_path / "file" / "trials.sqlite")
    assert (said.status, said.out) == (2, "")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_trial_is_no_failed_check(say, workers):
    """Status 1 would say that the theorem is contradicted; nothing of the kind was measured."""
    said = say("run cracked --trials 30 --workers", workers, "--no-store")
    assert (said.status, said.out) == (4, "")
    assert re.match(r"sims: trial \d+ of toys/cracked at CoinParams\(.*the coin broke\n$", said.err)


# --- what a run does ---


def test_values_reach_the_study(say):
    said = say("run coin --set p=0.25 --set throws=1,4 --trials 5 --seed 7 --json --no-store")
    verdict = json.loads(said.out)
    assert verdict["params"] == {"p": 0.25, "throws": [1, 4], "claim": 1}
    assert verdict["provenance"]["seed"] == 7
    assert verdict["trials"] == 5
    result = run(COIN, CoinParams(p=0.25, throws=(1, 4)), trials=5, seed=7)
    assert verdict["checks"][0]["figure"] == result.checks[0].figure


def test_json_is_strict_and_alone_on_standard_output(say, tmp_path):
    said = say("run slow --trials 1 --json --no-store --out", tmp_path)

    def refuse(constant):
        raise AssertionError(constant)

    verdict = json.loads(said.out, parse_constant=refuse)
    assert (said.status, verdict["holds"]) == (3, None)
    assert verdict["checks"][0]["status"] == "undecided"
    assert verdict["checks"][0]["figure"] is None
    assert said.err.count("wrote ") == 6


def test_the_first_preset_is_the_default_and_its_trials_too(say):
    assert "40 trials (40" in say("run coin --no-store").out
    verdict = json.loads(say("run coin --preset paper --no-store --json").out)
    assert (verdict["trials"], verdict["params"]["throws"]) == (400, [1, 10, 100, 1000])


def test_precision_and_budget_stop(say):
    said = say("run coin --precision 0.3 --no-store")
    assert f"{run(COIN, precision=0.3).trials} trials" in said.out
    assert "stopped by precision" in said.out
    said = say("run slow --budget 0.3s --no-store")
    assert "stopped by seconds" in said.out
    said = say("run slow --budget 5m --trials 4 --no-store")
    assert "4 trials (4 computed now), stopped by trials" in said.out


def test_a_second_run_computes_nothing(say, path):
    first = say("run coin --trials 30 --store", path)
    second = say("run coin --trials 30 --store", path)
    assert "30 trials (30 computed now)" in first.out
    assert "30 trials (0 computed now)" in second.out
    assert first.out.splitlines()[2:] == second.out.splitlines()[2:]
    more = say("run coin --trials 45 --store", path)
    assert "45 trials (15 computed now)" in more.out


def test_the_shared_store_is_used_unless_told_otherwise(say, path, monkeypatch):
    monkeypatch.setenv("SIMS_STORE", str(path))
    say("run coin --trials 5 --no-store")
    assert not path.exists()
    say("run coin --trials 5")
    with Store(path) as store:
        assert store.count(key_of(COIN, CoinParams(), 0)) == 5


def test_two_workers_give_the_same_verdict(say, path):
    alone = say("run coin --trials 60 --json --no-store")
    together = say("run coin --trials 60 --json --workers 2 --store", path)
    one, other = json.loads(alone.out), json.loads(together.out)
    assert one["checks"] == other["checks"]
    assert other["provenance"]["computed"] == 60


def test_files_are_written(say, tmp_path):
    said = say("run coin --trials 20 --no-store --out", tmp_path / "a" / "b")
    files = {file.name: file.read_bytes() for file in (tmp_path / "a" / "b").iterdir()}
    assert len(files) == 12
    for name, content in files.items():
        assert f"wrote {tmp_path / 'a' / 'b' / name}\n" in said.out
        if name.endswith(".parquet"):
            assert content.startswith(b"PAR1")
        elif name.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
        elif name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag.endswith("svg")
        elif name.endswith(".csv"):
            assert content.startswith(b"measure,side,throws,theory,mean,stderr,low,high,trials\n")
        elif name.endswith(".vl.json"):
            assert b"NaN" not in content
            assert any(json.loads(content)["datasets"].values())
        else:
            assert json.loads(content)["trials"] == 20


# --- interruption ---


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_trials(path, workers):
    """A terminal sends the signal to the whole group: the program and its workers."""
    command = [sys.executable, str(HERE / "toy_cli.py"), "run", "slow", "--trials", "100000"]
    command += ["--store", str(path), "--workers", str(workers), "--out", str(path.parent / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE,
        start_new_session=True,
        # A test run in the background of a script would hand its children a deaf ear.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        kept = 0
        while kept < 10 and process.poll() is None:
            time.sleep(0.02)
            if path.exists():
                with closing(sqlite3.connect(path)) as store:
                    kept = store.execute("SELECT count(*) FROM trials").fetchone()[0]
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    said = re.fullmatch(
        r"sims: interrupted; (\d+) trials are kept in (.*), and the same command goes on from "
        r"there\n",
        err,
    )
    assert said, err
    assert said[2] == str(path)
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("SELECT count(*) FROM trials").fetchone()[0] == int(said[1]) >= 10
        assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_ctrl_c_without_a_store_says_so(say, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sims.runner.run", interrupted)
    said = say("run coin --no-store")
    assert (said.status, said.out) == (130, "")
    assert said.err == "sims: interrupted; nothing is kept (--no-store)\n"


# --- reproduce ---


def test_reproduce_judges_everything_and_writes_a_gallery(say, tmp_path):
    said = say("reproduce --no-store --workers 1 --out", tmp_path)
    assert said.status == 1  # one toy breaks
    assert "\nnot every check holds; " in said.out
    assert re.search(r"BROKEN +trial \d+ of toys/cracked", said.out)
    assert re.search(r"probability 0\.05 at most", said.out)
    assert (tmp_path / "index.html").is_file()
    assert (tmp_path / "junit.xml").is_file()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--study toys/whole", 0),
        ("--study toys/coin --preset wrong", 1),
        ("--study toys/slow --preset paper --budget 0.05s", 3),
        ("--study toys/nothing", 2),
        ("--preset huge", 2),
        ("--workers 0", 2),
        ("--budget soon", 2),
    ],
)
def test_reproduce_says_by_its_status_whether_all_held(say, tmp_path, words, status):
    workers = "" if "--workers" in words else " --workers 1"
    said = say(f"reproduce --no-store {words}{workers} --out", tmp_path / "out")
    assert said.status == status
    if status == 2:
        assert said.err.startswith("sims: ")
        assert said.out == ""


def test_reproduce_json_is_strict_and_alone(say, tmp_path):
    said = say("reproduce --study toys/whole --workers 1 --no-store --json --out", tmp_path)
    read = json.loads(said.out)
    assert (said.err, read["holds"], read["complete"]) == ("", True, True)
    assert [study["study"] for study in read["studies"]] == ["toys/whole"]


def test_reproduce_without_a_cluster_says_what_is_missing(say, tmp_path):
    said = say("reproduce --scheduler nonsense://x --no-store --out", tmp_path)
    assert said.status == 2
    assert "scheduler = nonsense://x is not allowed" in said.err


# --- the store ---


def test_store_commands(say, path, tmp_path):
    say("run coin --trials 12 --seed 3", "--store", path)
    say("run slow --trials 2", "--store", path)
    listed = say("store list", "--store", path)
    assert re.search(r"12 trials .* toys/coin +seed 3", listed.out)
    read = json.loads(say("store list --json", "--store", path).out)
    assert [(found["study"], found["trials"]) for found in read] == [
        ("toys/coin", 12),
        ("toys/slow", 2),
    ]
    assert "2 experiments, 14 trials" in say("store size", "--store", path).out
    assert say("store verify", "--store", path)[:2] == (0, "the store is sound\n")
    table = tmp_path / "all.parquet"
    assert "wrote 14 rows" in say("store export", table, "--store", path).out
    other = tmp_path / "other.sqlite"
    assert say("store merge", path, "--store", other).out == "added 14 trials\n"
    assert say("store merge", path, "--store", other).out == "added 0 trials\n"
    pruned = say("store prune --study toys/coin --all", "--store", path)
    assert pruned.out == "deleted 12 trials of 1 experiments\n"


def test_a_damaged_trial_is_status_1(say, path):
    say("run coin --trials 3", "--store", path)
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("UPDATE trials SET checksum = 7 WHERE trial = 2")
    said = say("store verify", "--store", path)
    assert said.status == 1
    assert "trial 2 does not match its checksum" in said.out


@pytest.mark.parametrize("command", ["list", "size", "verify", "prune", "export out.parquet"])
def test_looking_at_a_store_that_is_not_there_makes_none(say, path, command):
    said = say(f"store {command}", "--store", path)
    assert (said.status, said.out) == (2, "")
    assert "there is no such file" in said.err
    assert not path.exists()
