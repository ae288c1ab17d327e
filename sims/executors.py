"""Where trials run: worker processes of this machine, or a Dask cluster; and how to stop them."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
import weakref
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FOLLOW_SECONDS = 1.0


class Pool(Executor):
    """Worker processes of this machine that are replaced when one of them dies.

    The futures in flight when a worker dies raise ``BrokenExecutor``; whoever submitted them may
    submit them again, to fresh workers.

    Parameters
    ----------
    workers : int
        At least 1.

    Attributes
    ----------
    places : int
        How many tasks run at once.
    """

    def __init__(self, workers: int) -> None:
        from sims.numerics.validate import integer

        self.places = integer("workers", workers, 1)
        self._executor: Executor | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a task to the workers, fresh ones if the last have died."""
        try:
            return self._open().submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._executor = None
            return self._open().submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers, in the middle of their work if need be; ``wait`` until they are gone."""
        if self._executor is not None:
            self._executor.shutdown(wait=wait, kill_workers=True)  # type: ignore[call-arg]  # loky's own
            self._executor = None

    def _open(self) -> Executor:
        if self._executor is None:
            # loky's workers start fresh and do not run the main program again.
            from joblib.externals.loky import ProcessPoolExecutor

            self._executor = ProcessPoolExecutor(
                max_workers=self.places,
                timeout=None,
                initializer=start_worker,
                initargs=(os.getpid(),),
            )
        return self._executor


class Cluster(Executor):
    """A Dask cluster behind the interface of an executor; it replaces dead workers by itself.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    ValueError
        When Dask is not installed or nobody answers there.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ValueError(
                "a scheduler needs Dask: install the program with its extra `distributed`"
            ) from error
        try:
            self._client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"scheduler = {address} is not allowed: no Dask scheduler answers there ({error})"
            ) from error
        self._executor = self._client.get_executor(pure=False)

    @property
    def places(self) -> int:
        """How many tasks run at once, now."""
        return max(1, sum(int(threads) for threads in self._client.nthreads().values()))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a task to the cluster."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; it goes on for others."""
        self._executor.shutdown(wait=wait)
        self._client.close()


class Recalled(BaseException):
    """The task was called back before it began."""


class Leash(Executor):
    """Tasks on another executor, on this machine, that can be called back while they wait.

    A file stands for "still wanted"; without it a task that waits in a worker's queue ends at
    once. A task at work is left to finish: stopped in the middle of an import, say, it would
    leave its worker broken for all that come after.

    Parameters
    ----------
    executor : Executor
        Worker processes.
    folder : Path
        Where the file is kept.

    Attributes
    ----------
    places : int
        How many tasks run at once.
    """

    def __init__(self, executor: Executor, folder: Path) -> None:
        self.places = int(getattr(executor, "_max_workers", 1))
        self._executor, self._folder = executor, folder
        self._flag: Path | None = None
        self._lower: Callable[[], object] = lambda: None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a task out."""
        if self._flag is None:
            handle, name = tempfile.mkstemp(prefix="wanted-", dir=self._folder)
            os.close(handle)
            self._flag = Path(name)
            self._lower = weakref.finalize(self, self._flag.unlink, missing_ok=True)
        return self._executor.submit(run_leashed, str(self._flag), fn, *args, **kwargs)

    def recall(self) -> None:
        """Call back the tasks sent out so far; the futures of those that wait hold `Recalled`."""
        self._lower()
        self._flag = None


def run_leashed(flag: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a task if its flag is there; what a worker is asked to do.

    Raises
    ------
    Recalled
        When it is not.
    """
    if not os.path.exists(flag):
        raise Recalled
    return fn(*args, **kwargs)


def start_worker(parent: int) -> None:
    """Prepare a worker: leave Ctrl-C to its parent, and end when that is gone, however it went.

    Parameters
    ----------
    parent : int
        The process that starts it; asked here, it could be gone already.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":  # elsewhere a process keeps its parent's number
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End this process, in the middle of its work, once its parent has died."""
    while os.getppid() == parent:
        time.sleep(_FOLLOW_SECONDS)
    os._exit(1)


@contextmanager
def executor(workers: int = 1, scheduler: str | None = None) -> Iterator[Executor | None]:
    """Open where trials run: a cluster, worker processes, or (None) this process itself.

    Parameters
    ----------
    workers : int
        At least 1; 1 stands for this process.
    scheduler : str, optional
        Address of a Dask scheduler; `workers` is then its own affair.

    Examples
    --------
    >>> with executor(1) as where:
    ...     print(where)
    None
    """
    from sims.numerics.validate import integer

    if scheduler is None and integer("workers", workers, 1) == 1:
        yield None
        return
    opened = Pool(workers) if scheduler is None else Cluster(scheduler)
    try:
        yield opened
    finally:
        opened.shutdown()
