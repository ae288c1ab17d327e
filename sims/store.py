"""The trial store: one SQLite file, append-only, crash-safe, shared by processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import threading
import time
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from sims import claims
from sims.store_file import FORMAT, connect, create, identity, is_damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from sims.params import Params
    from sims.study import Study

T = TypeVar("T")

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "cvxpy")


class StoreWarning(UserWarning):
    """A store was damaged and has been set aside; the message says where it is now."""


@dataclass(frozen=True)
class Key:
    """What a stored trial belongs to: a study at parameters, a seed, and the code that ran it."""

    study: str
    params: str
    seed: int
    digest: str

    @property
    def text(self) -> str:
        """The digest under which trials are filed."""
        parts = [FORMAT, self.study, self.params, self.seed, self.digest]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Trial:
    """One trial: its index, the seconds it took and its arrays by measure."""

    index: int
    seconds: float
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Holding:
    """What a store holds of one experiment.

    Attributes
    ----------
    key : Key
    trials : int
    seconds : float
        What computing them took.
    size : int
        Bytes of their arrays.
    created : float
        When the first was written, in seconds since the epoch.
    """

    key: Key
    trials: int
    seconds: float
    size: int
    created: float


def key_of(study: Study[Any], params: Params, seed: int) -> Key:
    """Return the key of an experiment.

    The digest covers every source file of the study's family and of the shared numerics, and
    the versions of the libraries that trials compute with, so that a changed formula, another
    generator's stream or another solver can never be answered with an old result.
    """
    return Key(study.name, params.canonical(), seed, source_digest(type(study).__module__))


@cache
def source_digest(module: str) -> str:
    """Digest the source files that decide what a trial of a study in this module returns."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    for path in _sources(module):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(module: str) -> list[Path]:
    here = Path(__file__).parent
    home = getattr(import_module(module), "__file__", None)
    if home is None:
        raise ValueError(f"study in module {module!r} has no source file: run it without a store")
    if not module.startswith("sims."):
        # It may build on any of our families.
        return [Path(home), *sorted(here.glob("*/**/*.py")), here / "datasets.py"]
    family = here / module.split(".")[1]
    folders = (*sorted(family.rglob("*.py")), *sorted((here / "numerics").rglob("*.py")))
    return [*folders, here / "datasets.py"]


def default_path() -> Path:
    """Return the store that terminal and dashboard share: ``$SIMS_STORE`` or the user's cache."""
    if named := os.environ.get("SIMS_STORE"):
        return Path(named)
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache_home) / "sims" / "trials.sqlite"


class Store:
    """Trials on disk, shared by any number of processes of one host.

    Every `write` is one transaction, and a trial that is there already is left alone: a crash
    loses at most the batch in flight, and a run repeated or resumed changes nothing. A file
    that turns out to be damaged is renamed, named in a `StoreWarning` and replaced by an empty
    one; it is never read.

    Parameters
    ----------
    path : path-like
        Created, with its folders, when it is not there.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store(Path(folder.name) / "trials.sqlite") as store:
    ...     key = Key("family/study", "{}", 0, "digest")
    ...     store.write(key, [Trial(0, 0.1, {"risk": np.ones(2)})])
    ...     [trial.index for trial in store.read(key)]
    [0]
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._known: set[str] = set()
        self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store can't be used afterwards."""
        with self._lock:
            self._connection.close()

    def read(self, key: Key, start: int = 0, limit: int | None = None) -> list[Trial]:
        """Return stored trials with index >= start, in the order of their index."""
        query = "SELECT trial, seconds, arrays, checksum FROM trials WHERE key = ? AND trial >= ?"
        query += " ORDER BY trial LIMIT ?"
        values = (key.text, start, -1 if limit is None else limit)
        return self._guarded(
            lambda: [
                Trial(index, seconds, _opened(key.text, index, blob, checksum))
                for index, seconds, blob, checksum in self._connection.execute(query, values)
            ]
        )

    def write(self, key: Key, trials: Iterable[Trial]) -> None:
        """Add trials in one transaction, leaving those that are there already as they are."""
        rows = []
        for trial in trials:
            blob = encode(trial.arrays)
            checksum = _checksum(key.text, trial.index, blob)
            rows.append((key.text, trial.index, trial.seconds, blob, checksum))
        self._guarded(lambda: self._insert(key, rows))

    def count(self, key: Key) -> int:
        """Return how many trials are stored."""
        query = "SELECT count(*) FROM trials WHERE key = ?"
        return self._guarded(
            lambda: int(self._connection.execute(query, (key.text,)).fetchone()[0])
        )

    def claim(
        self, key: Key, owner: str, start: int, stop: int, most: int, seconds: float
    ) -> tuple[int, int]:
        """Reserve the first trials in [start, stop) that nobody has stored or is computing.

        Writing a trial ends its claim; so do `release`, the end of the process, and `seconds`.

        Parameters
        ----------
        key : Key
        owner : str
            Who claims, unique among all processes.
        start, stop : int
        most : int
            How many consecutive trials to reserve at most.
        seconds : float

        Returns
        -------
        first, count : int
            The count is 0 when nothing is left to reserve.
        """
        return self._guarded(
            lambda: claims.claim(self._connection, key.text, owner, start, stop, most, seconds)
        )

    def release(self, owner: str) -> None:
        """Give up all that an owner has claimed."""
        self._guarded(lambda: claims.release(self._connection, owner))

    def holdings(self) -> list[Holding]:
        """Return what is stored of every experiment, by study and age."""
        query = """
            SELECT study, params, seed, digest, created, count(trial), sum(seconds),
                   sum(length(arrays))
            FROM experiments LEFT JOIN trials USING (key)
            GROUP BY key ORDER BY study, created"""
        return self._guarded(
            lambda: [
                Holding(Key(study, params, seed, digest), trials, took or 0.0, size or 0, created)
                for study, params, seed, digest, created, trials, took, size in (
                    self._connection.execute(query)
                )
            ]
        )

    def delete(self, key: Key) -> None:
        """Delete an experiment's trials; `compact` gives the space back."""

        def forget() -> None:
            with self._connection:
                self._connection.execute("DELETE FROM trials WHERE key = ?", (key.text,))
                self._connection.execute("DELETE FROM experiments WHERE key = ?", (key.text,))
            self._known.discard(key.text)

        self._guarded(forget)

    def compact(self) -> None:
        """Give the space of deleted trials back to the file system."""
        self._guarded(lambda: self._connection.execute("VACUUM"))
        self._guarded(lambda: self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))

    def verify(self) -> list[str]:
        """Return what is wrong with the file (nothing: an empty list), reading all of it."""
        query = "SELECT key, trial, arrays, checksum FROM trials"
        problems: list[str] = []
        with self._lock:
            try:
                rows = self._connection.execute("PRAGMA integrity_check").fetchall()
                problems += [str(row[0]) for row in rows if row[0] != "ok"]
                for key, index, blob, checksum in self._connection.execute(query):
                    try:
                        _opened(key, index, blob, checksum)
                    except ValueError as error:
                        problems.append(f"{error} ({key})")
            except sqlite3.DatabaseError as error:
                problems.append(str(error))
        return problems

    def _guarded(self, use: Callable[[], T]) -> T:
        """Use the file; if it turns out to be damaged, set it aside and use an empty one.

        A file that is locked, full or closed is not damaged: those errors are passed on.
        """
        with self._lock:
            try:
                return use()
            except (sqlite3.DatabaseError, ValueError) as error:
                if not is_damage(error):
                    raise
                self._connection.close()
                self._set_aside(error)
                self._known.clear()
                self._connection = self._open()
                return use()

    def _insert(self, key: Key, rows: list[tuple[str, int, float, bytes, int]]) -> None:
        with self._connection:
            if key.text not in self._known:
                self._connection.execute(
                    "INSERT OR IGNORE INTO experiments VALUES (?, ?, ?, ?, ?, ?)",
                    (key.text, key.study, key.params, key.seed, key.digest, time.time()),
                )
            query = "INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?)"
            self._connection.executemany(query, rows)
            ended = [(key, index) for key, index, *_ in rows]
            self._connection.executemany("DELETE FROM claims WHERE key = ? AND trial = ?", ended)
        self._known.add(key.text)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            create(self.path)
        self._file = identity(self.path)
        try:
            return connect(self.path)
        except (sqlite3.DatabaseError, ValueError) as error:
            if not is_damage(error):
                raise
            self._set_aside(error)
            return self._open()

    def _set_aside(self, error: Exception) -> None:
        if identity(self.path) != self._file:
            return  # another process has set it aside already; what stands there now is sound
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self.path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        message = f"the trial store {self.path} is damaged ({error}); it is kept as {aside}"
        warnings.warn(message, StoreWarning, stacklevel=3)


def encode(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays as .npz bytes (no pickle)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
    return buffer.getvalue()


def decode(blob: bytes) -> dict[str, NDArray[Any]]:
    """Unpack what `encode` made."""
    with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _checksum(key: str, index: int, blob: bytes) -> int:
    """Guard arrays together with what they are filed under: a trial must not change its index."""
    return zlib.crc32(blob, zlib.crc32(f"{key}/{index}".encode()))


def _opened(key: str, index: int, blob: bytes, checksum: int) -> dict[str, NDArray[Any]]:
    if not isinstance(blob, bytes) or _checksum(key, index, blob) != checksum:
        raise ValueError(f"trial {index} does not match its checksum")
    return decode(blob)
