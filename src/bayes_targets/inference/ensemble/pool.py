"""One pool of processes, for the fits of an ensemble and for whole analyses: here, in local workers, or on a Dask cluster.

Local workers are those of `concurrent.futures`. That pool is lost as a whole when one of its processes dies; what it was doing is
then done again, one call at a time in a new process, so that a process that dies costs the call that it died of and no other.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.forkserver import ensure_running
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...errors import DataError
from ...provenance import package_digest

# Linear algebra of our sizes is slower shared out among threads, and workers would fight over the cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Parameters of glibc's mallopt, and sizes: arrays up to the one are taken from memory that is kept up to the other.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _LARGE = 2**28, 2**25
# New objects before the youngest are searched for cycles, and searches before older ones are, both rarer than Python's own.
_COLLECT = (50_000, 20, 100)
# Seconds in which a scheduler must answer.
_PATIENCE = 5.0
# Seconds between two looks for lines that workers say, and the bytes of the longest.
_PAUSE, _LONGEST = 0.2, 2000


class WorkerLostError(RuntimeError):
    """A process ended in the middle of a call."""


class _Call(NamedTuple):
    key: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Pool:
    """Calls made by this process (1 worker), by local workers, or by those of a Dask scheduler; everything is ended with the context.

    Local workers have the modules of `preload` from the start. `size` calls are made at the same time; `listen` takes each line that
    `say_from_worker` says in a local worker. A scheduler that does not answer, or local workers that end before their first call, are a
    `DataError`.
    """

    def __init__(self, workers: int = 1, scheduler: str | None = None, preload: Sequence[str] = ()) -> None:
        self.listen: Callable[[str], None] = lambda line: None
        self._context: BaseContext | None = None
        self._client: Any = None
        self._executor: Executor | None = None
        self.size = workers
        self._waiting: deque[_Call] = deque()
        self._suspects: deque[_Call] = deque()
        self._running: dict[Future[bytes], _Call] = {}
        self._processes: set[Any] = set()
        self._others: set[Any] = set()
        self._alone = self._proven = False
        if scheduler is not None:
            self._client = connect(scheduler)
            self.size = max(sum(self._client.nthreads().values()), 1)
            self._executor = self._client.get_executor(pure=False)
        elif workers > 1:
            self._context = _context(preload)
            self._ear, self._mouth = self._context.Pipe(duplex=False)
            self._start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        if self._client is not None:
            self._executor.shutdown(wait=False)  # type: ignore[union-attr]
            self._client.close()
        elif self._executor is not None:
            self._end(patiently=error[0] is None and not self._running)

    def __len__(self) -> int:
        """Calls whose results were not asked for yet."""
        return len(self._waiting) + len(self._suspects) + len(self._running)

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a call made."""
        self._waiting.append(_Call(key, function, arguments))
        self._hand_out()

    def next_done(self) -> tuple[Any, Any]:
        """Wait for a call to end."""
        if self._executor is None:
            call = self._waiting.popleft()
            with one_thread():
                try:
                    return call.key, call.function(*call.arguments)
                except Exception as error:
                    return call.key, error
        while True:
            self._hand_out()
            # Now and then it looks for lines that workers say.
            pause = None if self._client is not None else _PAUSE
            while not (done := wait(self._running, pause, FIRST_COMPLETED).done):
                self._hear()
            self._hear()
            future = next(iter(done))
            call = self._running.pop(future)
            try:
                result = pickle.loads(future.result())
            except BrokenExecutor:
                lost = [call, *self._running.values()]
                status = self._restart()
                if len(lost) == 1:
                    return call.key, WorkerLostError(f"its process ended with status {status}")
                self._suspects.extend(lost)
                continue
            except Exception as error:
                if type(error).__name__ == "KilledWorker":  # Dask's, which has tried several times
                    error = WorkerLostError(f"its process ended ({error})")
                return call.key, error
            self._proven = True
            return call.key, result

    def _hear(self) -> None:
        while self._client is None and self._ear.poll():
            self.listen(self._ear.recv_bytes().decode())

    def _hand_out(self) -> None:
        """Give the executor what its workers can do and one more each; what may have killed a worker runs alone."""
        if self._executor is None or (self._alone and self._running):
            return
        self._alone = bool(self._suspects)
        if self._alone:
            self._give(self._suspects.popleft())
            return
        while self._waiting and len(self._running) < 2 * self.size:
            self._give(self._waiting.popleft())

    def _give(self, call: _Call) -> None:
        assert self._executor is not None
        digest = None if self._client is None else package_digest()
        try:
            payload = pickle.dumps((digest, call.function, call.arguments), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs code of the arguments' own
            failed: Future[bytes] = Future()
            failed.set_exception(error)
            self._running[failed] = call
            return
        try:
            future = self._executor.submit(_serve, payload)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        self._running[future] = call
        if self._client is None:
            self._processes |= set(multiprocessing.active_children()) - self._others

    def _start(self) -> None:
        assert self._context is not None
        self._others = set(multiprocessing.active_children())
        self._processes = set()
        # A job in the background of a script is started with the signal ignored, and its workers stay so too.
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        self._executor = ProcessPoolExecutor(
            self.size, mp_context=self._context, initializer=_begin, initargs=(ignored, self._mouth)
        )

    def _restart(self) -> object:
        """Start anew after a worker died; gives the status that it ended with."""
        status = self._end(patiently=False)
        self._running.clear()
        self._start()
        if not self._proven:
            self._give(_Call(None, _nothing, ()))
            (future,) = self._running
            try:
                future.result()
            except BrokenExecutor:
                raise DataError(
                    f"a worker ended (status {self._end(patiently=False)}) before its first task; does the script that you run do "
                    "its work under if __name__ == '__main__': ?"
                ) from None
            finally:
                self._running.clear()
            self._proven = True
        return status

    def _end(self, *, patiently: bool) -> object:
        """End the workers; gives the status of the one that had died."""
        assert self._executor is not None
        # The pool itself ends the workers of one that died, by a signal.
        for process in [] if patiently else self._processes:
            with suppress(ValueError, OSError):
                process.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)
        statuses = [_exit_status(process) for process in self._processes]
        return next((each for each in statuses if each not in (None, 0, -signal.SIGTERM)), "unknown")


def _exit_status(process: Any) -> int | None:
    with suppress(ValueError):  # closed
        process.join(5.0)
        return process.exitcode  # type: ignore[no-any-return]
    return None


def _nothing() -> None:
    """Done by a worker that has started."""


def _serve(payload: bytes) -> bytes:
    """Make a call in a worker."""
    digest, function, arguments = pickle.loads(payload)
    with ExitStack() as stack:
        if digest is not None:
            if digest != package_digest():
                raise DataError(
                    "the worker has another version of bayes_targets, expected the same everywhere"
                )
            keep_memory()
            stack.enter_context(one_thread())
        try:
            return pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:  # it cannot travel
                raise RuntimeError(f"{type(error).__name__}: {error}") from None
            raise


_FOREVER = ExitStack()
_mouth: Connection[Any, Any] | None = None


def say_from_worker(line: str) -> None:
    """Have the process that owns the pool say a line; nothing outside of a local worker."""
    if _mouth is not None:
        # So short that it is written in one piece: a lock could be held by a worker that dies.
        with suppress(OSError):
            _mouth.send_bytes(line.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").encode())


def _begin(ignored: bool, mouth: Connection[Any, Any]) -> None:
    """What a local worker does first."""
    global _mouth
    _mouth = mouth
    # Ctrl-C goes to the workers too: they end without a word, the parent speaks.
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_memory()
    _FOREVER.enter_context(one_thread())


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context(preload: Sequence[str]) -> BaseContext:
    """How processes start: not by forking this one, whose threads (of BLAS, numba, a sampler) would be left behind.

    On Linux they are forked from a server that has no threads and has imported, once for all workers of all pools, what this
    process has of the package.
    """
    _start_tracker()
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    package = __name__.partition(".")[0]
    ours = [name for name in sys.modules if name.partition(".")[0] == package]
    # Not the script itself: one without a guard would end the server, and nobody would be told why.
    context.set_forkserver_preload([name for name in dict.fromkeys([*ours, *preload]) if name != "__main__"])
    # The server reads this when it is started, by the first pool of a process, and then has no threads of BLAS.
    with one_thread():
        ensure_running()
    return context


def _start_tracker() -> None:
    """Start the process that removes what is left of a pool when its owner ends at once, and have it do so without a word."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Give libraries for linear algebra one thread each, those that are loaded and those that will be."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def keep_memory() -> None:
    """Let a process keep what its jobs free for the next job, and look for cycles of garbage less often.

    Short jobs otherwise spend a quarter of their time on pages that were just given back; a worker of Dask, which asks for
    that by its settings, a half. It takes up to 256 MB, and has an effect on Linux with glibc only.
    """
    gc.set_threshold(*_COLLECT)
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            change = ctypes.CDLL(None).mallopt
            change(_MMAP_THRESHOLD, _LARGE)
            change(_TRIM_THRESHOLD, _KEPT)


def connect(address: str) -> Any:
    """A client of a Dask scheduler, or a `DataError` that says why not; close it after use."""
    try:
        from distributed import Client
    except ImportError:
        raise DataError(
            "scheduler: Dask is not installed, expected the extra bayes_targets[cluster]"
        ) from None
    try:
        _knock(address)
        log = logging.getLogger("distributed")
        level, log.level = log.level, logging.CRITICAL  # it would log each attempt
        try:
            return Client(address, timeout=_PATIENCE, set_as_default=False)
        finally:
            log.setLevel(level)
    except Exception as error:  # Dask raises whatever its parts raise
        words = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"scheduler {address!r}: no Dask scheduler answers there ({words[:200]})") from None


def _knock(address: str) -> None:
    """Raise an OSError or ValueError at once where nobody listens, before Dask tries for long and logs each attempt."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls", "ws", "wss", "ucx"):
        raise ValueError(f"unknown protocol {parts.scheme!r}, expected such as tcp://10.0.0.1:8786")
    if not parts.hostname or parts.port is None:
        raise ValueError("expected a host and a port, such as tcp://10.0.0.1:8786")
    if parts.scheme == "tcp":
        with socket.create_connection((parts.hostname, parts.port), _PATIENCE) as line:
            # Dask speaks first; a client would wait for ever for what listens and does not.
            if not line.recv(8):
                raise ValueError("what listens there hangs up")
