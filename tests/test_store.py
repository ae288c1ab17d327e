from __future__ import annotations

import importlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from toys import COIN, CoinParams

from sims import store as store_module
from sims import store_file
from sims.store import Key, Store, StoreWarning, Trial, decode, default_path, encode, key_of

KEY = Key("toys/coin", "{}", 0, "digest")


def trial(index, size=4):
    return Trial(index, 0.25, {"risk": np.arange(size) + float(index), "count": np.array(index)})


def indices(store, key=KEY, **window):
    return [found.index for found in store.read(key, **window)]


def flipped(path, needle, offset=0):
    """Flip one bit of the first occurrence of some bytes in a file."""
    content = bytearray(path.read_bytes())
    content[content.index(needle) + offset] ^= 1
    path.write_bytes(content)


def set_aside(path):
    return sorted(path.parent.glob(f"{path.name}.damaged-*[0-9]"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "trials.sqlite"


# --- what goes in comes out ---

DTYPES = st.sampled_from(["float64", "float32", "int64", "uint8", "bool", "complex128"])
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(DTYPES.flatmap(lambda dtype: arrays(dtype, SHAPES)))
def test_arrays_come_back_bit_for_bit(array):
    back = decode(encode({"risk": array, "other": array.T}))
    assert list(back) == ["risk", "other"]
    for name, expected in (("risk", array), ("other", array.T)):
        assert back[name].dtype == expected.dtype
        assert back[name].shape == expected.shape
        assert back[name].tobytes() == expected.tobytes()


def test_objects_are_refused_rather_than_pickled(path):
    with Store(path) as store, pytest.raises(ValueError, match="pickle"):
        store.write(KEY, [Trial(0, 0.0, {"risk": np.array([object()])})])


def test_read_is_in_order_and_by_window(path):
    with Store(path) as store:
        store.write(KEY, [trial(i) for i in (5, 0, 3, 1)])
        assert indices(store) == [0, 1, 3, 5]
        assert indices(store, start=1) == [1, 3, 5]
        assert indices(store, start=1, limit=2) == [1, 3]
        assert indices(store, limit=0) == []
        assert store.count(KEY) == 4
        found = store.read(KEY, 3, 1)[0]
        assert found.seconds == 0.25
        assert found.arrays["risk"].tolist() == [3, 4, 5, 6]


def test_keys_are_apart(path):
    other = Key("toys/coin", "{}", 1, "digest")
    with Store(path) as store:
        store.write(KEY, [trial(0)])
        store.write(other, [trial(7)])
        assert (indices(store), indices(store, other)) == ([0], [7])
        assert store.count(Key("toys/coin", "{}", 2, "digest")) == 0


def test_writing_again_changes_nothing(path):
    with Store(path) as store:
        store.write(KEY, [trial(0), trial(1)])
        forged = Trial(1, 9.0, {"risk": np.zeros(4)})
        store.write(KEY, [forged, trial(2)])
        store.write(KEY, [])
        assert indices(store) == [0, 1, 2]
        assert store.read(KEY, 1, 1)[0].arrays["risk"].tolist() == [1, 2, 3, 4]


def test_a_store_outlives_its_process_and_folders_are_made(path):
    with Store(path) as store:
        store.write(KEY, [trial(0)])
    with Store(str(path)) as store:
        assert indices(store) == [0]
        assert store.verify() == []
    assert list(path.parent.iterdir()) == [path]  # no drafts, no journals


def test_a_closed_store_is_not_taken_for_a_damaged_one(path):
    store = Store(path)
    store.write(KEY, [trial(0)])
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.read(KEY)
    with pytest.raises(sqlite3.ProgrammingError):
        store.write(KEY, [trial(1)])
    assert set_aside(path) == []
    with Store(path) as again:
        assert indices(again) == [0]


def test_a_locked_store_is_not_taken_for_a_damaged_one(path, monkeypatch):
    monkeypatch.setattr(store_file, "_BUSY_SECONDS", 0.05)
    with Store(path) as store:
        store.write(KEY, [trial(0)])
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.write(KEY, [trial(1)])
        assert indices(store) == [0]  # reading goes on
        other.rollback()
        other.close()
        store.write(KEY, [trial(1)])
        assert indices(store) == [0, 1]
    assert set_aside(path) == []


def test_where_the_shared_store_is(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMS_STORE", str(tmp_path / "named"))
    assert default_path() == tmp_path / "named"
    monkeypatch.delenv("SIMS_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "sims" / "trials.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_path() == Path.home() / ".cache" / "sims" / "trials.sqlite"


# --- damage is named and set aside, never read ---


def damaged_header(path):
    path.write_bytes(b"this was never a database" * 300)


def damaged_length(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def damaged_to_nothing(path):
    path.write_bytes(b"")


def damaged_tables(path):
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE trials")
    connection.commit()
    connection.close()


def damaged_version(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def damaged_array(path):
    flipped(path, np.arange(4) + 2.0)  # the numbers of trial 2


def damaged_index(path):
    """Give the arrays of one trial the index of another."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trials SET trial = 70 WHERE trial = 2")
    connection.commit()
    connection.close()


DAMAGES = [
    damaged_header,
    damaged_length,
    damaged_to_nothing,
    damaged_tables,
    damaged_version,
    damaged_array,
    damaged_index,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_and_set_aside(path, damage):
    with Store(path) as store:
        store.write(KEY, [trial(i) for i in range(60)])
    damage(path)
    broken = path.read_bytes()
    with warnings.catch_warnings(record=True, category=StoreWarning) as caught:
        warnings.simplefilter("always")
        store = Store(path)
        assert store.read(KEY) == []
    (aside,) = set_aside(path)
    assert aside.read_bytes() == broken  # kept for whoever wants to look
    assert str(path) in str(caught[0].message)
    assert str(aside) in str(caught[0].message)
    store.write(KEY, [trial(4)])
    assert indices(store) == [4]
    assert store.verify() == []
    store.close()


@pytest.mark.parametrize("use", ["read", "write", "count"])
def test_damage_under_a_running_program(path, use):
    """The file breaks while it is open: whatever is done next notices and goes on."""
    store = Store(path)
    for i in range(200):
        store.write(KEY, [trial(i, 300)])
    store.close()
    store = Store(path)  # opening reads the first pages only
    content = bytearray(path.read_bytes())
    content[8192:-8192] = os.urandom(len(content) - 16384)
    with path.open("r+b") as file:
        file.write(content)
    uses = {
        "read": lambda: store.read(KEY),
        "write": lambda: [store.write(KEY, [trial(i)]) for i in range(500)],
        "count": lambda: store.count(KEY),
    }
    with pytest.warns(StoreWarning, match="is damaged"):
        uses[use]()
    assert len(set_aside(path)) == 1
    store.write(KEY, [trial(0)])
    assert 0 in indices(store)
    store.close()


def test_verify_names_what_is_wrong(path):
    with Store(path) as store:
        store.write(KEY, [trial(i) for i in range(5)])
    damaged_array(path)
    with Store(path) as store:
        (problem,) = store.verify()
        assert problem.startswith("trial 2 does not match its checksum")
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        with Store(path) as store:
            assert store.verify()


def test_no_flipped_bit_is_ever_read_as_a_trial(path):
    """Flip bits all over the file: a trial is read as it was written, or not at all."""
    sound = {i: trial(i) for i in range(12)}
    with Store(path) as store:
        store.write(KEY, sound.values())
    content = path.read_bytes()
    rng = np.random.default_rng(7)
    seen = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        for place in rng.choice(len(content), 300, replace=False):
            for part in path.parent.iterdir():
                part.unlink()
            broken = bytearray(content)
            broken[place] ^= 1 << rng.integers(8)
            path.write_bytes(broken)
            with Store(path) as store:
                for found in store.read(KEY):
                    seen += 1
                    expected = sound[found.index].arrays
                    assert found.arrays.keys() == expected.keys()
                    assert all(np.array_equal(found.arrays[n], expected[n]) for n in expected)
    assert seen > 800  # most flips hit nothing that is read


def test_two_processes_that_find_the_same_damage_set_it_aside_once(path):
    with Store(path) as store:
        store.write(KEY, [trial(0)])
    first, second = Store(path), Store(path)
    damaged_array_at_zero = np.arange(4) + 0.0
    first.close()
    second.close()
    flipped(path, damaged_array_at_zero, offset=9)
    first, second = Store(path), Store(path)
    with pytest.warns(StoreWarning):
        assert first.read(KEY) == []
    first.write(KEY, [trial(1)])
    assert indices(second) == [1]  # the second one finds the sound file, not another damage
    assert len(set_aside(path)) == 1
    first.close()
    second.close()


# --- the key ---


def test_the_key_changes_with_everything_that_changes_a_trial():
    base = key_of(COIN, CoinParams(), 0)
    texts = {
        base.text,
        key_of(COIN, CoinParams(p=0.25), 0).text,
        key_of(COIN, CoinParams(throws=(1, 10)), 0).text,
        key_of(COIN, CoinParams(), 1).text,
        Key("toys/other", base.params, 0, base.digest).text,
        Key(base.study, base.params, 0, "another source").text,
    }
    assert len(texts) == 6


def test_the_key_does_not_change_with_the_way_a_value_is_written():
    base = key_of(COIN, CoinParams(p=0, throws=(1, 10)), 3)
    for p, throws in (
        (0.0, "1,10"),
        (-0.0, [1.0, 10.0]),
        ("0", np.array([1, 10])),
        (False, (1, 1e1)),
    ):
        assert key_of(COIN, CoinParams(p=p, throws=throws), 3).text == base.text
    assert key_of(COIN, CoinParams(p=1), 0) == key_of(COIN, CoinParams(p=1.0), 0)


def test_the_key_changes_with_the_source(tmp_path, monkeypatch):
    copy = tmp_path / "edited_toys.py"
    source = Path(sys.modules["toys"].__file__).read_text()
    copy.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def digest():
        store_module.source_digest.cache_clear()
        return store_module.source_digest("edited_toys")

    before = digest()
    assert digest() == before
    copy.write_text(source.replace("** 2", "** 3"))
    assert digest() != before


@pytest.mark.parametrize("library", ["numpy", "scipy", "scikit-learn", "cvxpy"])
def test_the_key_changes_with_the_libraries(monkeypatch, library):
    """Another stream of random numbers, another solver: another result."""
    before = store_module.source_digest.__wrapped__("toys")
    assert store_module.source_digest.__wrapped__("toys") == before
    versions = {library: "0.0"}
    monkeypatch.setattr(store_module, "version", lambda name: versions.get(name, version(name)))
    assert store_module.source_digest.__wrapped__("toys") != before


@pytest.mark.parametrize("edited", ["family/theory.py", "family/studies/one.py", "numerics/k.py"])
def test_the_source_of_a_family_is_all_that_its_trials_use(tmp_path, monkeypatch, edited):
    """Build a package like ours, and edit it; what other families do is no concern of this one."""
    package = tmp_path / "sims"
    files = [
        "store.py",
        "datasets.py",
        "family/theory.py",
        "family/studies/one.py",
        "numerics/k.py",
        "other/theory.py",
    ]
    for name in files:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("# as it was")
    monkeypatch.setattr(store_module, "__file__", str(package / "store.py"))
    found = importlib.import_module("toys")
    monkeypatch.setattr(store_module, "import_module", lambda _: found)

    def digest():
        store_module.source_digest.cache_clear()
        return store_module.source_digest("sims.family.studies.one")

    before = digest()
    (package / "other/theory.py").write_text("# edited")
    assert digest() == before
    (package / edited).write_text("# edited")
    assert digest() != before
    store_module.source_digest.cache_clear()


def test_a_study_of_ones_own_is_keyed_by_its_file_and_by_ours(tmp_path):
    sources = store_module._sources("toys")
    assert Path(sys.modules["toys"].__file__) in sources
    assert Path(store_module.__file__).parent / "numerics" / "validate.py" in sources


def test_a_study_without_a_source_file_has_no_key(monkeypatch):
    monkeypatch.setitem(sys.modules, "typed_in", type(sys)("typed_in"))
    with pytest.raises(ValueError, match="'typed_in' has no source file: run it without a store"):
        store_module.source_digest("typed_in")


# --- several processes at once ---

WRITER = textwrap.dedent(
    """
    import sys, time
    import numpy as np
    from sims.store import Key, Store, Trial
    begin, offset, folder = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for round_ in range(12):
        while time.time() < begin + 0.1 * round_:
            pass
        with Store(f"{folder}/{round_}/trials.sqlite") as store:
            for i in range(offset, 60, 2):
                key = Key("toys/coin", "{}", 0, "digest")
                shared = Trial(1000 + i // 2, 0.0, {"risk": np.full(50, 1.0 * i // 2)})
                store.write(key, [Trial(i, 0.0, {"risk": np.full(50, 1.0 * i)}), shared])
    """
)

ENDLESS = textwrap.dedent(
    """
    import itertools, sys
    import numpy as np
    from sims.store import Key, Store, Trial
    with Store(sys.argv[1]) as store:
        for i in itertools.count():
            batch = [Trial(3 * i + j, 0.0, {"risk": np.full(500, 3.0 * i + j)}) for j in range(3)]
            store.write(Key("toys/coin", "{}", 0, "digest"), batch)
            print(3 * i + 2, flush=True)
    """
)


def start(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_create_and_write_at_once(tmp_path):
    begin = time.time() + 1.0
    writers = [start(WRITER, begin, offset, tmp_path) for offset in (0, 1)]
    for writer in writers:
        _, complaints = writer.communicate(timeout=60)
        assert (writer.returncode, complaints) == (0, "")
    for round_ in range(12):
        with Store(tmp_path / str(round_) / "trials.sqlite") as store:
            assert indices(store) == [*range(60), *range(1000, 1030)]
            assert store.verify() == []
            for found in store.read(KEY, limit=60):
                assert np.all(found.arrays["risk"] == found.index)
        assert len(list((tmp_path / str(round_)).iterdir())) == 1


def test_a_killed_writer_leaves_a_sound_store_with_all_it_committed(path):
    with Store(path) as store:
        store.write(Key("toys/coin", "{}", 9, "digest"), [trial(0)])
        for _ in range(3):
            writer = start(ENDLESS, path)
            said = -1
            while said < 30:
                said = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            rest, _ = writer.communicate()
            said = max([said, *map(int, rest.split())])
            assert store.verify() == []
            found = indices(store)
            assert found == list(range(len(found)))
            assert len(found) > said
            assert len(found) % 3 == 0  # whole batches
        store.write(KEY, [trial(10**6)])
        assert indices(store, start=10**6) == [10**6]
        assert indices(store, Key("toys/coin", "{}", 9, "digest")) == [0]


def test_threads_share_one_store(path):
    from concurrent.futures import ThreadPoolExecutor

    with Store(path) as store, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: store.write(KEY, [trial(i)]), range(80)))
        assert indices(store) == list(range(80))
