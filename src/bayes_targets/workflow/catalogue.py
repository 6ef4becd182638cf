"""Where the analyses lie and what they ask; reads their first lines only, so that listing them costs nothing."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..errors import DataError, DiagnosticsError, did_you_mean

# The order of a full run: what the reader wants first is done first, as far as it does not need the rest.
_ORDER = (
    "audit",
    "cohesion_published",
    "cohesion_authorities",
    "cohesion_anchoring",
    "lpsa_policy_areas",
    "lpsa_kind_and_finish",
    "sensitivity",
    "claims",
)
# What a user's file may be, as an analysis' constant ``DATA`` says, and the options that its reader takes, by the names of the
# reader's keywords. The analysis of the same name is there for such files alone; others have data of their own besides.
_TABLE = frozenset({"columns", "separator", "decimal", "encoding", "missing", "sheet", "header"})
_UNITS = _TABLE | {"words", "controls", "totals", "incomplete"}
_QUESTION = frozenset({"better", "smallest", "hoped", "unit", "ratio", "level"})
READER_OPTIONS = {
    "table": _TABLE | _QUESTION | {"focus", "n", "clusters", "df", "model", "brackets", "stars", "tails"},
    "pool": _TABLE | _QUESTION | {"moderators", "group", "correlation", "continuity"},
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
    """One analysis: a script with a title and a question in its docstring.

    Attributes
    ----------
    name : str
        File name without ending; also the name of its results folder.
    title, question : str
        First line and rest of the docstring.
    path : Path
        The script.
    data : str
        What a user may hand it with ``--data``, as the script's constant ``DATA`` says: a key of `READER_OPTIONS`, or
        nothing.
    needs : tuple of str or None
        The analyses that it asks for, where the script names each in the call ``run.need("NAME")``; None where it
        asks for others.
    """

    name: str
    title: str
    question: str
    path: Path
    data: str = ""
    needs: tuple[str, ...] | None = ()

    @property
    def own(self) -> bool:
        """Whether it is there for users' own files only."""
        return bool(self.data) and self.data == self.name

    @property
    def shipped(self) -> bool:
        """Whether it is one of the project's own, and no script of a user's."""
        return self.path.parent == analyses_folder()


def analyses_folder() -> Path:
    """Folder of the shipped analyses: inside an installed package, or at the top of a checkout.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        If there is none.
    """
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "analyses", here.parents[1] / "analyses"):
        if folder.is_dir():
            return folder
    raise DataError("the folder 'analyses' is missing beside the package: reinstall, or restore the checkout")


def list_analyses() -> list[Entry]:
    """All shipped analyses, in the order of a full run.

    Returns
    -------
    list of Entry
    """
    entries = [read_entry(path) for path in sorted(analyses_folder().glob("*.py"))]
    rank = {name: position for position, name in enumerate(_ORDER)}
    return sorted(entries, key=lambda entry: (rank.get(entry.name, len(rank)), entry.name))


def find_analysis(name: str) -> Entry:
    """An analysis by its name, or a user's own script by its path.

    Parameters
    ----------
    name : str
        Name as listed, or a path that ends in ``.py``.

    Returns
    -------
    Entry

    Raises
    ------
    DataError
        If there is none of that name (with the nearest one), or the script has no docstring.
    """
    if name.endswith(".py"):
        return read_entry(Path(name))
    known = {entry.name: entry for entry in list_analyses()}
    if name not in known:
        raise DataError(f"no analysis is named {name!r}: {did_you_mean(name, list(known))}")
    return known[name]


def read_entry(path: Path) -> Entry:
    """Title and question of a script, from its docstring, without running it.

    Parameters
    ----------
    path : pathlib.Path
        A Python file.

    Returns
    -------
    Entry

    Raises
    ------
    DataError
        If the file cannot be read as Python, or has no docstring.
    """
    try:
        script = ast.parse(path.read_text(encoding="utf-8"))
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
    data = _data_constant(script)
    if data and data not in READER_OPTIONS:
        raise DataError(f"{path}: DATA is {data!r}, expected one of {', '.join(READER_OPTIONS)}")
    return Entry(path.stem, title.strip().rstrip("."), question, path, data, _needs(script))


def _data_constant(script: ast.Module) -> str:
    for node in script.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="DATA")], value=ast.Constant(value=value)):
                return str(value)
    return ""


def _needs(script: ast.Module) -> tuple[str, ...] | None:
    asked, named = 0, []
    for node in ast.walk(script):
        match node:
            case ast.Attribute(attr="need"):
                asked += 1
            case ast.Call(func=ast.Attribute(attr="need"), args=[ast.Constant(value=str(name))]):
                named.append(name)
    return tuple(named) if asked == len(named) else None


def call_script(entry: Entry, run: object) -> object:
    """Run an analysis: its script, then the script's function ``analyse``.

    Parameters
    ----------
    entry : Entry
        The analysis.
    run : object
        What ``analyse`` is handed.

    Returns
    -------
    object
        What it hands back. Nothing is written beside the script.

    Raises
    ------
    DataError
        If there is no such function, or if anything in the script goes wrong, with the line; the error itself is the
        cause. A `DataError` and a `DiagnosticsError` pass as they are.
    """
    import traceback

    try:
        module = _load(entry)
        if not callable(getattr(module, "analyse", None)):
            raise DataError(f"{entry.path}: no function 'analyse', expected analyse(run) that gives a Result")
        return module.analyse(run)
    except (DataError, DiagnosticsError):
        raise
    except (Exception, SystemExit) as error:
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
