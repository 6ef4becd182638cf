"""Worker processes of an ensemble: they share out what waits, die with their parent, and one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.forkserver import ensure_running
from typing import Any

from ...errors import DataError
from .jobs import Function, Job, Report, attempt, failure, keep_memory, one_thread

_READY = b"ready"
# Jobs handed over at once: enough that handing over costs little, few enough that all workers end together.
_MOST_AT_ONCE, _ROUNDS = 64, 4


@dataclass(eq=False)
class _Worker:
    process: Any
    connection: Connection[Any, Any]
    ready: bool = False
    given: deque[Job] = field(default_factory=deque)


def run_in_workers(function: Function, jobs: Sequence[Job], workers: int) -> Iterator[Report]:
    """Do jobs in local processes.

    Parameters
    ----------
    function : callable
        As in `bayes_targets.inference.ensemble.run_ensemble`.
    jobs : sequence of Job
        What to do.
    workers : int
        Number of processes.

    Yields
    ------
    (str, bool, object)
        As `attempt` gives it, in the order in which jobs end.

    Raises
    ------
    DataError
        If a worker does not get as far as its first job.
    """
    context, waiting = _context(function), deque(jobs)
    crew = [_start(context, function) for _ in range(workers)]
    try:
        while waiting or any(worker.given for worker in crew):
            speaking = wait([worker.connection for worker in crew])
            for worker in [worker for worker in crew if worker.connection in speaking]:
                try:
                    message = worker.connection.recv_bytes()
                except (EOFError, OSError):
                    yield from _lost(worker, waiting)
                    crew[crew.index(worker)] = _start(context, function)
                    continue
                if worker.ready:
                    job = worker.given.popleft()
                    yield _opened(message, job)
                worker.ready = True
                if not worker.given:
                    yield from _give(worker, waiting, len(crew))
        for worker in crew:
            worker.connection.close()  # tells it that it may go
            worker.process.join(5.0)
    finally:
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.process.join()
            worker.process.close()
            worker.connection.close()


def _context(function: Function) -> BaseContext:
    """How processes start: not by forking this one, whose threads (of BLAS, numba, a sampler) would be left behind.

    On Linux they are forked from a server that has no threads and has imported, once for all workers of all ensembles,
    what this process has of the package and where the function is.
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    package = __name__.partition(".")[0]
    ours = [name for name in sys.modules if name.partition(".")[0] == package]
    # Not the script itself: one without a guard would end the server, and nobody would be told why.
    context.set_forkserver_preload([name for name in (*ours, function.__module__) if name != "__main__"])
    # The server reads this when it is started, by the first ensemble of a process, and then has no threads of BLAS.
    with one_thread():
        ensure_running()
    return context


def _start(context: BaseContext, function: Function) -> _Worker:
    ours, theirs = context.Pipe()
    # A job in the background of a script is started with the signal ignored, and its workers stay so too.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    process = context.Process(target=_serve, args=(theirs, function, ignored), daemon=True)  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(connection: Connection[Any, Any], function: Function, ignored: bool) -> None:
    """What a worker does until its parent closes the connection."""
    # Ctrl-C goes to the workers too: they end without a word, the parent speaks.
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_memory()
    # The parent may have ended everything before this worker was ready, or while it worked.
    with one_thread(), suppress(EOFError, OSError):
        connection.send_bytes(_READY)
        while True:
            for packed in connection.recv():
                connection.send_bytes(_done(function, packed))


def _done(function: Function, packed: tuple[Job, bytes]) -> bytes:
    """The report of a job, as bytes."""
    bare, content = packed
    try:
        job = Job(bare.name, pickle.loads(content), bare.seed)
        report = attempt(function, job)
    except Exception as error:  # unpickling runs code of the task's own
        return pickle.dumps((bare.name, False, failure(error, bare)))
    try:
        return pickle.dumps(report, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # and so does pickling
        return pickle.dumps((job.name, False, failure(error, job)))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _give(worker: _Worker, waiting: deque[Job], workers: int) -> Iterator[Report]:
    """Hand over some of what waits: much at first, little in the end. Tasks that cannot be sent are reported."""
    most = min(max(len(waiting) // (_ROUNDS * workers), 1), _MOST_AT_ONCE)
    packed: list[tuple[Job, bytes]] = []
    while waiting and len(packed) < most:
        job = waiting.popleft()
        try:
            content = pickle.dumps(job.task, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # a task's own pickling may raise anything
            yield job.name, False, failure(error, job)
            continue
        packed.append((Job(job.name, None, job.seed), content))
        worker.given.append(job)
    if packed:
        with suppress(OSError):  # it has died: the next look at its connection tells
            worker.connection.send(packed)


def _opened(message: bytes, job: Job) -> Report:
    try:
        report: Report = pickle.loads(message)
    except Exception as error:  # a result's own unpickling may raise anything
        return job.name, False, failure(error, job)
    return report


def _lost(worker: _Worker, waiting: deque[Job]) -> Iterator[Report]:
    """Report the job that a worker died of, and put back what else it was given."""
    worker.process.join()
    code = worker.process.exitcode
    if not worker.ready:  # the whole crew is ended by who started it
        raise DataError(
            f"a worker ended (status {code}) before its first task; does the script that you run do its work under "
            "if __name__ == '__main__': ?"
        )
    worker.process.close()
    worker.connection.close()
    if worker.given:
        job = worker.given.popleft()
        waiting.extendleft(reversed(worker.given))
        worker.given.clear()
        yield job.name, False, failure(RuntimeError(f"its process ended with status {code}"), job)
