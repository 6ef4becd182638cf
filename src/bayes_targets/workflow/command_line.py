"""The options of the command line: what each means, which analyses take it, and how a mistake is answered."""

from __future__ import annotations

import argparse
import ast
import difflib
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from ..errors import DataError, did_you_mean, flag
from .catalogue import MODEL_OPTIONS, READER_OPTIONS, Entry, find_analysis, list_analyses

# A line of --list has at most this many characters.
LIST_WIDTH = 79
_EXAMPLES = """\
examples:
  python -m bayes_targets.run
      the shipped studies, written to the folder results
  python -m bayes_targets.run table --data table.csv --focus Reform \\
      --better lower --smallest 0.01
      what one printed table of yours supports
  python -m bayes_targets.run pool --data trials.csv --better lower
      several evaluations pooled
"""
_END = (
    "Exit status: 0 all done; 1 a diagnostics gate failed; 2 bad input or usage; 3 a fault of the program (one line, "
    "which says where the traceback is); 130 interrupted. An error is one line; python -X dev shows its traceback too. "
    "Documentation: docs/start.md and docs/reference.md of the project."
)


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    entries: tuple[Entry, ...]  # the analyses to run, in order
    options: argparse.Namespace  # general options, such as `out` and `seed`
    # Options for reading the user's own file and for its model, by keyword; only those that were given
    reading: dict[str, Any] = field(default_factory=dict)
    modelling: dict[str, Any] = field(default_factory=dict)


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, with the nearest option where one is misspelt."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Also -5e-05 is a number and no option.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        raise DataError(f"{' '.join(message.split())} (see --help)")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, left = self.parse_known_args(args, namespace)
        if left:
            wrong = next((word for word in left if word.startswith("-")), left[0]).partition("=")[0]
            known = [option for option in self._option_string_actions if option.startswith("--")]
            near = difflib.get_close_matches(wrong, known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(left)}{hint}")
        return options


def parse(arguments: Sequence[str]) -> Request:
    """Read and check the command line; no heavy library is loaded."""
    if any("\0" in word for word in arguments):
        raise DataError("the command line holds a NUL character, expected text")
    options = parser().parse_args(list(arguments))
    if options.help or options.list or options.version or options.template:
        return Request((), options)
    entries = tuple(_entries(options))
    reading = {name: getattr(options, name) for name in _all(READER_OPTIONS)}
    modelling = {name: getattr(options, name) for name in _all(MODEL_OPTIONS)}
    reading, modelling = (
        {name: value for name, value in each.items() if value is not None} for each in (reading, modelling)
    )
    if len(reading.get("focus", ())) == 1:
        reading["focus"] = reading["focus"][0]
    _check_data(entries, options, [*reading, *(name for name in modelling if name not in reading)])
    return Request(entries, options, reading, modelling)


def _all(takes: dict[str, frozenset[str]]) -> list[str]:
    return sorted(frozenset[str]().union(*takes.values()))


def _entries(options: argparse.Namespace) -> Iterable[Entry]:
    names = list(dict.fromkeys(options.names))
    if not names:
        if options.data is not None:
            raise DataError(f"--data: name the analysis that the file is for: {_takers()}")
        return [entry for entry in list_analyses() if not entry.own]
    for name in names:
        if name in ("list", "help", "version", "template"):
            raise DataError(f"no analysis is named {name!r}: did you mean --{name}?")
    return [find_analysis(name) for name in names]


def _takers() -> str:
    known = list_analyses()
    return ", ".join(entry.name for entry in known if entry.own) or ", ".join(e.name for e in known if e.data)


def _check_data(entries: Sequence[Entry], options: argparse.Namespace, given: Sequence[str]) -> None:
    """Refuse a file for an analysis that takes none, and options that it does not take."""
    if options.data is None:
        if given:
            raise DataError(f"{flag(given[0])} says what a file holds, expected --data FILE with it")
        for entry in entries:
            if entry.own:
                raise DataError(f"{entry.name}: no data, expected --data FILE")
        return
    for entry in entries:
        if not entry.data:
            raise DataError(f"--data: the analysis {entry.name!r} takes no file; those that do: {_takers()}")
    for name in given:
        kinds = [kind for kind in READER_OPTIONS if name in READER_OPTIONS[kind] | MODEL_OPTIONS[kind]]
        if not any(entry.data in kinds for entry in entries):
            named = ", ".join(repr(entry.name) for entry in entries)
            raise DataError(f"{flag(name)}: {named} does not take it; those that do: {', '.join(kinds)}")


def listing() -> str:
    """The analyses, one line each: those of the shipped studies, then those for the user's own data."""
    known = list_analyses()
    width = max((len(entry.name) for entry in known), default=0)
    headings = {
        False: "Shipped studies (no file needed; without a name all of them are run):",
        True: "Your own data (--data FILE; --template NAME writes an empty file to fill in):",
    }
    parts = []
    for own, heading in headings.items():
        lines = [f"  {entry.name:<{width}}  {entry.title}" for entry in known if entry.own == own]
        parts += [[heading, *lines]] if lines else []
    return "\n\n".join("\n".join(map(_cut, part)) for part in parts)


def _cut(line: str) -> str:
    return line if len(line) <= LIST_WIDTH else f"{line[: LIST_WIDTH - 1].rstrip()}…"


def template(name: str) -> str:
    """The text of an empty, commented CSV for an analysis of a user's own data."""
    texts = {
        file.name.removesuffix(".csv"): file
        for file in (files("bayes_targets.readers") / "templates").iterdir()
    }
    if name not in texts:
        raise DataError(f"no template is named {name!r}: {did_you_mean(name, sorted(texts))}")
    return texts[name].read_text(encoding="utf-8")


def help_text(width: int) -> str:
    """The help, wrapped at a width."""
    shown = parser(width).format_help().rstrip()
    return f"{shown}\n\n{_EXAMPLES}\n{textwrap.fill(_END, width)}"


def parser(width: int = 79) -> argparse.ArgumentParser:
    """The parser of the command line."""

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, max_help_position=26, width=width)

    made = _Parser(
        prog="python -m bayes_targets.run",
        usage="python -m bayes_targets.run [NAME ...] [options]",
        description="Bayesian re-analysis of evaluations: the two shipped studies, or a table of yours.",
        allow_abbrev=False,
        add_help=False,
        formatter_class=formatter,
    )
    made.add_argument(
        "names", nargs="*", metavar="NAME", help="analyses to run, or scripts (default: all shipped studies)"
    )
    for title, add_options in _GROUPS.items():
        add_options(made.add_argument_group(title))
    return made


def _add(group: argparse._ActionsContainer, name: str, words: str, metavar: str = "", **how: Any) -> None:
    how |= {"metavar": metavar} if metavar else {}
    group.add_argument(name, help=words, **how)


def _add_general(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    add("--out", "results folder (results)", "DIR", type=_path("folder"), default=Path("results"))
    add("--seed", "seed of every fit (2014)", "N", type=_whole(0, 2**32 - 1), default=2014)
    add("--draws", "draws a chain (1000)", "N", type=_whole(1, 1_000_000), default=1000)
    add("--tune", "warm-up draws a chain (1000)", "N", type=_whole(1, 1_000_000), default=1000)
    add("--chains", "chains (4; fewer fail the gate)", "N", type=_whole(1, 1000), default=4)
    add("--engine", "how posteriors are computed (auto)", choices=("auto", "exact", "nuts"), default="auto")
    add("--resume", "keep analyses whose inputs have not changed", action="store_true")
    add("--word", "write report.docx too (needs the extra bayes_targets[word])", action="store_true")
    either = partial(_add, group.add_mutually_exclusive_group())
    either("--workers", "local processes (default: the cores there are)", "N", type=_whole(1, 1000))
    either("--scheduler", "Dask scheduler for many fits, e.g. tcp://10.0.0.1:8786", "ADDRESS")
    add("--quiet", "print nothing but errors", action="store_true")
    add("--list", "list the analyses, one line each, and stop", action="store_true")
    add("--version", "show the version and stop", action="store_true")
    group.add_argument("-h", "--help", action="store_true", help="show this help and stop")


def _add_data(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    columns, words = (_collected(partial(_pair, last=last)) for last in (True, False))
    template = "print an empty, commented CSV for that analysis and stop; with a second word, write it to that new file"
    add("--data", "your file (CSV, Excel, Parquet), or a data package's folder", "FILE", type=_path("file"))
    add("--template", template, "NAME", nargs="+")
    add("--columns", "columns of FILE under our names; the last = divides", "OLD=NEW", **columns)
    add("--words", 'your own words, e.g. unit=school outcome="pass rate"', "WORD=YOURS", **words)
    add("--separator", "what divides cells (found from the file)", "TEXT")
    add("--decimal", "decimal mark (found from the file)", choices=(".", ","))
    add("--encoding", "encoding of the text (found from the file)", "NAME")
    add("--missing", "cells that mean missing, besides the known ones", "TEXT", **_SEVERAL)
    add("--sheet", "sheet of an Excel file (the only one)", "NAME")
    add("--header", "row of the headings, counted from 1", "N", type=_whole(1, 1000))


def _add_questions(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    ratios = 'estimates are ratios: "odds ratio", "risk ratio", "hazard ratio" or "rate ratio"'
    logs = "of ratios: what is printed as a logarithm (nothing, standard errors, both)"
    add("--focus", "term or terms in question", "TERM", **_SEVERAL)
    add("--better", "direction of the outcome that is favourable", choices=("higher", "lower"))
    add("--smallest", "smallest effect worth having", "X", type=_number(0, math.inf))
    add("--hoped", "effect that was hoped for; sets the scale of the priors", "X", type=_number())
    add("--unit", "unit of the outcome", "TEXT")
    add("--ratio", ratios, "KIND")
    add("--level", "level of the printed intervals (0.95)", "P", type=_number(0, 1))
    add("--n", "observations", "N", type=_whole(1, 10**12))
    add("--clusters", "clusters of observations", "N", type=_whole(2, 10**12))
    add("--df", "degrees of freedom of the standard errors (inf: normal)", "X", type=_df)
    add("--model", "model of the table to read, where it has several", "HEADING")
    add("--brackets", "what stands in brackets", choices=("se", "t", "p"))
    add("--stars", 'levels of the stars, e.g. "*:.05 **:.01"', "STAR:P", **_collected(_levels))
    add("--tails", "tails of the printed tests (2)", type=int, choices=(1, 2))
    add("--logs", logs, choices=("none", "se", "both"))
    add("--effect", 'from counts or means by arm, e.g. "risk difference"', "KIND")
    add("--continuity", "added to all cells of trials with a zero (0.5)", "X", type=_number(0, math.inf))
    add("--assignment", "how units came to be treated, e.g. lot", "TEXT")


def _add_pool(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    add("--moderators", "columns that describe the evaluations", "COLUMN", **_SEVERAL)
    add("--group", "column of groups of estimates, such as the study", "COLUMN")
    add("--correlation", "correlation of estimates within a group", "R", type=_number(-1, 1))
    add("--pooling", "how estimates are pooled (partial)", choices=("partial", "none", "complete"))
    add("--selection", "one:.025, two:.05,.10, pet, peese or none", "KIND", type=_selection)
    add("--prior", 'e.g. mu="Normal(0, 1)"', "NAME=PRIOR", dest="priors", **_collected(_prior))


def _add_units(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    totals = "rows that are totals (found; no name: none is one)"
    incomplete = "what to do with rows that lack a value (drop, and say so)"
    add("--controls", "columns to control for", "COLUMN", **_SEVERAL)
    add("--change", "change of the score in points, or in per cent of it", choices=("points", "percent"))
    add("--period", "column of periods, where each unit has a row a period", "COLUMN")
    add("--before", "period before", "VALUE")
    add("--after", "period after", "VALUE")
    add("--statuses", "statuses of the counts, from best to worst", "STATUS", **_SEVERAL)
    add("--totals", totals, "ROW", nargs="*", action="extend")
    add("--incomplete", incomplete, choices=("drop", "refuse"))
    add("--success", "statuses that count as success (the best one), also as A+B", "STATUS", **_SEVERAL)


_GROUPS = {
    "general": _add_general,
    "your own data": _add_data,
    "table, pool: what is asked": _add_questions,
    "pool": _add_pool,
    "authorities, counts": _add_units,
}
_SEVERAL: dict[str, Any] = {"nargs": "+", "action": "extend"}


def _collected(read: Callable[[str], Iterable[tuple[str, Any]]]) -> dict[str, Any]:
    return {"nargs": "+", "action": _Collect, "const": read}


class _Collect(argparse.Action):
    """Collect words in a dict; `const` reads the names and values in a word, or says what is wrong with it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        found = dict(getattr(namespace, self.dest) or {})
        for word in values:
            try:
                pairs = list(self.const(word))
            except DataError as error:
                raise argparse.ArgumentError(self, str(error)) from None
            for name, value in pairs:
                if found.get(name, value) != value:
                    raise argparse.ArgumentError(self, f"found {name!r} twice, expected one value of it")
                found[name] = value
        setattr(namespace, self.dest, found)


def _pair(word: str, *, last: bool) -> list[tuple[str, str]]:
    """The two sides of OLD=NEW, which the last ``=`` divides, or the first."""
    theirs, sign, ours = word.rpartition("=") if last else word.partition("=")
    if not sign or not theirs or not ours:
        raise DataError(f"found {word!r}, expected {'OLD=NEW' if last else 'WORD=YOURS'}")
    return [(theirs, ours)]


def _levels(words: str) -> Iterator[tuple[str, float]]:
    """The levels of stars, such as ``*:.05 **:.01``."""
    for word in words.split():
        star, sign, level = word.rpartition(":")
        value = _as_number(level)
        if not sign or not star or value is None or not 0 < value < 1:
            raise DataError(f"found {word!r}, expected a star and its level, such as *:.05")
        yield star, value


def _prior(word: str) -> list[tuple[str, Any]]:
    """The name of a parameter and its prior."""
    name, sign, text = word.partition("=")
    if not sign or not name.isidentifier():
        raise DataError(f"found {word!r}, expected NAME=PRIOR")
    try:
        return [(name, read_prior(text))]
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def read_prior(text: str) -> Any:
    """A prior from the words that print it, or the number of a point; nothing in it is run."""
    from .. import priors  # heavy, and only for who gives one

    point = _as_number(text)
    if point is not None:
        return point
    known = {
        name: kind
        for name, kind in vars(priors).items()
        if isinstance(kind, type) and issubclass(kind, priors.Prior) and kind is not priors.Prior
    }
    expected = f"expected a number or one of {', '.join(sorted(known))} with numbers, such as Normal(0, 1)"
    if len(text) > 200:
        raise DataError(f"found {len(text)} characters, {expected}")
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        numbers = [_literal(part) for part in call.args]
        named = {str(part.arg): _literal(part.value) for part in call.keywords}
        prior = known[call.func.id](*numbers, **named)
    except DataError as error:
        raise DataError(f"found {text!r}: {error}") from None
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError):
        raise DataError(f"found {text!r}, {expected}") from None
    return prior


def _literal(node: ast.expr) -> float:
    value = ast.literal_eval(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return value


def _selection(text: str) -> str:
    kind, sign, steps = text.strip().lower().partition(":")
    cuts = [_as_number(part) for part in steps.split(",")]
    if kind in ("none", "pet", "peese") and not sign:
        return kind
    if kind in ("one", "two") and all(cut is not None and 0 < cut < 1 for cut in cuts):
        return f"{kind}:{','.join(f'{cut:g}' for cut in cuts)}"
    raise argparse.ArgumentTypeError(
        f"found {text!r}, expected one:P,... or two:P,... with P between 0 and 1, pet, peese or none"
    )


def _path(what: str) -> Callable[[str], Path]:
    def path(text: str) -> Path:
        if not text.strip():
            raise argparse.ArgumentTypeError(f"found an empty name, expected a {what}")
        return Path(text)

    return path


def _as_number(text: str) -> float | None:
    """The number that a text is, None where it is none; infinite and missing ones are none."""
    # The form is looked at first: Python reads more than people write, and refuses thousands of digits.
    if not re.fullmatch(r"\s*[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?\s*", text, re.ASCII):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    if low == -math.inf:
        words = "a number"
    else:
        words = f"a number above {low:g}" if high == math.inf else f"a number between {low:g} and {high:g}"

    def number(text: str) -> float:
        value = _as_number(text)
        if value is None or not low < value < high:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected {words}")
        return value

    return number


def _df(text: str) -> float:
    """Degrees of freedom; infinite for tests by the normal distribution."""
    return math.inf if text.strip().lower() == "inf" else _number(0, math.inf)(text)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        # The length is looked at first: Python refuses to read numbers of thousands of digits.
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from {least} to {most}")

    return whole_number
