"""An ensemble on a Dask cluster, whose workers need this version of the package and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import DataError
from ...provenance import package_digest
from .jobs import Function, Job, Report, attempt, failure, keep_memory, one_thread

# Seconds in which a scheduler must answer.
_PATIENCE = 10
_MOST_AT_ONCE, _ROUNDS = 64, 8


def run_on_cluster(function: Function, jobs: Sequence[Job], address: str) -> Iterator[Report]:
    """Do jobs on a cluster.

    Parameters
    ----------
    function : callable
        As in `bayes_targets.inference.ensemble.run_ensemble`.
    jobs : sequence of Job
        What to do.
    address : str
        Of the scheduler.

    Yields
    ------
    (str, bool, object)
        As `attempt` gives it, in the order in which jobs end.

    Raises
    ------
    DataError
        If Dask is not installed, or no scheduler answers at the address.
    """
    with connect(address) as client:
        from distributed import as_completed

        threads = max(sum(client.nthreads().values()), 1)
        size = min(max(len(jobs) // (_ROUNDS * threads), 1), _MOST_AT_ONCE)
        pieces = [jobs[i : i + size] for i in range(0, len(jobs), size)]
        sent = {client.submit(_do, function, piece, package_digest(), pure=False): piece for piece in pieces}
        try:
            for future in as_completed(list(sent), loop=client.loop):
                piece, wrong = sent.pop(future), future.exception()
                if wrong is None:
                    yield from future.result()
                else:
                    yield from ((job.name, False, failure(wrong, job)) for job in piece)
        finally:
            client.cancel(list(sent))


def connect(address: str) -> Any:
    """A client of a scheduler, or a `DataError` that tells why not; close it after use."""
    try:
        from distributed import Client
    except ImportError:
        raise DataError(
            "scheduler: Dask is not installed, expected the extra bayes_targets[cluster]"
        ) from None
    try:
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"scheduler {address!r}: no Dask scheduler answers there ({words[:200]})") from None


def _do(function: Function, jobs: Sequence[Job], digest: str) -> list[Report]:
    if package_digest() != digest:
        raise DataError("the worker has another version of bayes_targets, expected the same everywhere")
    keep_memory()
    with one_thread():
        return [attempt(function, job) for job in jobs]
