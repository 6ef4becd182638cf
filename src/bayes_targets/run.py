"""The command line: ``python -m bayes_targets.run [NAME ...]``."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from .errors import DataError
from .workflow.catalogue import find_analysis, list_analyses

if TYPE_CHECKING:  # heavy, and --help and --list do without
    from .workflow.ahead import Ahead
    from .workflow.analysis import Outcome

DONE, GATE_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_INTERRUPTED = "interrupted; what was finished before is kept"


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise DataError(f"{message} (see --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        As on the command line. Without them the command line is this process's own, and so is Ctrl-C: it then ends
        the process at once, with status 130.

    Returns
    -------
    int
        Exit status: 0 all done and every gate passed; 1 a gate failed; 2 bad input or usage; 130 interrupted.
    """
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
        return _end(f"{error.filename or 'a file'}: {error.strerror or error}", BAD_INPUT)


def _end(message: str, status: int) -> int:
    _print(f"bayes_targets: {message}", sys.stderr)
    return status


def _print(text: str, stream: TextIO | None) -> None:
    """Print a line; what the stream's encoding lacks becomes a question mark."""
    if stream is None:  # closed by the caller, as in ``>&-``
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except OSError as error:
        # Python would try once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # A reader who has left (as `head` does) and progress that nobody sees are no reason to stop.
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise DataError(f"standard output cannot be written to ({error.strerror})") from None


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
    import tempfile

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


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m bayes_targets.run",
        description="Re-analyse two published evaluations of government targets, the Bayesian way.",
        epilog="Exit status: 0 all done; 1 a diagnostics gate failed; 2 bad input or usage; 130 interrupted. "
        "An error is one line; python -X dev shows its traceback too.",
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="analyses to run (default: all; see --list), or scripts"
    )
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="results folder")
    parser.add_argument(
        "--seed", type=_whole(0, 2**32 - 1), default=2014, metavar="N", help="seed of every fit (2014)"
    )
    parser.add_argument(
        "--draws", type=_whole(1, 1_000_000), default=1000, metavar="N", help="draws a chain (1000)"
    )
    parser.add_argument(
        "--tune", type=_whole(1, 1_000_000), default=1000, metavar="N", help="warm-up draws a chain (1000)"
    )
    parser.add_argument(
        "--chains", type=_whole(1, 1000), default=4, metavar="N", help="chains (4; fewer fail the gate)"
    )
    parser.add_argument(
        "--engine", choices=("auto", "exact", "nuts"), default="auto", help="how posteriors are computed"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="your own CSV or Parquet, for analyses that take one"
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        type=_pair,
        metavar="OLD=NEW",
        help="columns of FILE by other names, e.g. cohesion_2006=baseline",
    )
    parser.add_argument(
        "--controls", nargs="+", default=[], metavar="NAME", help="columns of FILE that are controls"
    )
    parallel = parser.add_mutually_exclusive_group()
    parallel.add_argument(
        "--workers",
        type=_whole(1, 1000),
        metavar="N",
        help="local processes for many fits, and one analysis at a time (default: two at a time)",
    )
    parallel.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler for many fits, e.g. tcp://10.0.0.1:8786"
    )
    parser.add_argument("--resume", action="store_true", help="keep analyses whose inputs have not changed")
    parser.add_argument("--list", action="store_true", help="list the analyses, a line each, and stop")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("-h", "--help", action="store_true", help="show this help and stop")
    return parser


def _pair(text: str) -> tuple[str, str]:
    theirs, sign, ours = text.partition("=")
    if not sign or not theirs or not ours:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected OLD=NEW")
    return theirs, ours


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        # The length is looked at first: Python refuses to read numbers of thousands of digits.
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from {least} to {most}")

    return whole_number


def _run(arguments: list[str], *, own_process: bool) -> int:
    started = time.monotonic()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.help:
        _print(parser.format_help().rstrip(), sys.stdout)
        return DONE
    if options.list:
        entries = list_analyses()
        width = max((len(entry.name) for entry in entries), default=0)
        _print("\n".join(f"{entry.name:<{width}}  {entry.title}" for entry in entries), sys.stdout)
        return DONE
    names = list(dict.fromkeys(options.names)) or [entry.name for entry in list_analyses()]
    if options.data is None and (options.columns or options.controls):
        raise DataError("--columns and --controls say what a file holds, expected --data FILE with them")
    if options.data is not None and not options.names:
        takers = ", ".join(entry.name for entry in list_analyses() if entry.data)
        raise DataError(f"--data: name the analysis that the file is for: {takers}")
    for name in names:
        find_analysis(name)  # a misspelt name is told before the slow imports, not after
    if own_process:
        _leave_on_interrupt(options.out)
        _provide_cache(options.out)

    # A meter may stand on a terminal's line.
    clear = "\r\x1b[K" if sys.stderr is not None and sys.stderr.isatty() else ""

    def say(line: str) -> None:
        if not options.quiet:
            _print(f"{clear}{time.monotonic() - started:6.1f} s  {line}", sys.stderr)

    say("loading the libraries")
    with _second_process(names, options) if own_process else nullcontext() as ahead:
        outcome = _conduct(names, arguments, options, say, ahead)
    if outcome.failed:
        _end(f"{', '.join(outcome.failed)}: not reported, a diagnostics gate failed", GATE_FAILED)
    if not options.quiet:
        _print("\n".join(["", *outcome.conclusions, "", f"Page: {outcome.page}"]), sys.stdout)
    return outcome.status


def _second_process(
    names: Sequence[str], options: argparse.Namespace
) -> AbstractContextManager[Ahead | None]:
    """A process that makes analyses ahead, where there are several, a core for it, and nothing else was asked for."""
    asked_otherwise = options.workers is not None or options.scheduler is not None
    # A process that is started imports the module that its parent runs: harmless if that is this one.
    guarded = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", None) == "bayes_targets.run"
    shipped = [name for name in names[1:] if not name.endswith(".py")]
    if asked_otherwise or not guarded or not shipped or _cores() < 2:
        return nullcontext()
    from .workflow.ahead import Ahead

    try:
        return Ahead()
    except OSError:  # where processes are not to be had, one does it all
        return nullcontext()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _conduct(
    names: Sequence[str],
    arguments: Sequence[str],
    options: argparse.Namespace,
    say: Callable[[str], None],
    ahead: Ahead | None,
) -> Outcome:
    from .workflow.analysis import Settings, conduct

    settings = Settings(
        out=options.out,
        seed=options.seed,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        engine=options.engine,
        resume=options.resume,
        data=options.data,
        columns=tuple(options.columns),
        controls=tuple(options.controls),
        workers=options.workers or 1,
        scheduler=options.scheduler,
        progress=not options.quiet,
    )
    # A name that is not UTF-8 is a name to the system, but cannot stand in a manifest.
    command = shlex.join(["python", "-m", "bayes_targets.run", *arguments]).encode(errors="replace").decode()
    return conduct(names, settings, command=command, say=say, ahead=ahead)


if __name__ == "__main__":
    sys.exit(main())
