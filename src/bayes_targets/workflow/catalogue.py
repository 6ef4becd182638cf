"""Where the analyses lie and what they ask; reads their first lines only, so that listing them costs nothing."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DataError, DiagnosticsError, did_you_mean

# What a user's file may be, as an analysis' constant ``DATA`` says, and the options that its reader takes, by the names of the
# reader's keywords. The analysis of the same name is there for such files alone; others have data of their own besides.
_TABLE = frozenset({"columns", "separator", "decimal", "encoding", "missing", "sheet", "header"})
_UNITS = _TABLE | {"words", "controls", "totals", "incomplete"}
_QUESTION = frozenset({
    "better", "smallest", "hoped", "unit", "ratio", "level", "logs", "effect", "continuity", "stars", "tails", "df",
})  # fmt: skip
READER_OPTIONS = {
    "table": _TABLE | _QUESTION | {"focus", "n", "clusters", "model", "brackets", "assignment"},
    "pool": _TABLE | _QUESTION | {"moderators", "group", "correlation", "incomplete"},
    "authorities": _UNITS | {"change", "period", "before", "after"},
    "counts": _UNITS | {"statuses"},
}
# Options for the model of such a file.
MODEL_OPTIONS = {
    "table": frozenset[str](),
    "pool": frozenset({"pooling", "selection", "priors"}),
    "authorities": frozenset[str](),
    "counts": frozenset({"success"}),
}


@dataclass(frozen=True)
class Entry:
    """One analysis: a script with a title and a question in its docstring."""

    name: str  # file name without ending; also the name of its results folder
    title: str  # first line of the docstring
    question: str  # the rest of it
    path: Path
    # What the script's constants say: what a user may hand it with --data, a key of `READER_OPTIONS` or nothing; the analyses
    # that it needs, names or paths of scripts; and about how long it takes: of several at a time, what takes long begins first.
    data: str = ""
    needs: tuple[str, ...] = ()
    shipped: bool = False  # whether it is one of the project's own, and no script of a user's
    seconds: float = 1.0

    @property
    def own(self) -> bool:
        """Whether it is there for users' own files only."""
        return bool(self.data) and self.data == self.name


def analyses_folder() -> Path:
    """Folder of the shipped analyses: inside an installed package, or at the top of a checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "analyses", here.parents[1] / "analyses"):
        if folder.is_dir():
            return folder
    raise DataError("the folder 'analyses' is missing beside the package: reinstall, or restore the checkout")


def list_analyses() -> list[Entry]:
    """All shipped analyses, in the order of a full run."""
    entries = {path.stem: read_entry(path) for path in sorted(analyses_folder().glob("*.py"))}
    kinds = list(READER_OPTIONS)

    def depth(name: str) -> int:
        return 1 + max((depth(need) for need in entries[name].needs if need in entries), default=0)

    # What needs others comes after them; those for users' own files last.
    return sorted(
        entries.values(),
        key=lambda entry: (kinds.index(entry.data) + 1 if entry.own else 0, depth(entry.name), entry.name),
    )


def find_analysis(name: str) -> Entry:
    """An analysis by its name, or a user's own script by its path."""
    if name.endswith(".py"):
        return read_entry(Path(name))
    known = {entry.name: entry for entry in list_analyses()}
    if name not in known:
        raise DataError(f"no analysis is named {name!r}: {did_you_mean(name, list(known))}")
    return known[name]


def name_of(asked: str) -> str:
    """The name of an analysis that is asked for by it, or by the path of its script."""
    return Path(asked).stem if asked.endswith(".py") else asked


def read_entry(path: Path) -> Entry:
    """Title and question of a script, from its docstring, without running it."""
    try:
        script = _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}), expected an analysis script") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a Python script ({error})") from None
    docstring = ast.get_docstring(script)
    if not docstring:
        raise DataError(f"{path}: no docstring, expected a title and a question at the top of the script")
    if not re.fullmatch(r"\w[\w-]*", path.stem):
        raise DataError(
            f"{path}: the name is that of a results folder too, expected letters, digits, '_' and '-'"
        )
    title, _, rest = docstring.partition("\n")
    question = " ".join(rest.split())
    data = _constant(script, "DATA", path) or ""
    if data and data not in READER_OPTIONS:
        raise DataError(f"{path}: DATA is {data!r}, expected one of {', '.join(READER_OPTIONS)}")
    seconds = _constant(script, "SECONDS", path) or 1.0
    if not isinstance(seconds, int | float):
        raise DataError(f"{path}: SECONDS is {seconds!r}, expected a number")
    needs = _constant(script, "NEEDS", path) or ()
    if not isinstance(needs, tuple | list) or not all(isinstance(name, str) for name in needs):
        raise DataError(f'{path}: NEEDS is {needs!r}, expected names of analyses such as ("audit",)')
    needs, shipped = tuple(dict.fromkeys(needs)), path.parent == analyses_folder()
    return Entry(path.stem, title.strip().rstrip("."), question, path, data, needs, shipped, seconds)


@lru_cache(64)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _constant(script: ast.Module, name: str, path: Path) -> Any:
    """The value of a constant at the top of a script; None where there is none."""
    for node in script.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                try:
                    return ast.literal_eval(value)
                except ValueError:
                    raise DataError(f"{path}: {name} is computed, expected plain text") from None
    return None


def call_script(entry: Entry, run: object) -> object:
    """Run an analysis: its script, then the script's function ``analyse``."""
    import traceback

    try:
        module = _load(entry)
        if not callable(getattr(module, "analyse", None)):
            raise DataError(f"{entry.path}: no function 'analyse', expected analyse(run) that gives a Result")
        return module.analyse(run)
    except (DataError, DiagnosticsError):
        raise
    except (Exception, SystemExit) as error:
        if entry.shipped and isinstance(error, Exception):
            raise  # a fault of the program, not of its user
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == entry.path.absolute()]
        place = f"{entry.path}, line {lines[-1]}" if lines else str(entry.path)
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{place}: {words[:500]}") from error


def _load(entry: Entry) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    name = f"bayes_targets_analysis_{entry.name}"
    spec = spec_from_file_location(name, entry.path)
    if spec is None or spec.loader is None:
        raise DataError(f"{entry.path}: cannot be loaded, expected a Python script")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    written = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module
