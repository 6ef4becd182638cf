"""One function over many tasks: in this process, in worker processes, or on a Dask cluster.

Every task gets a seed of its own, from the ensemble's seed and the task's name alone. So its result depends neither on the
number of workers nor on the order of tasks, nor on which others there are.
"""

from __future__ import annotations

import pickle
import reprlib
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import DataError, require_count, require_kind
from ...files import read_file, write_file
from ...provenance import digest_of, package_digest, seed_of, sha256
from .pool import Pool, WorkerLostError, connect, one_thread

if TYPE_CHECKING:  # workers are begun before it is loaded
    import numpy as np

Function = Callable[[Any, "np.random.SeedSequence"], Any]
# Jobs handed over at once: enough that handing over costs little, few enough that all workers end together.
_MOST_AT_ONCE, _ROUNDS = 64, 4


class Job(NamedTuple):
    """A task with its name and seed."""

    name: str
    task: Any
    seed: np.random.SeedSequence


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
        included), task, seed and package are the same. Results are pickled: keep them where only you write, as to read a
        pickle runs what its writer chose. A file that is damaged or another task's is not used, and its task done anew.
    progress : bool
        Show what is done and the time left on standard error, if that is a terminal.

    Returns
    -------
    Ensemble
        Tasks that raise are in `failures`; the others go on.

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
    identities = {job.name: _identity(function, job) for job in jobs} if keep is not None else {}
    for name, identity in identities.items():
        if (kept := _kept(Path(str(keep)), identity)) is not None:
            results[name] = kept[0]
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
                if name in identities:
                    _keep(Path(str(keep)), identities[name], result)
            tell()
    return Ensemble(
        {n: results[n] for n in tasks if n in results}, {n: failures[n] for n in tasks if n in failures}
    )


def require_scheduler(address: str) -> None:
    """Raise a `DataError` unless a Dask scheduler answers at an address."""
    connect(address).close()


def draw_normal(task: float, seed: np.random.SeedSequence) -> float:
    """A task to try an ensemble, or a cluster, with: one normal draw with a standard deviation."""
    from numpy.random import default_rng

    return float(default_rng(seed).normal(0.0, task))


# The name of a job, whether it was done, and its result or what went wrong.
Report = tuple[str, bool, Any]


def attempt(function: Function, job: Job) -> Report:
    """Do one job; an error becomes part of the report."""
    try:
        return job.name, True, function(job.task, job.seed)
    except (Exception, SystemExit) as error:
        return job.name, False, _failure(error, job.task)


def _failure(error: BaseException, task: object) -> str:
    """Say in one line what went wrong, where, and in which task."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)[1:]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    short = reprlib.Repr(maxdict=12, maxother=200, maxstring=100)
    return f"{words[:500]}{place}; the task was {' '.join(short.repr(task).split())}"


def _reports(
    function: Function, jobs: Sequence[Job], workers: int, scheduler: str | None
) -> Generator[Report]:
    workers = min(workers, len(jobs))
    if scheduler is None and workers <= 1:
        with one_thread():
            yield from (attempt(function, job) for job in jobs)
        return
    with Pool(workers, scheduler, preload=[function.__module__]) as pool:
        waiting = deque(jobs)
        while waiting or len(pool):
            while waiting and len(pool) < 2 * pool.size:
                # Much at first, little in the end.
                size = min(max(len(waiting) // (_ROUNDS * pool.size), 1), _MOST_AT_ONCE)
                yield from _hand_over(pool, function, [waiting.popleft() for _ in range(size)])
            if len(pool):
                yield from _received(pool, function)


def _hand_over(pool: Pool, function: Function, jobs: Sequence[Job]) -> Iterator[Report]:
    """Hand some jobs over to be done by one worker; those that cannot be sent are reported."""
    packed = []
    for job in jobs:
        try:
            packed.append((job, pickle.dumps(job.task, pickle.HIGHEST_PROTOCOL)))
        except Exception as error:  # a task's own pickling may raise anything
            yield job.name, False, _failure(error, job.task)
    if packed:
        sent = [(job.name, job.seed, content) for job, content in packed]
        pool.submit([job for job, _ in packed], _do, function, sent)


def _received(pool: Pool, function: Function) -> Iterator[Report]:
    """The reports of the jobs that ended next; those of a worker that died are done again one by one."""
    jobs, reports = pool.next_done()
    if isinstance(reports, WorkerLostError) and len(jobs) > 1:
        for job in jobs:
            yield from _hand_over(pool, function, [job])
    elif isinstance(reports, Exception):
        for job in jobs:
            yield job.name, False, _failure(reports.with_traceback(None), job.task)
    else:
        for job, content in zip(jobs, reports, strict=True):
            try:
                yield pickle.loads(content)
            except Exception as error:  # a result's own unpickling may raise anything
                yield job.name, False, _failure(error, job.task)


def _do(function: Function, packed: Sequence[tuple[str, np.random.SeedSequence, bytes]]) -> list[bytes]:
    """Do jobs in a worker; each report as bytes, so that one that cannot travel sinks no other."""
    done = []
    for name, seed, content in packed:
        task: Any = None
        try:
            task = pickle.loads(content)  # runs code of the task's own
            done.append(pickle.dumps(attempt(function, Job(name, task, seed)), pickle.HIGHEST_PROTOCOL))
        except Exception as error:  # and so does pickling
            done.append(pickle.dumps((name, False, _failure(error, task))))
    return done


def _require(
    function: Function, tasks: Mapping[str, Any], seed: int, workers: int, scheduler: str | None
) -> None:
    require_count("workers", workers)
    require_count("seed", seed, 0)
    if scheduler is not None and workers > 1:
        raise DataError("workers and scheduler: found both, expected local workers or a cluster")
    require_kind("function", function, Callable, "a function at the top level of a module")
    for name in require_kind("tasks", tasks, Mapping, "tasks by name"):
        if not isinstance(name, str):
            raise DataError(f"tasks: found the name {name!r}, expected text")
    try:
        pickle.dumps(function)
    except Exception as error:  # pickle raises what it likes
        raise DataError(
            f"function {function!r}: workers cannot find it ({error}), expected one at the top level of a module"
        ) from None


def _identity(function: Function, job: Job) -> str:
    """Hash of all that a kept result depends on."""
    import numpy as np

    code = Path(getattr(getattr(function, "__code__", None), "co_filename", ""))
    source = sha256(code.read_bytes()) if code.is_file() else ""
    return digest_of(
        [function, source, job.name, job.task, job.seed.entropy, package_digest(), np.__version__]
    )


def _keep(folder: Path, identity: str, result: Any) -> None:
    """Write a result with the identity of its task and a hash of both."""
    try:
        content = pickle.dumps((identity, result), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # a result's own pickling may raise anything
        raise DataError(f"a result of type {type(result).__name__} cannot be kept ({error})") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror})") from None
    write_file(folder / f"{identity}.pickle", sha256(content).encode() + content)


def _kept(folder: Path, identity: str) -> tuple[Any] | None:
    """A kept result; None where there is none, or one that is damaged or another task's, which is then made anew."""
    file = folder / f"{identity}.pickle"
    if not file.exists():
        return None
    try:
        content = read_file(file)
        seal, content = content[:64], content[64:]
        if sha256(content).encode() != seal:
            return None
        found, result = pickle.loads(content)
    except Exception:  # a damaged file fails in as many ways as it has parts
        return None
    return (result,) if found == identity else None


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
