"""The command line: ``python -m bayes_targets.run [NAME ...]``."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import signal
import sys
import tempfile
import textwrap
import time
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .errors import DataError
from .workflow import command_line
from .workflow.catalogue import list_analyses

if TYPE_CHECKING:  # heavy, and --help and --list do without
    from .inference.ensemble import Pool
    from .workflow.analysis import Outcome

DONE, GATE_FAILED, BAD_INPUT, FAULT, INTERRUPTED = 0, 1, 2, 3, 130
# A conclusion on the terminal has about this many characters: whole sentences, the first always.
_SHORT = 300
# What may run the command line, and what its workers have from the start.
_OURS = ("bayes_targets.run", "bayes_targets.__main__")
_PRELOAD = (
    "bayes_targets.workflow.analysis",
    "bayes_targets.plots",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "scipy.optimize",
    "h5py",
)
_SAMPLER = ("pymc", "nutpie")  # two seconds that exact posteriors do without
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_INTERRUPTED = "interrupted; what was finished before is kept"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    own = arguments is None
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments), own_process=own)
    except DataError as error:
        if sys.flags.dev_mode:
            sys.excepthook(type(error), error, error.__traceback__)
        return _end(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _end(_INTERRUPTED, INTERRUPTED)
    except OSError as error:
        if error.filename is not None:
            return _end(f"{error.filename}: {error.strerror or error}", BAD_INPUT)
        return _end_of_fault(error)
    except Exception as error:
        return _end_of_fault(error)


def _end_of_fault(error: Exception) -> int:
    """Say in one line that the program is at fault, and where its traceback is."""
    if sys.flags.dev_mode:
        sys.excepthook(type(error), error, error.__traceback__)
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    try:
        handle, place = tempfile.mkstemp(prefix="bayes_targets-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        place = "nowhere, as no file can be written; python -X dev shows it"
    return _end(f"a fault of the program: {words} (traceback: {place})", FAULT)


def _end(message: str, status: int) -> int:
    # A meter may be on a terminal's line.
    clear = "\r\x1b[K" if sys.stderr is not None and sys.stderr.isatty() else ""
    _print(f"{clear}bayes_targets: {message}", sys.stderr)
    return status


def _print(text: str, stream: TextIO | None) -> None:
    """Print a line; what the stream's encoding lacks becomes a question mark."""
    if stream is None:  # closed by the caller, as in ``>&-``
        return
    try:
        _write(f"{text}\n", stream)
    except OSError as error:
        # Python would try once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # A reader who has left (as `head` does) and progress that nobody sees are no reason to stop.
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise DataError(f"standard output cannot be written to ({error.strerror})") from None


def _write(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def _leave_on_interrupt(out: Path) -> None:
    """Let Ctrl-C end the process without an exception.

    An exception that comes at any moment is now and then swallowed by a library's finalizer or callback, with a
    traceback, and the run goes on.
    """
    from .workflow import run_folder  # here, as --help and --list do without

    def leave(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            run_folder.tidy(out)
            os.write(2, f"bayes_targets: {_INTERRUPTED}\n".encode())
        finally:
            os._exit(INTERRUPTED)

    # A job in the background of a script is started with the signal ignored, and stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def _provide_cache(out: Path) -> None:
    """Let the compilers keep their files in the results folder for as long as the run lasts, if the home takes none.

    Must come before the libraries are imported.
    """
    import atexit
    import logging

    from .workflow import run_folder

    try:
        with tempfile.TemporaryFile(dir=Path.home()):
            return
    except (OSError, RuntimeError):
        cache = (out / run_folder.CACHE).absolute()
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "base_compiledir" not in flags:
        os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, [flags, f"base_compiledir={cache}"]))
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    # On a slow machine matplotlib says that it looks for fonts, which here it does in every run.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    atexit.register(run_folder.tidy, out)


def _run(arguments: list[str], *, own_process: bool) -> int:
    started = time.monotonic()
    request = command_line.parse(arguments)
    options = request.options
    if not request.entries:
        return _answer(options)
    if own_process:
        from .inference.ensemble.pool import keep_memory

        _leave_on_interrupt(options.out)
        _provide_cache(options.out)
        keep_memory()

    progress = _Progress(started, quiet=options.quiet)
    if options.data is not None:
        _say_new_names(request, progress)
    progress.say("loading the libraries")
    with _pool(request) if own_process else nullcontext() as pool:
        outcome = _conduct(arguments, request, progress, pool)
    progress.clear()
    if outcome.failed:
        _end(f"{', '.join(outcome.failed)}: not reported, a diagnostics gate failed", GATE_FAILED)
    if not options.quiet:
        _print("\n".join(["", *map(_wrapped, outcome.conclusions), "", f"Page: {outcome.page}"]), sys.stdout)
    return outcome.status


def _answer(options: argparse.Namespace) -> int:
    """Answer what needs no analysis."""
    if options.help:
        text = command_line.help_text(_width())
    elif options.version:
        from importlib.metadata import version

        text = f"bayes_targets {version('bayes-targets')} (Python {platform.python_version()})"
    elif options.list:
        text = command_line.listing()
    else:
        return _write_template(options.template)
    _print(text, sys.stdout)
    return DONE


def _write_template(words: list[str]) -> int:
    if len(words) > 2:
        raise DataError(f"--template: found {len(words)} words, expected an analysis and at most one file")
    text = command_line.template(words[0])
    if len(words) == 1:
        _print(text.rstrip("\n"), sys.stdout)
        return DONE
    try:
        with Path(words[1]).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise DataError(f"--template {words[1]}: is there already, expected a new file") from None
    return DONE


def _say_new_names(request: command_line.Request, progress: _Progress) -> None:
    """Name the analyses that now take a user's file, where an old one is asked for."""
    now = {entry.data: entry.name for entry in list_analyses() if entry.own}
    for each in request.entries:
        if each.shipped and not each.own and each.data in now:
            new = now[each.data]
            progress.say(f"note: {each.name} --data is now the analysis {new!r}; the old name still works")


def _width() -> int:
    """Width of the terminal, or that of a page where there is none."""
    return max(shutil.get_terminal_size().columns - 1, 40)


def _wrapped(conclusion: str) -> str:
    """A conclusion, short, and on a terminal no wider than it."""
    sentences = _SENTENCE_END.split(conclusion)
    short = sentences[0]
    for sentence in sentences[1:]:
        if len(short) + len(sentence) > _SHORT and not short.endswith("?"):
            break
        short = f"{short} {sentence}"
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return textwrap.fill(short, _width(), break_long_words=False) if terminal else short


class _Progress:
    """Lines of progress on standard error; on a terminal one line, with how much is done and the time left."""

    def __init__(self, started: float, *, quiet: bool) -> None:
        self.started = started
        self.shown = not quiet
        self.on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.part = ""

    def say(self, line: str) -> None:
        if not self.shown:
            return
        seconds = time.monotonic() - self.started
        if not self.on_terminal:
            _print(f"{seconds:6.1f} s  {line}", sys.stderr)
        elif line.startswith("note: ") or ": note: " in line:  # to be read afterwards too
            _print(f"\r\x1b[K{line}", sys.stderr)
        else:
            self._rewrite(f"{seconds:4.0f} s  {self.part}{line}"[: _width()])

    def tell(self, done: int, total: int) -> None:
        """Take how many analyses are done."""
        left = (time.monotonic() - self.started) / done * (total - done)
        self.part = f"{done} of {total} done, about {left:.0f} s left  "
        if self.on_terminal:
            self.say("")

    def clear(self) -> None:
        if self.shown and self.on_terminal:
            self._rewrite("")

    def _rewrite(self, line: str) -> None:
        assert sys.stderr is not None
        with suppress(OSError):
            _write(f"\r\x1b[K{line}", sys.stderr)


def _pool(request: command_line.Request) -> AbstractContextManager[Pool | None]:
    """Processes that make analyses side by side, where there are several, a core for them, and nothing else was asked for."""
    from .inference.ensemble.pool import Pool, cores

    options = request.options
    several = len(request.entries) > 1 or any(entry.needs for entry in request.entries)
    # A process that is started imports the module that its parent runs: harmless if that is this one.
    main = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", None)
    workers = min(options.workers or cores(), max(len(request.entries), 2))
    if options.scheduler is not None or main not in _OURS or not several or workers < 2:
        return nullcontext()
    try:
        return Pool(workers, preload=_PRELOAD + (_SAMPLER if options.engine == "nuts" else ()))
    except OSError:  # where processes are not to be had, one does it all
        return nullcontext()


def _conduct(
    arguments: Sequence[str], request: command_line.Request, progress: _Progress, pool: Pool | None
) -> Outcome:
    from .inference.ensemble import cores
    from .workflow.analysis import Settings, conduct

    options = request.options
    given = ("out", "seed", "draws", "tune", "chains", "engine", "resume", "data", "word", "scheduler")
    settings = Settings(
        **{name: getattr(options, name) for name in given},
        reading=request.reading,
        modelling=request.modelling,
        workers=options.workers or 1,
        spare=1 if options.workers or options.scheduler else cores(),
        progress=not options.quiet,
    )
    names = [entry.name if entry.shipped else str(entry.path) for entry in request.entries]
    # A name that is not UTF-8 is a name to the system, but cannot stand in a manifest.
    command = shlex.join(["python", "-m", "bayes_targets.run", *arguments]).encode(errors="replace").decode()
    return conduct(names, settings, command=command, say=progress.say, tell=progress.tell, pool=pool)


if __name__ == "__main__":
    sys.exit(main())
