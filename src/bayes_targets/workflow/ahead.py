"""A second process, which makes analyses before their turn.

The first goes through them in order as it would alone, and takes what the second has made, or is making, instead of making it:
so order, errors and files are those of one process. Nothing is written here. What the second process cannot do, or loses
because it is killed, the first does when its turn comes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from ..errors import DataError, DiagnosticsError
from .catalogue import Entry, analyses_folder

if TYPE_CHECKING:  # heavy, and the second process is to start before
    from ..report.result import Result
    from .making import Made
    from .settings import Settings


class Ahead:
    """The second process; as a context it is ended at the end.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self) -> None:
        # Not forked: a fork would have this process' libraries and locks, but not their threads.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _no_interrupt():
            self._process.start()
        theirs.close()
        # Its one thread asks for one analysis after another, so that what is not begun can be called off.
        self._asking = ThreadPoolExecutor(1)
        self._asked: dict[Entry, Future[Made | None]] = {}
        self._ended = False

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._process.kill()
        self._asking.shutdown(cancel_futures=True)
        self._process.join()
        self._connection.close()

    def begin(self, entries: Iterable[Entry], settings: Settings, tell: Callable[[str, str], None]) -> None:
        """Have analyses made, one after another.

        Parameters
        ----------
        entries : iterable of Entry
            From `in_order`.
        settings : Settings
            For all of them.
        tell : callable
            Takes an analysis' name and a line of progress, in another thread.
        """
        # It starts no workers of its own and shows no meter; results depend on neither.
        plain = replace(settings, workers=1, scheduler=None, progress=False)
        for entry in entries:
            self._asked[entry] = self._asking.submit(self._ask, entry, plain, tell)

    def take(self, entry: Entry, make: Callable[[Entry], Made]) -> Made | None:
        """An analysis that was made ahead; while it is being made, this process makes others that are not begun.

        Parameters
        ----------
        entry : Entry
            Which; nobody is going to make it ahead after this.
        make : callable
            Makes an analysis in this process.

        Returns
        -------
        Made or None
            None where it has to be made here.

        Raises
        ------
        DataError
            What was raised in making it.
        """
        asked = self._asked.pop(entry, None)
        if asked is None or asked.cancel():
            return None
        while not asked.done() and (other := self._call_off()) is not None:
            self._asked[other] = _made_here(make, other)
        return asked.result()

    def _call_off(self) -> Entry | None:
        """The first analysis that is not begun and needs no other, for this process to make."""
        return next(
            (each for each, asked in self._asked.items() if each.needs == () and asked.cancel()), None
        )

    def _ask(self, entry: Entry, settings: Settings, tell: Callable[[str, str], None]) -> Made | None:
        if self._ended:
            return None
        try:
            self._connection.send((entry, settings))
            tell(entry.name, "")
            while isinstance(answer := self._connection.recv(), str):
                tell(entry.name, answer)
        except (EOFError, OSError):
            if not self._ended:
                tell(entry.name, f"{entry.name}: the second process has ended, so the first goes on alone")
            self._ended = True
            return None
        if isinstance(answer, DataError):
            raise answer
        return answer  # type: ignore[no-any-return]


def _made_here(make: Callable[[Entry], Made], entry: Entry) -> Future[Made | None]:
    """An analysis made before its turn in this process, which in its turn gives what it gave or raises what it raised."""
    done: Future[Made | None] = Future()
    try:
        done.set_result(make(entry))
    except DataError as error:
        done.set_exception(error)
    return done


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """What can be made ahead, in the order in which it should.

    Parameters
    ----------
    entries : iterable of Entry
        In the order of the run.

    Returns
    -------
    list of Entry
        What another needs and then that other, before all the rest. User's scripts are left out, as they may lean on
        what an earlier one did, and so is what needs anything else.
    """
    shipped = {entry.name: entry for entry in entries if entry.path.parent == analyses_folder()}
    free = {name: entry for name, entry in shipped.items() if entry.needs == ()}
    order: dict[str, Entry] = {}
    for entry in shipped.values():
        if entry.needs and all(name in free for name in entry.needs):
            order |= {name: free[name] for name in entry.needs} | {entry.name: entry}
    return list((order | free).values())


class _NotHere(BaseException):
    """An analysis needs another that this process has not made; a script cannot take it for an error of its own."""


class _Workshop:
    """What the second process remembers: what it has made."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self.connection = connection
        self.made: dict[str, Made] = {}

    def make(self, entry: Entry, settings: Settings) -> Made | DataError | None:
        """An analysis, the error that it ended in, or None where the first process has to make it."""
        from .making import make, note_need, open_run

        def need(name: str) -> Result:
            if name not in self.made:
                raise _NotHere
            other = self.made[name]
            if other.failure is not None:
                raise DiagnosticsError(other.failure)
            note_need(run, name, other.summary)
            return other.result

        try:
            run = open_run(entry, settings, need, self.connection.send)
            self.made[entry.name] = make(entry, run)
        except DataError as error:
            error.add_note(traceback.format_exc())  # for python -X dev: a traceback does not travel
            return error
        except (_NotHere, Exception):  # an error that nobody foresaw is met again there, with its traceback
            return None
        return self.made[entry.name]


def _serve(connection: Connection[Any, Any]) -> None:
    """What the second process does until it is ended, or the first one ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    from . import making  # noqa: F401  (loaded while the first process loads the same)

    workshop = _Workshop(connection)
    while True:
        entry, settings = connection.recv()
        connection.send(workshop.make(entry, settings))


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal: one that is started in here ignores it from its first moment."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
