"""Claims: processes that share a store tell each other which trials they are computing."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_AT_ONCE = 500
_TAKEN = """
SELECT trial FROM trials WHERE key = :key AND trial >= :start AND trial < :stop
UNION SELECT trial FROM claims WHERE key = :key AND trial >= :start AND trial < :stop"""


def claim(
    connection: sqlite3.Connection,
    key: str,
    owner: str,
    start: int,
    stop: int,
    most: int,
    seconds: float,
) -> tuple[int, int]:
    """Reserve the first trials in [start, stop) that are neither stored nor claimed.

    Claims of processes of this host that are gone, and claims that have run out, are void.

    Parameters
    ----------
    owner : str
        Who claims; what `release` asks for.
    most : int
        How many consecutive trials to reserve at most.
    seconds : float
        How long the claim stands.

    Returns
    -------
    first, count : int
        ``(stop, 0)`` when there is nothing left to reserve.
    """
    connection.execute("BEGIN IMMEDIATE")  # from here on nobody else claims or writes
    with connection:
        _void(connection, key)
        first, count = _first_free(connection, key, start, stop, most)
        until = time.time() + seconds
        ours = (owner, socket.gethostname(), os.getpid(), until)
        connection.executemany(
            "INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)",
            [(key, index, *ours) for index in range(first, first + count)],
        )
    return first, count


def release(connection: sqlite3.Connection, owner: str) -> None:
    """Give up all that an owner has claimed."""
    with connection:
        connection.execute("DELETE FROM claims WHERE owner = ?", (owner,))


def _first_free(
    connection: sqlite3.Connection, key: str, start: int, stop: int, most: int
) -> tuple[int, int]:
    while start < stop:
        end = min(start + _AT_ONCE, stop)
        window = {"key": key, "start": start, "stop": end}
        taken = {row[0] for row in connection.execute(_TAKEN, window)}
        free = [index for index in range(start, end) if index not in taken]
        if free:
            first = last = free[0]
            while last - first < most and last < end and last not in taken:
                last += 1
            return first, last - first
        start = end
    return stop, 0


def _void(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("DELETE FROM claims WHERE until < ?", (time.time(),))
    here = socket.gethostname()
    query = "SELECT DISTINCT process FROM claims WHERE key = ? AND host = ?"
    for (process,) in connection.execute(query, (key, here)).fetchall():
        if not _is_alive(process):
            connection.execute("DELETE FROM claims WHERE host = ? AND process = ?", (here, process))


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # its claims run out by themselves
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
