"""Many tasks, the same results for the same seed whatever the number of workers."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from .inputs import require_count


def run_all(
    function: Callable[[Any, np.random.SeedSequence], Any],
    tasks: Mapping[str, Any],
    *,
    seed: int,
    workers: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """Call a function with every task and a seed of the task's own.

    Parameters
    ----------
    function : callable
        ``function(task, seed)``, importable by name where there is more than one worker.
    tasks : mapping of str to object
        By name; the name and `seed` make the task's seed.
    seed : int
        Seed of all.
    workers : int
        Processes at a time; 1 stays in this one.
    progress : bool
        Show a count on the terminal.

    Returns
    -------
    dict of str to object
        What the function gave, by name, in the order of the tasks.

    Examples
    --------
    >>> run_all(lambda task, seed: task + 1, {"a": 1, "b": 2}, seed=1, progress=False)
    {'a': 2, 'b': 3}
    """
    require_count("seed", seed, 0)
    require_count("workers", workers)
    jobs = [(function, task, np.random.SeedSequence([seed, *name.encode()])) for name, task in tasks.items()]
    shown = progress and sys.stderr.isatty()
    out: dict[str, Any] = {}
    for name, result in zip(tasks, _results(jobs, workers), strict=True):
        out[name] = result
        if shown:
            done, whole = len(out), len(tasks)
            bar = "█" * (30 * done // whole)
            end = "\n" if done == whole else ""
            print(f"\r{bar:<30} {done}/{whole}", end=end, file=sys.stderr, flush=True)
    return out


def _results(jobs: list[tuple[Any, Any, np.random.SeedSequence]], workers: int) -> Iterator[Any]:
    if workers == 1:
        yield from map(_call, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(_call, jobs, chunksize=max(len(jobs) // (8 * workers), 1))


def _call(job: tuple[Any, Any, np.random.SeedSequence]) -> Any:
    function, task, seed = job
    return function(task, seed)
