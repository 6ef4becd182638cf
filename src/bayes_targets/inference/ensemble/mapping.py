"""One function over many tasks: in this process, in worker processes, or on a Dask cluster.

Every task gets a seed of its own, from the ensemble's seed and the task's name alone. So its result depends neither on the
number of workers nor on the order of tasks, nor on which others there are.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...provenance import package_digest, sha256
from ..storage import digest_of, from_bytes, to_bytes
from .jobs import Function, Job, Report, attempt, one_thread


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What came of many tasks.

    Attributes
    ----------
    results : dict of str to object
        By task, in the order of the tasks; those that failed are not there.
    failures : dict of str to str
        By task: what went wrong, where, and the task.
    """

    results: dict[str, Any]
    failures: dict[str, str]


def run_ensemble(
    function: Function,
    tasks: Mapping[str, Any],
    *,
    seed: int,
    workers: int = 1,
    scheduler: str | None = None,
    keep: str | Path | None = None,
    progress: bool = True,
) -> Ensemble:
    """Map a function over tasks: data sets, priors, specifications.

    Parameters
    ----------
    function : callable
        ``function(task, seed)`` gives a task's result; `seed` is a `numpy.random.SeedSequence`. It has a name at the top
        level of a module, by which workers find it.
    tasks : mapping of str to object
        Tasks by name, which can be pickled.
    seed : int
        Each task's seed is the child of this one whose key is the task's name.
    workers : int
        Local processes; 1 works in this one. A script that uses more needs ``if __name__ == "__main__":`` around what it
        runs, as always with processes in Python.
    scheduler : str, optional
        Address of a Dask scheduler, e.g. ``"tcp://10.0.0.1:8786"``, whose workers do the tasks instead. They need this
        version of the package and nothing else. Needs the extra ``bayes_targets[cluster]``.
    keep : path, optional
        Folder to which each result is written as soon as it is there, and from which it is taken if the function (its file
        included), task, seed and package are the same. Results must be such as `bayes_targets.inference.storage.to_bytes` takes.
    progress : bool
        Show what is done and the time left on standard error, if that is a terminal.

    Returns
    -------
    Ensemble
        Tasks that raise are told in `failures`; the others go on.

    Raises
    ------
    DataError
        If a setting cannot be one, the scheduler does not answer, or a result cannot be kept.

    Notes
    -----
    Each task has one thread for linear algebra. Ctrl-C ends the workers and then raises `KeyboardInterrupt` as usual; tasks
    that a cluster has begun are finished there and dropped.

    Examples
    --------
    >>> from bayes_targets.inference.ensemble import draw_normal
    >>> done = run_ensemble(draw_normal, {"near": 1.0, "far": 100.0}, seed=1)
    >>> again = run_ensemble(draw_normal, {"far": 100.0}, seed=1)
    >>> list(done.results), done.results["far"] == again.results["far"]
    (['near', 'far'], True)
    """
    _require(function, tasks, seed, workers, scheduler)
    jobs = [Job(name, task, seed_of(seed, name)) for name, task in tasks.items()]
    results, failures = {}, {}
    files = {job.name: _file(Path(keep), function, job) for job in jobs} if keep is not None else {}
    for name, file in files.items():
        if file.is_file():
            try:
                results[name] = from_bytes(file.read_bytes())
            except (DataError, OSError):
                continue  # made anew
    jobs = [job for job in jobs if job.name not in results]
    with (
        closing(_reports(function, jobs, workers, scheduler)) as reports,
        _meter(len(jobs), progress) as tell,
    ):
        for name, done, result in reports:
            if not done:
                failures[name] = str(result)
            else:
                results[name] = result
                if name in files:
                    _write(files[name], to_bytes(result))
            tell()
    return Ensemble(
        {n: results[n] for n in tasks if n in results}, {n: failures[n] for n in tasks if n in failures}
    )


def require_scheduler(address: str) -> None:
    """Raise a `DataError` unless a Dask scheduler answers at an address."""
    from .cluster import connect

    connect(address).close()


def seed_of(seed: int, name: str) -> np.random.SeedSequence:
    """Seed of one task: a child of the ensemble's seed, by the task's name.

    Parameters
    ----------
    seed : int
        The ensemble's.
    name : str
        The task's.

    Returns
    -------
    numpy.random.SeedSequence
    """
    return np.random.SeedSequence(seed, spawn_key=tuple(name.encode()))


def draw_normal(task: float, seed: np.random.SeedSequence) -> float:
    """A task to try an ensemble, or a cluster, with: one normal draw with a standard deviation.

    Parameters
    ----------
    task : float
        The standard deviation.
    seed : numpy.random.SeedSequence
        Source of randomness.

    Returns
    -------
    float
    """
    return float(np.random.default_rng(seed).normal(0.0, task))


def _reports(
    function: Function, jobs: Sequence[Job], workers: int, scheduler: str | None
) -> Generator[Report]:
    if scheduler is not None and jobs:
        from .cluster import run_on_cluster

        yield from run_on_cluster(function, jobs, scheduler)
    elif min(workers, len(jobs)) > 1:
        from .workers import run_in_workers

        yield from run_in_workers(function, jobs, min(workers, len(jobs)))
    else:
        with one_thread():
            yield from (attempt(function, job) for job in jobs)


def _require(
    function: Function, tasks: Mapping[str, Any], seed: int, workers: int, scheduler: str | None
) -> None:
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise DataError(f"workers is {workers!r}, expected a whole number of 1 or more")
    if scheduler is not None and workers > 1:
        raise DataError("workers and scheduler: found both, expected local workers or a cluster")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f"seed is {seed!r}, expected a whole number of 0 or more")
    for name in tasks:
        if not isinstance(name, str):
            raise DataError(f"tasks: found the name {name!r}, expected text")
    try:
        pickle.dumps(function)
    except Exception as error:  # pickle raises what it likes
        raise DataError(
            f"function {function!r}: workers cannot find it ({error}), expected one at the top level of a module"
        ) from None


def _file(folder: Path, function: Function, job: Job) -> Path:
    code = Path(getattr(getattr(function, "__code__", None), "co_filename", ""))
    source = sha256(code.read_bytes()) if code.is_file() else ""
    parts = [function, source, job.name, job.task, job.seed.entropy, package_digest(), np.__version__]
    return folder / f"{digest_of(parts)}.npz"


def _write(file: Path, content: bytes) -> None:
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error.strerror})") from None
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _meter(total: int, progress: bool) -> Iterator[Callable[[], None]]:
    """A function to call after each task, that shows what is done and the time left."""
    shown = progress and total > 0 and sys.stderr is not None and sys.stderr.isatty()
    started, last, done = time.monotonic(), 0.0, 0

    def tell() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if shown and (now - last > 0.2 or done == total):
            left, last = (now - started) / done * (total - done), now
            sys.stderr.write(f"\r\x1b[K{done} of {total} done, about {_duration(left)} left")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if shown and last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours, in words.

    Examples
    --------
    >>> _duration(8.2), _duration(150), _duration(7400)
    ('8 s', '2 min 30 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
