"""What a worker knows of an ensemble: a job, how it is done, and how an error is told."""

from __future__ import annotations

import ctypes
import os
import reprlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Function = Callable[[Any, np.random.SeedSequence], Any]
# Linear algebra of our sizes is slower shared out among threads, and workers would fight over the cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Parameters of glibc's mallopt, and sizes: arrays up to the one are taken from memory that is kept up to the other.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _LARGE = 2**28, 2**25


@dataclass(frozen=True, eq=False)
class Job:
    """A task with its name and seed."""

    name: str
    task: Any
    seed: np.random.SeedSequence


# The name of a job, whether it was done, and its result or what went wrong.
Report = tuple[str, bool, Any]


def attempt(function: Function, job: Job) -> Report:
    """Do one job; an error becomes part of the report.

    Parameters
    ----------
    function : callable
        As in `run_ensemble`.
    job : Job
        What to do.

    Returns
    -------
    (str, bool, object)
        Name, whether it was done, and the result or what went wrong.
    """
    try:
        return job.name, True, function(job.task, job.seed)
    except (Exception, SystemExit) as error:
        return job.name, False, failure(error, job)


def failure(error: BaseException, job: Job) -> str:
    """Tell in one line what went wrong, where, and in which task."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)[1:]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    short = reprlib.Repr(maxdict=12, maxother=200, maxstring=100)
    return f"{words[:500]}{place}; the task was {' '.join(short.repr(job.task).split())}"


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
    """Let a worker keep what its jobs free for the next job.

    Short jobs otherwise spend a quarter of their time on pages that were just given back; a worker of Dask, which asks for
    that by its settings, a half. It takes up to 256 MB, and has an effect on Linux with glibc only.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            change = ctypes.CDLL(None).mallopt
            change(_MMAP_THRESHOLD, _LARGE)
            change(_TRIM_THRESHOLD, _KEPT)
