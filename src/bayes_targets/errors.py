"""The errors that a user of the library is meant to see, and the checks of single values that raise them."""

from __future__ import annotations

import math
import numbers
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_AS_FLAGS = ContextVar("options are written as flags of the command line", default=False)


class DataError(ValueError):
    """Input that cannot be used: a file, a table, a setting.

    The message is complete: what was read, where (file, row, column), the value, and what was expected.

    Examples
    --------
    >>> try:
    ...     raise DataError(cell_message(file="t.csv", row=3, column="se", value="x", expected="a number"))
    ... except DataError as error:
    ...     print(error)
    t.csv, row 3, column 'se': found 'x', expected a number
    """


class UnclearError(DataError):
    """Input that could mean two things, so that only its user can say; `said` holds what was said of it so far."""

    said: frozenset[str] = frozenset()


class DiagnosticsError(RuntimeError):
    """A posterior failed the diagnostics gate, so it must not be reported.

    The message names every quantity that failed, its value and its limit.

    Examples
    --------
    >>> issubclass(DiagnosticsError, RuntimeError)
    True
    """


def cell_message(
    *,
    file: str | Path,
    expected: str,
    row: int | None = None,
    column: str | None = None,
    value: object | None = None,
) -> str:
    """One line that says where a value is wrong and what was expected."""
    place = str(file)
    if row is not None:
        place += f", row {row}"
    if column is not None:
        place += f", column {column!r}"
    found = "" if value is None else f"found {str(value)!r}, "
    return f"{place}: {found}expected {expected}"


def wrong_cell(
    file: str | Path, row: int, column: str, value: object, expected: str, kind: type[DataError] = DataError
) -> DataError:
    """The error that says which cell is wrong, and what was expected."""
    return kind(cell_message(file=file, row=row, column=column, value=value, expected=expected))


def quoted(names: Iterable[object], most: int | None = None) -> str:
    """Names as a message lists them, the first `most` of them."""
    words = [repr(name) for name in names]
    return ", ".join(words[:most]) + (", ..." if len(words[:most]) < len(words) else "")


def counted(n: int, noun: str) -> str:
    """A number of things: 1 row, 1,263 rows."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def was(n: int) -> str:
    """The verb that goes with a number of things."""
    return "was" if n == 1 else "were"


@contextmanager
def options_as_flags(given: bool = True) -> Iterator[None]:
    """Let messages write options as the command line has them."""
    before = _AS_FLAGS.set(given)
    try:
        yield
    finally:
        _AS_FLAGS.reset(before)


def option(name: str, *values: Any) -> str:
    """An option as whoever gives it writes it, in Python or on the command line, with the values to choose from."""
    if _AS_FLAGS.get():
        words = [" ".join(shlex.quote(word) for word in option_words(name, value)[1:]) for value in values]
        return f"{flag(name)} {_either(words)}".rstrip()
    return f"{name}={_either([repr(value) for value in values])}"


def options(given: Mapping[str, Any]) -> str:
    """Several options side by side, as whoever gives them writes them."""
    return (" " if _AS_FLAGS.get() else ", ").join(option(name, value) for name, value in given.items())


def option_name(name: str) -> str:
    """An option's name as whoever gives it writes it."""
    return flag(name) if _AS_FLAGS.get() else name


def flag(name: str) -> str:
    """The flag of the command line that gives a keyword."""
    return "--prior" if name == "priors" else f"--{name}"


def option_words(name: str, value: Any) -> list[str]:
    """The words of the command line that give a keyword a value."""
    if isinstance(value, dict):
        sign = ":" if name == "stars" else "="
        return [flag(name), *(f"{key}{sign}{part}" for key, part in value.items())]
    if isinstance(value, list | tuple):
        return [flag(name), *map(str, value)]
    return [flag(name), str(value)]


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def did_you_mean(name: str, known: Iterable[object]) -> str:
    """A hint for a misspelt name: the nearest known one, or all of them."""
    import difflib

    names = [str(each) for each in known]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {quoted(names)}"


def shown(value: object) -> str:
    """A value as a message shows it: of a length that can be read."""
    try:
        text = repr(value)
    except Exception:  # a whole number of thousands of digits, or an object that cannot be written
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def require_number(
    name: str, value: object, *, above: float = -math.inf, below: float = math.inf, expected: str = ""
) -> float:
    """A finite number strictly between two bounds, as a float; NumPy's integers and floats of any width are numbers."""
    found = math.nan
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
    if math.isfinite(found) and above < found < below:
        return found
    if not expected:
        expected = {
            (False, False): "a finite number",
            (True, False): f"a number above {above:g}",
            (False, True): f"a number below {below:g}",
            (True, True): f"a number between {above:g} and {below:g}",
        }[math.isfinite(above), math.isfinite(below)]
    raise DataError(f"{name} is {shown(value)}, expected {expected}")


def require_kind(name: str, value: object, kind: Any, expected: str) -> Any:
    """A value of a kind, such as a table."""
    if isinstance(value, kind):
        return value
    raise DataError(f"{name}: found {'None' if value is None else type(value).__name__}, expected {expected}")


def require_choice(name: str, value: object, known: Sequence[str]) -> str:
    """One of the texts that an option can be."""
    if isinstance(value, str) and value in known:
        return str(value)
    hint = did_you_mean(value, known) if isinstance(value, str) and value else ""
    raise DataError(f"{name} is {shown(value)}, {hint or f'expected one of {quoted(known)}'}")


def require_texts(name: str, value: object) -> tuple[str, ...]:
    """A text, or the texts of a list, as a tuple."""
    if isinstance(value, str):
        return (value,)
    try:
        listed = (
            list(value) if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping) else [None]
        )
    except TypeError:  # an array without a dim
        listed = [None]
    texts = tuple(str(text) for text in listed if isinstance(text, str))
    if len(texts) < len(listed):
        raise DataError(f"{name} is {shown(value)}, expected a name or a list of names")
    return texts


def require_count(name: str, value: object, least: int = 1) -> int:
    """A whole number of at least `least`, as an int; NumPy's integers of any width are whole numbers."""
    if not isinstance(value, bool) and isinstance(value, numbers.Integral) and least <= int(value) < 2**63:
        return int(value)
    raise DataError(f"{name} is {shown(value)}, expected a whole number of {least} or more")
