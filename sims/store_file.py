"""The file of a trial store: made whole or not at all, opened, told from a damaged one."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

FORMAT = 1  # raise it when the meaning of a stored trial changes (seeding, encoding)
_BUSY_SECONDS = 30.0
_CLAIMS = """
CREATE TABLE IF NOT EXISTS claims (
    key TEXT NOT NULL, trial INTEGER NOT NULL, owner TEXT NOT NULL, host TEXT NOT NULL,
    process INTEGER NOT NULL, until REAL NOT NULL, PRIMARY KEY (key, trial)) WITHOUT ROWID;"""
_SCHEMA = f"""
CREATE TABLE experiments (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, params TEXT NOT NULL, seed INTEGER NOT NULL,
    digest TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE trials (
    key TEXT NOT NULL, trial INTEGER NOT NULL, seconds REAL NOT NULL, arrays BLOB NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (key, trial)) WITHOUT ROWID;
{_CLAIMS}
PRAGMA user_version = {FORMAT};
"""


def is_damage(error: Exception) -> bool:
    """Tell a damaged file from one that is locked, full or closed."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.Error):
        return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, ValueError)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def create(path: Path) -> None:
    """Make an empty store, whole or not at all, however many processes try at once.

    Setting the journal mode of a new file from two processes at once fails whatever the time-out,
    so the file is made under another name and linked into place: the first link wins.
    """
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.new-", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        connection = sqlite3.connect(draft)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)
        connection.close()
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first, and its file is as good
    finally:
        draft.unlink()


def connect(path: Path) -> sqlite3.Connection:
    """Open a store's file.

    Raises
    ------
    ValueError, sqlite3.DatabaseError
        When it is not a store, or damaged.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            raise ValueError(f"format {found}, this program reads {FORMAT}")
        _probe(connection)
        connection.execute(_CLAIMS)  # a store of before they were written there
    except Exception:  # whatever it was, the file is let go
        connection.close()
        raise
    return connection


def _probe(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("SELECT key, trial, seconds, arrays, checksum FROM trials LIMIT 0")
        connection.execute("SELECT key, study, params, seed, digest FROM experiments LIMIT 0")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise ValueError(f"not a trial store: {error}") from error
