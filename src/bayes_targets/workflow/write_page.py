"""The page of one evaluation, or of several, from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError, require_count, require_kind
from ..evaluation import Evaluation
from ..files import write_folder
from ..inference.ensemble import one_thread
from ..report.word import require_word
from . import run_folder
from .analysis import answer_of, files_of
from .catalogue import find_analysis
from .settings import Run, Settings

_EVALUATION = "an Evaluation (bt.read_estimates or bt.read_evaluations)"


def write_page(
    evaluation: Evaluation | Mapping[str, Evaluation],
    folder: str | Path,
    *,
    word: bool = False,
    seed: int = 2014,
    draws: int = 1000,
    progress: bool = False,
) -> Path:
    """Write the page of printed estimates, as the analysis ``table`` (of several evaluations, ``pool``) writes it.

    Parameters
    ----------
    evaluation : Evaluation or dict of str to Evaluation
        From `read_estimates` (several models: all of them on one page) or `read_evaluations`, with better and smallest, and with
        focus where it is a printed table.
    folder : str or Path
        Where; an earlier page there is replaced, anything else is refused.
    word : bool
        Write ``report.docx`` too (needs python-docx, the extra ``word``).
    seed, draws : int
        As in `fit`. What is solved exactly says the same for any seed.
    progress : bool
        Print a line for each step.

    Returns
    -------
    pathlib.Path
        The page, ``report.html``. Beside it stand its tables (CSV, LaTeX, Markdown), figures (SVG, PNG), ``posterior.nc``, and
        ``table.csv``, the estimates with all that was stated in header lines, from which the command line makes the same page
        (of several models ``table_1.csv`` and so on, from which it makes a page each).

    Raises
    ------
    DataError
        If the evaluation does not say what is asked of it (one message names all), or something in the folder is not ours.
    DiagnosticsError
        If a posterior does not pass the gate; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import bayes_targets as bt
    >>> frame = pd.DataFrame({"term": ["Target"], "estimate": ["0.952"], "se": ["0.659"]})
    >>> table = bt.read_estimates(frame, focus="Target", better="higher", smallest=0.5, unit="points", hoped=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_page(table, f"{folder}/target")
    ...     page.name, "Very likely higher (92%), by more than 0.5 points: 75%." in page.read_text(encoding="utf-8")
    ('report.html', True)
    """
    given = dict(evaluation) if isinstance(evaluation, Mapping) else {"": evaluation}
    if not given:
        raise DataError(f"evaluation: found {type(evaluation).__name__}, expected {_EVALUATION}")
    for each in given.values():
        require_kind("evaluation", each, Evaluation, _EVALUATION)
    pooled = any(each.estimates.index.name == "study" for each in given.values())
    if pooled and len(given) > 1:
        raise DataError("write_page: found several tables of studies, expected one to pool")
    if not isinstance(folder, str | Path) or not str(folder):
        raise DataError(f"folder is {folder!r}, expected the path of a folder")
    seed, draws = require_count("seed", seed, 0), require_count("draws", draws)
    if word:
        require_word()
    place = Path(folder).resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror})") from None
    changed = run_folder.require_ours(place, {}).changed
    if changed:
        raise DataError(
            f"{place / changed[0]}: was changed after it was written, so {place} is not replaced: move it elsewhere"
        )
    entry = find_analysis("pool" if pooled else "table")
    names = ["table.csv"] if len(given) == 1 else [f"table_{place}.csv" for place in range(1, len(given) + 1)]
    settings = Settings(out=place.parent, seed=seed, draws=draws, word=word, data=Path(names[0]))
    say: Callable[[str], None] = print if progress else lambda line: None
    run = _Given(settings, entry.name, {}, say, given=given)
    started = time.perf_counter()
    with one_thread():
        result = answer_of(entry, run)
        tables = {
            name: (each.to_csv() or "").encode() for name, each in zip(names, given.values(), strict=True)
        }
        seconds = time.perf_counter() - started
        _, summary, files = files_of(entry, run, result, seconds=seconds, passed=True, more=tables)
    # The folder's own name is the one by which it is known as ours.
    files[run_folder.SUMMARY] = run_folder.json_bytes(run_folder.seal(summary | {"name": place.name}))
    return write_folder(place, files) / "report.html"


@dataclass(eq=False)
class _Given(Run):
    """A run whose evaluations are there already."""

    given: Mapping[str, Evaluation] = field(default_factory=dict)

    def evaluations(self) -> dict[str, Evaluation]:
        """The evaluations, by their headings."""
        for each in self.given.values():
            self._note(each.notes)
        return {name or each.heading or "table": each for name, each in self.given.items()}

    def several(self) -> Evaluation:
        """The several evaluations."""
        return next(iter(self.evaluations().values()))
